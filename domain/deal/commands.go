package deal

import "crm/domain"

// Command is what may be asked of a deal.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Open brings a deal into being. The customer may be linked later.
	Open struct {
		Title         domain.Personal
		Stage         Stage
		Customer      domain.CustomerID
		Owner         domain.EmployeeID
		Amount        domain.Money
		ExpectedClose domain.Date
		LineItems     []LineItem
	}

	// LinkCustomer says whose deal it is.
	LinkCustomer struct{ Customer domain.CustomerID }

	// ChangeStage moves an open deal, forwards or backwards.
	ChangeStage struct{ Stage Stage }

	// ChangeAmount says what the deal is worth.
	ChangeAmount struct{ Amount domain.Money }

	// ChangeCloseDate says when it is expected to close; none means unknown.
	ChangeCloseDate struct{ ExpectedClose domain.Date }

	// AssignOwner makes an employee responsible; the zero id makes it nobody.
	AssignOwner struct{ Owner domain.EmployeeID }

	// ChangeForecastCategory overrides the category of the stage.
	ChangeForecastCategory struct{ Category domain.ForecastCategory }

	// AddLineItem adds something to what is being sold.
	AddLineItem struct{ Item LineItem }

	// ChangeLineItem replaces the line item that has the same id.
	ChangeLineItem struct{ Item LineItem }

	// RemoveLineItem takes a line item away.
	RemoveLineItem struct{ ID domain.LineItemID }

	// Win closes the deal: the customer signed. Amount is the value at signing;
	// none means the deal's amount, or else the sum of its line items.
	Win struct{ Amount domain.Money }

	// Lose closes the deal: the customer said no.
	Lose struct {
		Reason     LossReason
		Competitor string
		Note       domain.Personal
	}

	// Reopen takes a close, or a voiding, back. The deal stands again where it stood.
	Reopen struct{}

	// Void says that the deal never was: a mistake, or an import that is undone.
	Void struct{}
)

func (Open) CommandName() string                   { return "deal.open" }
func (LinkCustomer) CommandName() string           { return "deal.link_customer" }
func (ChangeStage) CommandName() string            { return "deal.change_stage" }
func (ChangeAmount) CommandName() string           { return "deal.change_amount" }
func (ChangeCloseDate) CommandName() string        { return "deal.change_close_date" }
func (AssignOwner) CommandName() string            { return "deal.assign_owner" }
func (ChangeForecastCategory) CommandName() string { return "deal.change_forecast_category" }
func (AddLineItem) CommandName() string            { return "deal.add_line_item" }
func (ChangeLineItem) CommandName() string         { return "deal.change_line_item" }
func (RemoveLineItem) CommandName() string         { return "deal.remove_line_item" }
func (Win) CommandName() string                    { return "deal.win" }
func (Lose) CommandName() string                   { return "deal.lose" }
func (Reopen) CommandName() string                 { return "deal.reopen" }
func (Void) CommandName() string                   { return "deal.void" }

func (Open) command()                   {}
func (LinkCustomer) command()           {}
func (ChangeStage) command()            {}
func (ChangeAmount) command()           {}
func (ChangeCloseDate) command()        {}
func (AssignOwner) command()            {}
func (ChangeForecastCategory) command() {}
func (AddLineItem) command()            {}
func (ChangeLineItem) command()         {}
func (RemoveLineItem) command()         {}
func (Win) command()                    {}
func (Lose) command()                   {}
func (Reopen) command()                 {}
func (Void) command()                   {}
