package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"crm/domain"
	"crm/eventstore/wire"
)

// All is the topic that holds every event of ours. Any other topic is the name
// of one stream.
const All = "$all"

// The metadata of a message.
const (
	FirstPosition = "first_position" // of its first event; absent without events
	LastPosition  = "last_position"  // up to which the log is covered
	Count         = "count"          // of its events
)

// A SubscriberConfig says where a subscriber starts and how much it hands out at
// once. The zero value works.
type SubscriberConfig struct {
	// Checkpoint is the position up to which everything was done. It is asked at
	// the start, after every lost connection, and after a nack; it may block, as
	// for a lease. Default: the start of the log, then what was acknowledged.
	Checkpoint func(context.Context) (domain.Position, error)
	// MaxBatch is how many events one message holds at most. Default 5,000. With
	// 1, a message is an event: its payload is the event's, its UUID the event's
	// id, and there are no messages without an event.
	MaxBatch int
	// MaxBytes is how large one message may become, about; a single event may be
	// larger. Default 4 MiB.
	MaxBytes int
	// NackDelay is how long a nacked message waits at most before it is sent
	// again; the wait begins at 10 ms and doubles. Default 5 s.
	NackDelay time.Duration
	// Log gets lost and regained connections. Default: nothing is logged.
	Log *slog.Logger
}

// Subscriber is a Watermill subscriber to the log. Every subscription is on its
// own and gets every event, in order, one unacknowledged message at a time; the
// checkpoint is what makes several of them one consumer.
type Subscriber struct {
	store *Store
	cfg   SubscriberConfig

	lifetime context.Context // ends with Close
	end      context.CancelFunc
	mu       sync.Mutex // keeps Subscribe from starting what Close does not join
	running  sync.WaitGroup
}

// NewSubscriber makes a subscriber. Close it before the store.
func NewSubscriber(store *Store, cfg SubscriberConfig) *Subscriber {
	if cfg.MaxBatch == 0 {
		cfg.MaxBatch = 5000
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 4 << 20
	}
	if cfg.NackDelay == 0 {
		cfg.NackDelay = longestWait
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Subscriber{store: store, cfg: cfg}
	s.lifetime, s.end = context.WithCancel(context.Background())
	return s
}

// Subscribe starts at the checkpoint and returns at once. Connections that are
// lost are made again, for ever; the channel is closed only when ctx ends or the
// subscriber is closed. A nacked message is sent again after a while, unless the
// checkpoint has moved: then the subscription starts anew from there.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lifetime.Err() != nil {
		return nil, errors.New("eventstore: the subscriber is closed")
	}
	ctx, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(s.lifetime, cancel)
	messages := make(chan *message.Message)
	sub := &subscription{Subscriber: s, topic: topic, messages: messages}
	s.running.Go(func() {
		defer cancel()
		defer unlink()
		defer close(messages)
		sub.run(ctx)
	})
	return messages, nil
}

// Close ends all subscriptions and waits for their goroutines. It does not wait
// for a message that is being worked on: its context ends.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

type batchKey struct{}

// BatchOf gives the events of a message from its context.
func BatchOf(ctx context.Context) (domain.Batch, bool) {
	batch, ok := ctx.Value(batchKey{}).(domain.Batch)
	return batch, ok
}

// A subscription is one channel of messages.
type subscription struct {
	*Subscriber
	topic    string
	messages chan<- *message.Message
	done     domain.Position // acknowledged
	lost     bool            // and said so
}

func (s *subscription) run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		before := s.done
		err := s.follow(ctx)
		if s.done != before {
			failures = 0
		}
		if ctx.Err() != nil || errors.Is(err, errCheckpointMoved) || errors.Is(err, errPassed) {
			continue
		}
		if !s.lost { // later failures say the same
			s.lost = true
			s.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "subscription lost", slog.String("topic", s.topic), slog.Any("error", err))
		}
		_ = sleep(ctx, backoff(50*time.Millisecond, longestWait, failures))
		failures++
	}
}

// follow subscribes at the checkpoint and hands out batches until the
// connection is lost, the checkpoint moves, or ctx ends.
func (s *subscription) follow(ctx context.Context) error {
	after, err := s.checkpoint(ctx)
	if err != nil {
		return fmt.Errorf("read the checkpoint: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var receiving sync.WaitGroup
	joined, caughtUp := false, after
	defer func() {
		cancel()
		receiving.Wait()
		if joined {
			s.store.tail.leave()
		}
	}()
	from, err := s.store.subscribe(ctx, s.topic, after)
	if err != nil {
		return err
	}
	if s.lost {
		s.lost = false
		s.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "subscribed again", slog.String("topic", s.topic), slog.String("position", after.String()))
	}
	ahead := newReadAhead(ctx, after, s.cfg.MaxBatch, s.cfg.MaxBytes)
	receiving.Go(func() {
		var err error
		caughtUp, err = s.receive(from, ahead, after)
		joined = errors.Is(err, errShared)
		ahead.end(err)
	})
	for {
		batch, err := ahead.take()
		if errors.Is(err, errShared) {
			return s.followTail(ctx, after, caughtUp)
		}
		if err == nil {
			after = batch.Through
			err = s.deliver(ctx, batch)
		}
		if err != nil {
			return err
		}
	}
}

// followTail hands out what the tail gives. What was delivered may end before where
// the tail was joined; nothing of ours lies between.
//
// A database that dies may lose the last commits that it acknowledged, where it was
// told not to wait for the disk, and the consumer with them: who has nothing to do
// looks whether the checkpoint went back, or it would learn of it with the next event.
func (s *subscription) followTail(ctx context.Context, delivered, joined domain.Position) error {
	idle := time.NewTicker(lookBack)
	defer idle.Stop()
	for {
		batch, err := s.store.tail.take(ctx, joined, s.cfg.MaxBatch, s.cfg.MaxBytes, idle.C)
		if err == nil && batch.Through == joined {
			if s.cfg.Checkpoint == nil {
				continue
			}
			if at, err := s.cfg.Checkpoint(ctx); err == nil && at.Before(delivered) {
				return errCheckpointMoved
			}
			continue
		}
		if err == nil {
			batch.After = delivered
			delivered, joined = batch.Through, batch.Through
			err = s.deliver(ctx, batch)
		}
		if err != nil {
			return err
		}
	}
}

// lookBack is how often the checkpoint is asked for while nothing happens.
const lookBack = time.Second

func (s *subscription) checkpoint(ctx context.Context) (domain.Position, error) {
	if s.cfg.Checkpoint == nil {
		return s.done, nil
	}
	return s.cfg.Checkpoint(ctx)
}

// receive decodes what arrives, so that this is done while the batch before is
// worked on, and on a stack that has grown already. It gives how far it came, and
// errShared when the subscription can go on with the tail, which it has joined.
func (s *subscription) receive(from *wire.Reading, ahead *readAhead, after domain.Position) (domain.Position, error) {
	defer from.Close()
	for caughtUp := false; ; {
		if caughtUp && s.store.tail.join(after) {
			return after, errShared
		}
		m, err := from.Next()
		if err != nil {
			return after, err
		}
		switch m.Kind {
		case wire.Checkpoint:
			after = domain.Position(m.Position)
			ahead.pass(after, s.cfg.MaxBatch > 1)
		case wire.CaughtUp:
			caughtUp = s.topic == All && s.cfg.MaxBatch > 1
		case wire.Appeared:
			e := &m.Event
			after = domain.Position(e.Position)
			if isSystem(e.Stream, e.Type) || s.topic != All && string(e.Stream) != s.topic {
				ahead.pass(after, false)
			} else if !ahead.add(s.store.recorded(e)) {
				return after, nil
			}
		default: // of no use here
		}
	}
}

// errCheckpointMoved is a nack by someone who has gone on elsewhere: another
// instance took over, or a commit succeeded whose answer was lost.
var errCheckpointMoved = errors.New("the checkpoint moved")

// deliver sends the batch until it is acknowledged.
func (s *subscription) deliver(ctx context.Context, batch domain.Batch) error {
	for nacks := 0; ; nacks++ {
		acked, err := s.send(ctx, batch)
		if err != nil {
			return err
		}
		if acked {
			s.done = batch.Through
			return nil
		}
		if err := sleep(ctx, backoff(10*time.Millisecond, s.cfg.NackDelay, nacks)); err != nil {
			return err
		}
		// When it cannot be read, the next try of the message will fail likewise.
		if at, err := s.checkpoint(ctx); err == nil && at != batch.After {
			return errCheckpointMoved
		}
	}
}

func (s *subscription) send(ctx context.Context, batch domain.Batch) (acked bool, err error) {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, batchKey{}, batch))
	defer cancel()
	msg := s.message(batch)
	msg.SetContext(ctx)
	select {
	case s.messages <- msg:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case <-msg.Acked():
		return true, nil
	case <-msg.Nacked():
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (s *subscription) message(batch domain.Batch) *message.Message {
	id, payload := "through-"+batch.Through.String(), message.Payload(nil)
	if len(batch.Events) > 0 {
		id = batch.Events[0].ID.String()
		if s.cfg.MaxBatch == 1 {
			payload = batch.Events[0].Data
		}
	}
	msg := message.NewMessage(id, payload)
	if len(batch.Events) > 0 {
		msg.Metadata.Set(FirstPosition, batch.Events[0].Position.String())
	}
	msg.Metadata.Set(LastPosition, batch.Through.String())
	msg.Metadata.Set(Count, strconv.Itoa(len(batch.Events)))
	return msg
}

// subscribe follows the log behind a position.
func (s *Store) subscribe(ctx context.Context, topic string, after domain.Position) (*wire.Reading, error) {
	filter := wire.Filter{TypePattern: notSystem}
	if topic != All {
		filter = wire.Filter{StreamPrefix: topic}
	}
	reading, err := s.subscribeTo(ctx, filter, after)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	return reading, nil
}

// subscribeTo follows part of the log behind a position. The server leaves out what
// is not asked for and tells now and then how far it has looked.
func (s *Store) subscribeTo(ctx context.Context, filter wire.Filter, after domain.Position) (*wire.Reading, error) {
	var reading *wire.Reading
	err := s.untilReached(ctx, func() (err error) {
		reading, err = s.log.Subscribe(ctx, wire.Follow(wire.Position(after)).Only(filter))
		return err
	})
	return reading, err
}

const longestWait = 5 * time.Second

// backoff doubles with every failure; half of it is chance, so that those who
// failed together do not come back together.
func backoff(first, longest time.Duration, failures int) time.Duration {
	wait := min(first<<min(failures, 16), longest)
	return wait/2 + rand.N(wait/2+1) //nolint:gosec // nothing secret about it
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
