package readmodels

import (
	"context"

	"crm/domain"
	"crm/domain/deal"
	"crm/projections/lists"
)

// DealList is what deals are filtered and sorted by. A worth is compared in minor units,
// whatever the currency: filter by that too.
var DealList = lists.New(lists.List{
	Name: "deals", ID: "row.deal_id", IDFixed: "today.deal_id", Default: "-opened_at",
	Fields: []lists.Field{
		{Name: "id", Type: lists.ID, Column: "row.deal_id"},
		{Name: "title", Type: lists.Text, Column: "row.title", Personal: true},
		{Name: "status", Type: lists.Choice, Column: "row.status", Choices: texts(deal.Running, deal.IsWon, deal.IsLost, deal.IsVoid)},
		{Name: "pipeline", Type: lists.ID, Column: "row.pipeline_id"},
		{Name: "stage", Type: lists.Text, Column: "row.stage", About: "of a closed deal the last that it was open in"},
		{Name: "probability", Type: lists.Whole, Column: "row.probability", About: "percent"},
		{
			Name: "forecast_category", Type: lists.Choice, Column: "row.category",
			Choices: texts(domain.Omitted, domain.Pipeline, domain.BestCase, domain.Commit, domain.Closed),
		},
		{Name: "customer", Type: lists.ID, Column: "row.customer_id", Absent: "row.customer_id IS NULL"},
		{Name: "owner", Type: lists.ID, Column: "row.owner_id", Absent: "row.owner_id IS NULL"},
		{
			Name: "worth", Type: lists.Whole, Column: "row.worth_minor", Absent: "row.worth_minor IS NULL",
			Order: "coalesce(row.worth_minor, '-9223372036854775808'::bigint)", About: "in minor units, of any currency; unknown is least",
		},
		{Name: "currency", Type: lists.Text, Column: "row.worth_currency", Absent: "row.worth_currency IS NULL", About: "of the worth: EUR"},
		{
			Name: "expected_close", Type: lists.Day, Column: "row.expected_close", Absent: "row.expected_close IS NULL",
			Order: "coalesce(row.expected_close, 'infinity'::date)", About: "unknown is last",
		},
		{
			Name: "closed_at", Type: lists.Instant, Column: "row.closed_at", Absent: "row.closed_at IS NULL",
			Order: "coalesce(row.closed_at, 'infinity'::timestamptz)", About: "of one that runs: last",
		},
		{Name: "loss_reason", Type: lists.Text, Column: "row.loss_reason", Absent: "row.loss_reason = ''"},
		{Name: "competitor", Type: lists.Text, Column: "row.competitor", Absent: "row.competitor = ''"},
		{Name: "opened_at", Type: lists.Instant, Column: "row.opened_at", Order: "row.opened_at", Fixed: "today.opened_at"},
		{Name: "changed_at", Type: lists.Instant, Column: "row.changed_at"},
	},
})

var dealSource = source{
	columns: dealColumns, table: "deals.deals", key: "deal_id", born: "opened_at", joins: dealNames,
}

// dealListed is a deal in a list.
type dealListed struct {
	dealRead
	placed
}

func (r dealListed) item() Deal { return r.deal() }

// List is a page of deals.
func (m Deals) List(ctx context.Context, a Asked) (Listed[Deal], error) {
	way := unsure
	if a.Seeks("customer") { // whose deals are few; an index finds those that ever were
		way = seldom
	}
	return paged(ctx, m.db, dealSource.within(m.scope, m.scope.deal("row.deal_id")), a, way, dealListed.item)
}
