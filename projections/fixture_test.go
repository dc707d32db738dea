package projections_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// noted is an event: something was noted about a subject.
type noted struct {
	Subject uuid.UUID
	Text    string
	N       int
}

func (noted) EventType() string { return "test.noted" }

// struck takes a subject's notes back.
type struck struct{ Subject uuid.UUID }

func (struck) EventType() string { return "test.struck" }

// ignored is of no interest to notes.
type ignored struct{}

func (ignored) EventType() string { return "test.ignored" }

// notes is a projection with a keyed table that counts, one with a composite key,
// and an appended one whose rows come from a change.
type notes struct {
	name    string
	version int
	apply   func(w *projections.Writer, e domain.Recorded) error // first, if set
}

func (p notes) Name() string { return p.name }

func (p notes) Version() int { return max(p.version, 1) }

func (notes) Schema() projections.Schema {
	return projections.Schema{
		Tables: `
			CREATE TABLE subjects (
				subject uuid PRIMARY KEY, noted integer NOT NULL, sum bigint NOT NULL, last_text text,
				first_at timestamptz NOT NULL, extra text NOT NULL DEFAULT 'none');
			CREATE TABLE days (day date, kind text, noted bigint NOT NULL, PRIMARY KEY (day, kind));
			CREATE TABLE lines (position bigint NOT NULL, subject uuid NOT NULL, nth integer NOT NULL, text text NOT NULL);`,
		Indexes: `CREATE UNIQUE INDEX lines_position_key ON lines (position);`,
	}
}

func (notes) Handles() []string { return []string{"test.noted", "test.struck"} }

type subjectRow struct {
	Noted   int       `db:"noted"`
	Sum     int64     `db:"sum"`
	Subject uuid.UUID `db:"subject"`
	Last    *string   `db:"last_text"`
	FirstAt time.Time `db:"first_at"`
}

type dayKey struct {
	Day  domain.Date `db:"day"`
	Kind string      `db:"kind"`
}

type dayRow struct {
	dayKeyColumns
	Noted int64 `db:"noted"`
}

type dayKeyColumns struct {
	Kind string      `db:"kind"`
	Day  domain.Date `db:"day"`
}

type lineRow struct {
	Position int64           `db:"position"`
	Subject  uuid.UUID       `db:"subject"`
	Nth      int             `db:"nth"`
	Text     domain.Personal `db:"text"`
}

var (
	subjects = projections.NewKeyed[uuid.UUID, subjectRow]("subjects", "subject")
	days     = projections.NewKeyed[dayKey, dayRow]("days", "day", "kind")
	lines    = projections.NewAppended[lineRow]("lines")
)

var errBadNote = errors.New("a note that says what only its author may know")

func (p notes) Apply(w *projections.Writer, e domain.Recorded) error {
	if p.apply != nil {
		if err := p.apply(w, e); err != nil {
			return err
		}
	}
	switch event := e.Event.(type) {
	case noted:
		subjects.Update(w, event.Subject, func(row *subjectRow) {
			row.Noted++
			row.Sum += int64(event.N)
			if row.Last = &event.Text; event.Text == "" {
				row.Last = nil
			}
			if row.FirstAt.IsZero() {
				row.FirstAt = e.Meta.OccurredAt
			}
			lines.Add(w, lineRow{
				Position: int64(e.Position.Commit), Subject: event.Subject, Nth: row.Noted, Text: domain.Personal(event.Text),
			})
		})
		day := dayKey{Day: domain.DateOf(e.Meta.OccurredAt), Kind: []string{"even", "odd"}[event.N%2]}
		days.Update(w, day, func(row *dayRow) { row.Noted++ })
	case struck:
		subjects.Delete(w, event.Subject)
	}
	return nil
}

// history is n events about a few subjects, at positions 10, 20, … The same n
// gives the same events.
func history(n int) []domain.Recorded {
	start := time.Date(2026, 3, 1, 8, 0, 0, 123_456_000, time.UTC)
	events := make([]domain.Recorded, n)
	for i := range events {
		subject := uuid.NewSHA1(domain.Namespace, fmt.Append(nil, i*i%37))
		var event domain.Event = noted{Subject: subject, Text: fmt.Sprint("note ", i), N: i}
		switch {
		case i%23 == 11:
			event = struck{Subject: subject}
		case i%7 == 3:
			event = ignored{}
		case i%11 == 5:
			event = noted{Subject: subject, N: i}
		}
		events[i] = domain.Recorded{
			ID:         uuid.NewSHA1(domain.Namespace, fmt.Append(nil, "event ", i)),
			Stream:     domain.NewStream("note", subject),
			Position:   domain.Position{Commit: uint64(i+1) * 10, Prepare: uint64(i+1) * 10},
			RecordedAt: start.Add(time.Duration(i) * time.Second),
			Event:      event,
			Meta:       domain.Meta{OccurredAt: start.Add(time.Duration(i) * time.Hour)},
		}
	}
	return events
}

// handled is how many of the events are for notes.
func handled(events []domain.Recorded) int {
	n := 0
	for _, e := range events {
		switch e.Event.(type) {
		case noted, struck:
			n++
		}
	}
	return n
}

// read is the rows of all tables of a schema.
func read(t *testing.T, pool *pgxpool.Pool, schema string) map[string][]string {
	t.Helper()
	tables, err := projectionstest.Tables(t.Context(), pool, schema)
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range tables {
		for i := range rows {
			rows[i] = canonical(rows[i])
		}
		slices.Sort(rows)
	}
	return tables
}

// count answers a query for one number.
func count(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// compare fails unless the tables hold exactly what events leave.
func compare(t *testing.T, pool *pgxpool.Pool, schema string, events []domain.Recorded) {
	t.Helper()
	diffTables(t, pool, schema, events)
	if n := count(t, pool, "SELECT events FROM crm.projections WHERE schema_name = $1", schema); n != handled(events) {
		t.Errorf("%s counted %d events, want %d", schema, n, handled(events))
	}
}

func diffTables(t *testing.T, pool *pgxpool.Pool, schema string, events []domain.Recorded) {
	t.Helper()
	if diff := cmp.Diff(expected(events), read(t, pool, schema)); diff != "" {
		t.Errorf("tables of %s (-want +got):\n%s", schema, diff)
	}
}

func batch(after domain.Position, events []domain.Recorded) domain.Batch {
	return domain.Batch{Events: events, After: after, Through: events[len(events)-1].Position}
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func subjectOf(i int) uuid.UUID {
	return uuid.NewSHA1(domain.Namespace, fmt.Append(nil, "subject ", i))
}

func streamOf(i int) domain.Stream { return domain.NewStream("test", subjectOf(i)) }

// newLives is a log of that many notes, the first in each stream in turn, the others
// anywhere. The same arguments give the same log.
func newLives(streams, notes int, seed uint64) *projectionstest.Log {
	l := &projectionstest.Log{}
	random := rand.New(rand.NewPCG(seed, seed))
	for i := range notes {
		of := i
		if i >= streams {
			of = random.IntN(streams)
		}
		l.Add(streamOf(of), noted{Subject: subjectOf(of), Text: fmt.Sprint("note ", i), N: i})
	}
	return l
}
