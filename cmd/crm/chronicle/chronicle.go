package chronicle

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/deal"
)

// Config says how large the company is. The zero value works.
type Config struct {
	// Seed makes another company. Default 1.
	Seed uint64 `json:"seed"`
	// Customers is how many are registered. Default 100,000.
	Customers int `json:"customers"`
	// Deals is how many are opened. Default twice as many as customers.
	Deals int `json:"deals"`
	// Events is about how many events there are in all; where customers and deals
	// alone leave more, it is those. Default ten times as many as customers.
	Events int `json:"events"`
}

func (c Config) withDefaults() Config {
	c.Seed = cmp.Or(c.Seed, 1)
	c.Customers = cmp.Or(c.Customers, 100_000)
	c.Deals = cmp.Or(c.Deals, 2*c.Customers)
	c.Events = cmp.Or(c.Events, 10*c.Customers)
	return c
}

// Commit is the events that one command left: the next ones of its stream after
// Expected.
type Commit struct {
	Stream   domain.Stream
	Expected domain.Revision
	Events   []domain.Proposed
}

// The three years that are told.
var (
	firstDay = time.Date(2023, time.November, 1, 7, 0, 0, 0, time.UTC)
	years    = 3 * 365 * 24 * time.Hour
)

// Commits is the company's log. It ends where the config says, unless the reader
// stops before.
func Commits(cfg Config) iter.Seq[Commit] {
	return func(yield func(Commit) bool) {
		c := &chronicle{Config: cfg.withDefaults(), yield: yield}
		c.rng = rand.New(rand.NewPCG(c.Seed, 7)) //nolint:gosec // G404: the same telling every time is the point
		c.found()
		for !c.stopped && c.step() {
		}
	}
}

// chronicle is what was told so far.
type chronicle struct {
	Config
	rng     *rand.Rand
	yield   func(Commit) bool
	stopped bool

	events    int
	opened    int // deals
	employees []domain.EmployeeID
	goods     []good
	customers []*known
	running   []*business // deals
	closed    []*business // some of them, to be taken up again
}

// known is a customer and what its streams hold.
type known struct {
	id           domain.CustomerID
	since        time.Time
	life         life[customer.State]
	consents     domain.Revision // of its last event
	interactions domain.Revision
	asked        bool // for the newsletter
	agreed       bool
}

// business is a deal.
type business struct {
	id    domain.DealID
	since time.Time
	stage int
	life  life[deal.State]
}

// life is an aggregate's state and the revision of its last event.
type life[S any] struct {
	state    S
	revision domain.Revision
}

// per is about how many events the registration of a customer and the opening of a
// deal leave.
const (
	perCustomer = 3
	perDeal     = 1.4
)

// step lets one thing happen. It is false when all was told.
func (c *chronicle) step() bool {
	newCustomers, newDeals := c.Customers-len(c.customers), c.Deals-c.opened
	others := max(0, c.Events-c.events-perCustomer*newCustomers-int(perDeal*float64(newDeals)))
	left := newCustomers + newDeals + others
	if left == 0 {
		return false
	}
	switch n := c.rng.IntN(left); {
	case n < newCustomers, len(c.customers) == 0:
		c.register()
	case n < newCustomers+newDeals:
		c.open()
	default:
		c.live()
	}
	return true
}

// now is the instant of the log, which goes on with the events.
func (c *chronicle) now() time.Time {
	share := float64(c.events) / float64(max(c.Events, c.events+1))
	return firstDay.Add(time.Duration(share * float64(years))).Truncate(time.Microsecond)
}

// told is when something was true that is told now: in one of twenty cases weeks
// before, but not before since.
func (c *chronicle) told(since time.Time) time.Time {
	at := c.now()
	if c.rng.IntN(20) > 0 {
		return at
	}
	before := at.Add(-time.Duration(1+c.rng.IntN(30*24)) * time.Hour)
	if before.Before(since) {
		return since
	}
	return before
}

// ask decides a command and tells what it leaves. It panics where the command is
// refused: the chronicle would be of another size than was asked for.
func ask[S any, C domain.Command, E domain.Event](c *chronicle, of domain.Decider[S, C, E], l *life[S], stream domain.Stream, at time.Time, command C) {
	events, err := of.Decide(l.state, command)
	if err != nil {
		panic(fmt.Sprintf("chronicle: %s %s: %v", stream, command.CommandName(), err))
	}
	all := make([]domain.Event, len(events))
	for i, e := range events {
		l.state = of.Evolve(l.state, e)
		all[i] = e
	}
	l.revision = c.tell(stream, l.revision, at, command, all)
}

// tell gives the events of a command and the revision of the last of them.
func (c *chronicle) tell(stream domain.Stream, after domain.Revision, at time.Time, command domain.Command, events []domain.Event) domain.Revision {
	if len(events) == 0 || c.stopped {
		return after
	}
	id := c.mint()
	meta := domain.Meta{
		OccurredAt: at, Actor: "admin", Source: domain.Source{Application: "crm chronicle"},
		Command:       domain.CommandRef{Name: command.CommandName(), ID: id, Fingerprint: hex.EncodeToString(id[:])},
		CorrelationID: id.String(),
	}
	proposed := make([]domain.Proposed, len(events))
	for i, e := range events {
		proposed[i] = domain.Proposed{ID: meta.Command.EventID(i), Event: e, Meta: meta}
	}
	c.events += len(events)
	c.stopped = !c.yield(Commit{Stream: stream, Expected: after, Events: proposed})
	return after + domain.Revision(len(events))
}

// mint is the next id: one that looks random, and is the same in every telling.
func (c *chronicle) mint() uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], c.rng.Uint64())
	binary.BigEndian.PutUint64(id[8:], c.rng.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

// chance is true in so many of a hundred cases.
func (c *chronicle) chance(percent int) bool { return c.rng.IntN(100) < percent }

func pick[T any](c *chronicle, from []T) T { return from[c.rng.IntN(len(from))] }
