package customer_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/domaintest"
)

func TestChangeAttributes(t *testing.T) {
	t.Parallel()
	hobby := customer.Attribute{Key: "hobby", Kind: customer.Text, Value: "film"}
	age := customer.Attribute{Key: "age", Kind: customer.Number, Value: "32"}
	known := customer.AttributesChanged{Set: []customer.Attribute{hobby, age}}
	set := func(attributes ...customer.Attribute) []customer.Attribute { return attributes }
	stories := []story{
		{
			Name: "sets and clears", Given: facts(person, customer.AttributesChanged{Set: set(hobby)}),
			When: customer.ChangeAttributes{Set: set(age), Clear: []string{"hobby", "hobby", "unknown"}},
			Then: facts(customer.AttributesChanged{Set: set(age), Clear: []string{"hobby"}}),
		},
		{
			Name: "sets only what is new", Given: facts(person, known),
			When: customer.ChangeAttributes{Set: set(hobby, customer.Attribute{Key: "age", Kind: customer.Text, Value: "32"})},
			Then: facts(customer.AttributesChanged{Set: set(customer.Attribute{Key: "age", Kind: customer.Text, Value: "32"})}),
		},
		{Name: "to what they are", Given: facts(person, known), When: customer.ChangeAttributes{Set: set(age, hobby), Clear: []string{"unknown"}}},
		{
			Name: "to what they were before they were cleared", Given: facts(person, known, customer.AttributesChanged{Clear: []string{"age"}}),
			When: customer.ChangeAttributes{Set: set(age)}, Then: facts(customer.AttributesChanged{Set: set(age)}),
		},
		{Name: "to nothing", Given: facts(person), When: customer.ChangeAttributes{}},
		{Name: "one twice", Given: facts(person), When: customer.ChangeAttributes{Set: set(hobby, age, hobby)}, Refused: domain.ErrInvalid, At: "/set/2/key"},
		{Name: "one both ways", Given: facts(person), When: customer.ChangeAttributes{Set: set(hobby), Clear: []string{"hobby"}}, Refused: domain.ErrInvalid, At: "/set/0/key"},
		{
			Name: "under no key", Given: facts(person), Refused: domain.ErrInvalid, At: "/set/0/key",
			When: customer.ChangeAttributes{Set: set(customer.Attribute{Key: "Schuhgröße", Kind: customer.Text})},
		},
		{
			Name: "of no kind", Given: facts(person), Refused: domain.ErrInvalid, At: "/set/1/kind",
			When: customer.ChangeAttributes{Set: set(hobby, customer.Attribute{Key: "x", Value: "y"})},
		},
		{Name: "when archived", Given: facts(person, archived), When: customer.ChangeAttributes{Set: set(hobby)}, Refused: customer.ErrArchived},
		{Name: "of no customer", When: customer.ChangeAttributes{Set: set(hobby)}, Refused: customer.ErrUnknown},
	}
	for kind, values := range map[customer.AttributeKind]struct{ good, bad []string }{
		customer.Text:    {good: []string{"", "a\nb", "長"}, bad: []string{"\x00", "\xff", strings.Repeat("x", domain.LongText+1)}},
		customer.Number:  {good: []string{"0", "-1", "1.50", "6.02e23", "1E-7"}, bad: []string{"", "+1", "01", ".5", "1.", "1e999", "NaN", "0x1p4", "1_000", " 1", strings.Repeat("1", 65)}},
		customer.Boolean: {good: []string{"true", "false"}, bad: []string{"", "yes", "TRUE"}},
		customer.Day:     {good: []string{"2024-02-29"}, bad: []string{"", "2023-02-29", "2024-02-29T00:00:00Z"}},
	} {
		for _, value := range values.good {
			attribute := customer.Attribute{Key: "x", Kind: kind, Value: domain.Personal(value)}
			stories = append(stories, story{
				Name: "a " + string(kind) + " of " + value, Given: facts(person),
				When: customer.ChangeAttributes{Set: set(attribute)}, Then: facts(customer.AttributesChanged{Set: set(attribute)}),
			})
		}
		for _, value := range values.bad {
			attribute := customer.Attribute{Key: "x", Kind: kind, Value: domain.Personal(value)}
			stories = append(stories, story{
				Name: "no " + string(kind) + " of " + value[:min(len(value), 20)], Given: facts(person),
				When: customer.ChangeAttributes{Set: set(attribute)}, Refused: domain.ErrInvalid, At: "/set/0/value",
			})
		}
	}
	domaintest.Run(t, customer.Decider, stories)
}

func TestLinkToOrganization(t *testing.T) {
	t.Parallel()
	works := customer.Link{Organization: acme, Relation: customer.WorksAt, Title: "Actor"}
	promoted := customer.Link{Organization: acme, Relation: customer.WorksAt, Title: "Director"}
	link := func(organization domain.CustomerID, relation customer.Relation) customer.Link {
		return customer.Link{Organization: organization, Relation: relation}
	}
	ask := func(link customer.Link) customer.LinkToOrganization {
		return customer.LinkToOrganization{Link: link}
	}
	linked := customer.LinkedToOrganization{Link: works}
	domaintest.Run(t, customer.Decider, []story{
		{Name: "a person works at it", Given: facts(person), When: ask(works), Then: facts(linked)},
		{
			Name: "an organisation belongs to it", Given: facts(organization), When: ask(link(acme, customer.SubsidiaryOf)),
			Then: facts(customer.LinkedToOrganization{Link: link(acme, customer.SubsidiaryOf)}),
		},
		{
			Name: "in another relation too", Given: facts(person, linked), When: ask(link(acme, customer.MemberOf)),
			Then: facts(customer.LinkedToOrganization{Link: link(acme, customer.MemberOf)}),
		},
		{
			Name: "to another too", Given: facts(person, linked), When: ask(link(domain.CustomerID{UUID: uuid.UUID{15: 9}}, customer.WorksAt)),
			Then: facts(customer.LinkedToOrganization{Link: link(domain.CustomerID{UUID: uuid.UUID{15: 9}}, customer.WorksAt)}),
		},
		{Name: "under another title", Given: facts(person, linked), When: ask(promoted), Then: facts(customer.LinkedToOrganization{Link: promoted})},
		{Name: "again", Given: facts(person, linked), When: ask(works)},
		{Name: "again under the later title", Given: facts(person, linked, customer.LinkedToOrganization{Link: promoted}), When: ask(promoted)},
		{Name: "to nothing", Given: facts(person), When: ask(link(domain.CustomerID{}, customer.WorksAt)), Refused: domain.ErrInvalid, At: "/organization"},
		{Name: "in a strange relation", Given: facts(person), When: ask(link(acme, "envies")), Refused: domain.ErrInvalid, At: "/relation"},
		{Name: "in no relation", Given: facts(person), When: ask(link(acme, "")), Refused: domain.ErrInvalid, At: "/relation"},
		{Name: "an organisation works nowhere", Given: facts(organization), When: ask(works), Refused: domain.ErrInvalid, At: "/relation"},
		{Name: "a person is no subsidiary", Given: facts(person), When: ask(link(acme, customer.SubsidiaryOf)), Refused: domain.ErrInvalid, At: "/relation"},
		{
			Name: "under a title with a NUL", Given: facts(person), Refused: domain.ErrInvalid, At: "/title",
			When: ask(customer.Link{Organization: acme, Relation: customer.WorksAt, Title: "\x00"}),
		},
		{Name: "when archived", Given: facts(person, archived), When: ask(works), Refused: customer.ErrArchived},
		{Name: "of no customer", When: ask(works), Refused: customer.ErrUnknown},
	})
}

func TestUnlinkFromOrganization(t *testing.T) {
	t.Parallel()
	linked := customer.LinkedToOrganization{Link: customer.Link{Organization: acme, Relation: customer.WorksAt}}
	unlinked := customer.UnlinkedFromOrganization{Organization: acme, Relation: customer.WorksAt}
	leave := customer.UnlinkFromOrganization(unlinked)
	domaintest.Run(t, customer.Decider, []story{
		{Name: "once", Given: facts(person, linked), When: leave, Then: facts(unlinked)},
		{Name: "twice", Given: facts(person, linked, unlinked), When: leave, Refused: customer.ErrNotLinked},
		{
			Name: "in another relation", Given: facts(person, linked), Refused: customer.ErrNotLinked,
			When: customer.UnlinkFromOrganization{Organization: acme, Relation: customer.MemberOf},
		},
		{Name: "when archived", Given: facts(person, linked, archived), When: leave, Refused: customer.ErrArchived},
		{Name: "of no customer", When: leave, Refused: customer.ErrUnknown},
	})
}
