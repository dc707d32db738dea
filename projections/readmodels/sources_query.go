package readmodels

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
	return all[SourceCount](ctx, m.db, sourcesSQL(q.AsOf), q.spanArgs(pgx.NamedArgs{}))
}

// sourcesSQL adds up the sums of today, and of the past as it is known today; for what was
// known at another instant, all customers.
func sourcesSQL(asOf AsOf) string {
	var origins string
	switch {
	case asOf.IsZero():
		origins = `SELECT * FROM customers.source_changes WHERE span = 'month'`
	case asOf.isSummed():
		origins = `
		  SELECT source, stage, customers FROM customers.source_changes WHERE ` + spansBefore + `
		  UNION ALL
		  SELECT source, stage, customers FROM customers.source_turns WHERE at >= @day AND at <= @as_of`
	default:
		origins = `SELECT touchpoint_source AS source, stage, 1 AS customers FROM ` + asOf.from("customers.customers") + ` WHERE NOT archived`
	}
	return `
		SELECT source AS touchpoint_source, stage, sum(customers)::bigint AS count
		FROM (` + origins + `) AS o GROUP BY source, stage HAVING sum(customers) <> 0 ORDER BY source, stage`
}

// Line names the line: "lead:Google".
func (c SourceCount) Line() string { return string(c.Stage) + ":" + c.Source }

// Behind is the customers of a line with what put them there; nil are those of all
// lines.
func (q SourcesQuestion) Behind(key LineKey) Figure {
	return Figure{
		asOf: q.AsOf, args: q.args(pgx.NamedArgs{"key": key}),
		types: []string{"customer.registered", "customer.lifecycle_stage_changed", "customer.archived", "customer.restored"},
		subjects: []string{`
	SELECT customer_id, NULL::bigint[] FROM ` + q.from("customers.customers") + `
	WHERE NOT archived AND (@key::text IS NULL OR stage || ':' || touchpoint_source = @key)`},
	}
}
