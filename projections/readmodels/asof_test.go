package readmodels_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// Asking for one key as of a date reads that key's versions. A page in an order that
// never changes walks the index of the current rows, and asks for each key.
func TestAsOfIsReachedByIndexes(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	if err := projectionstest.Replay(t.Context(), pool, readmodels.Customers{}, randomWorld(2000, 3).events); err != nil {
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

// What a read model answers as of a date, as known at another, is what the tables say
// that were built without the events that came later.
func TestModelsAsOfAnyDate(t *testing.T) {
	t.Parallel()
	w := randomWorld(1500, 11)
	remembers := map[string][]string{
		"customers": {"customers"}, "deals": {"deals", "pipelines"}, "consents": {"consents"}, "timeline": {"deals"}, "sales": {"deals"},
	}
	begins, last, end := beginnings(w.events), w.events[len(w.events)-1], time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, p := range (readmodels.Models{}).Projections() {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			if err := projectionstest.Replay(t.Context(), pool, p, projectionstest.Shuffled(w.events, 11)...); err != nil {
				t.Fatal(err)
			}
			remembering := versionedTables(t, pool, p.Name())
			if diff := cmp.Diff(remembers[p.Name()], remembering); diff != "" {
				t.Errorf("what remembers (-want +got)\n%s", diff)
			}
			if len(remembering) == 0 {
				return // it tells today only
			}
			r := rand.New(rand.NewPCG(12, 12))
			between := func(a, b time.Time) *time.Time {
				at := a.Add(time.Duration(r.Int64N(int64(b.Sub(a)) + 1)))
				return &at
			}
			for n := range 4 {
				begun := begins[remembering[0]] // so that there is something to compare
				from := begun[r.IntN(len(begun))]
				asOf, knownAt := between(from.Meta.OccurredAt, end), between(from.RecordedAt, last.RecordedAt)
				if n == 0 {
					asOf = nil
				}
				if n == 1 {
					knownAt = nil
				}
				then := projectionstest.Pool(t)
				b := projectionstest.Open(t, then, p)
				b.Parking.Load = skipping(p, notKnownThen(w.events, asOf, knownAt))
				if err := b.Apply(t.Context(), domain.Batch{Events: w.events, Through: last.Position}); err != nil {
					t.Fatal(err)
				}
				b.Close()
				for _, table := range remembering {
					name := pgx.Identifier{p.Name(), table}.Sanitize()
					want := versions(t, then, name)
					got := versions(t, pool, pgx.Identifier{p.Name(), table + "_at"}.Sanitize()+"($1, $2)", asOf, knownAt)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("%s as of %v, known at %v (-events of then +asked now)\n%s", name, asOf, knownAt, diff)
					}
					if len(want) == 0 && table != "pipelines" {
						t.Errorf("no %s as of %v, known at %v, so nothing was compared", table, asOf, knownAt)
					}
				}
			}
		})
	}
}

// beginnings are the first events of entities, by the table that has a row of each.
func beginnings(events []domain.Recorded) map[string][]domain.Recorded {
	begun, first := map[string]bool{}, map[string][]domain.Recorded{}
	for _, e := range events {
		if entity := entityOf(e); !begun[entity] {
			begun[entity] = true
			table := e.Stream.Category() + "s"
			first[table] = append(first[table], e)
		}
	}
	return first
}

// notKnownThen is the events that occurred after an instant, or were recorded after
// another, and those of entities whose first event is among them.
func notKnownThen(events []domain.Recorded, asOf, knownAt *time.Time) []domain.Recorded {
	exists := map[string]bool{}
	var unknown []domain.Recorded
	for _, e := range events {
		there := (asOf == nil || !e.Meta.OccurredAt.After(*asOf)) && (knownAt == nil || !e.RecordedAt.After(*knownAt))
		entity := entityOf(e)
		if _, begun := exists[entity]; !begun {
			exists[entity] = there
		}
		if !there || !exists[entity] {
			unknown = append(unknown, e)
		}
	}
	return unknown
}

// skipping says of events that p is to go without them.
func skipping(p projections.Projection, events []domain.Recorded) func(context.Context, domain.Stream, domain.Revision) ([]domain.Recorded, error) {
	var log projectionstest.Log
	for _, e := range events {
		log.Skip(p.Name(), e.Stream, e.Revision)
	}
	return log.Load
}

// entityOf is whose row the event changes: of a stream of consents there is a row for
// each purpose and channel.
func entityOf(e domain.Recorded) string {
	if e.Stream.Category() != "consent" {
		return string(e.Stream)
	}
	var about struct{ Purpose, Channel string }
	if err := json.Unmarshal(e.Data, &about); err != nil {
		panic(err)
	}
	return fmt.Sprint(e.Stream, about)
}

// versionedTables are the tables of a schema that have a history.
func versionedTables(t *testing.T, pool *pgxpool.Pool, schema string) []string {
	t.Helper()
	var versioned []string
	all := tables(t, pool, schema)
	for _, table := range slices.Sorted(maps.Keys(all)) {
		if past, remembers := all[table+"_history"]; remembers {
			versioned = append(versioned, table)
			if len(past) == 0 {
				t.Errorf("%s.%s has no past to compare", schema, table)
			}
		}
	}
	return versioned
}

// versions are rows without the columns in which two ways of knowing the same differ.
func versions(t *testing.T, pool *pgxpool.Pool, from string, args ...any) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT (to_jsonb(v) - ARRAY['valid_from', 'known_from', 'valid_until', 'end_known_from', 'known_until'])::text
		FROM `+from+` AS v ORDER BY 1`, args...)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return found
}
