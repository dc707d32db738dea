package deal

import "crm/domain"

// Event is what happened to a deal.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

type (
	// Opened records a new opportunity.
	Opened struct {
		Title         domain.Personal   `json:"title"`
		Stage         Stage             `json:"stage"`
		Customer      domain.CustomerID `json:"customer,omitzero"`
		Owner         domain.EmployeeID `json:"owner,omitzero"`
		Amount        domain.Money      `json:"amount,omitzero"`
		ExpectedClose domain.Date       `json:"expected_close,omitempty"`
	}

	// CustomerLinked records whose deal it is.
	CustomerLinked struct {
		Customer domain.CustomerID `json:"customer"`
		Previous domain.CustomerID `json:"previous,omitzero"`
	}

	// StageChanged records a move, with the probability and category that the
	// new stage had then; later changes of the pipeline do not rewrite it.
	StageChanged struct {
		From domain.StageID `json:"from"`
		To   Stage          `json:"to"`
	}

	// AmountChanged records what the deal is thought to be worth.
	AmountChanged struct {
		Amount domain.Money `json:"amount"`
	}

	// CloseDateChanged records when it is expected to close.
	CloseDateChanged struct {
		ExpectedClose domain.Date `json:"expected_close,omitempty"`
	}

	// OwnerAssigned records who is responsible; no owner means nobody.
	OwnerAssigned struct {
		Owner domain.EmployeeID `json:"owner,omitzero"`
	}

	// ForecastCategoryChanged records the owner's own judgement. It holds until
	// the next change of stage.
	ForecastCategoryChanged struct {
		Category domain.ForecastCategory `json:"category"`
	}

	// LineItemAdded records something more that is being sold.
	LineItemAdded struct {
		Item LineItem `json:"item"`
	}

	// LineItemChanged records all of a line item as it is now.
	LineItemChanged struct {
		Item LineItem `json:"item"`
	}

	// LineItemRemoved records that a line item is no longer part of the deal.
	LineItemRemoved struct {
		ID domain.LineItemID `json:"id"`
	}

	// Won records that the customer signed. Value is the amount at signing; none
	// when nobody ever said what the deal is worth.
	Won struct {
		Value domain.Money `json:"value,omitzero"`
	}

	// Lost records that the customer said no.
	Lost struct {
		Reason     LossReason      `json:"loss_reason"` // why it was recorded is the command's reason
		Competitor string          `json:"competitor,omitempty"`
		Note       domain.Personal `json:"note,omitempty"`
	}

	// Reopened records that the close, or the voiding, was taken back.
	Reopened struct{}

	// Voided records that there never was such an opportunity, so that no report
	// counts it: neither won nor lost nor open.
	Voided struct{}
)

func (Opened) EventType() string                  { return "deal.opened" }
func (CustomerLinked) EventType() string          { return "deal.customer_linked" }
func (StageChanged) EventType() string            { return "deal.stage_changed" }
func (AmountChanged) EventType() string           { return "deal.amount_changed" }
func (CloseDateChanged) EventType() string        { return "deal.close_date_changed" }
func (OwnerAssigned) EventType() string           { return "deal.owner_assigned" }
func (ForecastCategoryChanged) EventType() string { return "deal.forecast_category_changed" }
func (LineItemAdded) EventType() string           { return "deal.line_item_added" }
func (LineItemChanged) EventType() string         { return "deal.line_item_changed" }
func (LineItemRemoved) EventType() string         { return "deal.line_item_removed" }
func (Won) EventType() string                     { return "deal.won" }
func (Lost) EventType() string                    { return "deal.lost" }
func (Reopened) EventType() string                { return "deal.reopened" }
func (Voided) EventType() string                  { return "deal.voided" }

func (Opened) event()                  {}
func (CustomerLinked) event()          {}
func (StageChanged) event()            {}
func (AmountChanged) event()           {}
func (CloseDateChanged) event()        {}
func (OwnerAssigned) event()           {}
func (ForecastCategoryChanged) event() {}
func (LineItemAdded) event()           {}
func (LineItemChanged) event()         {}
func (LineItemRemoved) event()         {}
func (Won) event()                     {}
func (Lost) event()                    {}
func (Reopened) event()                {}
func (Voided) event()                  {}
