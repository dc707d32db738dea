package projections_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
)

// source is a log in memory with subscribers such as the event store's: they
// start at the checkpoint, hand out one message at a time, and look at the
// checkpoint again after a nack.
type source struct {
	mu     sync.Mutex
	events []domain.Recorded
	grown  chan struct{}
	size   func(left int) int // of the next batch
}

func newSource(events []domain.Recorded, size int) *source {
	return &source{events: events, grown: make(chan struct{}), size: func(int) int { return size }}
}

func (s *source) append(events ...domain.Recorded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, events...)
	close(s.grown)
	s.grown = make(chan struct{})
}

func (s *source) end() domain.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[len(s.events)-1].Position
}

// head is what the engine asks for the end of the log.
func (s *source) head(context.Context) (domain.Position, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.events[len(s.events)-1]
	return last.Position, last.RecordedAt, nil
}

func (s *source) next(after domain.Position) (domain.Batch, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := domain.Batch{After: after}
	for i, e := range s.events {
		if after.Before(e.Position) {
			n := min(max(s.size(len(s.events)-i), 1), len(s.events)-i)
			batch.Events = s.events[i : i+n]
			batch.Through = batch.Events[n-1].Position
			return batch, nil
		}
	}
	return batch, s.grown
}

type batchKey struct{}

func batchOf(ctx context.Context) (domain.Batch, bool) {
	batch, ok := ctx.Value(batchKey{}).(domain.Batch)
	return batch, ok
}

func (s *source) subscribe(_ string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
	return &subscriber{source: s, checkpoint: checkpoint, closing: make(chan struct{})}
}

type subscriber struct {
	*source
	checkpoint func(context.Context) (domain.Position, error)
	running    sync.WaitGroup
	once       sync.Once
	closing    chan struct{}
}

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
		batch, grown := s.next(at)
		if grown != nil {
			select {
			case <-grown:
				continue
			case <-ctx.Done():
				return
			}
		}
		msg := message.NewMessage(fmt.Sprint(batch.Through), nil)
		own, cancel := context.WithCancel(context.WithValue(ctx, batchKey{}, batch))
		msg.SetContext(own)
		select {
		case out <- msg:
		case <-ctx.Done():
			cancel()
			return
		}
		select {
		case <-msg.Acked():
			at = batch.Through
			cancel()
		case <-msg.Nacked():
			cancel()
			return
		case <-ctx.Done():
			cancel()
			return
		}
	}
}

func (s *subscriber) Close() error {
	s.once.Do(func() { close(s.closing) })
	s.running.Wait()
	return nil
}

// patience bounds what should take a moment, on a machine that may be busy.
const patience = 30 * time.Second

// wait blocks until the model has applied position.
func wait(t *testing.T, e *projections.Engine, model string, position domain.Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := e.WaitFor(ctx, model, position); err != nil {
		t.Fatalf("waiting for %s to reach %s: %v; it is %+v", model, position, err, e.Status())
	}
}

// eventually blocks until the model's status is as asked for.
func eventually(t *testing.T, e *projections.Engine, model, what string, is func(projections.Status) bool) projections.Status {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		for _, s := range e.Status() {
			if s.Name == model && is(s) {
				return s
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not %s: %+v", model, what, e.Status())
		}
	}
}

func inState(state projections.State) func(projections.Status) bool {
	return func(s projections.Status) bool { return s.State == state }
}

// start runs an engine until the test ends, or stop is called.
func start(t *testing.T, pool *pgxpool.Pool, from *source, cfg projections.Config, all ...projections.Projection) (e *projections.Engine, stop func()) {
	t.Helper()
	cfg.BatchOf = batchOf
	if cfg.Subscribe == nil {
		cfg.Subscribe = from.subscribe
	}
	if cfg.Head == nil {
		cfg.Head = from.head
	}
	if cfg.QuietAfter == 0 {
		cfg.QuietAfter = 20 * time.Millisecond
	}
	e = projections.NewEngine(pool, cfg, all...)
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	stop = func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		running.Wait()
	}
	t.Cleanup(stop)
	return e, stop
}
