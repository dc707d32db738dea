package customer

import (
	"cmp"
	"slices"
	"strconv"

	"crm/domain"
)

// Decider is the customer.
var Decider = domain.Decider[State, Command, Event]{Initial: initial, Decide: decide, Evolve: evolve}

// The refusals of a customer.
var (
	ErrUnknown           = &domain.Error{Code: domain.NotFound, Slug: "customer-unknown", Detail: "There is no such customer."}
	ErrAlreadyRegistered = &domain.Error{Code: domain.Conflict, Slug: "customer-already-registered", Detail: "A customer with this id is registered already."}
	ErrArchived          = &domain.Error{Code: domain.Conflict, Slug: "customer-archived", Detail: "The customer is archived. Restore it first."}
	ErrNoContactPoint    = &domain.Error{Code: domain.NotFound, Slug: "contact-point-unknown", Detail: "The customer has no such contact point."}
	ErrNotLinked         = &domain.Error{Code: domain.NotFound, Slug: "organization-not-linked", Detail: "The customer has no such link to the organisation."}
	ErrNotOrganization   = &domain.Error{Code: domain.Invalid, Slug: "not-an-organization", Detail: "Only an organisation can be linked to."}
	ErrLifecycle         = &domain.Error{Code: domain.Conflict, Slug: "lifecycle-step-impossible", Detail: "A customer becomes former from customer or won back, and won back from former."}
)

func decide(s State, command Command) ([]Event, error) {
	if err := s.admits(command); err != nil {
		return nil, err
	}
	switch c := command.(type) {
	case Register:
		return register(c)
	case ChangeDetails:
		return changeDetails(s, c)
	case Correct:
		return correct(s, c)
	case AddContactPoint:
		return addContactPoint(s, c)
	case VerifyContactPoint:
		return verifyContactPoint(s, c)
	case RemoveContactPoint:
		return removeContactPoint(s, c)
	case AssignOwner:
		return assignOwner(s, c)
	case ChangeLifecycleStage:
		return changeLifecycleStage(s, c)
	case ChangeAttributes:
		return changeAttributes(s, c)
	case LinkToOrganization:
		return linkToOrganization(s, c)
	case UnlinkFromOrganization:
		return unlinkFromOrganization(s, c)
	case Archive:
		return archive(s)
	case Restore:
		return restore(s)
	}
	panic("customer: command without a decision: " + command.CommandName())
}

// admits refuses what the customer's standing alone forbids.
func (s State) admits(command Command) error {
	switch command.(type) {
	case Register:
		if s.Exists() {
			return ErrAlreadyRegistered
		}
	case Archive, Restore:
		if !s.Exists() {
			return ErrUnknown
		}
	default:
		switch {
		case !s.Exists():
			return ErrUnknown
		case s.Archived:
			return ErrArchived
		}
	}
	return nil
}

// register leaves one event for the customer and one for each thing that was
// known of it from the start, each as its own command would have left it.
func register(c Register) ([]Event, error) {
	if c.Kind != Person && c.Kind != Organization {
		return nil, domain.ErrInvalid.At("/kind", "A customer is a person or an organization.")
	}
	if c.Stage == "" {
		c.Stage = Lead
	}
	if !c.Stage.Valid() {
		return nil, domain.ErrInvalid.At("/stage", "%q is not a lifecycle stage.", string(c.Stage))
	}
	if err := cmp.Or(validDetails(c.Kind, c.Details), c.Touchpoint.valid()); err != nil {
		return nil, err
	}
	events := []Event{Registered{Kind: c.Kind, Details: c.Details, Stage: c.Stage, Touchpoint: c.Touchpoint}}
	s := evolve(initial(), events[0])
	then := func(more []Event, err error) error {
		for _, event := range more {
			s = evolve(s, event)
		}
		events = append(events, more...)
		return err
	}
	for i, point := range c.ContactPoints {
		if err := then(addContactPoint(s, AddContactPoint{ContactPoint: point})); err != nil {
			return nil, domain.Within("/contact_points/"+strconv.Itoa(i), err)
		}
	}
	if err := then(setAndClear(s, "/attributes", ChangeAttributes{Set: c.Attributes})); err != nil {
		return nil, err
	}
	for i, link := range c.Links {
		if err := then(linkToOrganization(s, LinkToOrganization{Link: link})); err != nil {
			return nil, domain.Within("/links/"+strconv.Itoa(i), err)
		}
	}
	if err := then(assignOwner(s, AssignOwner{Owner: c.Owner})); err != nil {
		return nil, err
	}
	return events, nil
}

func changeDetails(s State, c ChangeDetails) ([]Event, error) {
	patch, changed, err := neededPatch(s, c.Patch)
	if err != nil || !changed {
		return nil, err
	}
	return []Event{DetailsChanged{patch}}, nil
}

func correct(s State, c Correct) ([]Event, error) {
	patch, changed, err := neededPatch(s, c.Patch)
	if err != nil || !changed {
		return nil, err
	}
	return []Event{Corrected{patch}}, nil
}

func neededPatch(s State, patch domain.Patch[Details]) (domain.Patch[Details], bool, error) {
	needed, changed, err := DetailFields.Needed(s.Details, patch)
	if err != nil || !changed {
		return needed, false, err
	}
	return needed, true, validDetails(s.Kind, DetailFields.Apply(s.Details, needed))
}

func addContactPoint(s State, c AddContactPoint) ([]Event, error) {
	point := c.ContactPoint
	if err := point.valid(); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s.ContactPoints, func(known KnownContactPoint) bool {
		return known.Kind == point.Kind && known.Normalized == point.Normalized
	}) {
		return nil, nil
	}
	if s.contactPoint(point.ID) >= 0 {
		return nil, domain.ErrInvalid.At("/id", "The customer has another contact point with this id.")
	}
	return []Event{ContactPointAdded(c)}, nil
}

func verifyContactPoint(s State, c VerifyContactPoint) ([]Event, error) {
	i := s.contactPoint(c.ID)
	switch {
	case i < 0:
		return nil, ErrNoContactPoint
	case s.ContactPoints[i].Verified:
		return nil, nil
	}
	if err := domain.CheckText("/method", c.Method, domain.ShortText); err != nil {
		return nil, err
	}
	return []Event{ContactPointVerified(c)}, nil
}

func removeContactPoint(s State, c RemoveContactPoint) ([]Event, error) {
	if s.contactPoint(c.ID) < 0 {
		return nil, ErrNoContactPoint
	}
	return []Event{ContactPointRemoved(c)}, nil
}

func assignOwner(s State, c AssignOwner) ([]Event, error) {
	if s.Owner == c.Owner {
		return nil, nil
	}
	return []Event{OwnerAssigned(c)}, nil
}

func changeLifecycleStage(s State, c ChangeLifecycleStage) ([]Event, error) {
	switch {
	case !c.Stage.Valid():
		return nil, domain.ErrInvalid.At("/stage", "%q is not a lifecycle stage.", string(c.Stage))
	case c.Stage == s.Stage:
		return nil, nil
	case c.Stage == Former && s.Stage != Customer && s.Stage != WonBack,
		c.Stage == WonBack && s.Stage != Former:
		return nil, ErrLifecycle
	}
	if err := c.Touchpoint.valid(); err != nil {
		return nil, err
	}
	return []Event{LifecycleStageChanged{From: s.Stage, To: c.Stage, Touchpoint: c.Touchpoint}}, nil
}

func changeAttributes(s State, c ChangeAttributes) ([]Event, error) {
	return setAndClear(s, "/set", c)
}

// setAndClear changes attributes, of which those to set stand at the pointer.
func setAndClear(s State, pointer string, c ChangeAttributes) ([]Event, error) {
	var needed AttributesChanged
	for i, attribute := range c.Set {
		at := pointer + "/" + strconv.Itoa(i)
		if err := attribute.valid(); err != nil {
			return nil, domain.Within(at, err)
		}
		if slices.ContainsFunc(c.Set[:i], func(a Attribute) bool { return a.Key == attribute.Key }) ||
			slices.Contains(c.Clear, attribute.Key) {
			return nil, domain.ErrInvalid.At(at+"/key", "%s is named twice.", attribute.Key)
		}
		if s.Attributes[attribute.Key] != attribute {
			needed.Set = append(needed.Set, attribute)
		}
	}
	for _, key := range c.Clear {
		if _, known := s.Attributes[key]; known && !slices.Contains(needed.Clear, key) {
			needed.Clear = append(needed.Clear, key)
		}
	}
	if len(needed.Set)+len(needed.Clear) == 0 {
		return nil, nil
	}
	return []Event{needed}, nil
}

func linkToOrganization(s State, c LinkToOrganization) ([]Event, error) {
	if err := c.Link.valid(s.Kind); err != nil {
		return nil, err
	}
	if i := s.link(c.Link.Organization, c.Link.Relation); i >= 0 && s.Links[i] == c.Link {
		return nil, nil
	}
	return []Event{LinkedToOrganization(c)}, nil
}

func unlinkFromOrganization(s State, c UnlinkFromOrganization) ([]Event, error) {
	if s.link(c.Organization, c.Relation) < 0 {
		return nil, ErrNotLinked
	}
	return []Event{UnlinkedFromOrganization(c)}, nil
}

func archive(s State) ([]Event, error) {
	if s.Archived {
		return nil, nil
	}
	return []Event{Archived{}}, nil
}

func restore(s State) ([]Event, error) {
	if !s.Archived {
		return nil, nil
	}
	return []Event{Restored{}}, nil
}
