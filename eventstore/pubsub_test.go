package eventstore

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/google/uuid"

	"crm/domain"
)

// TestPubSub is Watermill's universal suite. A topic is a stream, a message an
// event, and a consumer group a checkpoint that is moved at every ack. TestReconnect
// in it kills the node under a hundred publishers.
func TestPubSub(t *testing.T) {
	t.Parallel()
	server := newNodeProcess(t)
	store := openAt(t, server.socket)
	store.codec = newCodec(append(slices.Clone(registered), stored[said](1)), retired)
	client := operatorAt(t, server.socket)
	var groups sync.Map // name → *group
	newPubSub := func(t *testing.T, g *group) (message.Publisher, message.Subscriber) {
		t.Helper()
		s := &groupSubscriber{store: store, group: g}
		t.Cleanup(func() { _ = s.Close() }) // the suite forgets some
		p := publisher{store: store, client: client}
		if strings.Contains(t.Name(), "TestReconnect") {
			// It compares what it received with a list of what it published, to
			// which a goroutine of its own still adds the last ones.
			s.published = new(sync.Map)
			p.published = s.published
		}
		return p, s
	}
	restart := server.restart()
	if raced() || testing.Short() {
		restart = nil // TestReconnect takes 6 s, and its list is a data race of its own
	}
	tests.TestPubSub(t,
		tests.Features{
			ConsumerGroups:                      true,
			GuaranteedOrder:                     true,
			GuaranteedOrderWithSingleSubscriber: true,
			Persistent:                          true,
			NewSubscriberReceivesOldMessages:    true,
			RestartServiceCommand:               restart,
			ForceShort:                          testing.Short(),
		},
		func(t *testing.T) (message.Publisher, message.Subscriber) {
			t.Helper()
			return newPubSub(t, &group{})
		},
		func(t *testing.T, name string) (message.Publisher, message.Subscriber) {
			t.Helper()
			g, _ := groups.LoadOrStore(name, &group{})
			return newPubSub(t, g.(*group))
		},
	)
}

// said is a Watermill message as an event.
type said struct {
	Payload  []byte            `json:"payload"`
	Metadata map[string]string `json:"metadata"`
}

func (said) EventType() string { return "test.said" }

type publisher struct {
	store     *Store
	client    *esdb.Client
	published *sync.Map // nil, or UUID → when it was
}

func (p publisher) Publish(topic string, messages ...*message.Message) error {
	for _, msg := range messages {
		proposals, err := p.store.proposals([]domain.Proposed{{ID: uuid.MustParse(msg.UUID), Event: said{msg.Payload, msg.Metadata}}})
		if err != nil {
			return err
		}
		// Publishers do not know the stream's revision; ids alone keep it apart.
		options := esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}
		event := esdb.EventData{
			EventID: proposals[0].ID, EventType: proposals[0].Type, ContentType: esdb.ContentTypeJson,
			Data: proposals[0].Data, Metadata: proposals[0].Metadata,
		}
		if _, err := p.client.AppendToStream(context.Background(), topic, options, event); err != nil {
			return err
		}
		if p.published != nil {
			p.published.Store(msg.UUID, time.Now())
		}
	}
	return nil
}

func (publisher) Close() error { return nil }

// group is how far the consumers of one name have come, per topic.
type group struct{ positions sync.Map }

func (g *group) checkpoint(topic string) domain.Position {
	position, _ := g.positions.Load(topic)
	at, _ := position.(domain.Position)
	return at
}

// groupSubscriber unpacks what publisher packed, and moves the group's
// checkpoint at every ack.
type groupSubscriber struct {
	store     *Store
	group     *group
	published *sync.Map // nil, or what is held back for a moment after it was published

	mu      sync.Mutex
	closed  bool
	inner   []*Subscriber
	working sync.WaitGroup
}

func (s *groupSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("closed")
	}
	inner := NewSubscriber(s.store, SubscriberConfig{
		MaxBatch:   1,
		NackDelay:  time.Millisecond,
		Checkpoint: func(context.Context) (domain.Position, error) { return s.group.checkpoint(topic), nil },
	})
	s.inner = append(s.inner, inner)
	incoming, err := inner.Subscribe(ctx, topic)
	if err != nil {
		return nil, err
	}
	outgoing := make(chan *message.Message)
	s.working.Go(func() {
		defer close(outgoing)
		for msg := range incoming {
			s.pass(topic, msg, outgoing)
		}
	})
	return outgoing, nil
}

func (s *groupSubscriber) pass(topic string, msg *message.Message, outgoing chan<- *message.Message) {
	batch, _ := BatchOf(msg.Context())
	event := batch.Events[0].Event.(said)
	unpacked := message.NewMessage(msg.UUID, event.Payload)
	unpacked.Metadata = event.Metadata
	unpacked.SetContext(msg.Context())
	s.hold(unpacked)
	select {
	case outgoing <- unpacked:
	case <-msg.Context().Done():
		return
	}
	select {
	case <-unpacked.Acked():
		s.group.positions.Store(topic, batch.Through)
		msg.Ack()
	case <-unpacked.Nacked():
		msg.Nack()
	case <-msg.Context().Done():
	}
}

// hold waits until the publisher of a message has known for a while that it was
// published. Messages wait at the same time, as most were published long before
// their turn.
func (s *groupSubscriber) hold(msg *message.Message) {
	const while = 100 * time.Millisecond
	for s.published != nil && msg.Context().Err() == nil {
		if at, known := s.published.Load(msg.UUID); known && time.Since(at.(time.Time)) > while {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *groupSubscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	inner := s.inner
	s.mu.Unlock()
	for _, i := range inner {
		_ = i.Close()
	}
	s.working.Wait()
	return nil
}

// raced reports whether the race detector is on.
func raced() bool {
	build, _ := debug.ReadBuildInfo()
	return slices.Contains(build.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// collect reads messages until it has as many events, and acknowledges them.
func collect(tb testing.TB, messages <-chan *message.Message, count int) []domain.Recorded {
	tb.Helper()
	var events []domain.Recorded
	deadline := time.After(30 * time.Second)
	for len(events) < count {
		select {
		case msg, open := <-messages:
			if !open {
				tb.Fatalf("the channel was closed after %d of %d events", len(events), count)
			}
			batch, ok := BatchOf(msg.Context())
			if !ok {
				tb.Fatal("a message without a batch")
			}
			events = append(events, batch.Events...)
			msg.Ack()
		case <-deadline:
			tb.Fatalf("%d of %d events arrived", len(events), count)
		}
	}
	return events
}
