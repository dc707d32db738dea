package eventstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/eventstore/wire"
)

func newSubscriber(tb testing.TB, store *Store, cfg SubscriberConfig) *Subscriber {
	tb.Helper()
	s := NewSubscriber(store, cfg)
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func subscribed(tb testing.TB, s *Subscriber) <-chan *message.Message {
	tb.Helper()
	messages, err := s.Subscribe(tb.Context(), All)
	if err != nil {
		tb.Fatal(err)
	}
	return messages
}

// next is the next message, not yet acknowledged.
func next(tb testing.TB, messages <-chan *message.Message) (*message.Message, domain.Batch) {
	tb.Helper()
	select {
	case msg, open := <-messages:
		if !open {
			tb.Fatal("the channel was closed")
		}
		batch, ok := BatchOf(msg.Context())
		if !ok {
			tb.Fatal("a message without a batch")
		}
		return msg, batch
	case <-time.After(20 * time.Second):
		tb.Fatal("no message came")
	}
	return nil, domain.Batch{}
}

// write appends count events, each to a stream of its own, and gives their ids.
func write(tb testing.TB, s *Store, count int) []uuid.UUID {
	tb.Helper()
	ids := make([]uuid.UUID, count)
	for i := range ids {
		events := proposed(fmt.Sprintf("event %d", i))
		appended(tb, s, newStream(), domain.NoStream, events)
		ids[i] = events[0].ID
	}
	return ids
}

func idsOf(events []domain.Recorded) []uuid.UUID {
	ids := make([]uuid.UUID, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

func TestMessage(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	ids := write(t, store, 10)
	messages := subscribed(t, newSubscriber(t, store, SubscriberConfig{MaxBatch: 4}))
	var after domain.Position
	var seen []uuid.UUID
	for len(seen) < len(ids) {
		msg, batch := next(t, messages)
		if len(batch.Events) == 0 || len(batch.Events) > 4 {
			t.Fatalf("a batch of %d events", len(batch.Events))
		}
		first, last := batch.Events[0], batch.Events[len(batch.Events)-1]
		if batch.After != after || batch.Through != last.Position {
			t.Errorf("the batch goes from %v to %v, want from %v to %v", batch.After, batch.Through, after, last.Position)
		}
		want := message.Metadata{
			FirstPosition: first.Position.String(), LastPosition: last.Position.String(), Count: fmt.Sprint(len(batch.Events)),
		}
		if diff := cmp.Diff(want, msg.Metadata); diff != "" || msg.UUID != first.ID.String() {
			t.Errorf("message %s (-want +got):\n%s", msg.UUID, diff)
		}
		select {
		case other := <-messages:
			t.Errorf("message %s came before %s was acknowledged", other.UUID, msg.UUID)
		default:
		}
		after = batch.Through
		seen = append(seen, idsOf(batch.Events)...)
		msg.Ack()
	}
	if diff := cmp.Diff(ids, seen); diff != "" {
		t.Error(diff)
	}
}

// TestBatchIsLimitedByBytes has events of 400 kB and batches of 1 MB.
func TestBatchIsLimitedByBytes(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	for range 9 {
		appended(t, store, newStream(), domain.NoStream, proposed(string(make([]byte, 400_000/6)))) // \u0000 each
	}
	messages := subscribed(t, newSubscriber(t, store, SubscriberConfig{MaxBytes: 1_000_000}))
	for seen := 0; seen < 9; {
		msg, batch := next(t, messages)
		if len(batch.Events) > 3 {
			t.Errorf("%d events in one batch", len(batch.Events))
		}
		seen += len(batch.Events)
		msg.Ack()
	}
}

func TestNack(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	ids := write(t, store, 3)
	messages := subscribed(t, newSubscriber(t, store, SubscriberConfig{MaxBatch: 2}))
	for range 3 {
		msg, batch := next(t, messages)
		if diff := cmp.Diff(ids[:len(batch.Events)], idsOf(batch.Events)); diff != "" {
			t.Fatal(diff)
		}
		msg.Nack()
	}
	if diff := cmp.Diff(ids, idsOf(collect(t, messages, 3))); diff != "" {
		t.Error(diff)
	}
}

// TestNackAfterTheCheckpointMoved is a commit whose answer was lost: what is
// done must not come again.
func TestNackAfterTheCheckpointMoved(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	ids := write(t, store, 3)
	var checkpoint atomic.Value
	checkpoint.Store(domain.Position{})
	messages := subscribed(t, newSubscriber(t, store, SubscriberConfig{MaxBatch: 1, Checkpoint: func(context.Context) (domain.Position, error) {
		return checkpoint.Load().(domain.Position), nil
	}}))
	msg, batch := next(t, messages)
	checkpoint.Store(batch.Through)
	msg.Nack()
	if diff := cmp.Diff(ids[1:], idsOf(collect(t, messages, 2))); diff != "" {
		t.Error(diff)
	}
}

func TestCheckpointThatFails(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	ids := write(t, store, 1)
	var asked atomic.Int32
	messages := subscribed(t, newSubscriber(t, store, SubscriberConfig{Checkpoint: func(context.Context) (domain.Position, error) {
		if asked.Add(1) < 3 {
			return domain.Position{}, errors.New("the database is away")
		}
		return domain.Position{}, nil
	}}))
	if diff := cmp.Diff(ids, idsOf(collect(t, messages, 1))); diff != "" {
		t.Error(diff)
	}
}

// TestSystemEventsAreLeftOut has metadata, tombstones and streams of the
// server's own kind between our events.
func TestSystemEventsAreLeftOut(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	store, operator := n.open(t), n.operator(t)
	var ids []uuid.UUID
	for range 3 {
		ids = append(ids, write(t, store, 1)...)
		gone := newStream()
		events := proposed("gone")
		appended(t, store, gone, domain.NoStream, events)
		ids = append(ids, events[0].ID)
		if _, err := operator.DeleteStream(t.Context(), string(gone), esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Fatal(err)
		}
		if _, err := operator.TombstoneStream(t.Context(), string(gone), esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Fatal(err)
		}
		// An event of an ordinary type in a stream of the server's passes its filter.
		if _, err := store.Append(t.Context(), "$ours-not", domain.NoStream, proposed("hidden")); err != nil && !errors.Is(err, domain.ErrStale) {
			t.Fatal(err)
		}
	}
	ids = append(ids, write(t, store, 1)...)
	messages := subscribed(t, newSubscriber(t, store, SubscriberConfig{}))
	if diff := cmp.Diff(ids, idsOf(collect(t, messages, len(ids)))); diff != "" {
		t.Error(diff)
	}
}

// TestRareStream has one event of ours among more than the server looks at
// between two checkpoints: the empty stretch must move the consumer too.
func TestRareStream(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	stream := newStream()
	receipt := appended(t, store, stream, domain.NoStream, proposed("rare"))
	many := make([]string, 1000)
	for range 17 {
		appended(t, store, newStream(), domain.NoStream, proposed(many...))
	}
	messages, err := newSubscriber(t, store, SubscriberConfig{}).Subscribe(t.Context(), string(stream))
	if err != nil {
		t.Fatal(err)
	}
	msg, batch := next(t, messages)
	if len(batch.Events) != 1 || batch.Events[0].Position != receipt.Position {
		t.Fatalf("the first batch is %+v", batch)
	}
	msg.Ack()
	for batch.Through == receipt.Position { // unless word of the empty stretch came with the event
		after := batch.Through
		msg, batch = next(t, messages)
		if len(batch.Events) != 0 || batch.After != after || msg.Metadata.Get(Count) != "0" {
			t.Fatalf("message %s %v has batch %+v", msg.UUID, msg.Metadata, batch)
		}
		msg.Ack()
	}
}

// TestReadAhead has every way in which a batch may begin, grow and be taken.
func TestReadAhead(t *testing.T) {
	t.Parallel()
	at := func(n uint64) domain.Position { return domain.Position{Commit: n, Prepare: n} }
	event := func(n uint64) domain.Recorded { return domain.Recorded{Position: at(n)} }
	a := newReadAhead(t.Context(), at(10), 2, 1<<20)
	taken := func(after, through uint64, events int) {
		t.Helper()
		batch, err := a.take()
		if err != nil || batch.After != at(after) || batch.Through != at(through) || len(batch.Events) != events {
			t.Fatalf("took %+v, %v; want %d to %d of %d events", batch, err, after, through, events)
		}
	}
	a.add(event(11))
	a.pass(at(12), true)
	taken(10, 12, 1)
	a.pass(at(12), true) // says nothing new
	a.pass(at(13), false)
	a.pass(at(14), true)
	taken(12, 14, 0)
	a.pass(at(15), false)
	for n := range uint64(4) {
		a.add(event(16 + n))
	}
	a.pass(at(20), false)
	taken(14, 17, 2)
	taken(17, 20, 2)
	a.add(event(21))
	a.end(wire.ErrClosed)
	a.end(nil)
	taken(20, 21, 1)
	if _, err := a.take(); !errors.Is(err, wire.ErrClosed) || a.add(event(22)) {
		t.Errorf("after the end: %v", err)
	}
}

// TestUnreadableEventsArrive has an event that another program wrote.
func TestUnreadableEventsArrive(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	store, operator := n.open(t), n.operator(t)
	if _, err := operator.AppendToStream(t.Context(), "foreign-1", esdb.AppendToStreamOptions{}, esdb.EventData{
		EventID: uuid.New(), EventType: "foreign.happened", Data: []byte{0xff}, Metadata: []byte("?"),
	}); err != nil {
		t.Fatal(err)
	}
	messages := subscribed(t, newSubscriber(t, store, SubscriberConfig{}))
	got := collect(t, messages, 1)[0]
	if diff := cmp.Diff(domain.Unreadable{Type: "foreign.happened", Why: "metadata"}, got.Event); diff != "" {
		t.Error(diff)
	}
}

// TestRestartUnderASubscription stops the node while batches are under way.
// Writers go on through it; every event must come once, in order.
func TestRestartUnderASubscription(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	store := n.open(t)
	const writers, each, restarts = 4, 100, 3
	var last atomic.Value // where the consumer is
	last.Store(domain.Position{})
	messages := subscribed(t, newSubscriber(t, store, SubscriberConfig{MaxBatch: 7, Checkpoint: func(context.Context) (domain.Position, error) {
		return last.Load().(domain.Position), nil
	}}))

	var written sync.WaitGroup
	progress := make(chan struct{}, writers*each)
	for range writers {
		written.Go(func() {
			stream := newStream()
			for i := range each {
				events := proposed("x")
				for {
					_, err := store.Append(t.Context(), stream, domain.Revision(i-1), events)
					if err == nil {
						break
					}
					if !errors.Is(err, domain.ErrStoreUnavailable) {
						t.Error(err)
						return
					}
				}
				progress <- struct{}{}
			}
		})
	}
	var operator sync.WaitGroup
	operator.Go(func() {
		for range restarts {
			for range writers * each / (restarts + 1) {
				<-progress
			}
			n.stop(t)
			n.start(t)
		}
	})

	revisions := map[domain.Stream]domain.Revision{}
	for seen := 0; seen < writers*each; {
		msg, batch := next(t, messages)
		if at := last.Load().(domain.Position); batch.After != at {
			t.Fatalf("a batch starts after %v, the last one ended at %v", batch.After, at)
		}
		for _, e := range batch.Events {
			if e.Revision != revisions[e.Stream] {
				t.Fatalf("%s: revision %d came, want %d", e.Stream, e.Revision, revisions[e.Stream])
			}
			revisions[e.Stream]++
		}
		seen += len(batch.Events)
		last.Store(batch.Through)
		msg.Ack()
	}
	written.Wait()
	operator.Wait()
}

// TestManySubscribersWhileMuchIsWritten joins subscribers at any time.
func TestManySubscribersWhileMuchIsWritten(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	const writers, each, subscribers = 8, 100, 6
	var working sync.WaitGroup
	for range writers {
		working.Go(func() {
			stream := newStream()
			for i := range each {
				if _, err := store.Append(t.Context(), stream, domain.Revision(2*i-1), proposed("x", "y")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	seen := make([][]uuid.UUID, subscribers)
	for i := range subscribers {
		messages := subscribed(t, newSubscriber(t, store, SubscriberConfig{MaxBatch: 1 + 10*i}))
		working.Go(func() {
			var last domain.Position
			for _, e := range collect(t, messages, 2*writers*each) {
				if !last.Before(e.Position) {
					t.Errorf("position %v after %v", e.Position, last)
				}
				last = e.Position
				seen[i] = append(seen[i], e.ID)
			}
		})
	}
	working.Wait()
	for i := range seen {
		if diff := cmp.Diff(seen[0], seen[i]); diff != "" {
			t.Errorf("subscribers 0 and %d saw other events:\n%s", i, diff)
		}
	}
}

func TestSubscribeWithoutANode(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	store := n.open(t)
	n.stop(t)
	s := newSubscriber(t, store, SubscriberConfig{})
	messages := subscribed(t, s)
	other := subscribed(t, newSubscriber(t, store, SubscriberConfig{}))
	if err := s.Close(); err != nil { // must not wait for the node
		t.Fatal(err)
	}
	if _, open := <-messages; open {
		t.Error("a message came from nowhere")
	}
	n.start(t)
	ids := write(t, store, 2)
	if diff := cmp.Diff(ids, idsOf(collect(t, other, 2))); diff != "" {
		t.Error(diff)
	}
}

func TestClosedSubscriber(t *testing.T) {
	t.Parallel()
	s := newSubscriber(t, newStore(t), SubscriberConfig{})
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Subscribe(t.Context(), All); err == nil {
		t.Error("a closed subscriber subscribed")
	}
}
