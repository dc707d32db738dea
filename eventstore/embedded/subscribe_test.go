package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

// follow reads a subscription until it has caught up, or has shown n events if n
// is above 0. It returns the events and the checkpoints, in order, as strings.
func follow(tb testing.TB, sub *esdb.Subscription, n int) []string {
	tb.Helper()
	var got []string
	for events := 0; n == 0 || events < n; {
		switch e := sub.Recv(); {
		case e.EventAppeared != nil:
			events++
			got = append(got, fmt.Sprintf("%s@%d", e.EventAppeared.Event.StreamID, e.EventAppeared.Event.EventNumber))
		case e.CheckPointReached != nil:
			got = append(got, fmt.Sprintf("checkpoint %d", e.CheckPointReached.Commit))
		case e.CaughtUp != nil:
			got = append(got, "caught up")
			if n == 0 {
				return got
			}
		case e.SubscriptionDropped != nil:
			tb.Fatalf("dropped after %v: %v", got, e.SubscriptionDropped.Error)
		}
	}
	return got
}

func (s *service) followAll(tb testing.TB, o esdb.SubscribeToAllOptions) *esdb.Subscription {
	tb.Helper()
	sub, err := s.client.SubscribeToAll(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = sub.Close() })
	return sub
}

func (s *service) followStream(tb testing.TB, stream string, from esdb.StreamPosition) *esdb.Subscription {
	tb.Helper()
	sub, err := s.client.SubscribeToStream(tb.Context(), stream, esdb.SubscribeToStreamOptions{From: from})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = sub.Close() })
	return sub
}

func streamsWith(prefixes ...string) *esdb.SubscriptionFilter {
	return &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: prefixes}
}

func typesWith(prefixes ...string) *esdb.SubscriptionFilter {
	return &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Prefixes: prefixes}
}

func TestFilteredSubscriptions(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	for i := range 10 { // positions 1 to 10
		s.append(t, fmt.Sprintf("k%d-%d", i%2, i), esdb.Any{}, event(fmt.Sprint("t", i%5)))
	}
	tests := []struct {
		name   string
		filter *esdb.SubscriptionFilter
		want   []string
	}{
		{"stream prefix", streamsWith("k1-"), []string{
			"k1-1@0", "k1-3@0", "checkpoint 4", "k1-5@0", "k1-7@0", "checkpoint 8", "k1-9@0", "checkpoint 10", "caught up",
		}},
		{"type prefixes", typesWith("t4", "t3"), []string{
			"k1-3@0", "checkpoint 4", "k0-4@0", "checkpoint 8", "k0-8@0", "k1-9@0", "checkpoint 10", "caught up",
		}},
		{"stream pattern", &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: `^k0-[02]$`}, []string{
			"k0-0@0", "k0-2@0", "checkpoint 4", "checkpoint 8", "checkpoint 10", "caught up",
		}},
		{"nothing", streamsWith("none"), []string{"checkpoint 4", "checkpoint 8", "checkpoint 10", "caught up"}},
	}
	for _, tt := range tests {
		sub := s.followAll(t, esdb.SubscribeToAllOptions{
			From: esdb.Start{}, Filter: tt.filter, MaxSearchWindow: 2, CheckpointInterval: 2,
		})
		if diff := cmp.Diff(tt.want, follow(t, sub, 0)); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
	// Live, a checkpoint comes after every four events considered, and events
	// that pass come at once.
	sub := s.followAll(t, esdb.SubscribeToAllOptions{
		From: esdb.End{}, Filter: streamsWith("k1-"), MaxSearchWindow: 4, CheckpointInterval: 1,
	})
	follow(t, sub, 0)
	for range 2 {
		s.append(t, "k0-x", esdb.Any{}, eventsOf("x", 3)...)
		s.append(t, "k1-x", esdb.Any{}, event("x"))
	}
	if diff := cmp.Diff([]string{"k1-x@0", "checkpoint 14", "k1-x@1"}, follow(t, sub, 2)); diff != "" {
		t.Error(diff)
	}
}

// TestEverySubscriberSeesEverything has subscribers join at random, with and
// without filter, while writers append: each sees every event once and in order.
// The seed of a failure is printed.
func TestEverySubscriberSeesEverything(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := start(t, Config{})
	const writers, each, subscribers = 8, 150, 12
	g, ctx := errgroup.WithContext(t.Context())
	for w := range writers {
		g.Go(func() error {
			for i := range each {
				_, err := s.client.AppendToStream(ctx, fmt.Sprintf("k%d-%d", w%2, w),
					esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event(fmt.Sprint(i)))
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	for n := range subscribers {
		join := uint64(rng.IntN(writers * each / 2))
		g.Go(func() error {
			// Joining is timed by the log itself.
			if err := reach(ctx, s.Node, join); err != nil {
				return err
			}
			o := esdb.SubscribeToAllOptions{From: esdb.Start{}}
			perWriter, streams := each, writers
			if n%2 == 0 {
				o.Filter, streams = streamsWith("k1-"), writers/2
			}
			sub, err := s.client.SubscribeToAll(ctx, o)
			if err != nil {
				return err
			}
			defer func() { _ = sub.Close() }()
			next, last := map[string]uint64{}, uint64(0)
			for seen := 0; seen < streams*perWriter; {
				e := sub.Recv()
				if e.SubscriptionDropped != nil {
					return e.SubscriptionDropped.Error
				}
				if e.EventAppeared == nil {
					continue
				}
				r := e.EventAppeared.Event
				if r.EventNumber != next[r.StreamID] || r.Position.Commit <= last {
					return fmt.Errorf("subscriber %d: %s@%d at %d; want revision %d after %d",
						n, r.StreamID, r.EventNumber, r.Position.Commit, next[r.StreamID], last)
				}
				next[r.StreamID]++
				last = r.Position.Commit
				seen++
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// reach waits until the log is as long as position.
func reach(ctx context.Context, n *Node, position uint64) error {
	for {
		moved := n.horizon.watch()
		if n.horizon.position.Load() >= position {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestClosingEndsSubscriptions(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	sub := s.followAll(t, esdb.SubscribeToAllOptions{From: esdb.Start{}})
	follow(t, sub, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if e := sub.Recv(); e.SubscriptionDropped == nil {
		t.Errorf("%+v, want the end", e)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := s.Err(); err != nil {
		t.Errorf("a closed node did not fail: %v", err)
	}
	select {
	case <-s.Done():
		t.Error("a closed node is not a failed one")
	default:
	}
	if errors.Is(s.Err(), errBroken) {
		t.Error("failed")
	}
	_ = s.Stats()
}
