package projections_test

import (
	"testing"
	"time"

	"crm/domain"
	"crm/projections"
)

// remembered is measured with a row per customer that remembers; every so many
// events are backdated by a month.
type remembered struct {
	measured
	backdated int
}

var rememberedCards = projections.NewVersioned[domain.CustomerID, rememberedRow]("customers", "customer_id")

type rememberedRow struct {
	CustomerID domain.CustomerID `db:"customer_id"`
	Name       string            `db:"name"`
	Stage      string            `db:"stage"`
	Email      *string           `db:"email"`
	Events     int64             `db:"events"`
	WonMinor   int64             `db:"won_minor"`
	ChangedAt  time.Time         `db:"changed_at"`
}

func (m remembered) Schema() projections.Schema {
	return projections.Schema{
		Tables: `CREATE TABLE customers (
			customer_id uuid PRIMARY KEY, name text NOT NULL, stage text NOT NULL, email text, events bigint NOT NULL,
			won_minor bigint NOT NULL, changed_at timestamptz NOT NULL, valid_from timestamptz NOT NULL, known_from timestamptz NOT NULL);`,
		Indexes: "CREATE INDEX customers_stage_idx ON customers (stage, changed_at);",
	}.Remembering(rememberedCards)
}

func (m remembered) Apply(w *projections.Writer, e domain.Recorded) error {
	event := e.Event.(noted)
	at := int(e.Position.Commit / 300)
	e.RecordedAt = e.RecordedAt.Add(time.Duration(at) * time.Second)
	e.Meta.OccurredAt = e.RecordedAt
	if m.backdated > 0 && at%m.backdated == 0 {
		e.Meta.OccurredAt = e.Meta.OccurredAt.AddDate(0, -1, 0)
	}
	rememberedCards.Change(w, domain.CustomerID{UUID: event.Subject}, e, func(row *rememberedRow) {
		row.Name, row.Stage = event.Text, [...]string{"lead", "opportunity", "customer"}[event.N%3]
		row.Events++
		row.WonMinor += int64(event.N)
		row.ChangedAt = e.Meta.OccurredAt
	})
	return nil
}

// BenchmarkRemember is BenchmarkRebuild of rows that remember: an event is a change
// and a row of history.
func BenchmarkRemember(b *testing.B) {
	pool := durable(b)
	for name, backdated := range map[string]int{"in order": 0, "1 of 100 backdated": 100} {
		b.Run(name, func(b *testing.B) {
			builder := open(b, pool, remembered{backdated: backdated})
			measure(b, pool, builder, newFeed(20_000, 100_000))
		})
	}
}
