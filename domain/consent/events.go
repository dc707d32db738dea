package consent

import "crm/domain"

// Event is what happened to a customer's consents.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

type (
	// Requested records that the customer was asked.
	Requested struct {
		Key
		Evidence Evidence `json:"evidence"`
	}

	// Confirmed records the customer's yes to a request; the request's evidence
	// holds from now on.
	Confirmed struct {
		Key
		Proof domain.Personal `json:"proof,omitempty"`
	}

	// Granted records a consent, or another legal basis, given at once.
	Granted struct {
		Key
		Evidence Evidence `json:"evidence"`
	}

	// Withdrawn records the customer's change of mind.
	Withdrawn struct{ Key }

	// Objected records the customer's objection.
	Objected struct{ Key }

	// Expired records that the consent's time was over.
	Expired struct{ Key }
)

func (Requested) EventType() string { return "consent.requested" }
func (Confirmed) EventType() string { return "consent.confirmed" }
func (Granted) EventType() string   { return "consent.granted" }
func (Withdrawn) EventType() string { return "consent.withdrawn" }
func (Objected) EventType() string  { return "consent.objected" }
func (Expired) EventType() string   { return "consent.expired" }

func (Requested) event() {}
func (Confirmed) event() {}
func (Granted) event()   {}
func (Withdrawn) event() {}
func (Objected) event()  {}
func (Expired) event()   {}
