package customer_test

import (
	"testing"

	"pgregory.net/rapid"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/domaintest"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, customer.Decider, anyCommand(), map[string]error{
		"customer.register":                 customer.ErrAlreadyRegistered,
		"customer.remove_contact_point":     customer.ErrNoContactPoint,
		"customer.unlink_from_organization": customer.ErrNotLinked,
	})
}

var (
	text     = domaintest.AnyText[string]()
	personal = domaintest.AnyText[domain.Personal]()

	anyStage      = rapid.SampledFrom([]customer.LifecycleStage{"", customer.Lead, customer.Customer, customer.Former, customer.WonBack, "evangelist"})
	anyRelation   = rapid.SampledFrom([]customer.Relation{customer.WorksAt, customer.SubsidiaryOf, customer.MemberOf, "envies"})
	anyTouchpoint = rapid.OneOf(rapid.SampledFrom([]customer.Touchpoint{{}, search}), rapid.Map(text, func(s string) customer.Touchpoint {
		return customer.Touchpoint{Source: s}
	}))
	anyKey = rapid.SampledFrom([]string{"hobby", "age", "Schuhgröße"})

	anyDetails = rapid.OneOf(
		rapid.SampledFrom([]customer.Details{everyDetail(customer.Person), everyDetail(customer.Organization), person.Details}),
		rapid.Custom(func(t *rapid.T) customer.Details {
			return customer.Details{
				Name: personal.Draw(t, "name"), Description: personal.Draw(t, "description"), JobTitle: personal.Draw(t, "title"),
				Language:  rapid.SampledFrom([]string{"", "de-AT", "Deutsch"}).Draw(t, "language"),
				BirthDate: rapid.SampledFrom([]domain.Personal{"", "1980-02-29", "1981-02-29"}).Draw(t, "birth date"),
				Industry:  text.Draw(t, "industry"), AnnualRevenue: domaintest.AnyMoney().Draw(t, "revenue"),
			}
		}))

	anyContactPoint = rapid.Custom(func(t *rapid.T) customer.ContactPoint {
		return customer.ContactPoint{
			ID:    domaintest.AnyID(office).Draw(t, "id"),
			Kind:  rapid.SampledFrom([]customer.ContactKind{customer.Email, customer.Email, customer.Phone, "pigeon"}).Draw(t, "kind"),
			Typed: personal.Draw(t, "typed"), Normalized: rapid.SampledFrom([]domain.Personal{"a", "b", "c", ""}).Draw(t, "normalized"),
			Label: text.Draw(t, "label"), Primary: rapid.Bool().Draw(t, "primary"),
		}
	})

	anyAttribute = rapid.Custom(func(t *rapid.T) customer.Attribute {
		return customer.Attribute{
			Key:   anyKey.Draw(t, "key"),
			Kind:  rapid.SampledFrom([]customer.AttributeKind{customer.Text, customer.Number, ""}).Draw(t, "kind"),
			Value: rapid.SampledFrom([]domain.Personal{"1", "2", "film"}).Draw(t, "value"),
		}
	})

	anyLink = rapid.Custom(func(t *rapid.T) customer.Link {
		return customer.Link{
			Organization: domaintest.AnyID(acme).Draw(t, "organization"), Relation: anyRelation.Draw(t, "relation"), Title: personal.Draw(t, "title"),
		}
	})
)

func anyCommand() *rapid.Generator[customer.Command] {
	patch := domaintest.AnyPatch(anyDetails, customer.DetailFields)
	point, employee := domaintest.AnyID(office), domaintest.AnyID(agent)
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) customer.Command {
			return customer.Register{
				Kind:    rapid.SampledFrom([]customer.Kind{customer.Person, customer.Organization, ""}).Draw(t, "kind"),
				Details: anyDetails.Draw(t, "details"), Stage: anyStage.Draw(t, "stage"), Touchpoint: anyTouchpoint.Draw(t, "touchpoint"),
				Owner:         employee.Draw(t, "owner"),
				ContactPoints: rapid.SliceOfN(anyContactPoint, 0, 2).Draw(t, "contact points"),
				Attributes:    rapid.SliceOfN(anyAttribute, 0, 2).Draw(t, "attributes"),
				Links:         rapid.SliceOfN(anyLink, 0, 1).Draw(t, "links"),
			}
		}),
		rapid.SampledFrom([]customer.Command{
			customer.Register{Kind: customer.Person, Details: person.Details},
			customer.Register{Kind: customer.Organization, Details: organization.Details},
			customer.Archive{},
			customer.Restore{},
			customer.Restore{},
		}),
		rapid.Map(patch, func(p domain.Patch[customer.Details]) customer.Command { return customer.ChangeDetails{Patch: p} }),
		rapid.Map(patch, func(p domain.Patch[customer.Details]) customer.Command { return customer.Correct{Patch: p} }),
		rapid.Map(anyContactPoint, func(p customer.ContactPoint) customer.Command { return customer.AddContactPoint{ContactPoint: p} }),
		rapid.Custom(func(t *rapid.T) customer.Command {
			return customer.VerifyContactPoint{ID: point.Draw(t, "id"), Method: text.Draw(t, "method")}
		}),
		rapid.Map(point, func(id domain.ContactPointID) customer.Command { return customer.RemoveContactPoint{ID: id} }),
		rapid.Map(employee, func(id domain.EmployeeID) customer.Command { return customer.AssignOwner{Owner: id} }),
		rapid.Custom(func(t *rapid.T) customer.Command {
			return customer.ChangeLifecycleStage{Stage: anyStage.Draw(t, "stage"), Touchpoint: anyTouchpoint.Draw(t, "touchpoint")}
		}),
		rapid.Custom(func(t *rapid.T) customer.Command {
			return customer.ChangeAttributes{Set: rapid.SliceOfN(anyAttribute, 0, 2).Draw(t, "set"), Clear: rapid.SliceOfN(anyKey, 0, 1).Draw(t, "clear")}
		}),
		rapid.Map(anyLink, func(l customer.Link) customer.Command { return customer.LinkToOrganization{Link: l} }),
		rapid.Custom(func(t *rapid.T) customer.Command {
			return customer.UnlinkFromOrganization{Organization: domaintest.AnyID(acme).Draw(t, "organization"), Relation: anyRelation.Draw(t, "relation")}
		}),
	)
}
