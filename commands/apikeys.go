package commands

import (
	"context"

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
	}
	return domain.EmployeeID{}
}

// APIKey is an API key as it was at most Config.ReferenceAge ago, so that one that
// another server has revoked lets nobody in for longer. It answers apikey.ErrUnknown
// where there is none, which is always read from the log.
func (h *Handler) APIKey(ctx context.Context, id domain.APIKeyID) (apikey.State, error) {
	return h.apiKey(ctx, id, recent)
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
