package eventstore

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// reader acknowledges messages until it has seen so many events in all.
func reader(tb testing.TB, subscriber *Subscriber) func(events int) []uuid.UUID {
	tb.Helper()
	messages := subscribed(tb, subscriber)
	var seen []uuid.UUID
	after := uint64(0)
	return func(events int) []uuid.UUID {
		for len(seen) < events {
			msg, batch := next(tb, messages)
			if batch.After.Commit != after {
				tb.Fatalf("a batch begins at %d, the one before ended at %d", batch.After.Commit, after)
			}
			after = batch.Through.Commit
			seen = append(seen, idsOf(batch.Events)...)
			msg.Ack()
		}
		return seen
	}
}

// joined is how many subscriptions have joined the tail.
func (t *tail) joined() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.users
}

// Subscribers that have caught up share one subscription; all of them get every
// event once and in order, and the last to leave ends it.
func TestTailIsShared(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	want := write(t, store, 20)
	subscribers := make([]*Subscriber, 3)
	reads := make([]func(int) []uuid.UUID, len(subscribers))
	for i := range subscribers {
		subscribers[i] = newSubscriber(t, store, SubscriberConfig{MaxBatch: 7})
		reads[i] = reader(t, subscribers[i])
		reads[i](len(want))
	}
	for round := range 3 {
		want = append(want, write(t, store, 20)...)
		for i, read := range reads {
			if diff := cmp.Diff(want, read(len(want))); diff != "" {
				t.Fatalf("round %d, subscriber %d (-written +seen):\n%s", round, i, diff)
			}
		}
	}
	eventually(t, func() bool { return store.tail.joined() == len(subscribers) })
	for _, subscriber := range subscribers {
		if err := subscriber.Close(); err != nil {
			t.Error(err)
		}
	}
	if store.tail.joined() != 0 || store.tail.cancel != nil {
		t.Error("the tail runs for nobody")
	}
}

// A subscriber that the tail has passed goes on by itself and misses nothing.
func TestTailPassesASlowSubscriber(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	store.tail.limit = 4 * metaBytes // a handful of events
	want := write(t, store, 5)
	slow := reader(t, newSubscriber(t, store, SubscriberConfig{MaxBatch: 2}))
	fast := reader(t, newSubscriber(t, store, SubscriberConfig{}))
	slow(len(want))
	eventually(t, func() bool { return store.tail.joined() > 0 })
	want = append(want, write(t, store, 45)...)
	if diff := cmp.Diff(want, fast(len(want))); diff != "" {
		t.Fatalf("the fast one (-written +seen):\n%s", diff)
	}
	if diff := cmp.Diff(want, slow(len(want))); diff != "" {
		t.Fatalf("the slow one (-written +seen):\n%s", diff)
	}
}

func eventually(tb testing.TB, is func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			tb.Fatal("it never happened")
		}
		time.Sleep(time.Millisecond)
	}
}
