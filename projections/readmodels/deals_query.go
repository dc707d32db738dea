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

// DealFilter says which deals a list holds; a zero field asks for any.
type DealFilter struct {
	Status   deal.Status
	Pipeline domain.PipelineID
	Stage    domain.StageID
	Owner    domain.EmployeeID
	Customer domain.CustomerID
}

// dealColumns are the columns of a dealRead; d are the deals.
const dealColumns = `d.deal_id, d.status, d.title, d.pipeline_id, d.stage, d.probability, d.category, d.customer_id, d.owner_id,
	d.amount_minor, d.amount_currency, d.line_items, d.worth_minor, d.worth_currency,
	coalesce(d.expected_close::text, '') AS expected_close, d.value_minor, d.value_currency,
	d.loss_reason, d.competitor, d.loss_note, d.opened_at, d.closed_at, d.changed_at, d.revision, d.path, d.path_since,
	coalesce(c.name, '') AS customer_name, coalesce(e.name, '') AS owner_name, coalesce(p.name, '') AS pipeline_name,
	coalesce((SELECT s.name FROM jsonb_to_recordset(p.stages) AS s (id text, name text) WHERE s.id = d.stage), '') AS stage_name`

// dealNames are the joins for the names in dealColumns, of as many deals as a page has:
// customers are reached by their key, whatever the planner expects.
func dealNames(asOf AsOf) string {
	return `
	LEFT JOIN LATERAL (SELECT name FROM ` + asOf.from("customers.customers") + ` AS was WHERE was.customer_id = d.customer_id OFFSET 0) AS c ON TRUE
	LEFT JOIN catalog.employees AS e ON e.employee_id = d.owner_id
	LEFT JOIN ` + asOf.from("deals.pipelines") + ` AS p ON p.pipeline_id = d.pipeline_id`
}

// Card is one deal, or deal.ErrUnknown, which it also is before it was opened;
// [ErrParked] where that is parked.
func (m Deals) Card(ctx context.Context, id domain.DealID, asOf AsOf) (Deal, error) {
	row, err := one[struct {
		dealRead
		Degraded bool `db:"degraded"`
	}](ctx, m.db, deal.ErrUnknown,
		`SELECT `+dealColumns+`, crm.is_parked('deals', 'deal-' || d.deal_id) AS degraded FROM `+asOf.from("deals.deals")+` AS d `+dealNames(asOf)+` WHERE d.deal_id = @deal_id`+m.scope.deal("d.deal_id"),
		m.scope.args(asOf.args(pgx.NamedArgs{"deal_id": id.UUID})))
	if err != nil {
		return Deal{}, orParked(ctx, m.db, err, domain.DealStream(id), "deals.deals WHERE deal_id", id.UUID)
	}
	card := row.deal()
	card.Degraded = row.Degraded
	return card, nil
}

// List is a page of the deals that the filter lets through, newest first by when
// they were opened. After nil it is the first page. It is planned for each call,
// because the best plan depends on which filters are set.
func (m Deals) List(ctx context.Context, f DealFilter, asOf AsOf, after *AgeMark, limit int) (Page[Deal, AgeMark], error) {
	args := m.scope.args(asOf.args(pgx.NamedArgs{
		"status": f.Status, "pipeline": nullable(f.Pipeline), "stage": f.Stage, "owner": nullable(f.Owner),
		"customer": nullable(f.Customer), "at": nil, "id": nil, "limit": limit + 1,
	}))
	if after != nil {
		args["at"], args["id"] = after.At, after.ID
	}
	from := asOf.inOrder("deals.deals", "deal_id")
	if !f.Customer.IsZero() { // whose deals are few; an index finds those that ever were
		from = asOf.from("deals.deals") + ` AS today CROSS JOIN LATERAL (SELECT today.*) AS row`
	}
	rows, err := all[dealRead](ctx, m.db, `
		SELECT `+dealColumns+`
		FROM (
		  SELECT row.* FROM `+from+`
		  WHERE (@status::text = '' OR row.status = @status)
		    AND (@pipeline::uuid IS NULL OR row.pipeline_id = @pipeline)
		    AND (@stage::text = '' OR row.stage = @stage)
		    AND (@owner::uuid IS NULL OR row.owner_id = @owner)
		    AND (@customer::uuid IS NULL OR row.customer_id = @customer)
		    AND (@as_of::timestamptz IS NULL OR today.opened_at <= @as_of) -- later ones did not exist
		    AND (@at::timestamptz IS NULL OR (today.opened_at, today.deal_id) < (@at, @id::uuid))`+m.scope.deal("today.deal_id")+`
		  ORDER BY today.opened_at DESC, today.deal_id DESC
		  LIMIT @limit
		) AS d `+dealNames(asOf)+`
		ORDER BY d.opened_at DESC, d.deal_id DESC`, pgx.QueryExecModeCacheDescribe, args)
	if err != nil {
		return Page[Deal, AgeMark]{}, err
	}
	return pageOf(rows, limit, dealRead.deal, func(d Deal) AgeMark { return AgeMark{d.OpenedAt, d.ID.UUID} }), nil
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
