package readmodels_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/domain/apikey"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/interaction"
	"crm/domain/pipeline"
	"crm/domain/product"
	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// world is a history in the making: commands go through the deciders, and what
// they leave is recorded.
type world struct {
	events []domain.Recorded
	states map[domain.Stream]any
	next   map[domain.Stream]domain.Revision
	now    time.Time // when the next event occurs
	clock  time.Time // the store's, when it is recorded; zero: a second later
	reason domain.Personal
}

func newWorld() *world {
	return &world{
		states: map[domain.Stream]any{}, next: map[domain.Stream]domain.Revision{},
		now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC),
	}
}

// ask has a decider decide and records the events. A refusal leaves none.
func ask[S any, C domain.Command, E domain.Event](w *world, stream domain.Stream, decider domain.Decider[S, C, E], command C) error {
	state, known := w.states[stream].(S)
	if !known {
		state = decider.Initial()
	}
	events, err := decider.Decide(state, command)
	if err != nil {
		return err
	}
	for _, event := range events {
		state = decider.Evolve(state, event)
		w.record(stream, event)
	}
	w.states[stream] = state
	return nil
}

func (w *world) record(stream domain.Stream, event domain.Event) {
	data, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	at := uint64(len(w.events)+1) * 100
	recorded := w.clock
	if recorded.IsZero() {
		recorded = w.now.Add(time.Second)
	}
	w.events = append(w.events, domain.Recorded{
		ID: uuid.NewSHA1(domain.Namespace, fmt.Append(nil, "event ", at)), Stream: stream, Revision: w.next[stream],
		Position: domain.Position{Commit: at, Prepare: at}, RecordedAt: recorded, Event: event, Data: data,
		Meta: domain.Meta{OccurredAt: w.now, Actor: "tester", Reason: w.reason, Source: domain.Source{Application: "test", Row: "7"}},
	})
	w.next[stream]++
}

// must is for stories, where no command is refused.
func (w *world) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) customer(id domain.CustomerID, c customer.Command) error {
	return ask(w, domain.CustomerStream(id), customer.Decider, c)
}

func (w *world) deal(id domain.DealID, c deal.Command) error {
	return ask(w, domain.DealStream(id), deal.Decider, c)
}

func (w *world) consent(id domain.CustomerID, c consent.Command) error {
	return ask(w, domain.ConsentStream(id), consent.Decider, c)
}

func (w *world) interaction(id domain.CustomerID, c interaction.Command) error {
	return ask(w, domain.InteractionStream(id), interaction.Decider, c)
}

func (w *world) pipeline(id domain.PipelineID, c pipeline.Command) error {
	return ask(w, domain.PipelineStream(id), pipeline.Decider, c)
}

func (w *world) employee(id domain.EmployeeID, c employee.Command) error {
	return ask(w, domain.EmployeeStream(id), employee.Decider, c)
}

func (w *world) product(id domain.ProductID, c product.Command) error {
	return ask(w, domain.ProductStream(id), product.Decider, c)
}

func (w *world) apikey(name string, c apikey.Command) error {
	return ask(w, domain.APIKeyStream(apikey.ID(name)), apikey.Decider, c)
}

// stateOf is what the deciders folded.
func stateOf[S any](w *world, stream domain.Stream) S { return w.states[stream].(S) }

// build replays the world into the tables of all models and answers from them.
func (w *world) build(t *testing.T) (readmodels.Models, *pgxpool.Pool) {
	t.Helper()
	pool := projectionstest.Pool(t)
	models := readmodels.NewModels(pool)
	for _, p := range models.Projections() {
		if err := projectionstest.Replay(t.Context(), pool, p, projectionstest.Batches(w.events, 1000)...); err != nil {
			t.Fatalf("%s: %v", p.Name(), err)
		}
	}
	return models, pool
}

func customerID(n int) domain.CustomerID { return domain.CustomerID{UUID: numbered("customer", n)} }
func dealID(n int) domain.DealID         { return domain.DealID{UUID: numbered("deal", n)} }
func employeeID(n int) domain.EmployeeID { return domain.EmployeeID{UUID: numbered("employee", n)} }
func productID(n int) domain.ProductID   { return domain.ProductID{UUID: numbered("product", n)} }

func numbered(kind string, n int) uuid.UUID {
	return uuid.NewSHA1(domain.Namespace, fmt.Append(nil, kind, n))
}

func euros(cents int64) domain.Money { return domain.Money{Minor: cents, Currency: "EUR"} }

// stages are those of the default pipeline in these tests.
var stages = []pipeline.Stage{
	{ID: "new", Name: "New", Probability: 10, Category: domain.Pipeline},
	{ID: "offer", Name: "Offer sent", Probability: 50, Category: domain.BestCase},
	{ID: "talks", Name: "Negotiation", Probability: 80, Category: domain.Commit},
}

func stageOf(n int) deal.Stage {
	s := stages[n%len(stages)]
	return deal.Stage{Pipeline: domain.DefaultPipeline, ID: s.ID, Probability: s.Probability, Category: s.Category}
}

// randomWorld is a company's history by n commands, the same for the same seed.
func randomWorld(n int, seed uint64) *world {
	w, r := newWorld(), rand.New(rand.NewPCG(seed, seed))
	w.clock = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	ticks, admin := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1))
	_ = w.pipeline(domain.DefaultPipeline, pipeline.Define{Name: "Sales", Stages: stages})
	for i := range 6 {
		_ = w.employee(employeeID(i), employee.Register{Details: employee.Details{
			Name: domain.Personal(fmt.Sprint("Employee ", i)), Office: []string{"East", "West", ""}[i%3],
		}})
		_ = w.product(productID(i), product.Define{
			Details:   product.Details{Name: fmt.Sprint("Product ", i), Family: []string{"GTX", "MG"}[i%2]},
			ListPrice: euros(int64(i) * 1000),
		})
	}
	for range n {
		w.clock = w.clock.Add(time.Duration(ticks.IntN(60)) * time.Second) // now and then it stands still
		// Two years, in no order, to the microsecond.
		w.now = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.Int64N(int64(2 * 365 * 24 * time.Hour))).Truncate(time.Microsecond))
		w.reason = []domain.Personal{"", "because"}[r.IntN(2)]
		if admin.IntN(30) == 0 {
			name := fmt.Sprint("key-", admin.IntN(n/200+2))
			_ = w.apikey(name, randomKeyCommand(admin, name, w.now))
		}
		who := customerID(r.IntN(n/40 + 1))
		switch r.IntN(12) {
		case 0, 1, 2, 3, 4:
			_ = w.customer(who, randomCustomerCommand(r))
		case 5:
			_ = w.consent(who, randomConsentCommand(r))
		case 6:
			_ = w.interaction(who, randomInteractionCommand(r))
		case 7:
			_ = w.pipeline(domain.DefaultPipeline, randomPipelineCommand(r))
		case 8:
			_ = w.employee(employeeID(r.IntN(6)), employee.ChangeDetails{Patch: domain.Patch[employee.Details]{
				Set: employee.Details{Manager: employeeID(r.IntN(6)), Email: "a@b.example"}, Clear: pick(r, nil, []string{"office"}),
			}})
			_ = w.product(productID(r.IntN(6)), pick[product.Command](r, product.SetListPrice{ListPrice: euros(r.Int64N(9999))}, product.SetListPrice{ListPrice: euros(7)},
				product.ChangeDetails{Patch: domain.Patch[product.Details]{Set: product.Details{SKU: fmt.Sprint(r.IntN(9))}}}))
			if r.IntN(50) == 0 {
				_ = w.product(productID(r.IntN(6)), pick[product.Command](r, product.Retire{}, product.Reinstate{}))
			}
		default:
			_ = w.deal(dealID(r.IntN(n/40+1)), randomDealCommand(r, n))
		}
	}
	return w
}

func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

func randomKeyCommand(r *rand.Rand, name string, now time.Time) apikey.Command {
	terms := apikey.Terms{Role: pick(r, apikey.Roles...), Masked: r.IntN(4) == 0, RateLimit: r.IntN(3)}
	if terms.Role != apikey.Admin {
		terms.Scope = pick(r, domain.EmployeeID{}, employeeID(r.IntN(6)))
	}
	terms.ExpiresAt = pick(r, time.Time{}, now.Add(time.Hour))
	secret := apikey.Digest(fmt.Sprintf("%064x", r.Uint64()))
	return pick[apikey.Command](r,
		apikey.Issue{Name: name, Terms: terms, Secret: secret, Now: now}, apikey.Issue{Name: name, Terms: terms, Secret: secret, Now: now},
		apikey.Rotate{Secret: secret, Now: now, FormerUntil: pick(r, time.Time{}, now.Add(time.Hour))},
		apikey.ChangeTerms{Patch: domain.Patch[apikey.Terms]{Set: terms}, Now: now},
		apikey.ChangeTerms{Patch: domain.Patch[apikey.Terms]{Clear: []string{"masked", "scope"}}, Now: now},
		pick[apikey.Command](r, apikey.Revoke{}, apikey.ChangeTerms{Now: now}))
}

func randomCustomerCommand(r *rand.Rand) customer.Command {
	point := customer.ContactPoint{
		ID: domain.ContactPointID{UUID: numbered("point", r.IntN(4))}, Kind: pick(r, customer.Email, customer.Phone), Primary: r.IntN(2) == 0,
		Typed: domain.Personal(fmt.Sprintf("Jane%d@Example.org", r.IntN(5))), Normalized: domain.Personal(fmt.Sprintf("jane%d@example.org", r.IntN(5))),
		Address: pick(r, customer.Address{}, customer.Address{City: "Łódź", Country: "PL"}),
	}
	link := customer.Link{Organization: customerID(r.IntN(5)), Relation: pick(r, customer.WorksAt, customer.MemberOf), Title: pick[domain.Personal](r, "", "CEO")}
	patch := domain.Patch[customer.Details]{
		Set:   customer.Details{Name: domain.Personal(fmt.Sprint("Name ", r.IntN(9))), JobTitle: pick[domain.Personal](r, "", "Chef"), Language: "de-AT"},
		Clear: pick(r, nil, []string{"description"}),
	}
	key := pick(r, "segment", "vip")
	return pick[customer.Command](r,
		customer.Register{
			Kind: pick(r, customer.Person, customer.Organization), Owner: employeeID(r.IntN(6)), Stage: pick(r, customer.Lead, customer.Customer),
			Details:    customer.Details{Name: domain.Personal(fmt.Sprint("Müller ", r.IntN(99))), Description: "d"},
			Touchpoint: customer.Touchpoint{Source: pick(r, "Google", "google", "")},
		},
		customer.Register{
			Kind: customer.Organization, ContactPoints: []customer.ContactPoint{point},
			Details:    customer.Details{Name: "ACME", AnnualRevenue: euros(r.Int64N(1e12)), Employees: 7, FoundedYear: 1999, Industry: "retail"},
			Attributes: []customer.Attribute{{Key: "vip", Kind: customer.Boolean, Value: "true"}},
		},
		customer.ChangeDetails{Patch: patch}, customer.Correct{Patch: patch},
		customer.AddContactPoint{ContactPoint: point}, customer.AddContactPoint{ContactPoint: point},
		customer.VerifyContactPoint{ID: point.ID}, customer.RemoveContactPoint{ID: point.ID},
		customer.AssignOwner{Owner: pick(r, employeeID(r.IntN(6)), domain.EmployeeID{})},
		customer.ChangeLifecycleStage{Stage: pick(r, customer.Lead, customer.Customer, customer.Former, customer.WonBack), Touchpoint: customer.Touchpoint{Source: pick(r, "", "Fair")}},
		customer.ChangeAttributes{Set: []customer.Attribute{{Key: key, Kind: customer.Text, Value: domain.Personal(fmt.Sprint(r.IntN(3)))}}},
		customer.ChangeAttributes{Clear: []string{key}},
		customer.LinkToOrganization{Link: link},
		customer.UnlinkFromOrganization{Organization: link.Organization, Relation: link.Relation},
		customer.Archive{}, customer.Restore{}, customer.Restore{},
	)
}

func randomConsentCommand(r *rand.Rand) consent.Command {
	key := consent.Key{Purpose: pick(r, "newsletter", "offers"), Channel: pick(r, consent.Email, consent.Phone)}
	evidence := consent.Evidence{WordingVersion: fmt.Sprint(r.IntN(3)), Proof: "form 7", ContactPoint: domain.ContactPointID{UUID: numbered("point", 1)}}
	if r.IntN(2) == 0 {
		evidence.ExpiresAt = time.Date(2026, 6, 1+r.IntN(300), 0, 0, 0, 1000, time.UTC)
	}
	return pick[consent.Command](r,
		consent.Request{Key: key, Evidence: evidence}, consent.Confirm{Key: key, Proof: pick[domain.Personal](r, "", "click")},
		consent.Grant{Key: key, Evidence: evidence}, consent.Grant{Key: key, Evidence: evidence},
		consent.Withdraw{Key: key}, consent.Object{Key: key}, consent.Expire{Key: key})
}

func randomInteractionCommand(r *rand.Rand) interaction.Command {
	at := domain.InteractionID{UUID: numbered("interaction", r.IntN(20))}
	return pick[interaction.Command](r,
		interaction.Log{ID: at, Details: interaction.Details{Channel: interaction.Call, Subject: "Offer", Mood: interaction.Satisfied}},
		interaction.Amend{ID: at, Patch: domain.Patch[interaction.Details]{Set: interaction.Details{Mood: interaction.Annoyed, Employee: employeeID(1)}, Clear: []string{"subject"}}})
}

func randomPipelineCommand(r *rand.Rand) pipeline.Command {
	added := pipeline.Stage{ID: domain.StageID(fmt.Sprint("extra", r.IntN(3))), Name: "Extra", Category: domain.Omitted}
	return pick[pipeline.Command](r,
		pipeline.AddStage{Stage: added, Before: pick[domain.StageID](r, "", "offer")},
		pipeline.ReorderStages{Order: []domain.StageID{"talks", "new", "offer"}},
		pipeline.SetStageProbability{ID: "offer", Probability: r.IntN(100)},
		pipeline.RetireStage{ID: added.ID})
}

func randomDealCommand(r *rand.Rand, n int) deal.Command {
	item := deal.LineItem{
		ID: domain.LineItemID{UUID: numbered("item", r.IntN(4))}, Product: pick(r, productID(r.IntN(6)), domain.ProductID{}),
		Name: "Thing", Quantity: domain.Quantity(1 + r.Int64N(5000)), UnitPrice: euros(r.Int64N(100_000)), Discount: r.IntN(2000),
	}
	amount := domain.Money{Minor: r.Int64N(1_000_000), Currency: pick[domain.Currency](r, "EUR", "EUR", "JPY")}
	open := deal.Open{
		Title: domain.Personal(fmt.Sprint("Deal ", r.IntN(99))), Stage: stageOf(r.IntN(3)), Owner: employeeID(r.IntN(6)),
		Customer: pick(r, domain.CustomerID{}, customerID(r.IntN(n/40+1))), Amount: pick(r, domain.Money{}, amount),
		ExpectedClose: pick[domain.Date](r, "", "2026-02-28"), LineItems: pick(r, nil, []deal.LineItem{item}),
	}
	win := deal.Win{Amount: pick(r, domain.Money{}, amount)}
	lose := deal.Lose{Reason: deal.LostToPrice, Competitor: "ACME", Note: "too dear"}
	return pick[deal.Command](r,
		open, open, open, open, open, open,
		deal.LinkCustomer{Customer: customerID(r.IntN(n/40 + 1))},
		deal.ChangeStage{Stage: stageOf(r.IntN(3))}, deal.ChangeAmount{Amount: amount},
		deal.ChangeCloseDate{ExpectedClose: pick[domain.Date](r, "", "2026-12-31")},
		deal.AssignOwner{Owner: pick(r, domain.EmployeeID{}, employeeID(r.IntN(6)))},
		deal.ChangeForecastCategory{Category: domain.Commit},
		deal.AddLineItem{Item: item}, deal.AddLineItem{Item: item}, deal.ChangeLineItem{Item: item}, deal.ChangeLineItem{Item: item},
		deal.RemoveLineItem{ID: item.ID}, deal.RemoveLineItem{ID: item.ID}, deal.Void{},
		win, win, win, lose, lose, deal.Reopen{},
	)
}
