package deal

import "crm/domain"

// Stage is where a deal stands: the stage of its pipeline with the probability
// and forecast category that the stage had at that moment.
type Stage struct {
	Pipeline    domain.PipelineID       `json:"pipeline"`
	ID          domain.StageID          `json:"id"`
	Probability int                     `json:"probability"` // percent
	Category    domain.ForecastCategory `json:"category"`
}

// LineItem is something sold or to be sold in a deal.
type LineItem struct {
	ID        domain.LineItemID `json:"id"`
	Product   domain.ProductID  `json:"product,omitzero"`
	Name      string            `json:"name"`
	Quantity  domain.Quantity   `json:"quantity"`
	UnitPrice domain.Money      `json:"unit_price"`
	// Discount is in basis points of the price: 1,000 are 10 %.
	Discount int `json:"discount_basis_points,omitempty"`
}

// Total is quantity × unit price less the discount, rounded to the minor unit.
// It is false when the amount does not fit.
func (l LineItem) Total() (domain.Money, bool) {
	full, ok := l.UnitPrice.Portion(int64(l.Quantity), int64(domain.One))
	if !ok {
		return domain.Money{}, false
	}
	return full.Portion(int64(fullPrice-l.Discount), fullPrice)
}

const fullPrice = 10_000 // basis points

// LossReason is why a deal was lost.
type LossReason string

// The reasons.
const (
	LostToPrice      LossReason = "price"
	LostToCompetitor LossReason = "competitor"
	LostToTiming     LossReason = "timing"
	LostToNoBudget   LossReason = "no_budget"
	LostToNoDecision LossReason = "no_decision"
	LostToFit        LossReason = "fit"
	LostToOther      LossReason = "other"
	LostUnexplained  LossReason = "unknown"
)

// Valid reports whether the reason is one of the list.
func (r LossReason) Valid() bool {
	switch r {
	case LostToPrice, LostToCompetitor, LostToTiming, LostToNoBudget, LostToNoDecision, LostToFit, LostToOther, LostUnexplained:
		return true
	}
	return false
}

// Status says whether a deal is still running.
type Status string

// The statuses. The zero value is a deal that was never opened.
const (
	Running Status = "open"
	IsWon   Status = "won"
	IsLost  Status = "lost"
	IsVoid  Status = "void"
)
