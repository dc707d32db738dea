package customer

import (
	"slices"
	"strconv"
	"strings"

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
	if c, ok := command.(Register); ok {
		return register(s, c)
	}
	if !s.Exists() {
		return nil, ErrUnknown
	}
	switch command.(type) {
	case Archive, Restore:
	default:
		if s.Archived {
			return nil, ErrArchived
		}
	}
	switch c := command.(type) {
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

// register leaves one event for the customer and one for each thing that was
// known of it from the start, each as its own command would have left it.
func register(s State, c Register) ([]Event, error) {
	if s.Exists() {
		return nil, ErrAlreadyRegistered
	}
	if c.Kind != Person && c.Kind != Organization {
		return nil, domain.ErrInvalid.At("/kind", "A customer is a person or an organization.")
	}
	if c.Stage == "" {
		c.Stage = Lead
	}
	if !c.Stage.Valid() {
		return nil, domain.ErrInvalid.At("/stage", "%q is not a lifecycle stage.", string(c.Stage))
	}
	if err := validDetails(c.Kind, c.Details); err != nil {
		return nil, err
	}
	events := []Event{Registered{Kind: c.Kind, Details: c.Details, Stage: c.Stage, Touchpoint: c.Touchpoint}}
	s = evolve(initial(), events[0])
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
	if err := then(changeAttributes(s, ChangeAttributes{Set: c.Attributes})); err != nil {
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

func validDetails(kind Kind, d Details) error {
	switch {
	case d.Name == "":
		return domain.ErrInvalid.At("/name", "A customer has a name.")
	case d.BirthDate != "" && !domain.Date(d.BirthDate).Valid():
		return domain.ErrInvalid.At("/birth_date", "A date of birth is a day such as 1980-02-29.")
	case !d.AnnualRevenue.IsZero() && !d.AnnualRevenue.Valid():
		return domain.ErrInvalid.At("/annual_revenue/currency", "%q is not an ISO 4217 currency.", string(d.AnnualRevenue.Currency))
	case d.FoundedYear < 0 || d.FoundedYear > 9999:
		return domain.ErrInvalid.At("/founded_year", "A year has four digits.")
	case d.Employees < 0:
		return domain.ErrInvalid.At("/employees", "An organisation cannot have fewer than no employees.")
	}
	foreign := organizationOnly
	if kind == Organization {
		foreign = personOnly
	}
	for _, name := range foreign {
		if DetailFields.Touches(domain.Patch[Details]{Set: d}, name) {
			return domain.ErrInvalid.At("/"+name, "A %s has no %s.", kind, name)
		}
	}
	return nil
}

var (
	personOnly       = []string{"honorific", "given_name", "family_name", "birth_date", "job_title"}
	organizationOnly = []string{"legal_name", "industry", "founded_year", "employees", "annual_revenue", "vat_id"}
)

func addContactPoint(s State, c AddContactPoint) ([]Event, error) {
	point := c.ContactPoint
	switch point.Kind {
	case Email, Phone, Postal, Web, Social:
	default:
		return nil, domain.ErrInvalid.At("/kind", "%q is not a kind of contact point.", string(point.Kind))
	}
	if point.ID.IsZero() || point.Normalized == "" {
		return nil, domain.ErrInvalid.At("/value", "A contact point says where the customer can be reached.")
	}
	if s.contactPoint(point.ID) >= 0 || slices.ContainsFunc(s.ContactPoints, func(known KnownContactPoint) bool {
		return known.Kind == point.Kind && known.Normalized == point.Normalized
	}) {
		return nil, nil
	}
	return []Event{ContactPointAdded{ContactPoint: point}}, nil
}

func verifyContactPoint(s State, c VerifyContactPoint) ([]Event, error) {
	i := s.contactPoint(c.ID)
	switch {
	case i < 0:
		return nil, ErrNoContactPoint
	case s.ContactPoints[i].Verified:
		return nil, nil
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
	return []Event{LifecycleStageChanged{From: s.Stage, To: c.Stage, Touchpoint: c.Touchpoint}}, nil
}

func changeAttributes(s State, c ChangeAttributes) ([]Event, error) {
	var needed AttributesChanged
	for i, attribute := range c.Set {
		if err := validAttribute(attribute); err != nil {
			return nil, domain.Within("/attributes/"+strconv.Itoa(i), err)
		}
		if slices.ContainsFunc(c.Set[:i], func(a Attribute) bool { return a.Key == attribute.Key }) ||
			slices.Contains(c.Clear, attribute.Key) {
			return nil, domain.ErrInvalid.At("/attributes/"+strconv.Itoa(i)+"/key", "%s is named twice.", attribute.Key)
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

func validAttribute(a Attribute) error {
	if !domain.IsSlug(a.Key) {
		return domain.ErrInvalid.At("/key", "A key is 1 to 64 of a-z, 0-9, _ and -.")
	}
	valid := false
	switch a.Kind {
	case Text:
		valid = true
	case Number:
		valid = isNumber(a.Value.Plain())
	case Boolean:
		valid = a.Value == "true" || a.Value == "false"
	case Day:
		valid = domain.Date(a.Value).Valid()
	default:
		return domain.ErrInvalid.At("/kind", "%q is not a kind of attribute.", string(a.Kind))
	}
	if !valid {
		return domain.ErrInvalid.At("/value", "The value is not a %s.", string(a.Kind))
	}
	return nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil && !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789+-.eE", r) })
}

func linkToOrganization(s State, c LinkToOrganization) ([]Event, error) {
	link := c.Link
	switch {
	case link.Organization.IsZero():
		return nil, domain.ErrInvalid.At("/organization", "A link names an organisation.")
	case link.Relation == WorksAt && s.Kind != Person, link.Relation == SubsidiaryOf && s.Kind != Organization:
		return nil, domain.ErrInvalid.At("/relation", "Only a person works at, only an organisation is a subsidiary of another.")
	}
	switch link.Relation {
	case WorksAt, SubsidiaryOf, MemberOf, PartnerOf:
	default:
		return nil, domain.ErrInvalid.At("/relation", "%q is not a relation.", string(link.Relation))
	}
	if i := s.link(link.Organization, link.Relation); i >= 0 && s.Links[i] == link {
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
