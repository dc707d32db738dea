package commands

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/apikey"
)

var apiKeys = &kind[apikey.State, apikey.Command, apikey.Event]{
	Decider:    apikey.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.APIKeyStream(domain.APIKeyID{UUID: id}) },
	isCreating: func(c apikey.Command) bool { _, ok := c.(apikey.Issue); return ok },
	references: func(_ uuid.UUID, command apikey.Command) []domain.Stream {
		return some(domain.EmployeeStream, scopeIn(command))
	},
	resolve: func(ctx context.Context, a asking, _ apikey.State, c apikey.Command) (apikey.Command, error) {
		return c, a.mustExist(ctx, employees, scopeIn(c).UUID, "/scope", "employee")
	},
	tell: func(s apikey.State) any {
		if !s.Issued() {
			return nil
		}
		return s
	},
}

// scopeIn is the employee that a command names.
func scopeIn(command apikey.Command) domain.EmployeeID {
	switch c := command.(type) {
	case apikey.Issue:
		return c.Terms.Scope
	case apikey.ChangeTerms:
		return c.Patch.Set.Scope
	default:
		return domain.EmployeeID{}
	}
}

// keyGrace is how long a key is believed that was known when the log went away:
// nothing can be revoked then, save at a server that still reaches the log.
const keyGrace = 15 * time.Minute

// keyPatience is how long the log may take to tell of a key that is known.
const keyPatience = 2 * time.Second

// APIKey is an API key as it was at most Config.ReferenceAge ago, so that one that
// another server has revoked lets nobody in for longer. While the log is away it is as
// it was up to 15 minutes ago, so that reads are answered then. It answers
// apikey.ErrUnknown where there is none, which is always read from the log.
func (h *Handler) APIKey(ctx context.Context, id domain.APIKeyID) (apikey.State, error) {
	s := h.streams.acquire(domain.APIKeyStream(id))
	defer h.streams.release(s)
	known := s.facts.Load()
	if known == nil {
		return h.apiKey(ctx, id, recent)
	}
	before, age := known.value.(apikey.State), time.Since(known.at) // facts are of what exists
	if age < h.cfg.ReferenceAge || age < keyGrace && time.Since(time.Unix(0, h.keysAway.Load())) < h.cfg.ReferenceAge {
		return before, nil
	}
	within, cancel := context.WithTimeout(ctx, keyPatience)
	defer cancel()
	key, err := h.apiKey(within, id, recent)
	if err == nil || age >= keyGrace || ctx.Err() != nil || !away(err) {
		return key, err
	}
	h.keysAway.Store(time.Now().UnixNano()) // nobody else waits for it in the next second
	return before, nil
}

// away reports whether an error says that the log does not answer.
func away(err error) bool {
	refusal, ok := errors.AsType[*domain.Error](err)
	return ok && refusal.Code == domain.Unavailable || errors.Is(err, context.DeadlineExceeded)
}

// APIKeyNow is an API key as the log has it.
func (h *Handler) APIKeyNow(ctx context.Context, id domain.APIKeyID) (apikey.State, error) {
	return h.apiKey(ctx, id, current)
}

func (h *Handler) apiKey(ctx context.Context, id domain.APIKeyID, needed freshness) (apikey.State, error) {
	value, err := h.about(ctx, apiKeys, id.UUID, needed)
	if err != nil {
		return apikey.State{}, err
	}
	key, there := value.(apikey.State)
	if !there {
		return key, apikey.ErrUnknown
	}
	return key, nil
}
