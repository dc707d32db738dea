package webhook

import (
	"time"

	"github.com/google/uuid"

	"crm/domain"
)

// Event is what happened to a webhook.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

type (
	// Registered records that an endpoint wants to hear of what happens from now on.
	Registered struct {
		Details Details     `json:"details"`
		Secret  Fingerprint `json:"secret"` // in force
	}

	// Changed records that the details became different.
	Changed struct {
		domain.Patch[Details]
	}

	// Paused records that nothing is sent, and what happens waits.
	Paused struct{}

	// Resumed records that it is sent again.
	Resumed struct{}

	// SecretRotated records that another secret is in force.
	SecretRotated struct {
		Secret        Fingerprint `json:"secret"`
		Previous      Fingerprint `json:"previous"`       // the one that was
		PreviousUntil time.Time   `json:"previous_until"` // until then it is, too
	}

	// Disabled records that nothing is sent any more, nor kept.
	Disabled struct {
		Reason Reason `json:"reason"`
	}

	// Removed records the end of the endpoint.
	Removed struct{}

	// PingRequested records that the endpoint is to be sent this event.
	PingRequested struct{}

	// ReplayRequested records that the endpoint is to be sent again what lies in the
	// log between After and this event.
	ReplayRequested struct {
		After string `json:"after"`
	}

	// RedeliveryRequested records that a delivery is to be sent again.
	RedeliveryRequested struct {
		Delivery uuid.UUID `json:"delivery"`
	}
)

func (Registered) EventType() string          { return "webhook.registered" }
func (Changed) EventType() string             { return "webhook.changed" }
func (Paused) EventType() string              { return "webhook.paused" }
func (Resumed) EventType() string             { return "webhook.resumed" }
func (SecretRotated) EventType() string       { return "webhook.secret_rotated" }
func (Disabled) EventType() string            { return "webhook.disabled" }
func (Removed) EventType() string             { return "webhook.removed" }
func (PingRequested) EventType() string       { return "webhook.ping_requested" }
func (ReplayRequested) EventType() string     { return "webhook.replay_requested" }
func (RedeliveryRequested) EventType() string { return "webhook.redelivery_requested" }

func (Registered) event()          {}
func (Changed) event()             {}
func (Paused) event()              {}
func (Resumed) event()             {}
func (SecretRotated) event()       {}
func (Disabled) event()            {}
func (Removed) event()             {}
func (PingRequested) event()       {}
func (ReplayRequested) event()     {}
func (RedeliveryRequested) event() {}
