package http

import (
	"context"
	"errors"
	"net/http"
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
// /v1/commands would: the same reading, the same ids, the same refusals.
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
	if err := i.server.mayStillImport(ctx, i.actor); err != nil {
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
			i.send(ctx, all, some, outcomes)
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

// mayStillImport answers imports.ErrNotAllowed when the key that an import runs in the name of
// is revoked or expired, gone from the key file, or of another role by now. What an
// OpenID Connect token said cannot be asked again: whom it let in, whose names have a
// colon, goes on.
func (s *Server) mayStillImport(ctx context.Context, actor string) error {
	if key, there := s.fileKeys()[actor]; there {
		return allowedIf(key.Role.May(access.ImportsRun))
	}
	if strings.Contains(actor, ":") {
		return nil
	}
	key, err := s.cfg.Commands.APIKey(ctx, apikey.ID(actor))
	if errors.Is(err, apikey.ErrUnknown) {
		return imports.ErrNotAllowed
	}
	if err != nil {
		return err // the import waits, and asks again
	}
	return allowedIf(key.Live(s.cfg.Now()) && access.Role(key.Terms.Role).May(access.ImportsRun))
}

func allowedIf(holds bool) error {
	if !holds {
		return imports.ErrNotAllowed
	}
	return nil
}

// importTries is how often a command is sent that the server stumbles over.
const importTries = 5

// send carries out those of the commands that are left, once.
func (i *importSender) send(ctx context.Context, all []*importing.Command, left []int, outcomes []importing.Outcome) {
	principal := access.As(i.actor, access.Admin)                           // who may import may import everything
	meta := domain.Meta{Actor: i.of.Actor, CorrelationID: i.of.ID.String()} // of which the ids are made
	todo := make([]commands.Ask, 0, len(left))
	places := make([]int, 0, len(left))
	for _, k := range left {
		c := all[k]
		entry := batchEntry{Command: c.Name, Target: c.Target, Part: c.Part, IdempotencyKey: c.Key, Body: rawBody{jsontext.Value(c.Body)}}
		if known := i.server.commands[c.Name]; known != nil && known.creates() {
			entry.Target = uuid.Nil
		}
		a, err := i.server.batchAsk(principal, meta, entry)
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
