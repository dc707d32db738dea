package webhook

import (
	"time"

	"github.com/google/uuid"

	"crm/domain"
)

// Decider is the webhook.
var Decider = domain.Decider[State, Command, Event]{
	Initial: func() State { return State{} },
	Decide:  decide,
	Evolve:  evolve,
}

// The refusals of a webhook.
var (
	ErrUnknown           = &domain.Error{Code: domain.NotFound, Slug: "webhook-unknown", Detail: "There is no such webhook."}
	ErrAlreadyRegistered = &domain.Error{Code: domain.Conflict, Slug: "webhook-already-registered", Detail: "A webhook with this id is registered already. Leave the id out to get one."}
	ErrNotActive         = &domain.Error{Code: domain.Conflict, Slug: "webhook-not-active", Detail: "The webhook is paused or disabled. Resume it first."}
	ErrRemoved           = &domain.Error{Code: domain.Conflict, Slug: "webhook-removed", Detail: "The webhook was removed, for good. Register another one."}
)

func decide(s State, command Command) ([]Event, error) {
	c, registers := command.(Register)
	switch {
	case registers:
		return register(s, c)
	case s.Status == "":
		return nil, ErrUnknown
	case s.Status == StatusRemoved:
		return removed(command)
	}
	switch c := command.(type) {
	case Register: // above
	case Change:
		return change(s, c)
	case Pause:
		return pause(s)
	case Resume:
		return unless(s.Status == StatusActive, Resumed{}), nil
	case RotateSecret:
		return rotateSecret(s, c)
	case Disable:
		return disable(s, c)
	case Remove:
		return []Event{Removed{}}, nil
	case Ping:
		return whenActive(s, PingRequested{})
	case Replay:
		return replay(s, c)
	case Redeliver:
		return redeliver(s, c)
	}
	panic("webhook: command without a decision: " + command.CommandName())
}

func register(s State, c Register) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyRegistered
	}
	if err := c.Details.valid(); err != nil {
		return nil, err
	}
	if err := c.Secret.valid(); err != nil {
		return nil, err
	}
	return []Event{Registered(c)}, nil
}

// removed is what a webhook answers that is no more: what ends it is already so.
func removed(command Command) ([]Event, error) {
	switch command.(type) {
	case Remove, Disable:
		return nil, nil
	default:
		return nil, ErrRemoved
	}
}

func change(s State, c Change) ([]Event, error) {
	needed, changed, err := DetailFields.Needed(s.Details, c.Patch)
	if err != nil || !changed {
		return nil, err
	}
	if err := DetailFields.Apply(s.Details, needed).valid(); err != nil {
		return nil, err
	}
	return []Event{Changed{needed}}, nil
}

func pause(s State) ([]Event, error) {
	if s.Status == StatusDisabled { // nothing is kept for it; pausing could not change that
		return nil, ErrNotActive
	}
	return unless(s.Status == StatusPaused, Paused{}), nil
}

func rotateSecret(s State, c RotateSecret) ([]Event, error) {
	if err := c.Secret.valid(); err != nil {
		return nil, err
	}
	if c.Secret == s.Secret {
		return nil, nil
	}
	if c.PreviousUntil.Sub(c.Now) > MaxOverlap {
		return nil, domain.ErrInvalid.At("/previous_until", "A former secret stays in force for 30 days at most.")
	}
	return []Event{SecretRotated{
		Secret: c.Secret, Previous: s.Secret, PreviousUntil: c.PreviousUntil.UTC().Truncate(time.Microsecond),
	}}, nil
}

func replay(s State, c Replay) ([]Event, error) {
	after, err := domain.ParsePosition(c.After)
	if err != nil {
		return nil, domain.ErrInvalid.At("/after", "A position is what Crm-Position gave, or 0 for the start of the log.")
	}
	return whenActive(s, ReplayRequested{After: after.String()})
}

func redeliver(s State, c Redeliver) ([]Event, error) {
	if c.Delivery == uuid.Nil {
		return nil, domain.ErrInvalid.At("/delivery", "The delivery is missing.")
	}
	return whenActive(s, RedeliveryRequested(c))
}

func whenActive(s State, event Event) ([]Event, error) {
	if s.Status != StatusActive {
		return nil, ErrNotActive
	}
	return []Event{event}, nil
}

func unless(already bool, event Event) []Event {
	if already {
		return nil
	}
	return []Event{event}
}

func disable(s State, c Disable) ([]Event, error) {
	if err := c.Reason.valid(); err != nil {
		return nil, err
	}
	return unless(s.Status == StatusDisabled, Disabled(c)), nil
}
