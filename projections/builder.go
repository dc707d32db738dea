package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	// Parking says what becomes of events that cannot be applied. It may be set
	// before the first Apply.
	Parking Parking
	// Limits are those of windows in bulk. They may be set before Bulk.
	Limits BulkLimits

	projection Projection
	schema     string
	conn       *pgx.Conn
	checkpoint Checkpoint
	handles    map[string]bool
	bindings   map[table]*binding
	prepared   struct {
		begin, relax, move, commit, park, free, wait, skip *pgconn.StatementDescription
	}

	parked   map[domain.Stream]Parked
	skipped  map[domain.Stream][]span // what it goes without, and is to
	briefed  bool                     // the log has been asked what that is
	sequence sequence

	writer  Writer
	window  window
	memory  *memory         // that it shares with others; nil: its own
	taken   int             // of it
	first   domain.Position // of the batch at work: its first event that is new
	tally   tally           // of the batch at work
	notes   outcome         // that its transaction writes down
	catchUp domain.Stream   // the parked one that is caught up with, "" mostly
	scratch []byte          // where statements are put together
}

// Checkpoint is where the tables are.
func (b *Builder) Checkpoint() Checkpoint { return b.checkpoint }

// Live reports whether the first catch-up is done, and so all indexes are there.
func (b *Builder) Live() bool { return b.checkpoint.live }

// Apply brings the tables from the checkpoint to batch.Through, rows and
// checkpoint in one transaction; in several where an event cannot be applied,
// whose stream is parked then. What of the batch was applied before is left out,
// so a batch may come twice. The error is a [Failure] when the same would happen
// again; [ErrFenced], [ErrOutOfStep] or [ErrMissing] when the builder is to be fed
// from its checkpoint again; and otherwise one that passes: the way to Postgres or
// to the log, or Postgres itself. After ErrMissing the builder can still be used; in bulk,
// where it cannot, a missing event is a Failure.
//
// Each of its transactions has the time of one, as a request in the log may take many,
// and the end of a window has its own; ctx ends them all.
func (b *Builder) Apply(ctx context.Context, batch domain.Batch) error {
	at := b.checkpoint.Position
	switch {
	case b.lostWindow():
		return ErrOutOfStep
	case !at.Before(batch.Through):
		return nil
	case at.Before(batch.After):
		return ErrOutOfStep
	}
	if err := b.brief(ctx); err != nil {
		return err
	}
	events := batch.Events
	for len(events) > 0 && !at.Before(events[0].Position) {
		events = events[1:]
	}
	for {
		i := b.request(events)
		if i == len(events) {
			return b.advance(ctx, events, batch.Through)
		}
		if i > 0 {
			if err := b.advance(ctx, events[:i], events[i-1].Position); err != nil {
				return err
			}
		}
		if err := b.obey(ctx, &events[i]); err != nil {
			return err
		}
		if events = events[i+1:]; len(events) == 0 && !b.checkpoint.Position.Before(batch.Through) {
			return nil
		}
	}
}

// advance applies events and moves the checkpoint to through. It parks what cannot
// be applied.
func (b *Builder) advance(ctx context.Context, events []domain.Recorded, through domain.Position) error {
	for {
		n, parked, err := b.attempt(ctx, events, func(n int, wrong *Failure) outcome {
			o := outcome{to: b.tally.added(b.checkpoint), waiting: b.tally.waiting}
			switch {
			case wrong != nil:
				p := parkedAt(&events[n], wrong)
				o.park, o.to.Position = &p, events[n].Position
			case n < len(events):
				o.to.Position = events[n-1].Position
			default:
				o.to.Position = through
			}
			return o
		})
		if err == nil {
			err = b.endDue(ctx)
		}
		if err != nil {
			b.window.broken = true // some of the batch is in it
			return err
		}
		if parked {
			n++
		}
		if events = events[n:]; len(events) == 0 && !b.checkpoint.Position.Before(through) {
			return nil
		}
	}
}

// attempt applies as many of the events as it can in one transaction, together with
// what note makes of it, and tells how many, and whether the one after them was
// parked. An error does not mean that nothing was applied.
//
// An event that the projection refuses is known at once. One whose rows Postgres
// refuses is found by halving: half of the events are applied, and the rest is left
// to the next attempt.
func (b *Builder) attempt(
	ctx context.Context, events []domain.Recorded, note func(n int, wrong *Failure) outcome,
) (n int, parked bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	n = len(events)
	var wrong *Failure // with events[n]: it is to be parked
	var stop error     // with events[n]: to be returned when what is before it was applied
	for {
		at, fault := b.fill(events[:n])
		if fault == nil {
			err := b.commit(ctx, note(n, wrong))
			if err == nil {
				return n, wrong != nil, stop
			}
			if at, fault = b.blame(ctx, events[:n], err); at < 0 {
				return 0, false, fault
			}
		}
		n = at
		if wrong, stop = b.verdict(&events[n], fault); stop != nil && (n == 0 || b.writer.bulk) {
			return 0, false, stop
		}
	}
}

// fill has the projection see the events. Where one cannot be applied it says which
// and why, and the Writer is of no use.
func (b *Builder) fill(events []domain.Recorded) (at int, fault error) {
	b.writer.reset()
	b.tally, b.first = tally{}, domain.Position{}
	for i := range events {
		e := &events[i]
		applied, err := b.apply(e)
		if err != nil {
			return i, err
		}
		if applied {
			if b.tally.events == 0 {
				b.first = e.Position
			}
			b.tally.events++
			b.tally.recordedAt = e.RecordedAt
		}
	}
	return len(events), nil
}

// tally is what a run of events comes to.
type tally struct {
	events     int64
	recordedAt time.Time               // of the last one
	waiting    map[domain.Stream]int64 // passed over, as their streams are parked
}

// added is the checkpoint with what was applied since.
func (t tally) added(to Checkpoint) Checkpoint {
	to.Events += t.events
	if t.recordedAt.After(to.RecordedAt) {
		to.RecordedAt = t.recordedAt
	}
	return to
}

// unknownType is why an event is [domain.Unreadable] whose type the program does
// not know.
const unknownType = "unknown type"

// apply has the projection see one event, if it wants to.
func (b *Builder) apply(e *domain.Recorded) (bool, error) {
	b.writer.event = eventRef{at: e.Position, eventType: e.Event.EventType()}
	handled := b.handles[b.writer.event.eventType]
	u, unreadable := e.Event.(domain.Unreadable)
	if unreadable && u.Why == unknownType && !b.ignores(u.Type) {
		return false, b.failure(UnknownType, "", nil) // it may well be for us
	}
	if e.Stream != b.catchUp {
		if _, parked := b.parked[e.Stream]; parked {
			b.sequence.see(e)
			if handled {
				b.tally.passOver(e.Stream)
			}
			return false, nil
		}
		if err := b.sequence.follow(e); err != nil {
			return false, err
		}
	}
	if !handled || b.wasSkipped(e.Stream, e.Revision) {
		return false, nil
	}
	if unreadable {
		return false, b.failure(Unreadable, u.Why, nil)
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

// ignores reports whether the projection has no use for a type that this program
// does not know.
func (b *Builder) ignores(eventType string) bool {
	p, ok := b.projection.(Ignorer)
	return ok && p.Ignores(eventType)
}

// blame finds out which event is at fault when a transaction could not be committed:
// one of the first at events, where fault is nil. It is nobody's fault when at is
// negative.
func (b *Builder) blame(ctx context.Context, events []domain.Recorded, err error) (at int, fault error) {
	failure, refused := errors.AsType[*Failure](err)
	missing := errors.Is(err, ErrMissing)
	switch {
	case b.writer.bulk && missing: // to be dealt with out of bulk: what came before it in the batch is in the window
		return -1, b.failure(Missing, "", err)
	case !refused && !missing, len(events) == 0, b.writer.bulk: // where nothing of the window is kept
		return -1, err
	}
	if err := b.rollBack(ctx); err != nil {
		return -1, err
	}
	switch {
	case missing || failure.EventType != "": // a change said so, of the event at work
		return slices.IndexFunc(events, func(e domain.Recorded) bool { return e.Position == b.writer.event.at }), err
	case !failure.poisonous():
		return -1, err
	case len(events) > 1:
		return len(events) / 2, nil
	}
	known := *failure
	known.Position, known.EventType = events[0].Position, events[0].Event.EventType()
	return 0, &known
}

// rollBack ends the transaction that a failure has left open.
func (b *Builder) rollBack(ctx context.Context) error {
	const idle = 'I'
	if b.conn.PgConn().TxStatus() == idle {
		return nil
	}
	_, err := b.conn.Exec(ctx, "ROLLBACK")
	return err
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
