package interaction

import "crm/domain"

// Decider is a customer's interactions.
var Decider = domain.Decider[State, Command, Event]{Initial: initial, Decide: decide, Evolve: evolve}

// The refusals of an interaction.
var (
	ErrUnknown       = &domain.Error{Code: domain.NotFound, Slug: "interaction-unknown", Detail: "The customer has no such interaction."}
	ErrAlreadyLogged = &domain.Error{Code: domain.Conflict, Slug: "interaction-already-logged", Detail: "An interaction with this id is logged already."}
)

func decide(s State, command Command) ([]Event, error) {
	switch c := command.(type) {
	case Log:
		return log(s, c)
	case Amend:
		return amend(s, c)
	}
	panic("interaction: command without a decision: " + command.CommandName())
}

func log(s State, c Log) ([]Event, error) {
	if c.ID.IsZero() {
		return nil, domain.ErrInvalid.At("/id", "An interaction has an id.")
	}
	if _, known := s.Logged[c.ID]; known {
		return nil, ErrAlreadyLogged
	}
	if err := c.Details.valid(); err != nil {
		return nil, err
	}
	return []Event{Logged(c)}, nil
}

func amend(s State, c Amend) ([]Event, error) {
	known, exists := s.Logged[c.ID]
	if !exists {
		return nil, ErrUnknown
	}
	needed, changed, err := DetailFields.Needed(known, c.Patch)
	if err != nil || !changed {
		return nil, err
	}
	if err := DetailFields.Apply(known, needed).valid(); err != nil {
		return nil, err
	}
	return []Event{Amended{ID: c.ID, Patch: needed}}, nil
}
