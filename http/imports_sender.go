package http

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/apikey"
	"crm/http/access"
	"crm/http/importing"
	"crm/http/imports"
)

// importSender carries the commands of an import out in this process, as POST
// /v1/commands would: the same rights, the same reading, the same ids, the same refusals.
type importSender struct {
	server *Server
	of     imports.Import
	actor  string
}

func (s *Server) importSender(of imports.Import, actor string) importing.Sender {
	return &importSender{s, of, actor}
}

// dealsOf are the deals of a customer that the read model has at a position or later.
func (s *Server) dealsOf(ctx context.Context, of domain.CustomerID, at domain.Position) ([]domain.DealID, error) {
	if err := s.await(ctx, []string{"deals"}, at.String()); err != nil {
		return nil, err // the undo waits, and asks again
	}
	return s.cfg.Models.Deals.Of(ctx, of)
}

// Send carries commands out, and again those of which nothing is known because the
// store was away, until ctx ends.
func (i *importSender) Send(ctx context.Context, all []*importing.Command) ([]importing.Outcome, error) {
	asks, err := i.server.importer(ctx, i.actor)
	if err != nil {
		return nil, err
	}
	outcomes := make([]importing.Outcome, len(all))
	left := make([]int, len(all))
	for k := range all {
		left[k] = k
	}
	for try := 0; ; try++ {
		var again []int
		for begin := 0; begin < len(left); begin += maxCommands {
			some := left[begin:min(len(left), begin+maxCommands)]
			i.send(ctx, asks, all, some, outcomes)
			for _, k := range some {
				if status := outcomes[k].Status; status >= http.StatusInternalServerError && (status != http.StatusInternalServerError || try < importTries) {
					again = append(again, k)
				}
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(again) == 0 {
			return outcomes, nil
		}
		// In order: what comes after a command that waits may rest on it.
		left = left[:0]
		for k := again[0]; k < len(all); k++ {
			left = append(left, k)
		}
		select {
		case <-time.After(importing.Backoff(try)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// importer is who an import runs in the name of, as they are now: imports.ErrNotAllowed
// when they may not import any more, since their key is revoked or expired, gone from the
// key file, or of another role, scope or sight. What an OpenID Connect token said cannot
// be asked again: whom it let in, whose names have a colon, goes on as the role that may
// least of those that may import.
func (s *Server) importer(ctx context.Context, actor string) (access.Principal, error) {
	p, err := s.holding(ctx, actor)
	if err == nil && !p.May(access.ImportsRun) {
		err = imports.ErrNotAllowed
	}
	return p, err
}

func (s *Server) holding(ctx context.Context, actor string) (access.Principal, error) {
	if key, there := s.fileKeys()[actor]; there {
		return key.principal(actor), nil
	}
	if strings.Contains(actor, ":") {
		least := slices.IndexFunc(access.Roles, func(r access.Role) bool { return r.May(access.ImportsRun) })
		return access.As(actor, access.Roles[least]), nil
	}
	id := apikey.ID(actor)
	key, err := s.cfg.Commands.APIKey(ctx, id)
	switch {
	case errors.Is(err, apikey.ErrUnknown):
		return access.Principal{}, imports.ErrNotAllowed
	case err != nil:
		return access.Principal{}, err // the import waits, and asks again
	case !key.Live(s.cfg.Now()):
		return access.Principal{}, imports.ErrNotAllowed
	}
	return issuedTo(id, key), nil
}

// importTries is how often a command is sent that the server stumbles over.
const importTries = 5

// send carries out those of the commands that are left, once, as far as who asks may do
// each of them. Nothing is done before or after one: of the commands that a mapping can
// name (importing.Commands), none needs that.
func (i *importSender) send(ctx context.Context, asks access.Principal, all []*importing.Command, left []int, outcomes []importing.Outcome) {
	meta := domain.Meta{Actor: i.of.Actor, CorrelationID: i.of.ID.String()} // of which the ids are made
	todo := make([]commands.Ask, 0, len(left))
	places := make([]int, 0, len(left))
	for _, k := range left {
		c := all[k]
		entry := batchEntry{Command: c.Name, Target: c.Target, Part: c.Part, IdempotencyKey: c.Key, Body: rawBody{jsontext.Value(c.Body)}}
		if known := i.server.commands[c.Name]; known != nil && known.creates() {
			entry.Target = uuid.Nil
		}
		a, err := i.server.batchAsk(asks, meta, entry)
		if err != nil {
			outcomes[k] = refusedOutcome(ctx, err)
			continue
		}
		// Not part of what is asked, so that another import of the same row asks the same.
		a.Meta.Source.Import, a.Meta.Actor = i.of.ID.String(), i.actor
		todo, places = append(todo, a.Ask), append(places, k)
	}
	for n, result := range i.server.cfg.Commands.DoAll(ctx, todo) {
		if result.Err != nil {
			outcomes[places[n]] = refusedOutcome(ctx, domain.Within("/body", result.Err))
			continue
		}
		outcomes[places[n]] = importing.Outcome{Status: http.StatusOK, Events: result.Receipt.Events}
	}
}

func refusedOutcome(ctx context.Context, err error) importing.Outcome {
	problem := problemOf(ctx, err)
	outcome := importing.Outcome{Status: problem.Status, Problem: importing.Problem{Type: problem.Type, Title: problem.Title, Detail: problem.Detail}}
	for _, fault := range problem.Errors {
		outcome.Problem.Errors = append(outcome.Problem.Errors, importing.Fault{Pointer: fault.Pointer, Detail: fault.Detail})
	}
	return outcome
}
