package projections_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// Asking for one key as of a date reads that key's versions. A page in an order that
// never changes walks the index of the current rows, and asks for each key.
func TestAsOfIsReachedByIndexes(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	if err := projectionstest.Replay(t.Context(), pool, projections.Customers{}, randomWorld(2000, 3).events); err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string]struct {
		sql   string
		wants []string
	}{
		"a card": {"SELECT name FROM customers.customers_at(@at, @known) WHERE customer_id = @id", []string{"customers_pk", "customers_history_pk"}},
		"a page": {`SELECT v.name FROM customers.customers AS c
			CROSS JOIN LATERAL (SELECT * FROM customers.customers_at(@at, @known) AS v WHERE v.customer_id = c.customer_id) AS v
			WHERE c.registered_at <= @at
			ORDER BY c.registered_at DESC, c.customer_id DESC LIMIT 2`, []string{"customers_by_age", "customers_pk", "customers_history_pk"}},
	} {
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		// The tables are small: what is asked is whether an index can serve at all.
		if _, err := tx.Exec(t.Context(), "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off"); err != nil {
			t.Fatal(err)
		}
		rows, err := tx.Query(t.Context(), "EXPLAIN "+query.sql,
			pgx.NamedArgs{"at": time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC), "known": nil, "id": customerID(1)})
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		plan := strings.Join(lines, "\n")
		for _, index := range query.wants {
			if !strings.Contains(plan, "using "+index+" ") {
				t.Errorf("%s does not use %s", name, index)
			}
		}
		if strings.Contains(plan, "Function Scan") || strings.Contains(plan, "Sort  ") || t.Failed() {
			t.Errorf("%s is planned as\n%s", name, plan)
		}
	}
}

// A swap renames the schema of what is read: the functions go along with their tables.
func TestAsOfSurvivesARename(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := bitemporal(seeded(1), 30)
	if err := projectionstest.Replay(t.Context(), pool, things{"things"}, events); err != nil {
		t.Fatal(err)
	}
	count := func(schema string) (n int) {
		t.Helper()
		if err := pool.QueryRow(t.Context(), fmt.Sprintf("SELECT count(*) FROM %s.things_at(NULL, NULL)", schema)).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count("things")
	if _, err := pool.Exec(t.Context(), "ALTER SCHEMA things RENAME TO things__b1; CREATE SCHEMA things"); err != nil {
		t.Fatal(err)
	}
	if after := count("things__b1"); after != before || before == 0 {
		t.Errorf("%d things before, %d after", before, after)
	}
}

// Where a row follows a stream, an event that is not the next one is not applied.
func TestMissingRevision(t *testing.T) {
	t.Parallel()
	w := randomWorld(300, 4)
	streams := map[domain.Stream][]domain.Recorded{}
	var longest domain.Stream
	for _, e := range w.events {
		if e.Stream.Category() == "customer" {
			streams[e.Stream] = append(streams[e.Stream], e)
			if len(streams[e.Stream]) > len(streams[longest]) {
				longest = e.Stream
			}
		}
	}
	mine := streams[longest]
	if len(mine) < 6 {
		t.Fatalf("%d events", len(mine))
	}
	for name, test := range map[string]struct{ stored, lost int }{"of a new row": {0, 0}, "in a batch": {0, 3}, "between batches": {2, 2}, "after a batch": {2, 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := builder(t, projectionstest.Pool(t), projections.Customers{})
			if test.stored > 0 {
				if err := b.Apply(t.Context(), batch(domain.Position{}, mine[:test.stored])); err != nil {
					t.Fatal(err)
				}
			}
			at := b.Checkpoint().Position
			gap := slices.Concat(mine[test.stored:test.lost], mine[test.lost+1:])
			err := b.Apply(t.Context(), batch(at, gap))
			if !errors.Is(err, projections.ErrMissing) || !errors.Is(err, projections.ErrOutOfStep) {
				t.Errorf("got %v", err)
			}
			if !b.Checkpoint().Position.Before(mine[test.lost+1].Position) {
				t.Error("the checkpoint moved over what is missing")
			}
			if err := b.Apply(t.Context(), batch(at, mine[test.stored:])); err != nil {
				t.Errorf("with all events: %v", err)
			}
		})
	}
}

// A change runs on several versions, so what it adds would be added several times.
func TestVersionedChangesAddNothing(t *testing.T) {
	t.Parallel()
	type line struct {
		N int `db:"n"`
	}
	added := projections.NewAppended[line]("added")
	summed := projections.NewSums[string, sumRow]("sums", "part")
	for name, add := range map[string]func(w *projections.Writer){
		"rows": func(w *projections.Writer) { added.Add(w, line{}) },
		"sums": func(w *projections.Writer) { summed.Add(w, "a", func(*sumRow) {}) },
	} {
		p := program{ddl: things{}.Schema().Tables, step: func(w *projections.Writer, _ int) {
			thingTable.Change(w, thingKey{Part: "a"}, domain.Recorded{}, func(*thingRow) { add(w) })
		}}
		err := projectionstest.Replay(t.Context(), projectionstest.Pool(t), p, steps(1))
		if f, ok := errors.AsType[*projections.Failure](err); !ok || f.Class != projections.Panicked {
			t.Errorf("%s: %v", name, err)
		}
	}
}
