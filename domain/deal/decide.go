package deal

import (
	"cmp"
	"strconv"

	"crm/domain"
)

// Decider is the deal.
var Decider = domain.Decider[State, Command, Event]{Initial: initial, Decide: decide, Evolve: evolve}

// The refusals of a deal.
var (
	ErrUnknown       = &domain.Error{Code: domain.NotFound, Slug: "deal-unknown", Detail: "There is no such deal."}
	ErrAlreadyOpened = &domain.Error{Code: domain.Conflict, Slug: "deal-already-opened", Detail: "A deal with this id is opened already."}
	ErrNotOpen       = &domain.Error{Code: domain.Conflict, Slug: "deal-not-open", Detail: "The deal is closed. Reopen it first."}
	ErrNoLineItem    = &domain.Error{Code: domain.NotFound, Slug: "line-item-unknown", Detail: "The deal has no such line item."}
	ErrOtherPipeline = &domain.Error{Code: domain.Invalid, Slug: "stage-of-another-pipeline", Detail: "The stage is not one of the deal's pipeline."}
)

func decide(s State, command Command) ([]Event, error) {
	if err := s.admits(command); err != nil {
		return nil, err
	}
	switch c := command.(type) {
	case Open:
		return open(c)
	case LinkCustomer:
		return linkCustomer(s, c)
	case ChangeStage:
		return changeStage(s, c)
	case ChangeAmount:
		return changeAmount(s, c)
	case ChangeCloseDate:
		return changeCloseDate(s, c)
	case AssignOwner:
		return assignOwner(s, c)
	case ChangeForecastCategory:
		return changeForecastCategory(s, c)
	case AddLineItem:
		return addLineItem(s, c)
	case ChangeLineItem:
		return changeLineItem(s, c)
	case RemoveLineItem:
		return removeLineItem(s, c)
	case Win:
		return win(s, c)
	case Lose:
		return lose(s, c)
	case Reopen:
		return reopen(s)
	case Void:
		return void(s)
	}
	panic("deal: command without a decision: " + command.CommandName())
}

// admits refuses what the deal's status alone forbids.
func (s State) admits(command Command) error {
	switch command.(type) {
	case Open:
		if s.Status != "" {
			return ErrAlreadyOpened
		}
	case LinkCustomer, AssignOwner, Win, Lose, Reopen, Void: // also of a closed deal
		if s.Status == "" {
			return ErrUnknown
		}
	default:
		switch {
		case s.Status == "":
			return ErrUnknown
		case s.Status != Running:
			return ErrNotOpen
		}
	}
	return nil
}

func open(c Open) ([]Event, error) {
	if domain.Blank(c.Title) {
		return nil, domain.ErrInvalid.At("/title", "A deal has a title.")
	}
	if err := cmp.Or(
		domain.CheckText("/title", c.Title, domain.ShortText),
		c.Stage.valid(),
		domain.CheckMoney("/amount", c.Amount),
		domain.CheckDate("/expected_close", c.ExpectedClose),
	); err != nil {
		return nil, err
	}
	events := []Event{Opened{
		Title: c.Title, Stage: c.Stage, Customer: c.Customer, Owner: c.Owner,
		Amount: c.Amount, ExpectedClose: c.ExpectedClose,
	}}
	s := evolve(initial(), events[0])
	for i, item := range c.LineItems {
		added, err := addLineItem(s, AddLineItem{Item: item})
		if err != nil {
			return nil, domain.Within("/line_items/"+strconv.Itoa(i), err)
		}
		for _, event := range added {
			s = evolve(s, event)
		}
		events = append(events, added...)
	}
	return events, nil
}

func linkCustomer(s State, c LinkCustomer) ([]Event, error) {
	switch {
	case c.Customer.IsZero():
		return nil, domain.ErrInvalid.At("/customer", "The customer is missing.")
	case c.Customer == s.Customer:
		return nil, nil
	}
	return []Event{CustomerLinked{Customer: c.Customer, Previous: s.Customer}}, nil
}

func changeStage(s State, c ChangeStage) ([]Event, error) {
	if err := c.Stage.valid(); err != nil {
		return nil, err
	}
	switch {
	case c.Stage.Pipeline != s.Stage.Pipeline:
		return nil, ErrOtherPipeline.At("/pipeline", "The stage is not one of the deal's pipeline.")
	case c.Stage.ID == s.Stage.ID:
		return nil, nil
	}
	return []Event{StageChanged{From: s.Stage.ID, To: c.Stage}}, nil
}

func changeAmount(s State, c ChangeAmount) ([]Event, error) {
	switch {
	case c.Amount.IsZero():
		return nil, domain.ErrInvalid.At("/amount", "The amount is missing.")
	case c.Amount == s.Amount:
		return nil, nil
	}
	if err := domain.CheckMoney("/amount", c.Amount); err != nil {
		return nil, err
	}
	return []Event{AmountChanged(c)}, nil
}

func changeCloseDate(s State, c ChangeCloseDate) ([]Event, error) {
	if err := domain.CheckDate("/expected_close", c.ExpectedClose); err != nil || c.ExpectedClose == s.ExpectedClose {
		return nil, err
	}
	return []Event{CloseDateChanged(c)}, nil
}

func assignOwner(s State, c AssignOwner) ([]Event, error) {
	if c.Owner == s.Owner {
		return nil, nil
	}
	return []Event{OwnerAssigned(c)}, nil
}

func changeForecastCategory(s State, c ChangeForecastCategory) ([]Event, error) {
	switch {
	case !c.Category.Valid():
		return nil, domain.ErrInvalid.At("/category", "%q is not a forecast category.", string(c.Category))
	case c.Category == s.Stage.Category:
		return nil, nil
	}
	return []Event{ForecastCategoryChanged(c)}, nil
}

func addLineItem(s State, c AddLineItem) ([]Event, error) {
	if err := c.Item.valid(); err != nil {
		return nil, err
	}
	if i := s.item(c.Item.ID); i >= 0 {
		if s.LineItems[i] == c.Item {
			return nil, nil
		}
		return nil, domain.ErrInvalid.At("/id", "The deal has another line item with this id.")
	}
	return []Event{LineItemAdded(c)}, nil
}

func changeLineItem(s State, c ChangeLineItem) ([]Event, error) {
	i := s.item(c.Item.ID)
	if i < 0 {
		return nil, ErrNoLineItem
	}
	if err := c.Item.valid(); err != nil || s.LineItems[i] == c.Item {
		return nil, err
	}
	return []Event{LineItemChanged(c)}, nil
}

func removeLineItem(s State, c RemoveLineItem) ([]Event, error) {
	if s.item(c.ID) < 0 {
		return nil, ErrNoLineItem
	}
	return []Event{LineItemRemoved(c)}, nil
}

func win(s State, c Win) ([]Event, error) {
	if err := domain.CheckMoney("/amount", c.Amount); err != nil {
		return nil, err
	}
	switch {
	case s.Status == IsWon && (c.Amount.IsZero() || c.Amount == s.Value):
		return nil, nil // already won: saying it twice changes nothing
	case s.Status != Running:
		return nil, ErrNotOpen
	case c.Amount.IsZero():
		return []Event{Won{Value: s.Worth()}}, nil
	}
	return []Event{Won{Value: c.Amount}}, nil
}

func lose(s State, c Lose) ([]Event, error) {
	lost := Lost(c)
	if lost.Reason == "" {
		lost.Reason = LostUnexplained
	}
	if err := lost.valid(); err != nil {
		return nil, err
	}
	switch {
	case s.Status == IsLost && s.Loss == lost:
		return nil, nil
	case s.Status != Running:
		return nil, ErrNotOpen
	}
	return []Event{lost}, nil
}

func reopen(s State) ([]Event, error) {
	if s.Status == Running {
		return nil, nil
	}
	return []Event{Reopened{}}, nil
}

func void(s State) ([]Event, error) {
	if s.Status == IsVoid {
		return nil, nil
	}
	return []Event{Voided{}}, nil
}
