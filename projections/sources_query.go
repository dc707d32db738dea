package projections

import (
	"context"

	"github.com/jackc/pgx/v5"

	"crm/domain/customer"
)

// SourcesQuestion asks where customers came from.
type SourcesQuestion struct{ AsOf }

// SourceCount is how many customers in a lifecycle stage came from a source.
type SourceCount struct {
	Source string                  `db:"touchpoint_source"` // exactly as recorded; empty where nobody said
	Stage  customer.LifecycleStage `db:"stage"`
	Count  int64                   `db:"count"`
}

// Sources counts customers by the source of their latest touchpoint and their
// lifecycle stage, by name of both. Archived customers do not count.
//
// It is last-touch attribution: all of a customer is put down to the touchpoint named
// last.
func (m Customers) Sources(ctx context.Context, q SourcesQuestion) ([]SourceCount, error) {
	return all[SourceCount](ctx, m.db, `
		SELECT touchpoint_source, stage, count(*) AS count
		FROM `+q.from("customers.customers")+` WHERE NOT archived
		GROUP BY touchpoint_source, stage ORDER BY touchpoint_source, stage`, q.args(pgx.NamedArgs{}))
}

// Line names the line: "lead:Google".
func (c SourceCount) Line() string { return string(c.Stage) + ":" + c.Source }

// Behind is the customers of a line with what put them there; nil are those of all
// lines.
func (q SourcesQuestion) Behind(key LineKey) Figure {
	return Figure{
		asOf: q.AsOf, args: q.args(pgx.NamedArgs{"key": key}),
		types: []string{"customer.registered", "customer.lifecycle_stage_changed", "customer.archived", "customer.restored"},
		subjects: `
	SELECT customer_id, NULL::bigint[] FROM ` + q.from("customers.customers") + `
	WHERE NOT archived AND (@key::text IS NULL OR stage || ':' || touchpoint_source = @key)`,
	}
}
