package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/apikey"
)

// A clerk works with a fleet over HTTP: commands to customers and deals that
// nobody else touches, each sent to any server until one has acknowledged it, and
// now and then a look at what came of it, through another server.
type clerk struct {
	fleet *fleet
	rng   *rand.Rand
	name  string
	pause time.Duration // between two commands
	only  *program      // the server it asks; nil: any
	// backdates is of how many commands one tells of the past; 0: none.
	backdates int

	owner     string // an employee
	product   string
	customers []string
	deals     []*clerkDeal
	steps     map[string]int // of each customer's life
	issued    int
	revisions map[string]int64 // the last acknowledged, by stream
	reads     clerkReads
}

type clerkDeal struct {
	id     string
	stage  int
	closed bool
}

// clerkReads counts what became of reads that asked for the clerk's own write.
type clerkReads struct{ seen, away int }

// hire makes clerks, each with something to work on, and a row in every read model.
func (f *fleet) hire(rng *rand.Rand, n int, pause time.Duration) []*clerk {
	clerks := make([]*clerk, n)
	for i := range clerks {
		c := &clerk{
			fleet: f, rng: rand.New(rand.NewPCG(rng.Uint64(), 0)), pause: pause, backdates: 4,
			name: fmt.Sprintf("%x-%d", rng.Uint32(), i), revisions: map[string]int64{}, steps: map[string]int{},
		}
		c.owner = c.create("employee", "/v1/employees", `"name":"Clerk","office":"Vienna"`)
		c.product = c.create("product", "/v1/products", `"name":"Lamp","family":"light","list_price":{"minor":4900,"currency":"EUR"}`)
		c.issueKey()
		c.registerCustomer()
		c.openDeal()
		c.grantConsent(c.customers[0])
		c.logInteraction(c.customers[0])
		c.command("deal", c.deals[0].id, http.MethodPost, "/v1/deals/"+c.deals[0].id+"/win", "")
		c.deals[0].closed = true
		clerks[i] = c
	}
	return clerks
}

// work issues commands until ctx ends, and leaves none in doubt.
func (c *clerk) work(ctx context.Context) error {
	for ctx.Err() == nil && !c.fleet.t.Failed() {
		c.step()
		select {
		case <-time.After(c.pause):
		case <-ctx.Done():
		}
	}
	return nil
}

// server is whom to ask next.
func (c *clerk) server() *program {
	if c.only != nil {
		return c.only
	}
	return c.fleet.server(c.rng.IntN(len(c.fleet.servers)))
}

// step is one command, and often a look at it.
func (c *clerk) step() {
	customer := c.customers[c.rng.IntN(len(c.customers))]
	path := "/v1/customers/" + customer
	switch c.rng.IntN(12) {
	case 0:
		c.registerCustomer()
	case 1:
		c.openDeal()
	case 2:
		c.logInteraction(customer)
	case 3:
		c.grantConsent(customer)
	case 4:
		c.command("customer", customer, http.MethodPost, path+"/contact-points",
			fmt.Sprintf(`"kind":"email","label":"work","value":"%s-%d@clerk.example"`, c.name, c.issued))
	case 5:
		stages := []string{"opportunity", "customer", "former", "won_back", "lead"} // each may follow the one before
		c.command("customer", customer, http.MethodPost, path+"/lifecycle",
			fmt.Sprintf(`"stage":%q,"touchpoint":{"source":"fair %d"}`, stages[c.steps[customer]%len(stages)], c.issued))
		c.steps[customer]++
	case 6, 7, 8:
		c.workOnDeal(c.deals[c.rng.IntN(len(c.deals))])
	default:
		revision, position := c.command("customer", customer, http.MethodPatch, path, fmt.Sprintf(`"job_title":"Title %d"`, c.issued))
		c.look(customer, revision, position)
	}
}

func (c *clerk) issueKey() {
	name := "clerk-" + c.name
	c.command("apikey", apikey.ID(name).String(), http.MethodPost, "/v1/keys", fmt.Sprintf(`"name":%q,"role":"sales","reason":"hired"`, name))
}

func (c *clerk) registerCustomer() {
	id := c.create("customer", "/v1/customers", fmt.Sprintf(`"kind":"person","name":"Person %s %d","owner":%q,`+
		`"contact_points":[{"kind":"email","value":"%[1]s-%[2]d@person.example"}],"touchpoint":{"source":"web"}`, c.name, c.issued, c.owner))
	c.customers = append(c.customers, id)
}

func (c *clerk) grantConsent(customer string) (revision int64, position string) {
	return c.command("consent", customer, http.MethodPost, "/v1/customers/"+customer+"/consents",
		fmt.Sprintf(`"purpose":"newsletter","channel":"email","wording_version":"v%d","capture_source":"form"`, c.issued))
}

func (c *clerk) logInteraction(customer string) (revision int64, position string) {
	return c.command("interaction", customer, http.MethodPost, "/v1/customers/"+customer+"/interactions",
		fmt.Sprintf(`"channel":"call","direction":"inbound","mood":"satisfied","employee":%q`, c.owner))
}

func (c *clerk) openDeal() {
	id := c.create("deal", "/v1/deals", fmt.Sprintf(`"title":"Deal %s %d","customer":%q,"owner":%q,"expected_close":"2027-01-31",`+
		`"amount":{"minor":%d,"currency":"EUR"}`, c.name, c.issued, c.customers[c.rng.IntN(len(c.customers))], c.owner, 1000+c.rng.IntN(100_000)))
	c.deals = append(c.deals, &clerkDeal{id: id})
}

func (c *clerk) workOnDeal(d *clerkDeal) {
	path := "/v1/deals/" + d.id
	post := func(what, body string) { c.command("deal", d.id, http.MethodPost, path+what, body) }
	if d.closed {
		post("/reopen", "")
		d.closed = false
		return
	}
	switch c.rng.IntN(6) {
	case 0:
		post("/win", "")
		d.closed = true
	case 1:
		post("/lose", `"loss_reason":"price"`)
		d.closed = true
	case 2:
		post("/line-items", fmt.Sprintf(`"product":%q,"quantity":"%d"`, c.product, 1+c.rng.IntN(9)))
	case 3:
		post("/close-date", fmt.Sprintf(`"expected_close":"2027-%02d-15"`, 1+c.rng.IntN(12)))
	default:
		stages := []string{"prospecting", "qualified", "proposal", "negotiation"}
		d.stage = (d.stage + 1 + c.rng.IntN(3)) % len(stages)
		post("/stage", fmt.Sprintf(`"stage":%q`, stages[d.stage]))
	}
}

// create sends a command that makes something, with an id of the clerk's choice.
func (c *clerk) create(category, path, fields string) (id string) {
	made, err := uuid.NewRandomFromReader(chance{c.rng})
	if err != nil {
		panic(err) // chance never ends
	}
	c.command(category, made.String(), http.MethodPost, path, fmt.Sprintf(`"id":%q,%s`, made, fields))
	return made.String()
}

// chance reads as random bytes.
type chance struct{ *rand.Rand }

func (c chance) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c.Uint32())
	}
	return len(p), nil
}

// command sends one, with the members of its body, until a server acknowledges it,
// and notes what it was told.
func (c *clerk) command(category, id, method, path, fields string) (revision int64, position string) {
	c.issued++
	key := fmt.Sprintf("%s-%d", c.name, c.issued)
	if c.backdates > 0 && c.rng.IntN(c.backdates) == 0 {
		before := time.Now().Add(-time.Duration(c.rng.Int64N(int64(90 * 24 * time.Hour)))).UTC()
		fields = strings.TrimPrefix(fmt.Sprintf(`%s,"occurred_at":%q`, fields, before.Format(time.RFC3339Nano)), ",")
	}
	deadline := time.Now().Add(2 * time.Minute)
	for said := ""; ; {
		ctx := c.fleet.t.Context()
		status, answer, err := c.fleet.send(ctx, c.server(), method, path, key, "{"+fields+"}")
		switch {
		case err == nil && status/100 == 2:
			return c.acknowledged(category+"-"+id, answer)
		case err == nil && status != http.StatusServiceUnavailable:
			c.fleet.t.Errorf("%s %s {%s}: %d %s", method, path, fields, status, answer)
			return 0, ""
		case err != nil:
			said = err.Error()
		default:
			said = fmt.Sprint(status, " ", string(answer))
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			c.fleet.t.Errorf("%s %s was never acknowledged: %s", method, path, said)
			return 0, ""
		}
		time.Sleep(time.Duration(5+c.rng.IntN(45)) * time.Millisecond)
	}
}

// acknowledged notes the answer to a command on a stream that only the clerk
// writes.
func (c *clerk) acknowledged(stream string, answer []byte) (int64, string) {
	var told accepted
	if err := json.Unmarshal(answer, &told); err != nil {
		c.fleet.t.Errorf("%s: %s: %v", stream, answer, err)
		return 0, ""
	}
	if before, known := c.revisions[stream]; known && told.Revision < before {
		c.fleet.t.Errorf("%s: revision %d was acknowledged after %d", stream, told.Revision, before)
	}
	c.revisions[stream] = told.Revision
	return told.Revision, told.Position
}

// look reads a customer at the position of the clerk's own write.
func (c *clerk) look(customer string, revision int64, position string) {
	c.read("/v1/customers/"+customer, position, func(answer []byte) bool {
		var card struct{ Revision int64 }
		return json.Unmarshal(answer, &card) == nil && card.Revision >= revision
	})
}

// read asks for what shows the clerk's own write, which ended at position. The
// answer does show it, or there is none now.
func (c *clerk) read(path, position string, shows func(answer []byte) bool) {
	if position == "" {
		return // said already
	}
	between := "?"
	if strings.Contains(path, "?") {
		between = "&"
	}
	status, answer, err := c.fleet.send(c.fleet.t.Context(), c.server(), http.MethodGet, path+between+"min_position="+position, "", "")
	switch {
	case err != nil || status == http.StatusServiceUnavailable:
		c.reads.away++
	case status == http.StatusOK && shows(answer):
		c.reads.seen++
	default:
		c.fleet.t.Errorf("%s does not show what was written at %s: %d %s", path, position, status, answer)
	}
}

// lookedOf adds up what clerks saw.
func lookedOf(clerks []*clerk) (all clerkReads) {
	for _, c := range clerks {
		all.seen += c.reads.seen
		all.away += c.reads.away
	}
	return all
}

// written are the last revisions of all streams that clerks wrote.
func written(clerks []*clerk) map[domain.Stream]domain.Revision {
	all := map[domain.Stream]domain.Revision{}
	for _, c := range clerks {
		for stream, revision := range c.revisions {
			all[domain.Stream(stream)] = domain.Revision(revision)
		}
	}
	return all
}
