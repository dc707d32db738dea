package projections_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// source is a log in memory whose batches are as large as a test wants.
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

// feed is next, but waits.
func (s *source) feed(ctx context.Context, after domain.Position) (domain.Batch, error) {
	for {
		batch, grown := s.next(after)
		if grown == nil {
			return batch, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return domain.Batch{}, ctx.Err()
		}
	}
}

func (s *source) subscribe(name string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
	return projectionstest.Feed(s.feed).Subscribe(name, checkpoint)
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
	cfg.BatchOf = projectionstest.BatchOf
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
