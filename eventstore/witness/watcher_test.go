package witness

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"crm/eventstore/embedded"
	"crm/eventstore/faulttest"
)

// watched is how many events the watchers of one case are shown.
const watched = 25_000

// TestWatchersSeeAllOnceInOrder has writers append while watchers of every sort
// follow, from the start and late, one at a hundredth of the writers' pace. All
// are interrupted again and again, some with their connection, and go on. Each
// ends with exactly what the log has for it.
func TestWatchersSeeAllOnceInOrder(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 4, Large: 400, Workers: 1}, func(c *faulttest.Case) {
		connect := start(c.T, embedded.Config{MemTableBytes: 4 << 20})
		j, written := &Journal{}, &count{}
		ctx, enough := context.WithCancel(c.Context())
		defer enough()
		writers := NewWriters(j, 8, c.Seed, Load{Batch: 100, Bytes: 40, After: func(events int) {
			if written.add(events) >= watched {
				enough()
			}
		}})
		var watching sync.WaitGroup
		watchers := EverySort(j)
		for i, w := range watchers {
			rng := rand.New(rand.NewPCG(c.Seed, uint64(i)))
			start := written.reached(i % 3 * watched / 4)
			watching.Go(func() {
				select {
				case <-start:
				case <-ctx.Done():
				}
				for ctx.Err() == nil {
					if err := interrupted(ctx, w, connect, written, rng); err != nil {
						c.Error(err)
						return
					}
				}
			})
		}
		client := connect()
		if err := writers.Run(ctx, client); err != nil {
			c.Error(err)
		}
		watching.Wait()
		if err := writers.Finish(c.Context(), client); err != nil {
			c.Error(err)
		}
		if err := j.Hold(c.Context(), client); err != nil {
			c.Error(err)
		}
		c.Logf("%d events", j.Log().Len())
		for _, w := range watchers {
			watching.Go(func() {
				c.Logf("%s: saw %d while they were written", w.Name, w.Seen())
				if err := w.Finish(c.Context(), client, j.Log()); err != nil {
					c.Error(err)
				}
			})
		}
		watching.Wait()
	})
}

// interrupted runs a watcher until it has seen some more events.
func interrupted(ctx context.Context, w *Watcher, connect func() *Client, written *count, rng *rand.Rand) error {
	run, interrupt := context.WithCancel(ctx)
	defer interrupt()
	client := connect()
	enough, cut := w.Seen()+1+rng.IntN(watched/4), rng.IntN(2) == 0
	w.Each = func(_ context.Context, seen int) {
		if seen == enough && cut {
			_ = client.esdb.Close() // it never fails
		} else if seen == enough {
			interrupt()
		}
		if w.Name == "slow" {
			select {
			case <-written.reached(100 * seen):
			case <-ctx.Done():
			}
		}
	}
	return w.Run(run, client)
}

// A count is of events written.
type count struct {
	mu      sync.Mutex
	n       int
	waiting map[chan struct{}]int
}

func (c *count) add(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	for reached, n := range c.waiting {
		if c.n >= n {
			close(reached)
			delete(c.waiting, reached)
		}
	}
	return c.n
}

// reached returns a channel that is closed when there are n.
func (c *count) reached(n int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	reached := make(chan struct{})
	if c.n >= n {
		close(reached)
		return reached
	}
	if c.waiting == nil {
		c.waiting = map[chan struct{}]int{}
	}
	c.waiting[reached] = n
	return reached
}

// TestWhatAWatcherMustNotSee shows each watcher a sequence with one fault.
func TestWhatAWatcherMustNotSee(t *testing.T) {
	t.Parallel()
	type shown struct {
		number   uint64 // of the append
		index    uint16
		size     uint16
		position uint64
	}
	good := []shown{{1, 0, 1, 1}, {2, 0, 2, 2}, {2, 1, 2, 3}, {3, 0, 1, 4}}
	for _, c := range []struct {
		name   string
		events []shown
		want   string
	}{
		{"nothing wrong", good, ""},
		{"one again", []shown{good[0], good[1], good[2], good[2]}, "after all up to 3"},
		{"out of order", []shown{good[0], good[3], good[1]}, "after 1"},
		{"a gap", []shown{good[0], good[3]}, "at 4 after 1"},
		{"half an append", []shown{good[0], good[1], {3, 0, 1, 3}}, "half an append"},
	} {
		w := &Watcher{Journal: &Journal{}}
		errs := faults{}
		for i, s := range c.events {
			id := origin{append: s.number, index: s.index, size: s.size, bytes: 10}.id()
			e := eventOf(id)
			content := map[esdb.ContentType]string{esdb.ContentTypeBinary: "application/octet-stream", esdb.ContentTypeJson: "application/json"}
			errs.add(w.take(&esdb.RecordedEvent{
				StreamID: "a", EventNumber: uint64(i), EventID: id, EventType: e.EventType, ContentType: content[e.ContentType],
				Data: e.Data, UserMetadata: e.Metadata, Position: esdb.Position{Commit: s.position, Prepare: s.position},
			}))
		}
		if err := errs.err(); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
	l, w := &Log{facts: []Fact{{ID: uuid.UUID{1}}, {ID: uuid.UUID{2}}}}, &Watcher{Match: func(Fact) bool { return true }, seen: []uint64{1, 3}}
	if err := w.Finish(t.Context(), nil, l); err == nil {
		t.Error("it saw something else, and nobody minds")
	}
	w = &Watcher{Match: func(f Fact) bool { return f.ID == uuid.UUID{1} }, seen: []uint64{1, 2}}
	if err := w.Finish(t.Context(), nil, l); err == nil {
		t.Error("it saw too much, and nobody minds")
	}
}
