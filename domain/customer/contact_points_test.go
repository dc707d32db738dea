package customer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/domaintest"
)

func email(id domain.ContactPointID, address domain.Personal, primary bool) customer.ContactPoint {
	return customer.ContactPoint{ID: id, Kind: customer.Email, Label: "work", Typed: "<" + address + ">", Normalized: address, Primary: primary}
}

func TestAddContactPoint(t *testing.T) {
	t.Parallel()
	work := email(office, "bruce@example.com", false)
	postal := customer.ContactPoint{
		ID: home, Kind: customer.Postal, Typed: "41 Cumberland Road\nKowloon Tong", Normalized: "41 cumberland road, hk",
		Address: customer.Address{Street: "41 Cumberland Road", PostalCode: "-", City: "Kowloon Tong", Region: "Kowloon", Country: "HK"},
	}
	with := func(change func(*customer.ContactPoint)) customer.AddContactPoint {
		point := postal
		change(&point)
		return customer.AddContactPoint{ContactPoint: point}
	}
	long := domain.Personal(strings.Repeat("x", domain.ShortText+1))
	added := customer.ContactPointAdded{ContactPoint: work}
	domaintest.Run(t, customer.Decider, []story{
		{Name: "an e-mail address", Given: facts(person), When: customer.AddContactPoint{ContactPoint: work}, Then: facts(added)},
		{Name: "a postal address", Given: facts(person, added), When: customer.AddContactPoint{ContactPoint: postal}, Then: facts(customer.ContactPointAdded{ContactPoint: postal})},
		{
			Name: "the same text of another kind", Given: facts(person, added), When: with(func(p *customer.ContactPoint) { p.Kind, p.Normalized = customer.Social, work.Normalized }),
			Then: facts(customer.ContactPointAdded{ContactPoint: with(func(p *customer.ContactPoint) { p.Kind, p.Normalized = customer.Social, work.Normalized }).ContactPoint}),
		},
		{
			Name: "what was removed", Given: facts(person, added, customer.ContactPointRemoved{ID: office}),
			When: customer.AddContactPoint{ContactPoint: work}, Then: facts(added),
		},
		{Name: "again", Given: facts(person, added), When: customer.AddContactPoint{ContactPoint: work}},
		{Name: "again, under another id and label", Given: facts(person, added), When: customer.AddContactPoint{ContactPoint: email(home, "bruce@example.com", true)}},
		{Name: "another under a known id", Given: facts(person, added), When: with(func(p *customer.ContactPoint) { p.ID = office }), Refused: domain.ErrInvalid, At: "/id"},
		{Name: "without an id", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.ID = domain.ContactPointID{} }), Refused: domain.ErrInvalid, At: "/id"},
		{Name: "of a strange kind", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.Kind = "pigeon" }), Refused: domain.ErrInvalid, At: "/kind"},
		{Name: "nowhere", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.Normalized = " " }), Refused: domain.ErrInvalid, At: "/value"},
		{Name: "with too long a value", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.Typed = long }), Refused: domain.ErrInvalid, At: "/value"},
		{Name: "with too long a normal form", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.Normalized = long }), Refused: domain.ErrInvalid, At: "/value"},
		{Name: "with a label of bytes", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.Label = "\x80" }), Refused: domain.ErrInvalid, At: "/label"},
		{Name: "with too long a street", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.Address.Street = long }), Refused: domain.ErrInvalid, At: "/address/street"},
		{Name: "with too long a postal code", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.Address.PostalCode = long }), Refused: domain.ErrInvalid, At: "/address/postal_code"},
		{Name: "with too long a city", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.Address.City = long }), Refused: domain.ErrInvalid, At: "/address/city"},
		{Name: "with too long a region", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.Address.Region = long }), Refused: domain.ErrInvalid, At: "/address/region"},
		{Name: "with too long a country", Given: facts(person), When: with(func(p *customer.ContactPoint) { p.Address.Country = long.Plain() }), Refused: domain.ErrInvalid, At: "/address/country"},
		{Name: "when archived", Given: facts(person, archived), When: customer.AddContactPoint{ContactPoint: work}, Refused: customer.ErrArchived},
		{Name: "of no customer", When: customer.AddContactPoint{ContactPoint: work}, Refused: customer.ErrUnknown},
	})
}

func TestVerifyContactPoint(t *testing.T) {
	t.Parallel()
	added := customer.ContactPointAdded{ContactPoint: email(office, "bruce@example.com", false)}
	verified := customer.ContactPointVerified{ID: office, Method: "call"}
	domaintest.Run(t, customer.Decider, []story{
		{Name: "once", Given: facts(person, added), When: customer.VerifyContactPoint{ID: office, Method: "call"}, Then: facts(verified)},
		{Name: "twice, by other means", Given: facts(person, added, verified), When: customer.VerifyContactPoint{ID: office, Method: "letter"}},
		{
			Name: "anew after it was removed and added", Given: facts(person, added, verified, customer.ContactPointRemoved{ID: office}, added),
			When: customer.VerifyContactPoint{ID: office, Method: "call"}, Then: facts(verified),
		},
		{Name: "one that is not there", Given: facts(person, added), When: customer.VerifyContactPoint{ID: home}, Refused: customer.ErrNoContactPoint},
		{Name: "by a NUL", Given: facts(person, added), When: customer.VerifyContactPoint{ID: office, Method: "\x00"}, Refused: domain.ErrInvalid, At: "/method"},
		{Name: "when archived", Given: facts(person, added, archived), When: customer.VerifyContactPoint{ID: office}, Refused: customer.ErrArchived},
		{Name: "of no customer", When: customer.VerifyContactPoint{ID: office}, Refused: customer.ErrUnknown},
	})
}

func TestRemoveContactPoint(t *testing.T) {
	t.Parallel()
	added, removed := customer.ContactPointAdded{ContactPoint: email(office, "bruce@example.com", true)}, customer.ContactPointRemoved{ID: office}
	domaintest.Run(t, customer.Decider, []story{
		{Name: "once", Given: facts(person, added), When: customer.RemoveContactPoint{ID: office}, Then: facts(removed)},
		{Name: "twice", Given: facts(person, added, removed), When: customer.RemoveContactPoint{ID: office}, Refused: customer.ErrNoContactPoint},
		{Name: "one that is not there", Given: facts(person, added), When: customer.RemoveContactPoint{ID: home}, Refused: customer.ErrNoContactPoint},
		{Name: "when archived", Given: facts(person, added, archived), When: customer.RemoveContactPoint{ID: office}, Refused: customer.ErrArchived},
		{Name: "of no customer", When: customer.RemoveContactPoint{ID: office}, Refused: customer.ErrUnknown},
	})
}

// Of each kind at most one contact point is primary: the one added last as such.
func TestPrimaryTakesOver(t *testing.T) {
	t.Parallel()
	added := func(point customer.ContactPoint) customer.Event {
		return customer.ContactPointAdded{ContactPoint: point}
	}
	phone := customer.ContactPoint{ID: domain.ContactPointID{UUID: uuid.UUID{15: 3}}, Kind: customer.Phone, Typed: "1", Normalized: "+8521", Primary: true}
	first, next := email(office, "a@example.com", true), email(home, "b@example.com", true)
	for name, test := range map[string]struct {
		history []customer.Event
		want    []domain.Personal
	}{
		"from one of its kind":                {facts(person, added(first), added(phone), added(next)), []domain.Personal{"+8521", "b@example.com"}},
		"from none when it is not primary":    {facts(person, added(first), added(email(home, "b@example.com", false))), []domain.Personal{"a@example.com"}},
		"and nobody when it is removed again": {facts(person, added(first), added(next), customer.ContactPointRemoved{ID: home}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var primary []domain.Personal
			for _, point := range customer.Decider.Fold(test.history...).ContactPoints {
				if point.Primary {
					primary = append(primary, point.Normalized)
				}
			}
			if diff := cmp.Diff(test.want, primary); diff != "" {
				t.Errorf("other contact points are primary (-want +got):\n%s", diff)
			}
		})
	}
}
