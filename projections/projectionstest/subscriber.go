package projectionstest

import (
	"context"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"crm/domain"
)

// A Feed gives the batch behind a position. It waits for one, or until ctx ends.
type Feed func(ctx context.Context, after domain.Position) (domain.Batch, error)

// Subscribe makes a subscriber such as the event store's: it starts at the checkpoint,
// hands out one message at a time, and looks at the checkpoint again after a nack. The
// name is that of who subscribes, which does not matter here.
func (f Feed) Subscribe(_ string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
	return &subscriber{feed: f, checkpoint: checkpoint, closing: make(chan struct{})}
}

type batchKey struct{}

// BatchOf finds the events on the context of a message of a [Feed].
func BatchOf(ctx context.Context) (domain.Batch, bool) {
	batch, ok := ctx.Value(batchKey{}).(domain.Batch)
	return batch, ok
}

type subscriber struct {
	feed       Feed
	checkpoint func(context.Context) (domain.Position, error)
	running    sync.WaitGroup
	once       sync.Once
	closing    chan struct{}
}

// Subscribe hands out messages until ctx ends or the subscriber is closed. There is one
// topic, whatever it is called.
func (s *subscriber) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	ctx, cancel := context.WithCancel(ctx)
	s.running.Go(func() {
		defer close(out)
		defer cancel()
		for ctx.Err() == nil {
			s.follow(ctx, out)
		}
	})
	s.running.Go(func() {
		defer cancel()
		select {
		case <-s.closing:
		case <-ctx.Done():
		}
	})
	return out, nil
}

// follow hands out batches from the checkpoint on, until one is nacked.
func (s *subscriber) follow(ctx context.Context, out chan<- *message.Message) {
	at, err := s.checkpoint(ctx)
	if err != nil {
		return
	}
	for {
		batch, err := s.feed(ctx, at)
		if err != nil || !hand(ctx, out, batch) {
			return
		}
		at = batch.Through
	}
}

// hand hands out one batch and reports whether it was acked.
func hand(ctx context.Context, out chan<- *message.Message, batch domain.Batch) bool {
	own, cancel := context.WithCancel(context.WithValue(ctx, batchKey{}, batch))
	defer cancel()
	msg := message.NewMessage(batch.Through.String(), nil)
	msg.SetContext(own)
	select {
	case out <- msg:
	case <-ctx.Done():
		return false
	}
	select {
	case <-msg.Acked():
		return true
	case <-msg.Nacked():
	case <-ctx.Done():
	}
	return false
}

// Close waits for what was begun.
func (s *subscriber) Close() error {
	s.once.Do(func() { close(s.closing) })
	s.running.Wait()
	return nil
}
