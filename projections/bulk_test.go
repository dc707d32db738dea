package projections_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// bulk is a builder in bulk in an empty database.
func bulk(t *testing.T, pool *pgxpool.Pool, p projections.Projection, limits projections.BulkLimits) *projections.Builder {
	t.Helper()
	b := projectionstest.Open(t, pool, p)
	b.Limits = limits
	if err := b.Bulk(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// batched makes batches that follow each other of what was cut.
func batched(cut [][]domain.Recorded) []domain.Batch {
	var batches []domain.Batch
	var at domain.Position
	for _, events := range cut {
		through := events[len(events)-1].Position
		batches = append(batches, domain.Batch{Events: events, After: at, Through: through})
		at = through
	}
	return batches
}

func apply(t *testing.T, b *projections.Builder, batches ...domain.Batch) {
	t.Helper()
	for _, batch := range batches {
		if err := b.Apply(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever the windows are, the tables are those that batches by themselves leave:
// while all rows fit into memory and when they do not, however often it is flushed.
func TestBulkLeavesTheSameTables(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	histories := map[string][]domain.Recorded{"notes": history(700), "things": bitemporal(r, 400)}
	for _, p := range []projections.Projection{notes{name: "notes"}, things{"things"}} {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			events := histories[p.Name()]
			pool := projectionstest.Pool(t)
			if err := projectionstest.Replay(t.Context(), pool, p, projectionstest.Batches(events, 100)...); err != nil {
				t.Fatal(err)
			}
			want := read(t, pool, p.Name())
			for name, window := range map[string]projections.BulkLimits{
				"one window": {math.MaxInt64, math.MaxInt}, "of some events": {150, math.MaxInt}, "of little memory": {math.MaxInt64, 20_000},
				"of each batch": {1, 1},
			} {
				pool := projectionstest.Pool(t)
				b := bulk(t, pool, p, window)
				for i, batch := range batched(projectionstest.Shuffled(events, 3)) {
					apply(t, b, batch)
					if i%7 == 3 && window.Events == 150 {
						if err := b.Flush(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := b.Finish(t.Context()); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, read(t, pool, p.Name())); diff != "" {
					t.Errorf("windows: %s (-batches +bulk)\n%s", name, diff)
				}
			}
		})
	}
}

// A window is committed whole or not at all, and the checkpoint with it.
func TestCrashLosesTheWindowOnly(t *testing.T) {
	t.Parallel()
	events := history(600)
	batches := batched(projectionstest.Batches(events, 50))
	pool := projectionstest.Pool(t)
	if err := projectionstest.Replay(t.Context(), pool, notes{name: "notes"}, events); err != nil {
		t.Fatal(err)
	}
	want := read(t, pool, "notes")

	pool = projectionstest.Pool(t)
	b := bulk(t, pool, notes{name: "notes"}, projections.BulkLimits{})
	apply(t, b, batches[:4]...)
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := read(t, pool, "notes")
	apply(t, b, batches[4:9]...)
	if at := b.Checkpoint().Position; at != batches[8].Through {
		t.Errorf("it has applied up to %s and tells %s", batches[8].Through, at)
	}
	if diff := cmp.Diff(before, read(t, pool, "notes")); diff != "" {
		t.Errorf("seen of a window that was not committed\n%s", diff)
	}
	b.Close()

	b = bulk(t, pool, notes{name: "notes"}, projections.BulkLimits{})
	if at := b.Checkpoint(); at.Position != batches[3].Through || at.Events != int64(handled(events[:200])) {
		t.Fatalf("after the crash it stands at %s with %d events, want the end of the last window, %s", at.Position, at.Events, batches[3].Through)
	}
	if err := b.Apply(t.Context(), batches[9]); !errors.Is(err, projections.ErrOutOfStep) {
		t.Errorf("what comes after the lost window is applied: %v", err)
	}
	apply(t, b, batches[2:]...) // some of it twice
	if err := b.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read(t, pool, "notes")); diff != "" {
		t.Errorf("(-without a crash +with one)\n%s", diff)
	}
}

func TestFencedWindowIsNotWritten(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	b := bulk(t, pool, notes{name: "notes"}, projections.BulkLimits{})
	apply(t, b, batched([][]domain.Recorded{history(100)})...)
	if _, err := pool.Exec(t.Context(), "UPDATE crm.projections SET epoch = epoch + 1"); err != nil {
		t.Fatal(err)
	}
	if err := b.Flush(t.Context()); !errors.Is(err, projections.ErrFenced) {
		t.Fatalf("flushed with %v, want ErrFenced", err)
	}
	for table, rows := range read(t, pool, "notes") {
		if len(rows) > 0 {
			t.Errorf("%d rows of a fenced window in %s", len(rows), table)
		}
	}
}

// Postgres leaves the tables alone while they are filled, and not afterwards.
func TestBulkGivesTheTablesBackToPostgres(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	left := func() (n int) {
		if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_class
			WHERE relnamespace = 'notes'::regnamespace AND reloptions::text LIKE '%autovacuum_enabled=off%'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	b := bulk(t, pool, notes{name: "notes"}, projections.BulkLimits{})
	if n := left(); n != 3 {
		t.Errorf("in bulk %d of 3 tables are left alone", n)
	}
	if err := b.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := left(); n != 0 {
		t.Errorf("%d tables are left alone for good", n)
	}
	if err := b.Bulk(t.Context()); err != nil || left() != 0 {
		t.Errorf("bulk of tables that are read: %v, %d left alone", err, left())
	}
}

// What only the rows notice to be missing, in streams that were not met lately, breaks
// the window: events before it in its batch are applied already. So the batch is not
// taken again by who has it open, be it whole, and is by who opens it anew.
func TestBulkWithoutAnEventThatRowsMiss(t *testing.T) {
	t.Parallel()
	log := newLives(10, 60, 4)
	batches := batched(projectionstest.Batches(log.Events, 20))
	holed := batches[0]
	holed.Events = log.Without(log.Of(log.Events[15].Stream)[0].Position)[:19]
	pool := projectionstest.Pool(t)
	b := bulk(t, pool, chapters{}, projections.BulkLimits{})
	err := b.Apply(t.Context(), holed)
	if class(err) != projections.Missing {
		t.Fatalf("applied without an event: %v", err)
	}
	if err := b.Apply(t.Context(), batches[0]); !errors.Is(err, projections.ErrOutOfStep) {
		t.Errorf("a lost window goes on: %v", err)
	}
	if err := b.Flush(t.Context()); !errors.Is(err, projections.ErrOutOfStep) {
		t.Errorf("a lost window is kept: %v", err)
	}
	b.Close()
	b = bulk(t, pool, chapters{}, projections.BulkLimits{})
	apply(t, b, batches...)
	if err := b.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	holdsChapters(t, pool, log.Events)
}

// holdsChapters fails unless the tables of chapters hold what events leave.
func holdsChapters(t *testing.T, pool *pgxpool.Pool, events []domain.Recorded) {
	t.Helper()
	want := projectionstest.Pool(t)
	if err := projectionstest.Replay(t.Context(), want, chapters{}, events); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(read(t, want, "chapters"), read(t, pool, "chapters")); diff != "" {
		t.Errorf("chapters (-want +got):\n%s", diff)
	}
}

// Rows that change and sums count for the memory that a window may take; it ends, and
// what it took is given back.
func TestWindowEndsWithItsMemory(t *testing.T) {
	t.Parallel()
	type row struct {
		Part string `db:"part"`
		N    int64  `db:"n"`
	}
	rows, sums := projections.NewKeyed[string, row]("rows", "part"), projections.NewSums[string, row]("sums", "part")
	for name, step := range map[string]func(w *projections.Writer, n int){
		"rows": func(w *projections.Writer, n int) { rows.Update(w, fmt.Sprint(n), func(r *row) { r.N++ }) },
		"sums": func(w *projections.Writer, n int) { sums.Add(w, fmt.Sprint(n), func(r *row) { r.N++ }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const ddl = "(part text PRIMARY KEY, n bigint NOT NULL);"
			pool := projectionstest.Pool(t)
			p := program{ddl: "CREATE TABLE rows " + ddl + "CREATE TABLE sums " + ddl, step: step}
			b := bulk(t, pool, p, projections.BulkLimits{Events: math.MaxInt64, Bytes: 100_000})
			ends := map[int]bool{}
			for _, batch := range batched(projectionstest.Batches(newLives(1, 6000, 1).Events, 100)) {
				apply(t, b, batch)
				ends[count(t, pool, "SELECT events FROM crm.projections")] = true
			}
			if n := len(ends) - 1; n < 3 || n > 30 {
				t.Errorf("6,000 groups in 100,000 bytes at a time are %d windows", n)
			}
		})
	}
}

// A build that needs much memory has what the others do not need.
func TestBuildsShareMemory(t *testing.T) {
	t.Parallel()
	type row struct {
		Part string `db:"part"`
		N    int64  `db:"n"`
	}
	rows := projections.NewKeyed[string, row]("rows", "part")
	for limit, want := range map[int]bool{600_000: false, 300_000: true} { // 1,000 rows take some 400,000
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			if err := projections.Migrate(t.Context(), pool); err != nil {
				t.Fatal(err)
			}
			var committed bool
			heavy := program{ddl: "CREATE TABLE rows (part text PRIMARY KEY, n bigint NOT NULL)", step: func(w *projections.Writer, n int) {
				rows.Update(w, fmt.Sprint(n), func(r *row) { r.N++ })
				if n == 999 {
					committed = count(t, pool, "SELECT events FROM crm.projections WHERE name = 'program'") > 0
				}
			}}
			from := newSource(newLives(1, 1000, 1).Events, 50)
			err := within(projections.BulkLimits{Bytes: limit}, pool, from, heavy, notes{name: "light"}).Rebuild(t.Context(), nil, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			if committed != want {
				t.Errorf("with %d bytes a window ended: %v, want %v", limit, committed, want)
			}
		})
	}
}
