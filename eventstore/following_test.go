package eventstore

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
)

func following(tb testing.TB, store *Store, selection domain.Selection, most int) *Following {
	tb.Helper()
	f := store.Follow(domain.Position{}, selection, most)
	tb.Cleanup(f.Close)
	return f
}

// ids gives those of the next events, at least so many, and sees to it that each
// batch begins where the one before ended.
func (f *Following) ids(tb testing.TB, count int) []uuid.UUID {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	var ids []uuid.UUID
	for len(ids) < count {
		at := f.after
		batch, err := f.Next(ctx)
		switch {
		case err != nil:
			tb.Fatalf("after %d of %d events: %v", len(ids), count, err)
		case batch.After != at || batch.Through.Before(at) || len(batch.Events) > f.most:
			tb.Fatalf("%d events from %v to %v follow %v", len(batch.Events), batch.After, batch.Through, at)
		}
		ids = append(ids, idsOf(batch.Events)...)
	}
	return ids
}

func TestFollowingReadsOnAtTheEnd(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	want := write(t, store, 20)
	f := following(t, store, domain.Selection{}, 7)
	got := f.ids(t, len(want))
	for !f.CaughtUp() {
		if batch, err := f.Next(t.Context()); err != nil || len(batch.Events) > 0 {
			t.Fatalf("behind the end came %v, %v", batch, err)
		}
	}
	if store.tail.joined() != 0 {
		t.Error("the tail was joined before it was needed")
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for {
		if _, err := f.Next(short); err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			break
		}
	}
	if store.tail.joined() != 1 {
		t.Error("near the end the tail is not shared")
	}
	more := write(t, store, 20)
	if diff := cmp.Diff(append(want, more...), append(got, f.ids(t, len(more))...)); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	f.Close()
	if store.tail.joined() != 0 || store.tail.cancel != nil {
		t.Error("the tail runs for nobody")
	}
}

// One who comes back late finds that the tail has gone on, and misses nothing.
func TestFollowingWhomTheTailPasses(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	store.tail.limit = 4 * metaBytes // a handful of events
	want := write(t, store, 5)
	fast, slow := following(t, store, domain.Selection{}, 100), following(t, store, domain.Selection{}, 2)
	fast.ids(t, 5)
	got := slow.ids(t, 5)
	for i := range 3 {
		more := write(t, store, 30)
		want = append(want, more...)
		fast.ids(t, 30)
		if i == 1 {
			got = append(got, slow.ids(t, 60)...)
		}
	}
	got = append(got, slow.ids(t, 30)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

func TestFollowingASelection(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	var changed, archived []uuid.UUID
	one := func() {
		stream := newStream()
		events := append(proposed("x"), proposed("y")...)
		events[1].Event = customer.Archived{}
		appended(t, store, stream, domain.NoStream, events)
		changed, archived = append(changed, events[0].ID), append(archived, events[1].ID)
	}
	var nothing, some, all *Following
	nothing = following(t, store, domain.Selection{Categories: []string{"deal"}}, 10)
	some = following(t, store, domain.Selection{Types: []string{"customer.archived"}}, 10)
	all = following(t, store, domain.Selection{Categories: []string{"deal", "customer"}}, 10)
	for round := range 2 { // from a connection of his own, and from the tail
		for range 5 {
			one()
		}
		if diff := cmp.Diff(archived[5*round:], some.ids(t, 5)); diff != "" {
			t.Errorf("round %d (-written +read):\n%s", round, diff)
		}
		if ids := all.ids(t, 10); ids[0] != changed[5*round] || ids[9] != archived[5*round+4] {
			t.Errorf("round %d: of both categories came %v", round, ids)
		}
		head, _, err := store.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for nothing.after.Before(head) { // it gets on, though nothing is for it
			batch, err := nothing.Next(t.Context())
			if err != nil || len(batch.Events) > 0 {
				t.Fatalf("%v, %v", batch.Events, err)
			}
		}
	}
}

// The node is stopped while readers follow it and writers write.
func TestFollowingARestart(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	store := n.open(t)
	f := following(t, store, domain.Selection{}, 7)
	var want, got []uuid.UUID
	readTo := func(count int) { got = append(got, f.ids(t, count-len(got))...) }
	for range 3 {
		want = append(want, write(t, store, 20)...)
		readTo(len(want) - 10)
		var reading sync.WaitGroup
		reading.Go(func() { readTo(len(want) + 5) }) // some are yet to be written
		n.stop(t)
		n.start(t)
		more := write(t, store, 5)
		reading.Wait()
		want = append(want, more...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}
