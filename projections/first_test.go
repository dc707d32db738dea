package projections_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// structure is the indexes and constraints of the tables in a schema.
func structure(t *testing.T, pool *pgxpool.Pool, schema string) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
		SELECT indexdef FROM pg_indexes WHERE schemaname = $1
		UNION ALL
		SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = $1::regnamespace
		ORDER BY 1`, schema)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The first window takes the keys off and puts them on again, all of them, and leaves
// rows that nobody need visit.
func TestFirstWindowLeavesTheTablesAsTheyAreDescribed(t *testing.T) {
	t.Parallel()
	histories := map[string][]domain.Recorded{"notes": history(300), "things": bitemporal(rand.New(rand.NewPCG(7, 7)), 300)}
	for _, p := range []projections.Projection{notes{name: "notes"}, things{"things"}} {
		events := histories[p.Name()]
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			if err := projectionstest.Replay(t.Context(), pool, p, events); err != nil {
				t.Fatal(err)
			}
			want := structure(t, pool, p.Name())

			pool = projectionstest.Pool(t)
			b := bulk(t, pool, p, projections.BulkLimits{})
			apply(t, b, batched(projectionstest.Batches(events, 100))...)
			if err := b.Finish(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, structure(t, pool, p.Name())); diff != "" {
				t.Errorf("(-batches +first window)\n%s", diff)
			}
			var unfrozen []string
			rows, err := pool.Query(t.Context(), `SELECT relname FROM pg_class
				WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND relname !~ '_history$' AND relallvisible < relpages`, p.Name())
			if err == nil {
				unfrozen, err = pgx.CollectRows(rows, pgx.RowTo[string])
			}
			if err != nil || len(unfrozen) > 0 {
				t.Errorf("tables with rows that are not frozen: %v (%v)", unfrozen, err)
			}
		})
	}
}

// Who is killed in the first window leaves empty tables with their keys.
func TestCrashInTheFirstWindow(t *testing.T) {
	t.Parallel()
	batches := batched(projectionstest.Batches(history(300), 50))
	pool := projectionstest.Pool(t)
	p := notes{name: "notes"}
	bulk(t, pool, p, projections.BulkLimits{}).Close()
	want := structure(t, pool, p.name)

	b := bulk(t, pool, p, projections.BulkLimits{})
	apply(t, b, batches...)
	b.Close()
	if diff := cmp.Diff(want, structure(t, pool, p.name)); diff != "" {
		t.Errorf("(-before +after the crash)\n%s", diff)
	}
	for table, rows := range read(t, pool, p.name) {
		if len(rows) > 0 {
			t.Errorf("%d rows of a lost window in %s", len(rows), table)
		}
	}
	b = bulk(t, pool, p, projections.BulkLimits{})
	apply(t, b, batches...)
	if err := b.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(expected(history(300)), read(t, pool, p.name)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Who reads the empty tables for long, as a dump does, keeps nobody from filling them.
func TestFirstWindowBesideAReader(t *testing.T) {
	t.Parallel()
	events := history(300)
	pool := projectionstest.Pool(t)
	p := notes{name: "notes"}
	b := bulk(t, pool, p, projections.BulkLimits{})
	want := structure(t, pool, p.name)
	reader, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec(t.Context(), "LOCK TABLE notes.days, notes.lines IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	apply(t, b, batched(projectionstest.Batches(events, 50))...)
	if err := b.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := reader.Commit(t.Context()); err != nil {
		t.Errorf("the reader: %v", err)
	}
	diffTables(t, pool, p.name, events)
	made := structure(t, pool, p.name)
	for _, what := range want {
		if !slices.Contains(made, what) {
			t.Errorf("%s is gone", what)
		}
	}
}

// A key that comes twice is found when the window ends, and not blamed on its last batch.
func TestSameKeyTwiceInTheFirstWindow(t *testing.T) {
	t.Parallel()
	type line struct {
		N int `db:"n"`
	}
	lines := projections.NewAppended[line]("lines")
	p := program{ddl: "CREATE TABLE lines (n integer PRIMARY KEY)", step: func(w *projections.Writer, n int) {
		lines.Add(w, line{N: n % 150})
	}}
	b := bulk(t, projectionstest.Pool(t), p, projections.BulkLimits{})
	apply(t, b, batched(projectionstest.Batches(newLives(1, 300, 1).Events, 50))...)
	err := b.Flush(t.Context())
	failure, ok := errors.AsType[*projections.Failure](err)
	if !ok || failure.Class != projections.Rejected || failure.Table != "lines" || failure.Detail != "23505" {
		t.Fatalf("flushed with %v", err)
	}
	if !failure.Position.IsZero() || failure.EventType != "" {
		t.Errorf("it blames %s, %q", failure.Position, failure.EventType)
	}
}
