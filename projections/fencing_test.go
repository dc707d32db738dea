package projections_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// Whoever took the tables over last is the only one who writes.
func TestFencing(t *testing.T) {
	t.Parallel()
	events := history(600)
	at := events[99].Position
	for name, meanwhile := range map[string]func(t *testing.T, pool *pgxpool.Pool){
		"by epoch": func(t *testing.T, pool *pgxpool.Pool) {
			t.Helper()
			if _, err := pool.Exec(t.Context(), "UPDATE crm.projections SET epoch = epoch + 1"); err != nil {
				t.Fatal(err)
			}
		},
		"by position": func(t *testing.T, pool *pgxpool.Pool) {
			t.Helper()
			if _, err := pool.Exec(t.Context(), "UPDATE crm.projections SET position_commit = position_commit + 1"); err != nil {
				t.Fatal(err)
			}
		},
		"by other tables": func(t *testing.T, pool *pgxpool.Pool) {
			t.Helper()
			if _, err := pool.Exec(t.Context(), "DELETE FROM crm.projections"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, size := range []int{1, 400} {
			t.Run(fmt.Sprint(name, " in a batch of ", size), func(t *testing.T) {
				t.Parallel()
				pool := projectionstest.Pool(t)
				old := projectionstest.Open(t, pool, notes{name: "notes"})
				if err := old.Apply(t.Context(), batch(domain.Position{}, events[:100])); err != nil {
					t.Fatal(err)
				}
				meanwhile(t, pool)
				before := read(t, pool, "notes")
				if err := old.Apply(t.Context(), batch(at, events[100:100+size])); !errors.Is(err, projections.ErrFenced) {
					t.Errorf("got %v, want ErrFenced", err)
				}
				old.Close()
				if diff := cmp.Diff(before, read(t, pool, "notes")); diff != "" {
					t.Errorf("the fenced builder wrote (-before +after):\n%s", diff)
				}
			})
		}
	}
}

// Of two engines on one database one writes, and both know how far the tables are.
func TestTwoEnginesNeverWriteTwice(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(600)
	log := newSource(events[:1:1], 5)
	one, _ := start(t, pool, log, projections.Config{}, notes{name: "notes"})
	two, _ := start(t, pool, log, projections.Config{}, notes{name: "notes"})
	wait(t, one, "notes", log.end())
	wait(t, two, "notes", log.end())
	log.append(events[1:]...)
	wait(t, one, "notes", log.end())
	wait(t, two, "notes", log.end())
	compare(t, pool, "notes", events)
}

// Losing the tables while indexes are due is as passing as losing them in a batch.
func TestFencedBeforeTheIndexes(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	log := newSource(history(100), 50)
	e, _ := start(t, pool, log, projections.Config{QuietAfter: time.Second}, notes{name: "notes"})
	wait(t, e, "notes", log.end())
	if _, err := pool.Exec(t.Context(), "UPDATE crm.projections SET epoch = epoch + 1"); err != nil {
		t.Fatal(err)
	}
	eventually(t, e, "notes", "degraded", inState(projections.Degraded))
	eventually(t, e, "notes", "live", inState(projections.Live))
	compare(t, pool, "notes", history(100))
}

func TestBatchesOutOfStep(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(100)
	b := projectionstest.Open(t, pool, notes{name: "notes"})
	apply := func(after domain.Position, part []domain.Recorded) error {
		return b.Apply(t.Context(), batch(after, part))
	}
	if err := apply(events[5].Position, events[6:10]); !errors.Is(err, projections.ErrOutOfStep) {
		t.Errorf("a gap before the first event: %v", err)
	}
	for _, part := range []struct{ from, to int }{{0, 20}, {0, 20}, {10, 40}, {5, 15}, {40, 41}, {0, 100}} {
		after := domain.Position{}
		if part.from > 0 {
			after = events[part.from-1].Position
		}
		if err := apply(after, events[part.from:part.to]); err != nil {
			t.Errorf("%d to %d: %v", part.from, part.to, err)
		}
	}
	compare(t, pool, "notes", events)

	// A stretch without events of ours moves the checkpoint all the same.
	end := events[99].Position
	if err := b.Apply(t.Context(), domain.Batch{After: end, Through: domain.Position{Commit: 5000, Prepare: 5000}}); err != nil {
		t.Fatal(err)
	}
	if n := count(t, pool, "SELECT position_commit FROM crm.projections"); n != 5000 {
		t.Errorf("the checkpoint is at %d", n)
	}
}
