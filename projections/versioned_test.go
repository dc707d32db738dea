package projections_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// things is a projection of one table that remembers; what its rows say depends on
// which events they know, and in which order.
type things struct{ name string }

type thingKey struct {
	ID   uuid.UUID `db:"id"`
	Part string    `db:"part"`
}

type thingRow struct {
	Told string `db:"told"` // the numbers of the events, in order
	thingKey
	Count int     `db:"count"`
	Last  *string `db:"last"`
}

var thingTable = projections.NewVersioned[thingKey, thingRow]("things", "id", "part")

func (p things) Name() string    { return p.name }
func (things) Version() int      { return 1 }
func (things) Handles() []string { return []string{"test.noted"} }

func (things) Schema() projections.Schema {
	return projections.Schema{Tables: `CREATE TABLE things (
		id uuid NOT NULL, part text NOT NULL, told text NOT NULL, count integer NOT NULL, last text,
		valid_from timestamptz NOT NULL, known_from timestamptz NOT NULL, CONSTRAINT things_pk PRIMARY KEY (id, part));
		CREATE VIEW told AS SELECT told FROM things;`}.Remembering(thingTable)
}

func (things) Apply(w *projections.Writer, e domain.Recorded) error {
	tellThing(thingTable, w, e)
	return nil
}

// answers are things that any event may begin.
type answers struct{ things }

var answerTable = projections.NewVersioned[thingKey, thingRow]("things", "id", "part").BegunByAny()

func (answers) Apply(w *projections.Writer, e domain.Recorded) error {
	tellThing(answerTable, w, e)
	return nil
}

func tellThing(table *projections.Versioned[thingKey, thingRow], w *projections.Writer, e domain.Recorded) {
	event := e.Event.(noted)
	table.Change(w, thingKey{event.Subject, event.Text}, e, func(row *thingRow) {
		row.Told = tell(row.Told, event.N)
		row.Count++
		last := fmt.Sprint(event.N)
		row.Last = &last
		row.Part = "a change may not change the key"
	})
}

func tell(told string, n int) string { return strings.TrimSpace(fmt.Sprint(told, " ", n)) }

// bitemporal is a history of a few things: told in order, late, at the same instants
// and by a clock that stands still or goes back.
func bitemporal(r *rand.Rand, n int) []domain.Recorded {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	recorded, things := noon.AddDate(0, 1, 0), 1+r.IntN(4)
	days := 1 + r.IntN(12) // so few that events meet
	late := r.IntN(4)      // of four
	events := make([]domain.Recorded, n)
	for i := range events {
		at := uint64(i + 1)
		switch r.IntN(8) {
		case 0: // it stands still
		case 1:
			recorded = recorded.Add(-time.Duration(r.IntN(3)) * time.Hour)
		default:
			recorded = recorded.Add(time.Duration(r.IntN(3)) * time.Hour)
		}
		day := i * days / n
		if r.IntN(4) < late {
			day = r.IntN(days)
		}
		number := r.IntN(things)
		events[i] = domain.Recorded{
			Position: domain.Position{Commit: at, Prepare: at},
			// The store's clock is finer than a column.
			RecordedAt: recorded.Add(time.Duration(r.IntN(9)) * 100 * time.Nanosecond),
			Event:      noted{Subject: subjectOf(number / 2), Text: []string{"left", "right"}[number%2], N: i},
			Meta:       domain.Meta{OccurredAt: noon.AddDate(0, 0, day)},
		}
	}
	return events
}

// byDefinition is what the things were as of an instant, as known at another one; no
// instant is no bound. Where any event begins a thing, it is there without its first one.
func byDefinition(events []domain.Recorded, asOf, knownAt *time.Time, anyBegins bool) map[thingKey]string {
	told := map[thingKey]string{}
	known := map[thingKey]time.Time{}
	seen := map[thingKey]bool{}
	for _, e := range events {
		event := e.Event.(noted)
		key := thingKey{event.Subject, event.Text}
		at := e.RecordedAt.Truncate(time.Microsecond)
		if at.Before(known[key]) {
			at = known[key] // no earlier than what was told before
		}
		known[key] = at
		there := (asOf == nil || !e.Meta.OccurredAt.After(*asOf)) && (knownAt == nil || !at.After(*knownAt))
		if first := !seen[key]; first {
			seen[key] = true
			if there {
				told[key] = tell("", event.N)
			}
			continue
		}
		if before, exists := told[key]; (exists || anyBegins) && there {
			told[key] = tell(before, event.N)
		}
	}
	return told
}

// instants are those at which something changes, those just before, and none.
func instants(of []time.Time) []*time.Time {
	var all []*time.Time
	for _, t := range of {
		t = t.Truncate(time.Microsecond)
		before := t.Add(-time.Microsecond)
		all = append(all, &before, &t)
	}
	slices.SortFunc(all, func(a, b *time.Time) int { return a.Compare(*b) })
	all = slices.CompactFunc(all, func(a, b *time.Time) bool { return a.Equal(*b) })
	return append(all, nil)
}

// The promise of as of: for every instant of both clocks, x_at gives what folding the
// events by the definition gives. However the log is cut, the tables are the same.
func TestVersionsAreTheFoldOfTheirEvents(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	for seed := range uint64(24) {
		anyBegins := seed%3 == 2
		r := rand.New(rand.NewPCG(seed, 7))
		events := bitemporal(r, 1+r.IntN(48))
		var want map[string][]string
		for name, batches := range map[string][][]domain.Recorded{
			"one": projectionstest.Batches(events, 1), "all": {events}, "few": projectionstest.Batches(events, 7),
			"any": projectionstest.Shuffled(events, seed),
		} {
			var p projections.Projection = things{fmt.Sprintf("things_%d_%s", seed, name)}
			if anyBegins {
				p = answers{p.(things)}
			}
			if err := projectionstest.Replay(t.Context(), pool, p, batches...); err != nil {
				t.Fatal(err)
			}
			got := read(t, pool, p.Name())
			if want == nil {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d: batches of %s differ from others\n%s", seed, name, diff)
			}
		}
		var occurred, recorded []time.Time
		for _, e := range events {
			occurred, recorded = append(occurred, e.Meta.OccurredAt), append(recorded, e.RecordedAt)
		}
		asOf, knownAt := instants(occurred), instants(recorded)
		type version struct {
			AsOf, KnownAt *time.Time
			thingKey
			Told  string
			Count int
			Last  string
		}
		rows, err := pool.Query(t.Context(), fmt.Sprintf(`SELECT t.t AS as_of, k.k AS known_at, v.id, v.part, v.told, v.count, v.last
			FROM unnest($1::timestamptz[]) AS t (t), unnest($2::timestamptz[]) AS k (k), LATERAL things_%d_all.things_at(t.t, k.k) AS v`, seed), asOf, knownAt)
		if err != nil {
			t.Fatal(err)
		}
		versions, err := pgx.CollectRows(rows, pgx.RowToStructByName[version])
		if err != nil {
			t.Fatal(err)
		}
		name := func(t *time.Time) string {
			if t == nil {
				return "any"
			}
			return t.UTC().Format(time.RFC3339Nano)
		}
		got := map[[2]string]map[thingKey]string{}
		for _, v := range versions {
			at := [2]string{name(v.AsOf), name(v.KnownAt)}
			if got[at] == nil {
				got[at] = map[thingKey]string{}
			}
			if _, twice := got[at][v.thingKey]; twice {
				t.Fatalf("seed %d: two versions of one thing as of %s, known at %s", seed, at[0], at[1])
			}
			if got[at][v.thingKey] = v.Told; v.Count != len(strings.Fields(v.Told)) || !strings.HasSuffix(v.Told, v.Last) {
				t.Fatalf("seed %d: a version of several events: %+v", seed, v)
			}
		}
		for _, a := range asOf {
			for _, k := range knownAt {
				at := [2]string{name(a), name(k)}
				if len(got[at]) == 0 {
					got[at] = map[thingKey]string{}
				}
				if diff := cmp.Diff(byDefinition(events, a, k, anyBegins), got[at]); diff != "" {
					t.Fatalf("seed %d, as of %s, known at %s (-definition +things_at)\n%s", seed, at[0], at[1], diff)
				}
			}
		}
	}
}
