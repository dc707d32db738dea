package deal

import "crm/domain"

// Settings are the fields that a command gives a value, as they are in the state and
// as they are to be. A command that adds, takes away or closes gives none.
func Settings(s State, command Command) []domain.Setting {
	switch c := command.(type) {
	case LinkCustomer:
		return []domain.Setting{{Field: "customer", Is: domain.ValueOf(s.Customer), To: domain.ValueOf(c.Customer)}}
	case ChangeStage:
		return []domain.Setting{{Field: "stage", Is: domain.ValueOf(s.Stage.ID), To: domain.ValueOf(c.Stage.ID)}}
	case ChangeAmount:
		return []domain.Setting{{Field: "amount", Is: domain.ValueOf(s.Amount), To: domain.ValueOf(c.Amount)}}
	case ChangeCloseDate:
		return []domain.Setting{{Field: "expected_close", Is: domain.ValueOf(s.ExpectedClose), To: domain.ValueOf(c.ExpectedClose)}}
	case AssignOwner:
		return []domain.Setting{{Field: "owner", Is: domain.ValueOf(s.Owner), To: domain.ValueOf(c.Owner)}}
	case ChangeForecastCategory:
		return []domain.Setting{{Field: "forecast_category", Is: domain.ValueOf(s.Stage.Category), To: domain.ValueOf(c.Category)}}
	case ChangeLineItem:
		setting := domain.Setting{Field: "line_items/" + c.Item.ID.String(), To: c.Item}
		if i := s.item(c.Item.ID); i >= 0 {
			setting.Is = s.LineItems[i]
		}
		return []domain.Setting{setting}
	default:
		return nil
	}
}
