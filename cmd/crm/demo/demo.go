package demo

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/employee"
	"crm/domain/product"
)

// Config says how large a company to invent. The zero value works.
type Config struct {
	// Seed makes another company. Default 1.
	Seed uint64
	// Organizations is how many organisations there are; each has two to four
	// people and, over the two years, about three deals. Default 60.
	Organizations int
}

// The two years that the company looks back on.
var (
	firstDay = time.Date(2024, time.November, 4, 8, 0, 0, 0, time.UTC)
	lastDay  = firstDay.AddDate(2, 0, 0)
)

// Commands is the company's history in the order in which it happened, ready to
// be done. Employees and products come first.
func Commands(cfg Config) []commands.Ask {
	c := &company{
		seed: cmp.Or(cfg.Seed, 1),
		rng:  rand.New(rand.NewPCG(cmp.Or(cfg.Seed, 1), 0)),
	}
	c.staff()
	c.catalogue()
	for i := range cmp.Or(cfg.Organizations, 60) {
		c.organization(i)
	}
	slices.SortStableFunc(c.asks, func(a, b commands.Ask) int {
		return a.Meta.OccurredAt.Compare(b.Meta.OccurredAt)
	})
	// What the story says about the days to come has not happened yet.
	today := slices.IndexFunc(c.asks, func(ask commands.Ask) bool { return ask.Meta.OccurredAt.After(lastDay) })
	if today >= 0 {
		c.asks = c.asks[:today]
	}
	return c.asks
}

// company is the story so far.
type company struct {
	seed   uint64
	rng    *rand.Rand
	asks   []commands.Ask
	sales  []domain.EmployeeID
	goods  []good
	minted int
}

type good struct {
	id    domain.ProductID
	name  string
	price domain.Money
}

// at issues a command that was true at an instant.
func (c *company) at(when time.Time, target uuid.UUID, command domain.Command, reason string) {
	c.asks = append(c.asks, commands.Ask{
		Target:  target,
		Command: command,
		Meta: domain.Meta{
			OccurredAt: when,
			Actor:      "demo",
			Reason:     domain.Personal(reason),
			Source:     domain.Source{Application: "crm demo"},
			Command:    domain.CommandRef{ID: c.mint()},
		},
	})
}

// mint is the next id of this company; nothing else has it.
func (c *company) mint() uuid.UUID {
	c.minted++
	return uuid.NewSHA1(domain.Namespace, []byte("demo/"+strconv.FormatUint(c.seed, 10)+"/"+strconv.Itoa(c.minted)))
}

// chance is true in so many of a hundred cases.
func (c *company) chance(percent int) bool { return c.rng.IntN(100) < percent }

// later is some days after an instant, during working hours.
func (c *company) later(after time.Time, fewest, most int) time.Time {
	day := after.AddDate(0, 0, fewest+c.rng.IntN(most-fewest+1)).Truncate(24 * time.Hour)
	if day.Weekday() == time.Sunday {
		day = day.AddDate(0, 0, 1)
	}
	moment := day.Add(8*time.Hour + time.Duration(c.rng.IntN(9*60))*time.Minute)
	if !moment.After(after) { // the same day, earlier: life goes on from here
		return after.Add(time.Duration(1+c.rng.IntN(50)) * time.Minute)
	}
	return moment
}

func pick[T any](c *company, from []T) T { return from[c.rng.IntN(len(from))] }

func (c *company) staff() {
	opened := firstDay.AddDate(0, -1, 0)
	for _, office := range offices {
		manager := domain.EmployeeID{UUID: c.mint()}
		c.at(opened, manager.UUID, employee.Register{Details: employee.Details{
			Name: domain.Personal(c.personName().full()), Office: office,
		}}, "")
		for range 3 {
			seller := domain.EmployeeID{UUID: c.mint()}
			c.at(opened.Add(time.Hour), seller.UUID, employee.Register{Details: employee.Details{
				Name: domain.Personal(c.personName().full()), Office: office, Manager: manager,
			}}, "")
			c.sales = append(c.sales, seller)
		}
	}
}

func (c *company) catalogue() {
	for _, offered := range catalogue {
		sold := good{
			id:    domain.ProductID{UUID: c.mint()},
			name:  offered.name,
			price: domain.Money{Minor: offered.price, Currency: "EUR"},
		}
		c.at(firstDay.AddDate(0, -1, 0).Add(2*time.Hour), sold.id.UUID, product.Define{
			Details:   product.Details{Name: offered.name, Family: offered.family, SKU: offered.sku},
			ListPrice: sold.price,
		}, "")
		c.goods = append(c.goods, sold)
	}
}
