package customer

import (
	"slices"

	"crm/domain"
)

// State is a customer folded from its history.
type State struct {
	Kind          Kind // empty before it is registered
	Details       Details
	Stage         LifecycleStage
	Touchpoint    Touchpoint // the latest
	Owner         domain.EmployeeID
	ContactPoints []KnownContactPoint // in the order they were added
	Attributes    map[string]Attribute
	Links         []Link // in the order they were made
	Archived      bool
}

// KnownContactPoint is a contact point and whether the customer was reached there.
type KnownContactPoint struct {
	ContactPoint
	Verified bool
}

// Exists reports whether the customer was registered.
func (s State) Exists() bool { return s.Kind != "" }

func initial() State { return State{Attributes: map[string]Attribute{}} }

func evolve(s State, event Event) State {
	switch e := event.(type) {
	case Registered:
		s.Kind, s.Details, s.Stage, s.Touchpoint = e.Kind, e.Details, e.Stage, e.Touchpoint
	case DetailsChanged:
		s.Details = DetailFields.Apply(s.Details, e.Patch)
	case Corrected:
		s.Details = DetailFields.Apply(s.Details, e.Patch)
	case ContactPointAdded:
		s.ContactPoints = withContactPoint(s.ContactPoints, e.ContactPoint)
	case ContactPointVerified:
		if i := s.contactPoint(e.ID); i >= 0 {
			s.ContactPoints[i].Verified = true
		}
	case ContactPointRemoved:
		s.ContactPoints = slices.DeleteFunc(s.ContactPoints, func(known KnownContactPoint) bool { return known.ID == e.ID })
	case OwnerAssigned:
		s.Owner = e.Owner
	case LifecycleStageChanged:
		s.Stage = e.To
		if e.Touchpoint != (Touchpoint{}) {
			s.Touchpoint = e.Touchpoint
		}
	case AttributesChanged:
		for _, attribute := range e.Set {
			s.Attributes[attribute.Key] = attribute
		}
		for _, key := range e.Clear {
			delete(s.Attributes, key)
		}
	case LinkedToOrganization:
		if i := s.link(e.Link.Organization, e.Link.Relation); i >= 0 {
			s.Links[i] = e.Link
		} else {
			s.Links = append(s.Links, e.Link)
		}
	case UnlinkedFromOrganization:
		s.Links = slices.DeleteFunc(s.Links, func(l Link) bool {
			return l.Organization == e.Organization && l.Relation == e.Relation
		})
	case Archived:
		s.Archived = true
	case Restored:
		s.Archived = false
	}
	return s
}

// withContactPoint adds a contact point; of each kind one at most is primary.
func withContactPoint(known []KnownContactPoint, added ContactPoint) []KnownContactPoint {
	for i := range known {
		if added.Primary && known[i].Kind == added.Kind {
			known[i].Primary = false
		}
	}
	return append(known, KnownContactPoint{ContactPoint: added})
}

func (s State) contactPoint(id domain.ContactPointID) int {
	return slices.IndexFunc(s.ContactPoints, func(known KnownContactPoint) bool { return known.ID == id })
}

func (s State) link(organization domain.CustomerID, relation Relation) int {
	return slices.IndexFunc(s.Links, func(l Link) bool {
		return l.Organization == organization && l.Relation == relation
	})
}
