package interaction

import "crm/domain"

// State is a customer's interactions folded from their history.
type State struct {
	Logged map[domain.InteractionID]Details
}

func initial() State { return State{Logged: map[domain.InteractionID]Details{}} }

func evolve(s State, event Event) State {
	switch e := event.(type) {
	case Logged:
		s.Logged[e.ID] = e.Details
	case Amended:
		s.Logged[e.ID] = DetailFields.Apply(s.Logged[e.ID], e.Patch)
	}
	return s
}
