package modelbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"

	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/errgroup"

	"crm/cmd/crm/chronicle"
	"crm/domain"
	"crm/eventstore"
	"crm/eventstore/embedded"
)

// eventLog is a node of this process and a store that speaks to it.
type eventLog struct {
	dir    string
	node   *embedded.Node
	store  *eventstore.Store
	served chan error
}

func openLog(ctx context.Context, dir string) (_ *eventLog, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := &eventLog{dir: dir, served: make(chan error, 1)}
	if l.node, err = embedded.Open(embedded.Config{Dir: filepath.Join(dir, "events")}); err != nil {
		return nil, err
	}
	listener, err := embedded.ListenUnix(filepath.Join(dir, "node.sock"))
	if err != nil {
		return nil, errors.Join(err, l.node.Close())
	}
	go func() { l.served <- l.node.Serve(listener) }()
	if l.store, err = eventstore.Open(ctx, eventstore.Config{UnixSocket: embedded.Address(listener)}); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *eventLog) close() error {
	var err error
	if l.store != nil {
		err = l.store.Close()
	}
	return errors.Join(err, l.node.Close(), <-l.served)
}

// fill has the chronicle in the log: written, or found there from a run before.
func (b *bench) fill(ctx context.Context) error {
	note := filepath.Join(b.log.dir, "chronicle.json")
	want, err := json.Marshal(b.Chronicle)
	if err != nil {
		return err
	}
	found, err := os.ReadFile(note)
	switch {
	case err == nil && string(found) != string(want):
		return fmt.Errorf("%s holds another chronicle, %s: remove it, or name another folder", b.log.dir, found)
	case err != nil:
		if head, _, err := b.log.store.Head(ctx); err != nil || !head.IsZero() {
			return errors.Join(err, fmt.Errorf("%s was not filled to the end: remove it, or name another folder", b.log.dir))
		}
		b.progress("filling the node with %d events", b.Chronicle.Events)
		if err := b.write(ctx); err != nil {
			return err
		}
		if err := os.WriteFile(note, want, 0o600); err != nil {
			return err
		}
	}
	b.head, _, err = b.log.store.Head(ctx)
	return err
}

// writers is how many append at once while the node is filled.
const writers = 128

// write appends the chronicle: each stream's events in order, and all of it nearly in
// order.
func (b *bench) write(ctx context.Context) error {
	writing, ctx := errgroup.WithContext(ctx)
	queues := make([]chan chronicle.Commit, writers)
	for i := range queues {
		queues[i] = make(chan chronicle.Commit, 4)
		writing.Go(func() error {
			for c := range queues[i] {
				if _, err := b.log.store.Append(ctx, c.Stream, c.Expected, c.Events); err != nil {
					return err
				}
			}
			return nil
		})
	}
	writing.Go(func() error {
		defer func() {
			for _, queue := range queues {
				close(queue)
			}
		}()
		seed := maphash.MakeSeed()
		for c := range chronicle.Commits(b.Chronicle) {
			select {
			case queues[maphash.String(seed, string(c.Stream))%writers] <- c:
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	return writing.Wait()
}

// subscriber reads the log in large batches.
func (b *bench) subscriber(checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
	return eventstore.NewSubscriber(b.log.store, eventstore.SubscriberConfig{
		Checkpoint: checkpoint, MaxBatch: b.Batch, MaxBytes: b.Batch << 10,
	})
}

// batches hands the log to do, from its start to the head, a batch at a time.
func (b *bench) batches(ctx context.Context, do func(context.Context, domain.Batch) error) (err error) {
	subscriber := b.subscriber(nil)
	defer func() { err = errors.Join(err, subscriber.Close()) }()
	messages, err := subscriber.Subscribe(ctx, eventstore.All)
	if err != nil {
		return err
	}
	for m := range messages {
		batch, _ := eventstore.BatchOf(m.Context())
		if err := do(ctx, batch); err != nil {
			return err
		}
		m.Ack()
		if !batch.Through.Before(b.head) {
			return nil
		}
	}
	return context.Cause(ctx)
}

// measureRead is what reading the log costs by itself.
func (b *bench) measureRead(ctx context.Context) error {
	events := int64(0)
	c, err := b.costOf(func() error {
		return b.batches(ctx, func(_ context.Context, batch domain.Batch) error {
			events += int64(len(batch.Events))
			return nil
		})
	})
	b.row("read the log", events, c, "")
	return err
}
