package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/postgres"
)

// measured is a projection in the shape of the real ones: a row per event, or a
// row per customer, of some 300 bytes, or both.
type measured struct{ appends, keeps bool }

func (measured) Name() string      { return "measured" }
func (measured) Version() int      { return 1 }
func (measured) Handles() []string { return []string{"test.noted"} }

func (measured) Schema() projections.Schema {
	return projections.Schema{
		Tables: `
			CREATE TABLE entries (
				position bigint NOT NULL, customer_id uuid NOT NULL, occurred_at timestamptz NOT NULL, recorded_at timestamptz NOT NULL,
				event_type text NOT NULL, actor text NOT NULL, summary text NOT NULL, detail jsonb NOT NULL);
			CREATE TABLE customers (
				customer_id uuid PRIMARY KEY, name text NOT NULL, stage text NOT NULL, email text, events bigint NOT NULL,
				won_minor bigint NOT NULL, changed_at timestamptz NOT NULL);`,
		Indexes: `
			CREATE UNIQUE INDEX entries_position_key ON entries (position);
			CREATE INDEX entries_customer_idx ON entries (customer_id, position DESC);
			CREATE INDEX customers_stage_idx ON customers (stage, changed_at);`,
	}
}

type entryRow struct {
	Position   int64     `db:"position"`
	CustomerID uuid.UUID `db:"customer_id"`
	OccurredAt time.Time `db:"occurred_at"`
	RecordedAt time.Time `db:"recorded_at"`
	EventType  string    `db:"event_type"`
	Actor      string    `db:"actor"`
	Summary    string    `db:"summary"`
	Detail     []byte    `db:"detail"`
}

type cardRow struct {
	CustomerID uuid.UUID `db:"customer_id"`
	Name       string    `db:"name"`
	Stage      string    `db:"stage"`
	Email      *string   `db:"email"`
	Events     int64     `db:"events"`
	WonMinor   int64     `db:"won_minor"`
	ChangedAt  time.Time `db:"changed_at"`
}

var (
	entries = projections.NewAppended[entryRow]("entries")
	cards   = projections.NewKeyed[uuid.UUID, cardRow]("customers", "customer_id")
	detail  = []byte(`{"from": "proposal_sent", "to": "negotiation", "note": "they want the second offer in writing, and a call on Tuesday"}`)
)

func (m measured) Apply(w *projections.Writer, e domain.Recorded) error {
	event := e.Event.(noted)
	if m.appends {
		entries.Add(w, entryRow{
			Position: int64(e.Position.Commit), CustomerID: event.Subject, OccurredAt: e.Meta.OccurredAt, RecordedAt: e.RecordedAt,
			EventType: "test.noted", Actor: "import", Summary: event.Text, Detail: detail,
		})
	}
	if m.keeps {
		cards.Update(w, event.Subject, func(row *cardRow) {
			row.Name, row.Stage = event.Text, [...]string{"lead", "opportunity", "customer"}[event.N%3]
			row.Events++
			row.WonMinor += int64(event.N)
			row.ChangedAt = e.Meta.OccurredAt
		})
	}
	return nil
}

// feed hands out batches for ever: events of customers random customers, in
// random order.
type feed struct {
	events    []domain.Recorded
	customers []uuid.UUID
	random    *rand.Rand
	at        uint64
}

func newFeed(size, customers int) *feed {
	f := &feed{events: make([]domain.Recorded, size), random: rand.New(rand.NewPCG(4, 4))}
	for i := range customers {
		f.customers = append(f.customers, uuid.NewSHA1(domain.Namespace, fmt.Append(nil, i)))
	}
	return f
}

func (f *feed) next() domain.Batch {
	position := func() domain.Position { return domain.Position{Commit: f.at, Prepare: f.at} }
	batch := domain.Batch{Events: f.events, After: position()}
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for i := range f.events {
		f.at += 300
		f.events[i] = domain.Recorded{
			Position: position(), RecordedAt: at, Meta: domain.Meta{OccurredAt: at},
			Event: noted{Subject: f.customers[f.random.IntN(len(f.customers))], N: int(f.at % 1000), Text: "Deal moved to negotiation"},
		}
	}
	batch.Through = position()
	return batch
}

// durable is a database that waits for the disk, as in production.
func durable(b *testing.B) *pgxpool.Pool {
	b.Helper()
	ctx := context.WithoutCancel(b.Context())
	cluster, err := postgres.Start(ctx, postgres.Config{Dir: b.TempDir(), Durable: true})
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() {
		if err := cluster.Stop(ctx); err != nil {
			b.Error(err)
		}
	})
	pool, err := pgxpool.New(ctx, cluster.DSN("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return pool
}

// cpu is the time that the builder's backend and this program have computed, as
// Linux tells it; zero elsewhere. On a busy machine it says more than the clock
// does.
func cpu(b *testing.B, pool *pgxpool.Pool) (backend, program time.Duration) {
	b.Helper()
	var pid int
	err := pool.QueryRow(b.Context(), "SELECT pid FROM pg_stat_activity WHERE application_name = 'crm projection measured'").Scan(&pid)
	if err != nil {
		b.Fatal(err)
	}
	used := func(who any) time.Duration {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%v/stat", who))
		if err != nil {
			return 0
		}
		_, rest, _ := strings.Cut(string(text), ") ") // the name may hold spaces
		var ticks time.Duration
		for _, field := range strings.Fields(rest)[11:13] { // utime, stime
			n, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			ticks += time.Duration(n)
		}
		return ticks * 10 * time.Millisecond
	}
	return used(pid), used("self")
}

// measure applies b.N batches and reports events/s and what an event costs.
func measure(b *testing.B, pool *pgxpool.Pool, builder *projections.Builder, f *feed) {
	b.Helper()
	backend, program := cpu(b, pool)
	b.ReportAllocs()
	for b.Loop() {
		if err := builder.Apply(b.Context(), f.next()); err != nil {
			b.Fatal(err)
		}
	}
	backendAfter, programAfter := cpu(b, pool)
	events := float64(len(f.events) * b.N)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((backendAfter-backend).Microseconds())/events, "pg-µs/event")
	b.ReportMetric(float64((programAfter-program).Microseconds())/events, "go-µs/event")
}

func open(b *testing.B, pool *pgxpool.Pool, p projections.Projection) *projections.Builder {
	b.Helper()
	if err := projections.Migrate(b.Context(), pool); err != nil {
		b.Fatal(err)
	}
	if _, err := pool.Exec(b.Context(), "DROP SCHEMA IF EXISTS measured CASCADE; DELETE FROM crm.projections"); err != nil {
		b.Fatal(err)
	}
	builder, err := projections.OpenBuilder(b.Context(), pool, p)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(builder.Close)
	return builder
}

// BenchmarkLive is the transaction of a micro-batch of so many events, each a row
// in a table of 200,000 and a change in one of 50,000, with all indexes.
func BenchmarkLive(b *testing.B) {
	pool := durable(b)
	for _, size := range []int{1, 10, 50, 100, 200, 1000} {
		b.Run(fmt.Sprint("events=", size), func(b *testing.B) {
			builder := open(b, pool, measured{appends: true, keeps: true})
			f := newFeed(20_000, 50_000)
			for range 10 {
				if err := builder.Apply(b.Context(), f.next()); err != nil {
					b.Fatal(err)
				}
			}
			if err := builder.Finish(b.Context()); err != nil {
				b.Fatal(err)
			}
			f.events = f.events[:size]
			measure(b, pool, builder, f)
		})
	}
}

// BenchmarkRebuild is the transaction of a batch of 20,000 events of 100,000
// customers into tables whose indexes are made at the end; how long those take is
// told apart.
func BenchmarkRebuild(b *testing.B) {
	pool := durable(b)
	for name, p := range map[string]measured{"appended": {appends: true}, "keyed": {keeps: true}, "both": {appends: true, keeps: true}} {
		b.Run(name, func(b *testing.B) {
			builder := open(b, pool, p)
			const size = 20_000
			f := newFeed(size, 100_000)
			measure(b, pool, builder, f)
			start := time.Now()
			if err := builder.Finish(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-indexes")
		})
	}
}
