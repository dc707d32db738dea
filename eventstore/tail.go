package eventstore

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"crm/domain"
	"crm/eventstore/wire"
)

// tail is the newest part of the log, read and decoded once for all subscribers
// that are near its end. One that falls behind further than the tail is long goes
// on by itself, with a connection of its own, until it is near the end again.
//
//	$all ──▶ own connection ──▶ caught up ──▶ the tail, shared
//	              ▲                               │
//	              └────── passed by the tail ◀────┘
//
// It runs while somebody has joined it. What it gives out is shared: nobody may
// change it.
type tail struct {
	store *Store
	limit int // of bytes held, about

	mu      sync.Mutex
	users   int
	cancel  context.CancelFunc // ends what runs; nil when nothing does
	start   domain.Position    // the events are all of ours after this one
	events  []domain.Recorded
	bytes   int
	through domain.Position // nothing of ours lies between the last event and here
	err     error           // why it goes no further
	changed chan struct{}   // closed at the next change
	running sync.WaitGroup
}

// tailBytes is how much the tail holds at most, about.
const tailBytes = 8 << 20

var (
	// errShared ends a subscriber's own connection: it goes on with the tail.
	errShared = errors.New("caught up with the tail")
	// errPassed is a subscriber that the tail has left behind.
	errPassed = errors.New("the tail has gone on")
)

// join makes the caller a user of the tail, if that holds what comes after
// position; it starts the tail there when nobody uses it. Who has joined leaves
// once.
func (t *tail) join(position domain.Position) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel == nil {
		ctx, cancel := context.WithCancel(context.Background())
		t.cancel, t.start, t.through, t.err = cancel, position, position, nil
		t.events, t.bytes, t.changed = nil, 0, make(chan struct{})
		t.running.Go(func() { t.fail(t.run(ctx, position)) })
	}
	if t.err != nil || position.Before(t.start) {
		return false
	}
	t.users++
	return true
}

// leave undoes one join. The last one stops the tail.
func (t *tail) leave() {
	t.mu.Lock()
	t.users--
	last := t.users == 0
	if last {
		t.err = errPassed // who comes now cannot join what is ending
		t.cancel()
	}
	t.mu.Unlock()
	if !last {
		return
	}
	t.running.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.users == 0 {
		t.cancel, t.events = nil, nil
	}
}

// take gives what lies after a position: events within the limits, or none when
// the log is known to hold none of ours up to a later position. It waits for
// either, or gives nothing when idle says so. It fails with errPassed, when the tail fails, and when ctx ends.
func (t *tail) take(ctx context.Context, after domain.Position, maxEvents, maxBytes int, idle <-chan time.Time) (domain.Batch, error) {
	for {
		batch, changed, err := t.at(after, maxEvents, maxBytes)
		if err != nil || batch.Through != after {
			return batch, err
		}
		select {
		case <-changed:
		case <-idle:
			return batch, nil
		case <-ctx.Done():
			return batch, ctx.Err()
		}
	}
}

func (t *tail) at(after domain.Position, maxEvents, maxBytes int) (domain.Batch, <-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	batch := domain.Batch{After: after, Through: after}
	if after.Before(t.start) {
		return batch, nil, errPassed
	}
	first := sort.Search(len(t.events), func(i int) bool { return after.Before(t.events[i].Position) })
	end, bytes := first, 0
	for end < len(t.events) && end-first < maxEvents && bytes < maxBytes {
		bytes += sizeOf(t.events[end])
		end++
	}
	switch {
	case end > first:
		batch.Events = t.events[first:end:end]
		batch.Through = batch.Events[end-first-1].Position
	case t.err != nil:
		return batch, nil, t.err
	case after.Before(t.through):
		batch.Through = t.through
	}
	return batch, t.changed, nil
}

// run reads the log behind start until ctx ends or the connection does.
func (t *tail) run(ctx context.Context, start domain.Position) error {
	from, err := t.store.subscribe(ctx, All, start)
	if err != nil {
		return err
	}
	defer from.Close()
	for {
		m, err := from.Next()
		if err != nil {
			return err
		}
		switch m.Kind {
		case wire.Checkpoint:
			t.change(func() { t.through = domain.Position(m.Position) })
		case wire.Appeared:
			if !isSystem(m.Event.Stream, m.Event.Type) {
				event := t.store.recorded(&m.Event)
				t.change(func() { t.add(event) })
			}
		default: // of no use here
		}
	}
}

// add puts an event at the end, and takes the older half away when there is too
// much.
func (t *tail) add(event domain.Recorded) {
	t.events = append(t.events, event)
	t.through = event.Position
	t.bytes += sizeOf(event)
	if t.bytes <= t.limit || len(t.events) < 2 {
		return
	}
	half := len(t.events) / 2
	t.start = t.events[half-1].Position
	t.events = append(make([]domain.Recorded, 0, cap(t.events)), t.events[half:]...) // others still read the former
	t.bytes = 0
	for _, kept := range t.events {
		t.bytes += sizeOf(kept)
	}
}

func (t *tail) change(do func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	do()
	close(t.changed)
	t.changed = make(chan struct{})
}

// fail tells the users that the tail goes no further. The last of them to leave
// makes room for a new one.
func (t *tail) fail(err error) {
	t.change(func() { t.err = err })
}
