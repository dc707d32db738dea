package deal

import (
	"slices"

	"crm/domain"
)

// State is a deal folded from its history.
type State struct {
	Status        Status // empty before it is opened
	Title         domain.Personal
	Stage         Stage // the last open stage, also of a closed deal
	Customer      domain.CustomerID
	Owner         domain.EmployeeID
	Amount        domain.Money // as last said; none when nobody said
	ExpectedClose domain.Date
	LineItems     []LineItem   // in the order they were added
	Value         domain.Money // of a won deal, at signing
	Loss          Lost         // of a lost deal
}

func initial() State { return State{} }

func evolve(s State, event Event) State {
	switch e := event.(type) {
	case Opened:
		s.Status, s.Title, s.Stage, s.Customer, s.Owner = Running, e.Title, e.Stage, e.Customer, e.Owner
		s.Amount, s.ExpectedClose = e.Amount, e.ExpectedClose
	case CustomerLinked:
		s.Customer = e.Customer
	case StageChanged:
		s.Stage = e.To
	case AmountChanged:
		s.Amount = e.Amount
	case CloseDateChanged:
		s.ExpectedClose = e.ExpectedClose
	case OwnerAssigned:
		s.Owner = e.Owner
	case ForecastCategoryChanged:
		s.Stage.Category = e.Category
	case LineItemAdded:
		s.LineItems = append(s.LineItems, e.Item)
	case LineItemChanged:
		if i := s.item(e.Item.ID); i >= 0 {
			s.LineItems[i] = e.Item
		}
	case LineItemRemoved:
		s.LineItems = slices.DeleteFunc(s.LineItems, func(item LineItem) bool { return item.ID == e.ID })
	case Won:
		s.Status, s.Value = IsWon, e.Value
	case Lost:
		s.Status, s.Loss = IsLost, e
	case Reopened:
		s.Status, s.Value, s.Loss = Running, domain.Money{}, Lost{}
	case Voided:
		s.Status, s.Value, s.Loss = IsVoid, domain.Money{}, Lost{}
	}
	return s
}

// Worth is what the deal counts for: its value when it is won; else its amount as
// somebody said it, or the sum of its line items. It is none when none of these is
// known or the items' currencies differ.
func (s State) Worth() domain.Money {
	switch {
	case s.Status == IsWon:
		return s.Value
	case !s.Amount.IsZero():
		return s.Amount
	}
	sum := domain.Money{}
	for _, item := range s.LineItems {
		total, fits := item.Total()
		if !fits {
			return domain.Money{}
		}
		if sum, fits = sum.Plus(total); !fits {
			return domain.Money{}
		}
	}
	return sum
}

func (s State) item(id domain.LineItemID) int {
	return slices.IndexFunc(s.LineItems, func(item LineItem) bool { return item.ID == id })
}
