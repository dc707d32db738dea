package witness

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

// A Watcher subscribes and remembers what it was shown. When its subscription or
// its node ends, Run goes on after the last it saw, as a projection would.
type Watcher struct {
	Name    string
	Journal *Journal
	// Stream is watched; if empty, $all, through Filter if there is one.
	Stream string
	Filter *esdb.SubscriptionFilter
	// Match says which events it has to be shown, for Finish.
	Match func(Fact) bool
	// Each, if any, is called after each event with the number seen; its delay is
	// the watcher's pace.
	Each func(ctx context.Context, seen int)

	seen     []uint64 // positions
	last     uuid.UUID
	revision uint64 // of the last event seen
	passed   uint64 // no event it has to see is at or before it
}

// EverySort returns watchers of $all and of a stream, with filters and without.
func EverySort(j *Journal) []*Watcher {
	everything := func(Fact) bool { return true }
	return []*Watcher{
		{Name: "$all", Journal: j, Match: everything},
		{Name: "slow", Journal: j, Match: everything},
		{
			Name: "streams with a prefix", Journal: j,
			Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"own-1-", "shared"}},
			Match: func(f Fact) bool {
				return strings.HasPrefix(f.Stream, "own-1-") || strings.HasPrefix(f.Stream, "shared")
			},
		},
		{
			Name: "types", Journal: j,
			Filter: &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Prefixes: []string{"kind-3", "kind-5"}},
			Match:  func(f Fact) bool { return Kind(f.ID) == "kind-3" || Kind(f.ID) == "kind-5" },
		},
		{
			Name: "a rare stream", Journal: j,
			Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "^own-2-0$"},
			Match:  func(f Fact) bool { return f.Stream == "own-2-0" },
		},
		{Name: "the shared stream", Journal: j, Stream: "shared", Match: func(f Fact) bool { return f.Stream == "shared" }},
		{Name: "an own stream", Journal: j, Stream: "own-3-0", Match: func(f Fact) bool { return f.Stream == "own-3-0" }},
	}
}

// Run watches until ctx ends, the subscription is dropped or the node is gone,
// and then returns nil; or until it is shown what it must not be. It may be
// called again, with another client too, and then goes on.
func (w *Watcher) Run(ctx context.Context, client *Client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := await(ctx, client, w.subscription(ctx))
	if err != nil {
		if refused(err) {
			return fmt.Errorf("%s: subscribe: %w", w.Name, err)
		}
		return nil
	}
	defer func() { _ = s.Close() }() // it never fails
	for {
		e := s.Recv()
		switch {
		case e.SubscriptionDropped != nil:
			return nil
		case e.CheckPointReached != nil:
			if err := w.pass(e.CheckPointReached.Commit); err != nil {
				return err
			}
		case e.EventAppeared != nil:
			if err := w.take(e.EventAppeared.Event); err != nil {
				return fmt.Errorf("%s: %w", w.Name, err)
			}
			if w.Each != nil {
				w.Each(ctx, len(w.seen))
			}
		}
	}
}

// subscription returns the call that goes on after what was seen. The call may
// outlast Run, so it has nothing of w.
func (w *Watcher) subscription(ctx context.Context) func(*esdb.Client) (*esdb.Subscription, error) {
	if w.Stream != "" {
		stream, options := w.Stream, esdb.SubscribeToStreamOptions{From: esdb.Start{}}
		if len(w.seen) > 0 {
			options.From = esdb.StreamRevision{Value: w.revision}
		}
		return func(client *esdb.Client) (*esdb.Subscription, error) {
			return client.SubscribeToStream(ctx, stream, options)
		}
	}
	options := esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: w.Filter}
	if w.passed > 0 {
		options.From = esdb.Position{Commit: w.passed, Prepare: w.passed}
	}
	return func(client *esdb.Client) (*esdb.Subscription, error) {
		return client.SubscribeToAll(ctx, options)
	}
}

func (w *Watcher) pass(position uint64) error {
	if position < w.passed {
		return fmt.Errorf("%s: the checkpoint %d after %d", w.Name, position, w.passed)
	}
	w.passed = position
	return nil
}

func (w *Watcher) take(e *esdb.RecordedEvent) error {
	f, position := factOf(e), e.Position.Commit
	if position <= w.passed {
		return fmt.Errorf("%s at %d after all up to %d", f, position, w.passed)
	}
	if w.Stream != "" && f.Revision != uint64(len(w.seen)) {
		return fmt.Errorf("%s at %d as event %d", f, position, len(w.seen))
	}
	if w.Stream == "" && w.Filter == nil && position != w.passed+1 {
		return fmt.Errorf("%s at %d after %d", f, position, w.passed)
	}
	if !follows(w.last, f.ID) {
		return fmt.Errorf("%s at %d after %s: half an append", f, position, w.last)
	}
	w.seen, w.last, w.revision, w.passed = append(w.seen, position), f.ID, f.Revision, position
	return errors.Join(intact(e), w.Journal.Heard(position, f))
}

// Seen returns how many events it has seen. It must not run.
func (w *Watcher) Seen() int { return len(w.seen) }

// Finish watches on until it has seen as many events as a log has for it, and
// tells whether they were just those. Nobody may write meanwhile.
func (w *Watcher) Finish(ctx context.Context, client *Client, l *Log) error {
	want := l.Positions(w.Match)
	run, enough := context.WithCancel(ctx)
	defer enough()
	w.Each = func(_ context.Context, seen int) {
		if seen >= len(want) {
			enough()
		}
	}
	for len(w.seen) < len(want) {
		if err := w.Run(run, client); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: saw %d events of %d: %w", w.Name, len(w.seen), len(want), err)
		}
	}
	for i, position := range w.seen {
		if i >= len(want) || want[i] != position {
			return fmt.Errorf("%s: event %d was that at %d, and not the one to be seen", w.Name, i, position)
		}
	}
	return nil
}
