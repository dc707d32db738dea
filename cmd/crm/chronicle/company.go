package chronicle

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/interaction"
	"crm/domain/pipeline"
	"crm/domain/product"
)

type good struct {
	id    domain.ProductID
	name  string
	price domain.Money
}

var stages = []domain.StageID{"prospecting", "qualified", "proposal", "negotiation"}

// at is a stage of the default pipeline as a deal enters it.
func stageAt(index int) deal.Stage {
	s := pipeline.Default.Stages[index]
	return deal.Stage{Pipeline: domain.DefaultPipeline, ID: s.ID, Probability: s.Probability, Category: s.Category}
}

// found brings about what is there before the first customer: the pipeline, forty
// employees and sixty products.
func (c *chronicle) found() {
	at := firstDay
	begin(c, pipeline.Decider, domain.PipelineStream(domain.DefaultPipeline), at, pipeline.Command(pipeline.Default))
	for i := range 40 {
		id := domain.EmployeeID{UUID: c.mint()}
		details := employee.Details{Name: domain.Personal(c.name()), Office: pick(c, offices)}
		if i > 3 {
			details.Manager = c.employees[i%4]
		}
		begin(c, employee.Decider, domain.EmployeeStream(id), at, employee.Command(employee.Register{Details: details}))
		c.employees = append(c.employees, id)
	}
	for i := range 60 {
		g := good{
			id: domain.ProductID{UUID: c.mint()}, name: fmt.Sprintf("%s %d", pick(c, things), 100+i),
			price: domain.Money{Minor: int64(1+c.rng.IntN(2000)) * 1000, Currency: "EUR"},
		}
		begin(c, product.Decider, domain.ProductStream(g.id), at, product.Command(product.Define{
			Details:   product.Details{Name: g.name, Family: pick(c, families), SKU: "P-" + strconv.Itoa(100+i)},
			ListPrice: g.price,
		}))
		c.goods = append(c.goods, g)
	}
}

// begin tells of an aggregate that nothing more happens to.
func begin[S any, C domain.Command, E domain.Event](c *chronicle, of domain.Decider[S, C, E], stream domain.Stream, at time.Time, command C) {
	ask(c, of, &life[S]{state: of.Initial(), revision: domain.NoStream}, stream, at, command)
}

func (c *chronicle) name() string {
	return pick(c, givenNames) + " " + pick(c, familyNames)
}

func (c *chronicle) register() {
	k := &known{
		id: domain.CustomerID{UUID: c.mint()}, since: c.now(),
		life:     life[customer.State]{state: customer.Decider.Initial(), revision: domain.NoStream},
		consents: domain.NoStream, interactions: domain.NoStream,
	}
	given, family, number := pick(c, givenNames), pick(c, familyNames), strconv.Itoa(len(c.customers))
	command := customer.Register{
		Kind: customer.Person,
		Details: customer.Details{
			Name: domain.Personal(given + " " + family), GivenName: domain.Personal(given), FamilyName: domain.Personal(family),
			JobTitle: domain.Personal(pick(c, jobTitles)), Language: pick(c, languages),
		},
		Stage:      customer.Lead,
		Touchpoint: customer.Touchpoint{Source: pick(c, sources), Medium: pick(c, mediums)},
	}
	if c.chance(30) {
		command.Kind = customer.Organization
		name := domain.Personal(family + " " + pick(c, trades) + " " + number)
		command.Details = customer.Details{
			Name: name, LegalName: name + " GmbH", Industry: pick(c, trades),
			FoundedYear: 1900 + c.rng.IntN(120), Employees: int64(3 + c.rng.IntN(900)),
		}
	}
	if c.chance(70) {
		command.Owner = pick(c, c.employees)
	}
	command.ContactPoints = append(command.ContactPoints, c.contactPoint(customer.Email, "work", "contact-"+number+"@company-"+number+".example"))
	if c.chance(30) {
		command.ContactPoints = append(command.ContactPoints, c.contactPoint(customer.Phone, "office", "+4930"+strconv.Itoa(1_000_000+c.rng.IntN(8_999_999))))
	}
	c.customers = append(c.customers, k)
	c.customer(k, k.since, command)
}

func (c *chronicle) contactPoint(kind customer.ContactKind, label, value string) customer.ContactPoint {
	return customer.ContactPoint{
		ID: domain.ContactPointID{UUID: c.mint()}, Kind: kind, Label: label,
		Typed: domain.Personal(value), Normalized: domain.Personal(value), Primary: true,
	}
}

func (c *chronicle) open() {
	c.opened++
	b := &business{
		id: domain.DealID{UUID: c.mint()}, since: c.now(),
		life: life[deal.State]{state: deal.Decider.Initial(), revision: domain.NoStream},
	}
	offered := pick(c, c.goods)
	command := deal.Open{
		Title: domain.Personal(fmt.Sprintf("%d × %s", 1+c.rng.IntN(9), offered.name)), Stage: stageAt(0),
		Owner: pick(c, c.employees), ExpectedClose: domain.DateOf(b.since.AddDate(0, 1+c.rng.IntN(5), 0)),
	}
	if c.chance(85) {
		command.Customer = pick(c, c.customers).id
	}
	if c.chance(25) {
		command.LineItems = append(command.LineItems, c.lineItem(offered))
		if c.chance(40) {
			command.LineItems = append(command.LineItems, c.lineItem(pick(c, c.goods)))
		}
	} else {
		command.Amount = domain.Money{Minor: offered.price.Minor * int64(1+c.rng.IntN(9)), Currency: "EUR"}
	}
	c.running = append(c.running, b)
	c.deal(b, b.since, command)
}

func (c *chronicle) lineItem(sold good) deal.LineItem {
	return deal.LineItem{
		ID: domain.LineItemID{UUID: c.mint()}, Product: sold.id, Name: sold.name,
		Quantity: domain.Quantity(1+c.rng.IntN(4)) * domain.One, UnitPrice: sold.price,
		Discount: pick(c, []int{0, 0, 0, 500, 1000, 1500}),
	}
}

// live lets something happen to what is there.
func (c *chronicle) live() {
	switch n := c.rng.IntN(100); {
	case n < 60 && len(c.running) > 0:
		c.work()
	case n < 76:
		c.talk(pick(c, c.customers))
	case n < 90:
		c.newsletter(pick(c, c.customers))
	default:
		c.change(pick(c, c.customers))
	}
}

// work does something about a deal.
func (c *chronicle) work() {
	at := c.rng.IntN(len(c.running))
	b := c.running[at]
	when := c.told(b.since)
	switch n := c.rng.IntN(100); {
	case n < 10:
		c.deal(b, when, deal.ChangeAmount{Amount: domain.Money{Minor: int64(1+c.rng.IntN(90_000)) * 100, Currency: "EUR"}})
	case n < 17:
		c.deal(b, when, deal.ChangeCloseDate{ExpectedClose: domain.DateOf(c.now().AddDate(0, 0, 10+c.rng.IntN(120)))})
	case n < 21:
		c.deal(b, when, deal.AssignOwner{Owner: pick(c, c.employees)})
	case n < 24:
		c.deal(b, when, deal.LinkCustomer{Customer: pick(c, c.customers).id})
	case n < 26 && len(c.closed) > 0:
		i := c.rng.IntN(len(c.closed))
		again := c.closed[i]
		c.closed = slices.Delete(c.closed, i, i+1)
		c.running = append(c.running, again)
		c.deal(again, c.now(), deal.Reopen{})
	case n < 32 && b.stage > 0:
		b.stage--
		c.deal(b, when, deal.ChangeStage{Stage: stageAt(b.stage)})
	case n < 44:
		c.deal(b, when, deal.Lose{Reason: pick(c, reasons)})
		c.close(at)
	case b.stage < len(stages)-1:
		b.stage++
		c.deal(b, when, deal.ChangeStage{Stage: stageAt(b.stage)})
	default:
		c.deal(b, when, deal.Win{})
		c.close(at)
	}
}

// close puts a deal away; a few are remembered, to be opened again.
func (c *chronicle) close(at int) {
	b := c.running[at]
	last := len(c.running) - 1
	c.running[at] = c.running[last]
	c.running = c.running[:last]
	if len(c.closed) < 1000 {
		c.closed = append(c.closed, b)
	}
}

func (c *chronicle) talk(k *known) {
	command := interaction.Log{ID: domain.InteractionID{UUID: c.mint()}, Details: interaction.Details{
		Channel: pick(c, channels), Direction: pick(c, directions),
		Subject: domain.Personal(pick(c, subjects)), Note: domain.Personal(pick(c, notes)),
		Reaction: pick(c, answers), Mood: pick(c, moods), Duration: int64(60 * (1 + c.rng.IntN(60))), Employee: pick(c, c.employees),
	}}
	l := life[interaction.State]{state: interaction.Decider.Initial(), revision: k.interactions}
	ask(c, interaction.Decider, &l, domain.InteractionStream(k.id), c.told(k.since), interaction.Command(command))
	k.interactions = l.revision
}

// newsletter asks for consent, or goes on from the answer.
func (c *chronicle) newsletter(k *known) {
	key := consent.Key{Purpose: "newsletter", Channel: consent.Email}
	evidence := consent.Evidence{LegalBasis: consent.ByConsent, WordingVersion: "newsletter-2024-10", CaptureSource: "website form"}
	l := life[consent.State]{state: consent.Decider.Initial(), revision: k.consents}
	var command consent.Command = consent.Request{Key: key, Evidence: evidence}
	switch {
	case k.agreed:
		l.state = consent.Decider.Evolve(l.state, consent.Granted{Key: key, Evidence: evidence})
		command, k.asked, k.agreed = consent.Withdraw{Key: key}, false, false
	case k.asked:
		l.state = consent.Decider.Evolve(l.state, consent.Requested{Key: key, Evidence: evidence})
		command, k.agreed = consent.Confirm{Key: key, Proof: "link in the confirmation mail"}, true
	default:
		k.asked = true
	}
	ask(c, consent.Decider, &l, domain.ConsentStream(k.id), c.told(k.since), command)
	k.consents = l.revision
}

// change alters what is known of a customer.
func (c *chronicle) change(k *known) {
	when := c.told(k.since)
	switch n := c.rng.IntN(100); {
	case n < 45:
		c.customer(k, when, customer.ChangeLifecycleStage{Stage: lifecycle[k.life.state.Stage]})
	case n < 65:
		c.customer(k, when, customer.AssignOwner{Owner: pick(c, c.employees)})
	case n < 85:
		c.customer(k, when, customer.ChangeDetails{Patch: domain.Patch[customer.Details]{
			Set: customer.Details{Description: domain.Personal(pick(c, notes))},
		}})
	default:
		c.customer(k, when, customer.ChangeAttributes{Set: []customer.Attribute{
			{Key: "segment", Kind: customer.Text, Value: domain.Personal(pick(c, families))},
		}})
	}
}

func (c *chronicle) customer(k *known, at time.Time, command customer.Command) {
	ask(c, customer.Decider, &k.life, domain.CustomerStream(k.id), at, command)
}

func (c *chronicle) deal(b *business, at time.Time, command deal.Command) {
	ask(c, deal.Decider, &b.life, domain.DealStream(b.id), at, command)
}
