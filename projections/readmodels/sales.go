package readmodels

import (
	_ "embed"
	"math/big"
	"slices"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/deal"
	"crm/projections"
)

// Sales is the read model behind the sales reports: every deal with how it closed.
//
// A close is credited to the owner and dated by the instant at which it occurred.
// Reopening a deal takes its close out of all reports; closing it again puts it in
// anew, with the owner, value and products of then. A void deal is in none.
//
// A won deal's value is shared out among the products of its line items in
// proportion to the lines' totals. Lines that name no product, and deals without
// lines, count for no product. Lines in several currencies, or that add up to
// nothing, share alike. The shares of a deal add up to its value exactly.
type Sales struct{ db projections.Querier }

//go:embed sales.sql
var salesSQL string

// Name is the read model's name and the schema of its tables.
func (Sales) Name() string { return "sales" }

// Version changes with the tables or what is written into them.
func (Sales) Version() int { return 6 }

// Schema is its tables and indexes.
func (Sales) Schema() projections.Schema { return projections.ParseSchema(salesSQL).Remembering(sales) }

// Handles are the events that say what a report needs to know of a deal.
func (Sales) Handles() []string {
	return typesOf[deal.Event](deal.Opened{}, deal.CustomerLinked{}, deal.OwnerAssigned{}, deal.LineItemAdded{},
		deal.LineItemChanged{}, deal.LineItemRemoved{}, deal.Won{}, deal.Lost{}, deal.Reopened{}, deal.Voided{})
}

var sales = projections.NewVersioned[uuid.UUID, saleRow]("deals", "deal_id").Settled(settleSale).Retold(retellOwner)

// Apply folds one event.
func (Sales) Apply(w *projections.Writer, e domain.Recorded) error {
	event, ok := e.Event.(deal.Event)
	if !ok {
		return nil
	}
	id, err := subject(e)
	if err != nil {
		return err
	}
	at, revision := e.Meta.OccurredAt, int64(e.Revision)
	sales.Change(w, id, e, func(row *saleRow) {
		switch event := event.(type) {
		case deal.Opened:
			row.PipelineID, row.LineItems, row.OpenedAt = event.Stage.Pipeline, "[]", at
			row.CustomerID, row.OwnerID = nullable(event.Customer), nullable(event.Owner)
		case deal.CustomerLinked:
			row.CustomerID = nullable(event.Customer)
		case deal.OwnerAssigned:
			row.OwnerID = nullable(event.Owner)
		case deal.LineItemAdded, deal.LineItemChanged, deal.LineItemRemoved:
			s := deal.State{LineItems: lineItems(row.LineItems)}
			row.LineItems = encoded(deal.Decider.Evolve(s, event).LineItems)
		case deal.Won:
			row.close(at, revision, deal.IsWon, event.Value)
		case deal.Lost:
			row.close(at, revision, deal.IsLost, domain.Money{})
		case deal.Reopened:
			row.closingColumns, row.Voided = closingColumns{}, false
		case deal.Voided:
			row.closingColumns, row.Voided = closingColumns{}, true
		default: // Handles does not ask for it
		}
	})
	return nil
}

// saleRow is a deal as reports see it.
type saleRow struct {
	DealID     uuid.UUID          `db:"deal_id"`
	PipelineID domain.PipelineID  `db:"pipeline_id"`
	CustomerID *domain.CustomerID `db:"customer_id"`
	OwnerID    *domain.EmployeeID `db:"owner_id"`
	LineItems  string             `db:"line_items"`
	OpenedAt   time.Time          `db:"opened_at"`
	Voided     bool               `db:"voided"`
	closingColumns
}

// closingColumns say how a deal closed, and of what products: each of the deal's line
// items once, with its share of the value.
type closingColumns struct {
	Outcome          deal.Status        `db:"outcome"`
	Closing          *int64             `db:"closing"`
	ClosedAt         *time.Time         `db:"closed_at"`
	ClosedCustomerID *domain.CustomerID `db:"closed_customer_id"`
	ClosedOwnerID    *domain.EmployeeID `db:"closed_owner_id"`
	ValueMinor       *int64             `db:"value_minor"`
	ValueCurrency    *domain.Currency   `db:"value_currency"`
	DaysToClose      *float64           `db:"days_to_close"`
	ProductIDs       []domain.ProductID `db:"product_ids"`
	ProductValues    []int64            `db:"product_values"` // none where the value is not known
}

func (r *saleRow) close(at time.Time, closing int64, outcome deal.Status, value domain.Money) {
	days := float64(at.UnixMicro()-r.OpenedAt.UnixMicro()) / float64(24*time.Hour/time.Microsecond)
	r.closingColumns = closingColumns{
		Outcome: outcome, Closing: &closing, ClosedAt: &at,
		ClosedCustomerID: r.CustomerID, ClosedOwnerID: r.OwnerID, DaysToClose: &days,
	}
	r.ValueMinor, r.ValueCurrency = amount(value)

	products, shares := shareOut(value.Minor, lineItems(r.LineItems))
	r.ProductIDs = products
	if !value.IsZero() {
		r.ProductValues = shares
	}
}

// shareOut divides an amount among the products of the items, in their order. Each
// share is the difference of two rounded running sums, so that nothing is lost.
func shareOut(amount int64, items []deal.LineItem) (products []domain.ProductID, shares []int64) {
	weights := make(map[domain.ProductID]*big.Int)
	whole, alike := new(big.Int), false
	for _, item := range items {
		total, fits := item.Total()
		alike = alike || !fits || item.UnitPrice.Currency != items[0].UnitPrice.Currency
		if !slices.Contains(products, item.Product) {
			products = append(products, item.Product)
			weights[item.Product] = new(big.Int)
		}
		weights[item.Product].Add(weights[item.Product], big.NewInt(total.Minor))
		whole.Add(whole, big.NewInt(total.Minor))
	}
	if alike || whole.Sign() <= 0 {
		for _, weight := range weights {
			weight.SetInt64(1)
		}
		whole.SetInt64(int64(len(products)))
	}
	running, before := new(big.Int), int64(0)
	for _, product := range products {
		running.Add(running, weights[product])
		upTo := new(big.Int).Mul(big.NewInt(amount), running)
		after := upTo.Quo(upTo, whole).Int64()
		shares = append(shares, after-before)
		before = after
	}
	return products, shares
}
