package webhook

import "time"

// State is a webhook folded from its history.
type State struct {
	Status  Status
	Reason  Reason // why it is disabled
	Details Details
	// Secret is in force, and until PreviousUntil so is Previous.
	Secret, Previous Fingerprint
	PreviousUntil    time.Time
}

// Status says whether an endpoint is sent to. The zero value is one never registered.
type Status string

// The statuses. Only to StatusActive is sent.
const (
	StatusActive   Status = "active"
	StatusPaused   Status = "paused"
	StatusDisabled Status = "disabled"
	StatusRemoved  Status = "removed"
)

// Collects reports whether what happens now is to be delivered, now or later.
func (s State) Collects() bool { return s.Status == StatusActive || s.Status == StatusPaused }

func evolve(s State, event Event) State {
	switch e := event.(type) {
	case Registered:
		s.Status, s.Details, s.Secret = StatusActive, e.Details, e.Secret
	case Changed:
		s.Details = DetailFields.Apply(s.Details, e.Patch)
	case Paused:
		s.Status = StatusPaused
	case Resumed:
		s.Status, s.Reason = StatusActive, ""
	case SecretRotated:
		s.Secret, s.Previous, s.PreviousUntil = e.Secret, e.Previous, e.PreviousUntil
	case Disabled:
		s.Status, s.Reason = StatusDisabled, e.Reason
	case Removed:
		s.Status, s.Reason = StatusRemoved, ""
	case PingRequested, ReplayRequested, RedeliveryRequested: // they are the sender's business
	}
	return s
}
