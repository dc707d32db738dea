package customer

import "crm/domain"

// Event is what happened to a customer.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

type (
	// Registered records that the customer is known from now on.
	Registered struct {
		Kind       Kind           `json:"kind"`
		Details    Details        `json:"details"`
		Stage      LifecycleStage `json:"stage"`
		Touchpoint Touchpoint     `json:"touchpoint,omitzero"`
	}

	// DetailsChanged records that the details became different.
	DetailsChanged struct {
		domain.Patch[Details]
	}

	// Corrected records that the details had been wrong.
	Corrected struct {
		domain.Patch[Details]
	}

	// ContactPointAdded records a new way to reach the customer. A primary one
	// takes over from the primary one of its kind.
	ContactPointAdded struct {
		ContactPoint ContactPoint `json:"contact_point"`
	}

	// ContactPointVerified records that the customer was reached there.
	ContactPointVerified struct {
		ID     domain.ContactPointID `json:"id"`
		Method string                `json:"method,omitempty"`
	}

	// ContactPointRemoved records that the contact point is no longer used.
	ContactPointRemoved struct {
		ID domain.ContactPointID `json:"id"`
	}

	// OwnerAssigned records who is responsible; no owner means nobody.
	OwnerAssigned struct {
		Owner domain.EmployeeID `json:"owner,omitzero"`
	}

	// LifecycleStageChanged records a step of the life cycle.
	LifecycleStageChanged struct {
		From       LifecycleStage `json:"from"`
		To         LifecycleStage `json:"to"`
		Touchpoint Touchpoint     `json:"touchpoint,omitzero"`
	}

	// AttributesChanged records new values of custom fields.
	AttributesChanged struct {
		Set   []Attribute `json:"set,omitempty"`
		Clear []string    `json:"clear,omitempty"`
	}

	// LinkedToOrganization records a link, or a new title in one.
	LinkedToOrganization struct {
		Link Link `json:"link"`
	}

	// UnlinkedFromOrganization records the end of a link.
	UnlinkedFromOrganization struct {
		Organization domain.CustomerID `json:"organization"`
		Relation     Relation          `json:"relation"`
	}

	// Archived records that the customer was put away.
	Archived struct{}

	// Restored records that it was brought back.
	Restored struct{}
)

func (Registered) EventType() string               { return "customer.registered" }
func (DetailsChanged) EventType() string           { return "customer.details_changed" }
func (Corrected) EventType() string                { return "customer.corrected" }
func (ContactPointAdded) EventType() string        { return "customer.contact_point_added" }
func (ContactPointVerified) EventType() string     { return "customer.contact_point_verified" }
func (ContactPointRemoved) EventType() string      { return "customer.contact_point_removed" }
func (OwnerAssigned) EventType() string            { return "customer.owner_assigned" }
func (LifecycleStageChanged) EventType() string    { return "customer.lifecycle_stage_changed" }
func (AttributesChanged) EventType() string        { return "customer.attributes_changed" }
func (LinkedToOrganization) EventType() string     { return "customer.linked_to_organization" }
func (UnlinkedFromOrganization) EventType() string { return "customer.unlinked_from_organization" }
func (Archived) EventType() string                 { return "customer.archived" }
func (Restored) EventType() string                 { return "customer.restored" }

func (Registered) event()               {}
func (DetailsChanged) event()           {}
func (Corrected) event()                {}
func (ContactPointAdded) event()        {}
func (ContactPointVerified) event()     {}
func (ContactPointRemoved) event()      {}
func (OwnerAssigned) event()            {}
func (LifecycleStageChanged) event()    {}
func (AttributesChanged) event()        {}
func (LinkedToOrganization) event()     {}
func (UnlinkedFromOrganization) event() {}
func (Archived) event()                 {}
func (Restored) event()                 {}
