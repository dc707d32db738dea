package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/domain"
)

// Builder applies batches to the tables of one projection, over a connection of
// its own. It is what the engine runs for each projection; alone it serves tests
// and tools. After an error it is of no more use: close it and open another,
// which finds the checkpoint where the last commit left it.
//
// It belongs to one goroutine at a time.
type Builder struct {
	projection Projection
	schema     string
	conn       *pgx.Conn
	checkpoint Checkpoint
	handles    map[string]bool
	bindings   map[table]*binding
	prepared   struct{ begin, relax, move, commit *pgconn.StatementDescription }

	writer  Writer
	window  window
	first   domain.Position // of the batch at work: its first event that is new
	scratch []byte          // where statements are put together
}

// Checkpoint is where the tables are.
func (b *Builder) Checkpoint() Checkpoint { return b.checkpoint }

// Live reports whether the first catch-up is done, and so all indexes are there.
func (b *Builder) Live() bool { return b.checkpoint.live }

// Apply brings the tables from the checkpoint to batch.Through, rows and
// checkpoint in one transaction. What of the batch was applied before is left
// out, so a batch may come twice. The error is a [Failure] when the same would
// happen again, [ErrFenced] or [ErrOutOfStep] when the builder's checkpoint is
// wrong, and otherwise one that passes: the way to Postgres, or Postgres itself.
func (b *Builder) Apply(ctx context.Context, batch domain.Batch) error {
	at := b.checkpoint.Position
	switch {
	case !at.Before(batch.Through):
		return nil
	case at.Before(batch.After):
		return ErrOutOfStep
	}
	b.writer.reset()
	to := b.checkpoint
	to.Position = batch.Through
	b.first = batch.Through
	for i := range batch.Events {
		e := &batch.Events[i]
		if !at.Before(e.Position) {
			continue
		}
		applied, err := b.apply(e)
		if err != nil {
			b.window.broken = true // some of the batch is in it
			return err
		}
		if !applied {
			continue
		}
		if to.Events == b.checkpoint.Events {
			b.first = e.Position
		}
		to.Events++
		to.RecordedAt = e.RecordedAt
	}
	if err := b.write(ctx, to); err != nil {
		return err
	}
	b.checkpoint = to
	return nil
}

// unknownType is why an event is [domain.Unreadable] whose type the program does
// not know.
const unknownType = "unknown type"

// apply has the projection see one event, if it wants to.
func (b *Builder) apply(e *domain.Recorded) (bool, error) {
	b.writer.event = eventRef{at: e.Position, eventType: e.Event.EventType()}
	handled := b.handles[b.writer.event.eventType]
	if u, bad := e.Event.(domain.Unreadable); bad {
		switch {
		case u.Why == unknownType:
			return false, b.failure(UnknownType, "", nil) // it may well be for us
		case handled:
			return false, b.failure(Unreadable, u.Why, nil)
		}
	}
	if !handled {
		return false, nil
	}
	var refusal error
	if err := b.guard(func() { refusal = b.projection.Apply(&b.writer, *e) }); err != nil {
		return false, err
	}
	if refusal != nil {
		return false, b.failure(BadEvent, "", refusal)
	}
	return true, nil
}

// guard runs what the projection's author wrote and makes a panic a failure.
func (b *Builder) guard(run func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = b.failure(Panicked, place(), fmt.Errorf("panic: %v", p))
		}
	}()
	run()
	return nil
}

// failure is one at the event at work.
func (b *Builder) failure(class Class, detail string, cause error) error {
	return &Failure{
		Class: class, Position: b.writer.event.at, EventType: b.writer.event.eventType, Detail: detail, cause: cause,
	}
}

// Finish ends the first catch-up: it creates the indexes and tells the planner
// about the tables. It does nothing where that is done.
func (b *Builder) Finish(ctx context.Context) error {
	if b.checkpoint.live {
		return nil
	}
	if err := b.finishBulk(ctx); err != nil {
		return err
	}
	if err := finish(ctx, b.conn, b.checkpoint, b.projection, b.schema); err != nil {
		return lasting(err, domain.Position{}, "")
	}
	b.checkpoint.live = true
	return nil
}
