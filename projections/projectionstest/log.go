package projectionstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/domain/readmodel"
	"crm/projections"
)

// Log is a log in memory, with the revisions of its streams in order. It begins with the
// Events that it is made with, and grows by [Log.Add].
type Log struct {
	Events []domain.Recorded
	Absent map[domain.Position]bool // events that are lost: neither fed, nor in their streams

	mu   sync.Mutex
	next map[domain.Stream]domain.Revision
}

// Add appends an event to a stream.
func (l *Log) Add(stream domain.Stream, event domain.Event) domain.Recorded {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	i, at := len(l.Events), uint64(0)
	if l.next == nil {
		l.next = make(map[domain.Stream]domain.Revision)
		for _, e := range l.Events {
			l.next[e.Stream] = e.Revision + 1
		}
	}
	if i > 0 {
		at = l.Events[i-1].Position.Commit
	}
	revision := l.next[stream]
	l.next[stream]++
	e := domain.Recorded{
		ID: uuid.NewSHA1(domain.Namespace, fmt.Append(nil, "event ", i)), Stream: stream, Revision: revision,
		Position:   domain.Position{Commit: at + 10, Prepare: at + 10},
		RecordedAt: start.Add(time.Duration(i) * time.Second), Event: event,
		Meta: domain.Meta{OccurredAt: start.Add(time.Duration(i) * time.Minute)},
	}
	l.Events = append(l.Events, e)
	return e
}

// Retry asks a read model to try a stream again, or with "" all that it has parked.
func (l *Log) Retry(model string, stream domain.Stream) {
	l.Add(domain.ReadModelStream(domain.ReadModelNamed(model)), readmodel.RetryRequested{Name: model, Stream: stream})
}

// Skip has a read model go without an event.
func (l *Log) Skip(model string, stream domain.Stream, revision domain.Revision) {
	l.Add(domain.ReadModelStream(domain.ReadModelNamed(model)), readmodel.EventSkipped{Name: model, Stream: stream, Revision: revision})
}

// Load is what a builder reads a stream with.
func (l *Log) Load(_ context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var events []domain.Recorded
	for _, e := range l.Events {
		if e.Stream == stream && e.Revision > after && !l.Absent[e.Position] {
			events = append(events, e)
		}
	}
	return events, nil
}

// Follow brings the tables of b from where they are to the end of the log, in batches
// of random sizes. Like the engine, it asks again after [projections.ErrMissing].
func (l *Log) Follow(t *testing.T, b *projections.Builder, seed uint64) error {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, seed))
	for tries := 0; ; {
		at := b.Checkpoint().Position
		events := slices.DeleteFunc(slices.Clone(l.Events), func(e domain.Recorded) bool { return !at.Before(e.Position) })
		if len(events) == 0 {
			return nil
		}
		through := events[min(len(events), 1<<random.IntN(9))-1].Position
		events = slices.DeleteFunc(events, func(e domain.Recorded) bool { return through.Before(e.Position) || l.Absent[e.Position] })
		err := b.Apply(t.Context(), domain.Batch{Events: events, After: at, Through: through})
		if tries++; err != nil && (!errors.Is(err, projections.ErrMissing) || tries > 100*len(l.Events)) {
			return err
		}
	}
}

// Build brings the tables of p, which it creates, to the end of the log. The builder is
// closed when the test ends.
func (l *Log) Build(t *testing.T, p projections.Projection, pool *pgxpool.Pool, seed uint64) *projections.Builder {
	t.Helper()
	b := Open(t, pool, p)
	b.Parking.Load = l.Load
	if err := l.Follow(t, b, seed); err != nil {
		t.Fatal(err)
	}
	return b
}

// Without are the events that are neither among those nor asked of a read model.
func (l *Log) Without(skipped ...domain.Position) []domain.Recorded {
	return slices.DeleteFunc(slices.Clone(l.Events), func(e domain.Recorded) bool { return slices.Contains(skipped, e.Position) })
}

// Of are the events of one stream.
func (l *Log) Of(stream domain.Stream) []domain.Recorded {
	events, _ := l.Load(context.Background(), stream, domain.NoStream)
	return events
}
