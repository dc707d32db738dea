package webhooks

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"crm/domain"
)

// Log is the log of events, as the sender looks back into it.
type Log struct {
	// Subscribe makes a subscriber that begins behind what checkpoint answers, as for
	// a read model.
	Subscribe func(name string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber
	// BatchOf finds the events on the context of a message.
	BatchOf func(ctx context.Context) (domain.Batch, bool)
	// Load gives the events of a stream after a revision.
	Load func(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error)
	// Head is where the log ends.
	Head func(ctx context.Context) (domain.Position, time.Time, error)
}

var errEnded = errors.New("webhooks: the subscription ended by itself")

// read hands out the log behind after, up to through and perhaps beyond, in batches. It
// ends with the first error of take.
func (l Log) read(ctx context.Context, name string, after, through domain.Position, take func(domain.Batch) error) error {
	if !after.Before(through) {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	at := after
	subscriber := l.Subscribe(name, func(context.Context) (domain.Position, error) { return at, nil })
	defer func() { _ = subscriber.Close() }() // nothing was written
	messages, err := subscriber.Subscribe(ctx, "$all")
	if err != nil {
		return err
	}
	for at.Before(through) {
		var msg *message.Message
		select {
		case msg = <-messages:
		case <-ctx.Done():
			return ctx.Err()
		}
		if msg == nil {
			return errEnded
		}
		batch, ok := l.BatchOf(msg.Context())
		if !ok {
			msg.Nack()
			return errEnded
		}
		if err := take(batch); err != nil {
			msg.Nack()
			return err
		}
		at = batch.Through
		msg.Ack()
	}
	return nil
}
