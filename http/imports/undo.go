package imports

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"crm/commands"
	"crm/commands/undo"
	"crm/domain"
	"crm/domain/importrun"
)

// Of an undo at work.
const (
	undoBatch    = 200 // streams whose outcomes are recorded at once
	undoParallel = 16  // streams at a time
	undoAttempts = 10  // plans for a stream that others write meanwhile
)

// undone is what the undo of a stream has come to.
type undone struct {
	stream  domain.Stream
	outcome undo.Outcome
	kept    []string
}

// undo takes back what an import did, stream by stream. A stream of which no outcome is
// recorded is looked at again: its plan then holds what is left to do.
func (j *Jobs) undo(ctx context.Context, conn *pgx.Conn, of Import) error {
	by, err := j.undoer(ctx, of.ID)
	if err != nil {
		return err
	}
	// Customers come last: by then it is known which deals stay.
	for _, customers := range []bool{false, true} {
		for more := true; more; {
			if more, err = j.undoSome(ctx, conn, by, customers); err != nil {
				return err
			}
		}
	}
	now, err := find(ctx, conn, of.ID)
	if err != nil {
		return err
	}
	if now.Undo == nil {
		return nil // another server has finished it meanwhile
	}
	return j.say(ctx, of.ID, of.Revision, importrun.FinishUndo{Undone: importrun.Undone{
		Restored: now.Undo.Restored, Ended: now.Undo.Ended, Kept: now.Undo.Kept,
	}})
}

// undoSome takes back what the import did to some of the streams that are left, of
// customers or of all others, and reports whether there were any.
func (j *Jobs) undoSome(ctx context.Context, conn *pgx.Conn, by request, customers bool) (bool, error) {
	rows, err := conn.Query(ctx, `
		SELECT stream FROM crm.import_streams
		WHERE import = $1 AND outcome = '' AND starts_with(stream, 'customer-') = $2 ORDER BY stream LIMIT $3`, by.run, customers, undoBatch)
	if err != nil {
		return false, err
	}
	streams, err := pgx.CollectRows(rows, pgx.RowTo[domain.Stream])
	if err != nil || len(streams) == 0 {
		return false, err
	}
	results := make([]undone, len(streams))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(undoParallel)
	for i, stream := range streams {
		group.Go(func() (err error) {
			results[i], err = j.undoStream(within, by, stream)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	return true, recordUndone(ctx, conn, by.run, results)
}

func recordUndone(ctx context.Context, conn *pgx.Conn, id uuid.UUID, results []undone) error {
	batch := &pgx.Batch{}
	for _, r := range results {
		if r.kept == nil {
			r.kept = []string{}
		}
		batch.Queue("UPDATE crm.import_streams SET outcome = $3, kept = $4 WHERE import = $1 AND stream = $2", id, r.stream, r.outcome, r.kept)
	}
	return conn.SendBatch(ctx, batch).Close()
}

// request is what the work on an import rests on.
type request struct {
	run   uuid.UUID
	actor string
	cause string
	at    domain.Position // of the event
}

// undoer is who has asked for the undo of an import.
func (j *Jobs) undoer(ctx context.Context, id uuid.UUID) (request, error) {
	return j.requested(ctx, id, func(e domain.Event) bool { _, ok := e.(importrun.UndoRequested); return ok })
}

// requested is the last event of an import that is of some kind.
func (j *Jobs) requested(ctx context.Context, id uuid.UUID, is func(domain.Event) bool) (request, error) {
	stream := domain.ImportStream(domain.ImportID{UUID: id})
	history, err := j.cfg.Load(ctx, stream, domain.NoStream)
	if err != nil {
		return request{}, err
	}
	for _, recorded := range slices.Backward(history) {
		if is(recorded.Event) {
			return request{id, recorded.Meta.Actor, recorded.ID.String(), recorded.Position}, nil
		}
	}
	return request{}, fmt.Errorf("imports: nobody has asked for this of %s", stream)
}

// undoStream takes back what the import did to a stream. Every command is asked at the
// revision that the plan was made of, so that what others write meanwhile is seen.
func (j *Jobs) undoStream(ctx context.Context, by request, stream domain.Stream) (undone, error) {
	id, ok := stream.ID()
	if !ok {
		return undone{}, fmt.Errorf("imports: %s is no stream of ours", stream)
	}
	for attempt := 0; ; attempt++ {
		history, err := j.cfg.Load(ctx, stream, domain.NoStream)
		if err != nil {
			return undone{}, err
		}
		held, err := j.held(ctx, by, stream, id)
		if err != nil {
			return undone{}, err
		}
		plan, err := undo.Of(stream, history, by.run.String(), held)
		if err != nil {
			return undone{}, err
		}
		result := undone{stream, plan.Outcome, plan.Kept}
		if len(plan.Commands) == 0 {
			return result, nil
		}
		err = j.compensate(ctx, by, id, history[len(history)-1].Revision, plan.Commands, &result)
		refused, isRefusal := errors.AsType[*domain.Error](err)
		switch {
		case err == nil:
			return result, nil
		case isRefusal && refused.Code == domain.Stale && attempt+1 < undoAttempts:
		case isRefusal && refused.Code == domain.Unavailable && attempt+1 < undoAttempts:
			select {
			case <-time.After(100 * time.Millisecond << attempt):
			case <-ctx.Done():
				return undone{}, ctx.Err()
			}
		default:
			return undone{}, err
		}
	}
}

// held is why a customer stays: somebody else has written their consents or interactions,
// or a deal is theirs that is not voided by now. Which deals may be theirs the read model
// knows, and whether they are the streams.
func (j *Jobs) held(ctx context.Context, by request, stream domain.Stream, id uuid.UUID) (string, error) {
	if stream.Category() != "customer" {
		return "", nil
	}
	customer := domain.CustomerID{UUID: id}
	for _, beside := range []domain.Stream{domain.ConsentStream(customer), domain.InteractionStream(customer)} {
		history, err := j.cfg.Load(ctx, beside, domain.NoStream)
		if err != nil {
			return "", err
		}
		if undo.Foreign(history, by.run.String()) {
			return undo.ByOthers, nil
		}
	}
	deals, err := j.cfg.DealsOf(ctx, customer, by.at)
	if err != nil {
		return "", err
	}
	for _, deal := range deals {
		history, err := j.cfg.Load(ctx, domain.DealStream(deal), domain.NoStream)
		if err != nil {
			return "", err
		}
		if undo.Holds(history, customer) {
			return undo.ByDeal, nil
		}
	}
	return "", nil
}

// compensate asks the commands of a plan. What the domain refuses stays, and is named.
func (j *Jobs) compensate(ctx context.Context, by request, target uuid.UUID, at domain.Revision, plan []domain.Command, result *undone) error {
	for i, command := range plan {
		receipt, err := j.cfg.Commands.Do(ctx, commands.Ask{
			Target: target, Command: command, IfMatch: &at,
			Meta: domain.Meta{
				OccurredAt: j.cfg.Now().UTC().Truncate(time.Microsecond), Actor: by.actor, CorrelationID: by.run.String(), CausationID: by.cause,
				Reason: domain.Personal("Undo of the import " + by.run.String() + "."),
				Source: domain.Source{Application: undo.Application, Import: by.run.String()},
				Command: domain.CommandRef{ID: uuid.NewSHA1(by.run, []byte(strings.Join([]string{
					"undo", string(result.stream), strconv.FormatInt(int64(at), 10), strconv.Itoa(i), command.CommandName(),
				}, "/")))},
			},
		})
		refused, isRefusal := errors.AsType[*domain.Error](err)
		switch {
		case err == nil:
			at = receipt.Revision
		case isRefusal && refused.Code != domain.Stale && refused.Code != domain.Unavailable:
			result.outcome = undo.Kept
			result.kept = append(result.kept, command.CommandName()+": "+refused.Slug)
		default:
			return err
		}
	}
	return nil
}
