package eventstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"crm/domain"
	"crm/eventstore/wire"
)

// Following is a reader of the log who takes their time: between two calls of Next
// nothing is read for them, and nobody waits for them. Far from the end it reads over a
// connection of its own, near it it looks at what the tail holds for all. It belongs to
// one goroutine.
type Following struct {
	store     *Store
	selection domain.Selection
	most      int // events at once

	after    domain.Position // given out up to here
	caughtUp bool
	reading  *wire.Reading   // of its own; nil without one
	cancel   func()          // ends that
	end      domain.Position // of the log, when that began
	joined   bool            // the tail
}

// followingBytes is how much Next gives at once, about; a single event may be larger.
const followingBytes = 256 << 10

// Follow reads the log after a position, at most so many events at once. It must be
// closed.
func (s *Store) Follow(after domain.Position, selection domain.Selection, most int) *Following {
	return &Following{store: s, selection: selection, most: most, after: after}
}

// Next gives what comes next, as soon as there is something: events that were
// selected, or none and a later position up to which there are no such. What it gives
// is the caller's. While the store is away it waits; it ends when ctx does, after
// which it may be called again.
func (f *Following) Next(ctx context.Context) (domain.Batch, error) {
	for tries := 0; ; tries++ {
		batch, err := f.next(ctx)
		if err == nil {
			f.after = batch.Through
			return batch, nil
		}
		if ctx.Err() != nil {
			return domain.Batch{}, ctx.Err()
		}
		if !errors.Is(err, errPassed) && !errors.Is(err, domain.ErrStoreUnavailable) {
			return domain.Batch{}, err
		}
		_ = sleep(ctx, backoff(time.Millisecond, longestWait, tries))
	}
}

// CaughtUp reports whether Next has come to where the log ended.
func (f *Following) CaughtUp() bool { return f.caughtUp }

// Close ends it.
func (f *Following) Close() {
	f.leaveTail()
	f.stopReading()
}

func (f *Following) next(ctx context.Context) (domain.Batch, error) {
	if f.caughtUp && !f.joined {
		if f.joined = f.store.tail.join(f.after); !f.joined {
			f.caughtUp = false // it went on, or is ending
		}
	}
	if f.joined {
		return f.look(ctx)
	}
	return f.read(ctx)
}

// look takes from the tail. The events are copied out of it, else one who is slow
// would keep all of it in memory.
func (f *Following) look(ctx context.Context) (domain.Batch, error) {
	batch, err := f.store.tail.take(ctx, f.after, f.most, followingBytes, nil)
	if err != nil {
		if ctx.Err() == nil {
			f.leaveTail()
			err = errPassed
		}
		return domain.Batch{}, err
	}
	var selected []domain.Recorded
	for i := range batch.Events {
		if f.selection.Holds(&batch.Events[i]) {
			selected = append(selected, batch.Events[i])
		}
	}
	batch.Events = selected
	return batch, nil
}

func (f *Following) leaveTail() {
	if f.joined {
		f.store.tail.leave()
	}
	f.joined, f.caughtUp = false, false
}

// read takes from a connection of its own until there is enough, or the end of the
// log.
func (f *Following) read(ctx context.Context) (domain.Batch, error) {
	batch := domain.Batch{After: f.after, Through: f.after}
	if f.reading == nil {
		if err := f.startReading(ctx); err != nil {
			return batch, err
		}
	}
	defer context.AfterFunc(ctx, f.cancel)()
	for bytes := 0; ; {
		m, err := f.reading.Next()
		if err != nil {
			f.stopReading()
			if len(batch.Events) > 0 || batch.After.Before(batch.Through) {
				return batch, nil // what was read is not read again
			}
			return batch, refusal(err)
		}
		switch m.Kind {
		case wire.Checkpoint:
			batch.Through = domain.Position(m.Position)
			return batch, nil
		case wire.CaughtUp:
			f.stopReading()
			if f.caughtUp = true; batch.Through.Before(f.end) {
				batch.Through = f.end
			}
			return batch, nil
		case wire.Appeared:
			e := &m.Event
			batch.Through = domain.Position(e.Position)
			if isSystem(e.Stream, e.Type) {
				continue
			}
			event := f.store.recorded(e)
			if !f.selection.Holds(&event) {
				continue
			}
			batch.Events = append(batch.Events, event)
			bytes += sizeOf(event)
			// Behind where the log ended nothing more need be on its way.
			if len(batch.Events) >= f.most || bytes >= followingBytes || f.end.Before(batch.Through) {
				return batch, nil
			}
		default: // of no use here
		}
	}
}

func (f *Following) startReading(ctx context.Context) error {
	end, _, err := f.store.Head(ctx)
	if err != nil {
		return err
	}
	long, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, cancel)()
	filter := wire.Filter{TypePattern: notSystem}
	if types := typesOf(f.selection); len(types) > 0 {
		filter = wire.Filter{TypePrefixes: types}
	}
	f.reading, err = f.store.subscribeTo(long, filter, f.after)
	if err != nil {
		cancel()
		return err
	}
	f.cancel, f.end = cancel, end
	return nil
}

func (f *Following) stopReading() {
	if f.reading != nil {
		f.cancel()
		f.reading.Close()
	}
	f.reading = nil
}

// typesOf are how the types of what is selected begin: the name of an event's type
// begins with the category of its stream.
func typesOf(selection domain.Selection) []string {
	if len(selection.Types) > 0 {
		return selection.Types
	}
	prefixes := slices.Clone(selection.Categories)
	for i := range prefixes {
		prefixes[i] += "."
	}
	return prefixes
}
