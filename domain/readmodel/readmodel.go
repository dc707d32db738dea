package readmodel

import (
	"cmp"

	"crm/domain"
)

// Command is what may be asked of a read model.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Retry asks a read model to apply what is parked, as the program is now.
	Retry struct {
		Name   string        // of the read model
		Stream domain.Stream // the parked one; "" for all of them
	}

	// SkipEvent asks a read model to go on without one event, the one at which its
	// stream is parked. It takes a reason.
	SkipEvent struct {
		Name     string // of the read model
		Stream   domain.Stream
		Revision domain.Revision
	}
)

func (Retry) CommandName() string     { return "readmodel.retry" }
func (SkipEvent) CommandName() string { return "readmodel.skip_event" }

// TakesReason says that nobody may ask this without saying why.
func (SkipEvent) TakesReason() {}

func (Retry) command()     {}
func (SkipEvent) command() {}

// Event is what happened to a read model.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

type (
	// RetryRequested records that what is parked here is to be applied here.
	RetryRequested struct {
		Name   string        `json:"name"`
		Stream domain.Stream `json:"stream,omitempty"` // "": all that are parked
	}

	// EventSkipped records that the read model goes on without one event, in all
	// tables that do not hold it yet.
	EventSkipped struct {
		Name     string          `json:"name"`
		Stream   domain.Stream   `json:"stream"`
		Revision domain.Revision `json:"revision"`
	}
)

func (RetryRequested) EventType() string { return "readmodel.retry_requested" }
func (EventSkipped) EventType() string   { return "readmodel.event_skipped" }

func (RetryRequested) event() {}
func (EventSkipped) event()   {}

// State is nothing: no decision depends on an earlier one.
type State struct{}

// Decider is the read model.
var Decider = domain.Decider[State, Command, Event]{
	Initial: func() State { return State{} },
	Decide:  decide,
	Evolve:  func(s State, _ Event) State { return s },
}

func decide(_ State, command Command) ([]Event, error) {
	switch c := command.(type) {
	case Retry:
		if err := cmp.Or(named("/name", c.Name), domain.CheckText("/stream", c.Stream, domain.ShortText)); err != nil {
			return nil, err
		}
		return []Event{RetryRequested(c)}, nil
	case SkipEvent:
		if err := cmp.Or(named("/name", c.Name), named("/stream", c.Stream)); err != nil {
			return nil, err
		}
		if c.Revision < 0 {
			return nil, domain.ErrInvalid.At("/revision", "Revisions count from 0.")
		}
		return []Event{EventSkipped(c)}, nil
	}
	panic("readmodel: command without a decision: " + command.CommandName())
}

func named[T ~string](pointer string, name T) error {
	if domain.Blank(name) {
		return domain.ErrInvalid.At(pointer, "The name is missing.")
	}
	return domain.CheckText(pointer, name, domain.ShortText)
}
