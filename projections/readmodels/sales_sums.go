package readmodels

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"crm/domain"
	"crm/domain/deal"
	"crm/projections"
)

// The sums of today's closes, so that a report over all years does not read a million
// deals: by month and owner, and by month and what was sold. How reports are made of them
// is told in sales_closes.go.

// closingKey is the closes of one owner in one month, in one pipeline and currency.
type closingKey struct {
	Month      time.Time         `db:"month"`
	PipelineID domain.PipelineID `db:"pipeline_id"`
	OwnerID    domain.EmployeeID `db:"owner_id"` // zero: nobody
	Currency   domain.Currency   `db:"currency"` // empty: no value
}

type closingSum struct {
	closingKey
	closed
}

// soldKey is what of one product was sold with the same others, in one month and
// currency. With the others beside it the sums know which sales were one: those of two
// products of a family are not two.
type soldKey struct {
	Month     time.Time        `db:"month"`
	Products  string           `db:"products"` // ids, in order
	ProductID domain.ProductID `db:"product_id"`
	Currency  domain.Currency  `db:"currency"`
}

type soldSum struct {
	soldKey
	closed
}

// openingKey is the deals of one owner that were opened in one month.
type openingKey struct {
	Month   time.Time         `db:"month"`
	OwnerID domain.EmployeeID `db:"owner_id"` // zero: nobody
}

type openingSum struct {
	openingKey
	Deals int64 `db:"deals"`
}

// handover is a deal that one owner got or gave away after it was opened.
type handover struct {
	At       time.Time          `db:"at"`
	OpenedAt time.Time          `db:"opened_at"`
	OwnerID  *domain.EmployeeID `db:"owner_id"`
	Deals    int64              `db:"deals"`
}

// closed adds up closes.
type closed struct {
	Won        int64   `db:"won"`
	Lost       int64   `db:"lost"`
	ValueMinor big.Int `db:"value_minor"`
	MicrosWon  big.Int `db:"micros_won"` // from opening to closing
	MicrosLost big.Int `db:"micros_lost"`
}

var (
	closings  = projections.NewSums[closingKey, closingSum]("closings", "month", "pipeline_id", "owner_id", "currency")
	sold      = projections.NewSums[soldKey, soldSum]("sold", "month", "products", "product_id", "currency")
	openings  = projections.NewSums[openingKey, openingSum]("openings", "month", "owner_id")
	handovers = projections.NewAppended[handover]("handovers")
)

// settleSale brings all sums from a deal's row before to the one after.
func settleSale(w *projections.Writer, before, after *saleRow) {
	countClosing(w, before, after)
	was, is := before.opening(), after.opening()
	if was == is {
		return
	}
	was.count(w, -1)
	is.count(w, 1)
}

// opening is zero of a deal that there is not, or never was.
func (r *saleRow) opening() openingKey {
	if r == nil || r.Voided {
		return openingKey{}
	}
	return openingKey{monthOf(r.OpenedAt), known(r.OwnerID)}
}

func (k openingKey) count(w *projections.Writer, sign int64) {
	if k != (openingKey{}) {
		openings.Add(w, k, func(sum *openingSum) { sum.Deals += sign })
	}
}

// retellOwner tells who got a deal from one instant until another, and who had it; a void
// one nobody has.
func retellOwner(w *projections.Writer, from, until time.Time, before, after *saleRow) {
	if before == nil || before.opening() == after.opening() {
		return
	}
	turn := func(at time.Time, got, gave *saleRow) {
		if !got.Voided {
			handovers.Add(w, handover{at, after.OpenedAt, got.OwnerID, 1})
		}
		if !gave.Voided {
			handovers.Add(w, handover{at, after.OpenedAt, gave.OwnerID, -1})
		}
	}
	turn(from, after, before)
	if until.Before(projections.Infinity) {
		turn(until, before, after)
	}
}

// countClosing takes a deal's close out of the sums and puts in the one it has now.
func countClosing(w *projections.Writer, before, after *saleRow) {
	if before != nil && after != nil && before.sameClosing(after) {
		return
	}
	before.count(w, -1)
	after.count(w, 1)
}

func (r *saleRow) sameClosing(other *saleRow) bool {
	if r.Closing == nil || other.Closing == nil {
		return r.Closing == other.Closing
	}
	return *r.Closing == *other.Closing
}

func (r *saleRow) count(w *projections.Writer, sign int64) {
	if r == nil || r.Outcome == "" {
		return
	}
	month, value := monthOf(*r.ClosedAt), money(r.ValueMinor, r.ValueCurrency)
	closings.Add(w, closingKey{month, r.PipelineID, known(r.ClosedOwnerID), value.Currency}, func(sum *closingSum) {
		sum.add(r, value.Minor, sign)
	})
	products, shares := r.ProductIDs, r.ProductValues
	if len(products) == 0 {
		products, shares = []domain.ProductID{{}}, []int64{value.Minor}
	}
	ids := make([]string, len(products))
	for i, product := range products {
		ids[i] = product.String()
	}
	slices.Sort(ids)
	for i, product := range products {
		share := int64(0)
		if len(shares) > 0 {
			share = shares[i]
		}
		sold.Add(w, soldKey{month, strings.Join(ids, " "), product, value.Currency}, func(sum *soldSum) {
			sum.add(r, share, sign)
		})
	}
}

func (c *closed) add(r *saleRow, value, sign int64) {
	micros := &c.MicrosLost
	if r.Outcome == deal.IsWon {
		c.Won += sign
		micros = &c.MicrosWon
	} else {
		c.Lost += sign
	}
	micros.Add(micros, big.NewInt(sign*(r.ClosedAt.UnixMicro()-r.OpenedAt.UnixMicro())))
	c.ValueMinor.Add(&c.ValueMinor, big.NewInt(sign*value))
}
