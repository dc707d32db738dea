package interaction

import "crm/domain"

// Event is what happened to a customer's interactions.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

type (
	// Logged records an interaction; it took place when the event occurred.
	Logged struct {
		ID      domain.InteractionID `json:"id"`
		Details Details              `json:"details"`
	}

	// Amended records that an interaction had been noted down differently.
	Amended struct {
		ID domain.InteractionID `json:"id"`
		domain.Patch[Details]
	}
)

func (Logged) EventType() string  { return "interaction.logged" }
func (Amended) EventType() string { return "interaction.amended" }

func (Logged) event()  {}
func (Amended) event() {}
