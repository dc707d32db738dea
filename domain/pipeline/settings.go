package pipeline

import "crm/domain"

// Settings are the fields that a command gives a value, as they are in the state and
// as they are to be. A command that adds or retires gives none.
func Settings(s State, command Command) []domain.Setting {
	switch c := command.(type) {
	case ReorderStages:
		var order []domain.StageID
		for _, stage := range s.Stages {
			if !stage.Retired {
				order = append(order, stage.ID)
			}
		}
		return []domain.Setting{{Field: "order", Is: order, To: c.Order}}
	case SetStageProbability:
		var known Stage
		if i := s.index(c.ID); i >= 0 {
			known = s.Stages[i].Stage
		}
		at := "stages/" + string(c.ID)
		settings := []domain.Setting{{Field: at + "/probability", Is: known.Probability, To: c.Probability}}
		if c.Category != "" {
			settings = append(settings, domain.Setting{Field: at + "/category", Is: domain.ValueOf(known.Category), To: domain.ValueOf(c.Category)})
		}
		return settings
	default:
		return nil
	}
}
