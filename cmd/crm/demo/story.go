package demo

import (
	"fmt"
	"strconv"
	"time"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/interaction"
)

// buyer is an organisation and the people met there.
type buyer struct {
	id     domain.CustomerID
	owner  domain.EmployeeID
	met    time.Time
	people []domain.CustomerID
	asked  time.Time // when the first deal was opened; zero when none was
	bought time.Time // when the first deal was won; zero when none was
}

// organization tells the whole story of the number-th organisation.
func (c *company) organization(number int) {
	days := int(lastDay.Sub(firstDay).Hours() / 24)
	b := &buyer{
		id:    domain.CustomerID{UUID: c.mint()},
		owner: pick(c, c.sales),
		met:   c.later(firstDay, 0, days*3/4),
	}
	place, touch := pick(c, cities), pick(c, touchpoints)
	name := fmt.Sprintf("%s %s %s", pick(c, firmNames), pick(c, firmTrades), pick(c, firmForms))
	host := "firm-" + strconv.Itoa(number) + ".example"
	c.at(b.met, b.id.UUID, customer.Register{
		Kind: customer.Organization,
		Details: customer.Details{
			Name: domain.Personal(name), LegalName: domain.Personal(name), Industry: pick(c, industries),
			FoundedYear: 1900 + c.rng.IntN(120), Employees: int64(3 + c.rng.IntN(400)),
			AnnualRevenue: domain.Money{Minor: int64(20+c.rng.IntN(4000)) * 1_000_000, Currency: "EUR"},
		},
		Stage:      customer.Lead,
		Touchpoint: customer.Touchpoint{Source: touch.source, Medium: touch.medium, Campaign: touch.campaign},
		Owner:      b.owner,
		ContactPoints: []customer.ContactPoint{
			c.contactPoint(customer.Web, "website", "https://www."+host),
			c.contactPoint(customer.Phone, "office", "+49"+strconv.Itoa(30_000_000+c.rng.IntN(9_999_999))),
			c.postal(place.postalCode, place.city, place.country),
		},
	}, "")
	for range 2 + c.rng.IntN(3) {
		c.person(b, host)
	}
	for range c.rng.IntN(6) {
		c.deal(b, name)
	}
	c.lifecycle(b)
}

func (c *company) contactPoint(kind customer.ContactKind, label, value string) customer.ContactPoint {
	return customer.ContactPoint{
		ID: domain.ContactPointID{UUID: c.mint()}, Kind: kind, Label: label,
		Typed: domain.Personal(value), Normalized: domain.Personal(value),
	}
}

func (c *company) postal(postalCode, city, country string) customer.ContactPoint {
	street := fmt.Sprintf("%s %d", pick(c, streets), 1+c.rng.IntN(180))
	point := c.contactPoint(customer.Postal, "office", fmt.Sprintf("%s, %s %s, %s", street, postalCode, city, country))
	point.Address = customer.Address{
		Street: domain.Personal(street), PostalCode: domain.Personal(postalCode), City: domain.Personal(city), Country: country,
	}
	return point
}

// person is somebody at the organisation: met, talked to, asked for consent.
func (c *company) person(b *buyer, host string) {
	id, name := domain.CustomerID{UUID: c.mint()}, c.personName()
	met := c.later(b.met, 0, 1)
	title := domain.Personal(pick(c, jobTitles))
	email := c.contactPoint(customer.Email, "work", fmt.Sprintf("contact-%d@%s", len(b.people)+1, host))
	email.Primary = true
	c.at(met, id.UUID, customer.Register{
		Kind: customer.Person,
		Details: customer.Details{
			Name: domain.Personal(name.full()), GivenName: domain.Personal(name.given), FamilyName: domain.Personal(name.family),
			JobTitle: title,
		},
		Stage: customer.Lead,
		Owner: b.owner,
		ContactPoints: []customer.ContactPoint{
			email,
			c.contactPoint(customer.Phone, "mobile", "+43664"+strconv.Itoa(1_000_000+c.rng.IntN(8_999_999))),
		},
		Links: []customer.Link{{Organization: b.id, Relation: customer.WorksAt, Title: title}},
	}, "")
	b.people = append(b.people, id)
	c.newsletter(id, email.ID, met)
	for range c.rng.IntN(4) {
		c.talk(id, domain.DealID{}, c.later(met, 1, 200))
	}
	if c.chance(10) {
		c.at(c.later(met, 30, 300), id.UUID, customer.ChangeDetails{
			Patch: domain.Patch[customer.Details]{Set: customer.Details{JobTitle: domain.Personal(pick(c, jobTitles))}},
		}, "told us on the phone")
	}
}

// newsletter is what became of the question for consent.
func (c *company) newsletter(id domain.CustomerID, email domain.ContactPointID, met time.Time) {
	key := consent.Key{Purpose: "newsletter", Channel: consent.Email}
	asked := c.later(met, 0, 10)
	switch {
	case c.chance(55): // double opt-in, and most of them click
		c.at(asked, id.UUID, consent.Request{Key: key, Evidence: consent.Evidence{
			LegalBasis: consent.ByConsent, WordingVersion: "newsletter-2024-10", CaptureSource: "website form", ContactPoint: email,
		}}, "")
		if c.chance(80) {
			confirmed := c.later(asked, 0, 1)
			c.at(confirmed, id.UUID, consent.Confirm{Key: key, Proof: "link in the confirmation mail"}, "")
			if c.chance(15) {
				c.at(c.later(confirmed, 20, 300), id.UUID, consent.Withdraw{Key: key}, "unsubscribe link")
			}
		}
	case c.chance(20):
		c.at(asked, id.UUID, consent.Object{Key: consent.Key{Purpose: "marketing", Channel: consent.Phone}}, "does not want to be called")
	}
}

func (c *company) talk(id domain.CustomerID, about domain.DealID, when time.Time) {
	moods := []interaction.Mood{"", interaction.Delighted, interaction.Satisfied, interaction.Satisfied, interaction.Neutral, interaction.Annoyed}
	reactions := []interaction.Reaction{"", interaction.Interested, interaction.Interested, interaction.Undecided, interaction.Declined}
	c.at(when, id.UUID, interaction.Log{
		ID: domain.InteractionID{UUID: c.mint()},
		Details: interaction.Details{
			Channel:   pick(c, []interaction.Channel{interaction.Call, interaction.Email, interaction.Meeting, interaction.Visit}),
			Direction: pick(c, []interaction.Direction{interaction.Inbound, interaction.Outbound}),
			Subject:   domain.Personal(pick(c, subjects)), Note: domain.Personal(pick(c, notes)),
			Reaction: pick(c, reactions), Mood: pick(c, moods),
			Duration: int64(60 * (2 + c.rng.IntN(60))), Deal: about, Employee: pick(c, c.sales),
		},
	}, "")
}

// deal moves through the default pipeline until it closes or the years are over.
func (c *company) deal(b *buyer, name string) {
	opened := c.later(b.met, 4, 500) // everybody has been met by then
	id, main := domain.DealID{UUID: c.mint()}, pick(c, c.goods)
	items := []deal.LineItem{c.lineItem(main)}
	if c.chance(40) {
		items = append(items, c.lineItem(pick(c, c.goods)))
	}
	open := deal.Open{
		Title: domain.Personal(main.name + " for " + name), Owner: b.owner,
		ExpectedClose: domain.DateOf(opened.AddDate(0, 3, 0)), LineItems: items,
	}
	linkedLater := c.chance(15)
	if !linkedLater {
		open.Customer = b.id
	}
	c.at(opened, id.UUID, open, "")
	now := opened
	if linkedLater {
		now = c.later(now, 1, 10)
		c.at(now, id.UUID, deal.LinkCustomer{Customer: b.id}, "found out who is asking")
	}
	b.asked = earliest(b.asked, now)
	for _, stage := range []domain.StageID{"qualified", "proposal", "negotiation"} {
		now = c.later(now, 3, 40)
		if c.chance(18) {
			c.lose(id, now)
			return
		}
		c.at(now, id.UUID, deal.ChangeStage{Stage: deal.Stage{ID: stage}}, "")
		c.talk(pick(c, b.people), id, c.later(now, 0, 5))
		if c.chance(25) {
			c.at(c.later(now, 0, 2), id.UUID, deal.ChangeCloseDate{ExpectedClose: domain.DateOf(now.AddDate(0, 2, c.rng.IntN(40)))}, "asked for more time")
		}
	}
	closed := c.later(now, 3, 45)
	if c.chance(35) {
		c.lose(id, closed)
		return
	}
	c.at(closed, id.UUID, deal.Win{}, "")
	b.bought = earliest(b.bought, closed.Add(time.Minute))
}

func (c *company) lineItem(sold good) deal.LineItem {
	return deal.LineItem{
		ID: domain.LineItemID{UUID: c.mint()}, Product: sold.id, Name: sold.name,
		Quantity: domain.Quantity(1+c.rng.IntN(4)) * domain.One, UnitPrice: sold.price,
		Discount: pick(c, []int{0, 0, 0, 500, 1000, 1500}),
	}
}

func (c *company) lose(id domain.DealID, when time.Time) {
	lost := deal.Lose{Reason: pick(c, []deal.LossReason{
		deal.LostToPrice, deal.LostToCompetitor, deal.LostToTiming, deal.LostToNoBudget, deal.LostToNoDecision,
	})}
	if lost.Reason == deal.LostToCompetitor {
		lost.Competitor = pick(c, []string{"Ost-Maschinen", "ToolWorks", "Meyer Handel"})
	}
	c.at(when, id.UUID, lost, "")
}

// lifecycle moves the organisation along: opportunity, customer, and for some the
// farewell and the return.
func (c *company) lifecycle(b *buyer) {
	if b.asked.IsZero() {
		return
	}
	c.at(b.asked, b.id.UUID, customer.ChangeLifecycleStage{Stage: customer.Opportunity}, "")
	if b.bought.IsZero() {
		return
	}
	c.at(b.bought, b.id.UUID, customer.ChangeLifecycleStage{Stage: customer.Customer}, "")
	if !c.chance(15) {
		return
	}
	gone := c.later(b.bought, 120, 300)
	c.at(gone, b.id.UUID, customer.ChangeLifecycleStage{Stage: customer.Former}, "bought elsewhere")
	if c.chance(40) {
		c.at(c.later(gone, 30, 120), b.id.UUID, customer.ChangeLifecycleStage{
			Stage: customer.WonBack, Touchpoint: customer.Touchpoint{Source: "win-back call", Medium: "phone"},
		}, "called by the owner")
	}
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
