package projections_test

import (
	"context"
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

// lives is a log in memory of many streams, each about one subject, with their
// revisions in order.
type lives struct {
	mu     sync.Mutex
	events []domain.Recorded
	last   map[domain.Stream]domain.Revision
	absent map[domain.Position]bool // events that streams do not hold either
}

func subjectOf(i int) uuid.UUID {
	return uuid.NewSHA1(domain.Namespace, fmt.Append(nil, "subject ", i))
}

func streamOf(i int) domain.Stream { return domain.NewStream("test", subjectOf(i)) }

// newLives is a log of that many notes, the first in each stream in turn, the others
// anywhere. The same arguments give the same log.
func newLives(streams, notes int, seed uint64) *lives {
	l := &lives{last: make(map[domain.Stream]domain.Revision)}
	random := rand.New(rand.NewPCG(seed, seed))
	for i := range notes {
		of := i
		if i >= streams {
			of = random.IntN(streams)
		}
		l.add(streamOf(of), noted{Subject: subjectOf(of), Text: fmt.Sprint("note ", i), N: i})
	}
	return l
}

// add appends an event to a stream.
func (l *lives) add(stream domain.Stream, event domain.Event) domain.Recorded {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	i := len(l.events)
	revision, there := l.last[stream]
	if there {
		revision++
	}
	l.last[stream] = revision
	e := domain.Recorded{
		ID: uuid.NewSHA1(domain.Namespace, fmt.Append(nil, "event ", i)), Stream: stream, Revision: revision,
		Position:   domain.Position{Commit: uint64(i+1) * 10, Prepare: uint64(i+1) * 10},
		RecordedAt: start.Add(time.Duration(i) * time.Second), Event: event,
		Meta: domain.Meta{OccurredAt: start.Add(time.Duration(i) * time.Minute)},
	}
	l.events = append(l.events, e)
	return e
}

func (l *lives) retry(model string, stream domain.Stream) {
	l.add(domain.ReadModelStream(domain.ReadModelNamed(model)), readmodel.RetryRequested{Name: model, Stream: stream})
}

func (l *lives) skip(model string, stream domain.Stream, revision domain.Revision) {
	l.add(domain.ReadModelStream(domain.ReadModelNamed(model)), readmodel.EventSkipped{Name: model, Stream: stream, Revision: revision})
}

// load is what a builder reads a stream with.
func (l *lives) load(_ context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var events []domain.Recorded
	for _, e := range l.events {
		if e.Stream == stream && e.Revision > after && !l.absent[e.Position] {
			events = append(events, e)
		}
	}
	return events, nil
}

// follow brings the tables of p from where they are to the end of the log, in batches
// of random sizes. Like the engine, it asks again after ErrMissing.
func (l *lives) follow(t *testing.T, b *projections.Builder, seed uint64) error {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, seed))
	for tries := 0; ; {
		at := b.Checkpoint().Position
		events := slices.DeleteFunc(slices.Clone(l.events), func(e domain.Recorded) bool { return !at.Before(e.Position) })
		if len(events) == 0 {
			return nil
		}
		through := events[min(len(events), 1<<random.IntN(9))-1].Position
		events = slices.DeleteFunc(events, func(e domain.Recorded) bool { return through.Before(e.Position) || l.absent[e.Position] })
		err := b.Apply(t.Context(), domain.Batch{Events: events, After: at, Through: through})
		if tries++; err != nil && (!isMissing(err) || tries > 100*len(l.events)) {
			return err
		}
	}
}

// build makes a read model of the whole log in an empty database.
func (l *lives) build(t *testing.T, p projections.Projection, pool *pgxpool.Pool, seed uint64) *projections.Builder {
	t.Helper()
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	b := taken(t, pool, p)
	b.Parking.Load = l.load
	if err := l.follow(t, b, seed); err != nil {
		t.Fatal(err)
	}
	return b
}

// without are the events that are neither among those nor asked of a read model.
func (l *lives) without(skipped ...domain.Position) []domain.Recorded {
	return slices.DeleteFunc(slices.Clone(l.events), func(e domain.Recorded) bool { return slices.Contains(skipped, e.Position) })
}
