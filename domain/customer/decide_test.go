package customer_test

import (
	"testing"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/domaintest"
)

type story = domaintest.Story[customer.Command, customer.Event]

func facts(events ...customer.Event) []customer.Event { return events }

var (
	acme   = domain.CustomerID{UUID: uuid.UUID{15: 1}}
	agent  = domain.EmployeeID{UUID: uuid.UUID{15: 2}}
	office = domain.ContactPointID{UUID: uuid.UUID{15: 1}}
	home   = domain.ContactPointID{UUID: uuid.UUID{15: 2}}

	search = customer.Touchpoint{Source: "google", Medium: "organic_search", Campaign: "spring"}

	person       = customer.Registered{Kind: customer.Person, Details: customer.Details{Name: "李小龍"}, Stage: customer.Lead}
	organization = customer.Registered{Kind: customer.Organization, Details: customer.Details{Name: "Acme"}, Stage: customer.Lead}
	archived     = customer.Archived{}
)

func TestRegister(t *testing.T) {
	t.Parallel()
	work := email(office, "bruce@example.com", true)
	full := customer.Register{
		Kind: customer.Person, Details: customer.Details{Name: "李小龍", FamilyName: "李", GivenName: "小龍", BirthDate: "1940-11-27", Language: "zh-Hant-HK"},
		Stage: customer.Subscriber, Touchpoint: search, Owner: agent,
		ContactPoints: []customer.ContactPoint{work, email(home, "home@example.com", false)},
		Attributes:    []customer.Attribute{{Key: "hobby", Kind: customer.Text, Value: "film"}},
		Links:         []customer.Link{{Organization: acme, Relation: customer.WorksAt, Title: "Actor"}},
	}
	with := func(change func(*customer.Register)) customer.Register {
		register := full
		change(&register)
		return register
	}
	domaintest.Run(t, customer.Decider, []story{
		{Name: "with little", When: customer.Register{Kind: customer.Person, Details: person.Details}, Then: facts(person)},
		{Name: "an organisation", When: customer.Register{Kind: customer.Organization, Details: organization.Details}, Then: facts(organization)},
		{
			Name: "in mid-life", When: customer.Register{Kind: customer.Person, Details: person.Details, Stage: customer.WonBack},
			Then: facts(customer.Registered{Kind: customer.Person, Details: person.Details, Stage: customer.WonBack}),
		},
		{
			Name: "with all", When: full,
			Then: facts(
				customer.Registered{Kind: customer.Person, Details: full.Details, Stage: customer.Subscriber, Touchpoint: search},
				customer.ContactPointAdded{ContactPoint: full.ContactPoints[0]}, customer.ContactPointAdded{ContactPoint: full.ContactPoints[1]},
				customer.AttributesChanged{Set: full.Attributes},
				customer.LinkedToOrganization{Link: full.Links[0]},
				customer.OwnerAssigned{Owner: agent},
			),
		},
		{
			Name: "with one address twice, as address books have it",
			When: customer.Register{
				Kind: customer.Person, Details: person.Details,
				ContactPoints: []customer.ContactPoint{work, email(home, "bruce@example.com", false)},
			},
			Then: facts(person, customer.ContactPointAdded{ContactPoint: work}),
		},
		{Name: "twice", Given: facts(person), When: full, Refused: customer.ErrAlreadyRegistered},
		{Name: "again after being archived", Given: facts(person, archived), When: full, Refused: customer.ErrAlreadyRegistered},
		{Name: "without a kind", When: with(func(c *customer.Register) { c.Kind = "" }), Refused: domain.ErrInvalid, At: "/kind"},
		{Name: "of a strange kind", When: with(func(c *customer.Register) { c.Kind = "robot" }), Refused: domain.ErrInvalid, At: "/kind"},
		{Name: "at a strange stage", When: with(func(c *customer.Register) { c.Stage = "evangelist" }), Refused: domain.ErrInvalid, At: "/stage"},
		{Name: "without a name", When: with(func(c *customer.Register) { c.Details.Name = "\u00a0" }), Refused: domain.ErrInvalid, At: "/name"},
		{
			Name: "from a source with a NUL", Refused: domain.ErrInvalid, At: "/touchpoint/source",
			When: with(func(c *customer.Register) { c.Touchpoint.Source = "\x00" }),
		},
		{
			Name: "with a broken contact point", Refused: domain.ErrInvalid, At: "/contact_points/1/kind",
			When: with(func(c *customer.Register) {
				c.ContactPoints = []customer.ContactPoint{work, {ID: home, Normalized: "x"}}
			}),
		},
		{
			Name: "with two contact points of one id", Refused: domain.ErrInvalid, At: "/contact_points/1/id",
			When: with(func(c *customer.Register) {
				c.ContactPoints = []customer.ContactPoint{work, email(office, "other@example.com", false)}
			}),
		},
		{
			Name: "with a broken attribute", Refused: domain.ErrInvalid, At: "/attributes/0/value",
			When: with(func(c *customer.Register) {
				c.Attributes = []customer.Attribute{{Key: "age", Kind: customer.Number, Value: "old"}}
			}),
		},
		{
			Name: "with a broken link", Refused: domain.ErrInvalid, At: "/links/0/organization",
			When: with(func(c *customer.Register) { c.Links = []customer.Link{{Relation: customer.WorksAt}} }),
		},
	})
}

func TestAssignOwner(t *testing.T) {
	t.Parallel()
	assigned := customer.OwnerAssigned{Owner: agent}
	domaintest.Run(t, customer.Decider, []story{
		{Name: "to somebody", Given: facts(person), When: customer.AssignOwner{Owner: agent}, Then: facts(assigned)},
		{Name: "to nobody", Given: facts(person, assigned), When: customer.AssignOwner{}, Then: facts(customer.OwnerAssigned{})},
		{Name: "to the owner", Given: facts(person, assigned), When: customer.AssignOwner{Owner: agent}},
		{Name: "to nobody, as it is", Given: facts(person), When: customer.AssignOwner{}},
		{Name: "when archived", Given: facts(person, archived), When: customer.AssignOwner{Owner: agent}, Refused: customer.ErrArchived},
		{Name: "of no customer", When: customer.AssignOwner{Owner: agent}, Refused: customer.ErrUnknown},
	})
}

func TestChangeLifecycleStage(t *testing.T) {
	t.Parallel()
	at := func(stages ...customer.LifecycleStage) []customer.Event {
		history, from := facts(person), customer.Lead
		for _, to := range stages {
			history, from = append(history, customer.LifecycleStageChanged{From: from, To: to}), to
		}
		return history
	}
	step := func(from, to customer.LifecycleStage) []customer.Event {
		return facts(customer.LifecycleStageChanged{From: from, To: to})
	}
	to := func(stage customer.LifecycleStage) customer.ChangeLifecycleStage {
		return customer.ChangeLifecycleStage{Stage: stage}
	}
	domaintest.Run(t, customer.Decider, []story{
		{
			Name: "onwards, by a touchpoint", Given: at(), When: customer.ChangeLifecycleStage{Stage: customer.SalesQualified, Touchpoint: search},
			Then: facts(customer.LifecycleStageChanged{From: customer.Lead, To: customer.SalesQualified, Touchpoint: search}),
		},
		{Name: "back", Given: at(customer.Opportunity), When: to(customer.Lead), Then: step(customer.Opportunity, customer.Lead)},
		{Name: "from customer to former", Given: at(customer.Customer), When: to(customer.Former), Then: step(customer.Customer, customer.Former)},
		{Name: "from former to won back", Given: at(customer.Customer, customer.Former), When: to(customer.WonBack), Then: step(customer.Former, customer.WonBack)},
		{
			Name: "from won back to former", Given: at(customer.Customer, customer.Former, customer.WonBack), When: to(customer.Former),
			Then: step(customer.WonBack, customer.Former),
		},
		{Name: "from former to lead", Given: at(customer.Customer, customer.Former), When: to(customer.Lead), Then: step(customer.Former, customer.Lead)},
		{Name: "to where it is", Given: at(customer.Customer), When: to(customer.Customer)},
		{Name: "to where it is, by a touchpoint", Given: at(), When: customer.ChangeLifecycleStage{Stage: customer.Lead, Touchpoint: search}},
		{Name: "from lead to former", Given: at(), When: to(customer.Former), Refused: customer.ErrLifecycle},
		{Name: "from customer to won back", Given: at(customer.Customer), When: to(customer.WonBack), Refused: customer.ErrLifecycle},
		{Name: "to a strange stage", Given: at(), When: to("evangelist"), Refused: domain.ErrInvalid, At: "/stage"},
		{
			Name: "by a medium of bytes", Given: at(), Refused: domain.ErrInvalid, At: "/touchpoint/medium",
			When: customer.ChangeLifecycleStage{Stage: customer.Customer, Touchpoint: customer.Touchpoint{Medium: "\xc3"}},
		},
		{Name: "when archived", Given: facts(person, archived), When: to(customer.Customer), Refused: customer.ErrArchived},
		{Name: "of no customer", When: to(customer.Customer), Refused: customer.ErrUnknown},
	})
}

// A step without a touchpoint keeps the one that is known.
func TestLatestTouchpointStays(t *testing.T) {
	t.Parallel()
	state := customer.Decider.Fold(person,
		customer.LifecycleStageChanged{From: customer.Lead, To: customer.Opportunity, Touchpoint: search},
		customer.LifecycleStageChanged{From: customer.Opportunity, To: customer.Customer})
	if state.Stage != customer.Customer || state.Touchpoint != search {
		t.Errorf("the customer is at %s by %+v", state.Stage, state.Touchpoint)
	}
}

func TestArchive(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, customer.Decider, []story{
		{Name: "once", Given: facts(person), When: customer.Archive{}, Then: facts(archived)},
		{Name: "anew", Given: facts(person, archived, customer.Restored{}), When: customer.Archive{}, Then: facts(archived)},
		{Name: "twice", Given: facts(person, archived), When: customer.Archive{}},
		{Name: "no customer", When: customer.Archive{}, Refused: customer.ErrUnknown},
	})
}

func TestRestore(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, customer.Decider, []story{
		{Name: "once", Given: facts(person, archived), When: customer.Restore{}, Then: facts(customer.Restored{})},
		{Name: "and then change", Given: facts(person, archived, customer.Restored{}), When: customer.AssignOwner{Owner: agent}, Then: facts(customer.OwnerAssigned{Owner: agent})},
		{Name: "what is not archived", Given: facts(person), When: customer.Restore{}},
		{Name: "no customer", When: customer.Restore{}, Refused: customer.ErrUnknown},
	})
}
