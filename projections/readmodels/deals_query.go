package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/deal"
)

// Deal is a deal as its card shows it: the state its history leaves, with the names
// that its ids stand for.
type Deal struct {
	ID domain.DealID
	deal.State
	// Worth is what the deal counts for: its value when won; else its amount, or
	// the sum of its line items where nobody said one.
	Worth        domain.Money
	CustomerName string
	OwnerName    string
	PipelineName string
	StageName    string
	OpenedAt     time.Time
	ClosedAt     *time.Time // nil while it runs
	ChangedAt    time.Time  // when the latest change occurred
	Revision     domain.Revision
	Degraded     bool // it is parked, so that this is not all there is; not in a list
}

// dealColumns are the columns of a dealRead, less those that only reports need; row are
// the deals.
const dealColumns = `row.deal_id, row.status, row.title, row.pipeline_id, row.stage, row.probability, row.category, row.customer_id, row.owner_id,
	row.amount_minor, row.amount_currency, row.line_items, row.worth_minor, row.worth_currency,
	coalesce(row.expected_close::text, '') AS expected_close, row.value_minor, row.value_currency,
	row.loss_reason, row.competitor, row.loss_note, row.opened_at, row.closed_at, row.changed_at, row.revision,
	coalesce(c.name, '') AS customer_name, coalesce(e.name, '') AS owner_name, coalesce(p.name, '') AS pipeline_name,
	coalesce((SELECT s.name FROM jsonb_to_recordset(p.stages) AS s (id text, name text) WHERE s.id = row.stage), '') AS stage_name`

// dealNames are the joins for the names in dealColumns, of as many deals as a page has:
// customers are reached by their key, whatever the planner expects.
func dealNames(asOf AsOf) string {
	return `
	LEFT JOIN LATERAL (SELECT name FROM ` + asOf.from("customers.customers") + ` AS was WHERE was.customer_id = row.customer_id OFFSET 0) AS c ON TRUE
	LEFT JOIN catalog.employees AS e ON e.employee_id = row.owner_id
	LEFT JOIN ` + asOf.from("deals.pipelines") + ` AS p ON p.pipeline_id = row.pipeline_id`
}

// Card is one deal, or deal.ErrUnknown, which it also is before it was opened;
// [ErrParked] where that is parked.
func (m Deals) Card(ctx context.Context, id domain.DealID, asOf AsOf) (Deal, error) {
	row, err := one[struct {
		dealRead
		Degraded bool `db:"degraded"`
	}](ctx, m.db, deal.ErrUnknown,
		`SELECT `+dealColumns+`, `+isParked("'deals'", "'deal-' || row.deal_id")+` AS degraded FROM `+asOf.from("deals.deals")+` AS row `+dealNames(asOf)+` WHERE row.deal_id = @deal_id`+m.scope.deal("row.deal_id"),
		m.scope.args(asOf.args(pgx.NamedArgs{"deal_id": id.UUID})))
	if err != nil {
		return Deal{}, orParked(ctx, m.db, err, domain.DealStream(id), "deals.deals WHERE deal_id", id.UUID)
	}
	card := row.deal()
	card.Degraded = row.Degraded
	return card, nil
}

// Of are the deals of a customer.
func (m Deals) Of(ctx context.Context, id domain.CustomerID) ([]domain.DealID, error) {
	rows, err := m.db.Query(ctx, `SELECT deal_id FROM deals.deals WHERE customer_id = $1`, id.UUID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[domain.DealID])
}

// dealRead is a row with the names beside it.
type dealRead struct {
	dealRow
	CustomerName string `db:"customer_name"`
	OwnerName    string `db:"owner_name"`
	PipelineName string `db:"pipeline_name"`
	StageName    string `db:"stage_name"`
}

func (r dealRead) deal() Deal {
	d := Deal{
		ID: domain.DealID{UUID: r.DealID}, State: r.state(), Worth: money(r.WorthMinor, r.WorthCurrency),
		CustomerName: r.CustomerName, OwnerName: r.OwnerName, PipelineName: r.PipelineName, StageName: r.StageName,
		OpenedAt: r.OpenedAt.UTC(), ChangedAt: r.ChangedAt.UTC(), Revision: domain.Revision(r.Revision),
	}
	if r.ClosedAt != nil {
		at := r.ClosedAt.UTC()
		d.ClosedAt = &at
	}
	return d
}
