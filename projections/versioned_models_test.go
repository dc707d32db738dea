package projections_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// What a read model answers as of a date, as known at another, is what the tables say
// that were built of nothing but the events of then.
func TestModelsAsOfAnyDate(t *testing.T) {
	t.Parallel()
	w := randomWorld(1500, 11)
	remembers := map[string][]string{
		"customers": {"customers"}, "deals": {"deals", "pipelines"}, "consents": {"consents"}, "timeline": {"deals"}, "sales": {"deals"},
	}
	first, last := w.events[0], w.events[len(w.events)-1]
	for _, p := range (projections.Models{}).Projections() {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			if err := projectionstest.Replay(t.Context(), pool, p, projectionstest.Shuffled(w.events, 11)...); err != nil {
				t.Fatal(err)
			}
			tables := versionedTables(t, pool, p.Name())
			if diff := cmp.Diff(remembers[p.Name()], tables); diff != "" {
				t.Errorf("what remembers (-want +got)\n%s", diff)
			}
			if len(tables) == 0 {
				return // it tells today only
			}
			r := rand.New(rand.NewPCG(12, 12))
			between := func(a, b time.Time) *time.Time {
				at := a.Add(time.Duration(r.Int64N(int64(b.Sub(a)) + 1)))
				return &at
			}
			start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
			for n := range 4 {
				asOf, knownAt := between(start, start.AddDate(2, 0, 0)), between(first.RecordedAt, last.RecordedAt)
				if n == 0 {
					asOf = nil
				}
				if n == 1 {
					knownAt = nil
				}
				then := projectionstest.Pool(t)
				b := builder(t, then, p)
				projections.AllowGaps(b)
				if err := b.Apply(t.Context(), batch(domain.Position{}, knownThen(w.events, asOf, knownAt))); err != nil {
					t.Fatal(err)
				}
				b.Close()
				for _, table := range tables {
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

// knownThen is the events that occurred until an instant, and were recorded until
// another, of the entities whose first event is among them.
func knownThen(events []domain.Recorded, asOf, knownAt *time.Time) []domain.Recorded {
	exists := map[string]bool{}
	var known []domain.Recorded
	for _, e := range events {
		there := (asOf == nil || !e.Meta.OccurredAt.After(*asOf)) && (knownAt == nil || !e.RecordedAt.After(*knownAt))
		entity := entityOf(e)
		if _, begun := exists[entity]; !begun {
			exists[entity] = there
		}
		if there && exists[entity] {
			known = append(known, e)
		}
	}
	return known
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
	var tables []string
	all := read(t, pool, schema)
	for _, table := range slices.Sorted(maps.Keys(all)) {
		if past, remembers := all[table+"_history"]; remembers {
			tables = append(tables, table)
			if len(past) == 0 {
				t.Errorf("%s.%s has no past to compare", schema, table)
			}
		}
	}
	return tables
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
