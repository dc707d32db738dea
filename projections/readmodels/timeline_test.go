package readmodels_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/interaction"
	"crm/projections/readmodels"
)

// timeline reads all pages of a few entries each.
func timeline(t *testing.T, models readmodels.Models, id domain.CustomerID) []readmodels.Entry {
	t.Helper()
	var entries []readmodels.Entry
	for after := (*readmodels.EntryMark)(nil); ; {
		page, err := models.Timeline.Of(t.Context(), id, asked(t, readmodels.TimelineList, "", "", 3).Query, readmodels.AsOf{}, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, page.Items...)
		if after = page.Next; after == nil {
			return entries
		}
	}
}

func summaries(entries []readmodels.Entry) []string {
	var said []string
	for _, e := range entries {
		said = append(said, e.Summary)
	}
	return said
}

func TestTimelineStory(t *testing.T) {
	t.Parallel()
	w := newWorld()
	jane, john := customerID(1), customerID(2)
	newsletter := consent.Key{Purpose: "newsletter", Channel: consent.Email}
	start := w.now
	on := func(day int) { w.now = start.AddDate(0, 0, day) }
	w.must(t, w.customer(jane, register("Jane", reachedAt(customer.Email, "Jane@x.example", "jane@x.example"), func(c *customer.Register) { c.Touchpoint.Source = "Fair" })))
	w.must(t, w.customer(john, register("John")))
	on(1)
	w.must(t, w.deal(dealID(1), deal.Open{Title: "Machine", Stage: stageOf(0), Amount: euros(123456)})) // nobody's yet
	on(2)
	w.must(t, w.consent(jane, consent.Grant{Key: newsletter}))
	on(3)
	w.must(t, w.interaction(jane, interaction.Log{ID: domain.InteractionID{UUID: numbered("i", 1)}, Details: interaction.Details{
		Channel: interaction.Call, Direction: interaction.Outbound, Subject: "Offer", Reaction: interaction.Interested, Mood: interaction.Satisfied,
	}}))
	on(4)
	w.must(t, w.deal(dealID(1), deal.LinkCustomer{Customer: jane}))
	on(-5) // told late
	w.reason = "heard today"
	w.must(t, w.customer(jane, customer.ChangeLifecycleStage{Stage: customer.SalesQualified}))
	models, _ := w.build(t)
	want := []string{
		"Deal linked to the customer",
		"Call: Offer, outbound, interested, satisfied",
		"Consent to newsletter by email granted",
		"Deal opened: Machine, new, 1234.56 EUR",
		"E-mail address added: Jane@x.example",
		"Registered: Jane, lead, from Fair",
		"Lifecycle: lead → sales qualified",
	}
	entries := timeline(t, models, jane)
	if diff := cmp.Diff(want, summaries(entries)); diff != "" {
		t.Errorf("Jane's timeline (-want +got)\n%s", diff)
	}
	last := entries[len(entries)-1]
	if last.Reason != "heard today" || last.Actor != "tester" || last.Source.Row != "7" || last.Type != "customer.lifecycle_stage_changed" || last.EntityKind != "customer" {
		t.Errorf("what surrounds the event is lost: %+v", last)
	}
	if first := entries[0]; first.EntityKind != "deal" || first.EntityName != "Machine" || first.EntityID != dealID(1).UUID {
		t.Errorf("the deal's entry is about %s %s %q", first.EntityKind, first.EntityID, first.EntityName)
	}

	if names := entries[0].Names; names[jane.UUID] != "Jane" {
		t.Errorf("whom the deal was linked to: %v", names)
	}

	on(6)
	w.must(t, w.deal(dealID(1), deal.LinkCustomer{Customer: john}))
	models, _ = w.build(t)
	if diff := cmp.Diff([]string{
		"Deal moved from one customer to another", "Deal linked to the customer", "Deal opened: Machine, new, 1234.56 EUR", "Registered: John, lead",
	}, summaries(timeline(t, models, john))); diff != "" {
		t.Errorf("John's timeline (-want +got)\n%s", diff)
	}
	for _, e := range timeline(t, models, jane) {
		if e.EntityKind == "deal" {
			t.Errorf("the deal is John's now, and Jane's timeline still says %q", e.Summary)
		}
	}
}

// A reader of a timeline meets names where events hold ids.
func TestTimelineNames(t *testing.T) {
	t.Parallel()
	w := newWorld()
	jane, works, eve := customerID(1), customerID(2), domain.EmployeeID{UUID: numbered("e", 1)}
	point := reachedAt(customer.Phone, "01 234567", "+431234567")
	w.must(t, w.employee(eve, employee.Register{Details: employee.Details{Name: "Eve"}}))
	w.must(t, w.customer(works, customer.Register{Kind: customer.Organization, Details: customer.Details{Name: "Works"}}))
	w.must(t, w.customer(jane, register("Jane", point, func(c *customer.Register) {
		c.Owner = eve
		c.Links = []customer.Link{{Organization: works, Relation: customer.WorksAt}}
	})))
	call := interaction.Log{ID: domain.InteractionID{UUID: numbered("i", 1)}, Details: interaction.Details{Channel: interaction.Call, Subject: "Offer", Employee: eve}}
	w.must(t, w.interaction(jane, call))
	w.must(t, w.interaction(jane, interaction.Amend{ID: call.ID, Patch: domain.Patch[interaction.Details]{Set: interaction.Details{Mood: interaction.Angry}}}))
	card := w.states[domain.CustomerStream(jane)].(customer.State)
	for _, known := range card.ContactPoints {
		w.must(t, w.customer(jane, customer.RemoveContactPoint{ID: known.ID}))
	}
	w.must(t, w.customer(works, customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Set: customer.Details{Name: "Works Ltd"}}}))
	models, _ := w.build(t)
	got := map[string][]string{}
	for _, e := range timeline(t, models, jane) {
		for _, name := range e.Names {
			got[e.Type] = append(got[e.Type], name)
		}
	}
	want := map[string][]string{
		"customer.owner_assigned":         {"Eve"},
		"customer.linked_to_organization": {"Works Ltd"},
		"customer.contact_point_removed":  {"01 234567"},
		"interaction.logged":              {"Eve"},
		"interaction.amended":             {"Offer"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got)\n%s", diff)
	}
}

// The pages of a timeline are the events of the customer's streams, no more and no
// fewer, in order.
func TestTimelineHoldsEveryEvent(t *testing.T) {
	t.Parallel()
	w := randomWorld(3000, 6)
	models, _ := w.build(t)
	r := rand.New(rand.NewPCG(6, 6))
	for range 20 {
		id := customerID(r.IntN(3000/40 + 1))
		type place struct {
			At       time.Time
			Position uint64
		}
		var want, got []place
		for _, e := range w.events {
			stream, _ := e.Stream.ID()
			mine := stream == id.UUID
			if s, ok := w.states[e.Stream].(deal.State); ok {
				mine = s.Customer == id
			}
			if mine {
				want = append(want, place{e.Meta.OccurredAt, e.Position.Commit})
			}
		}
		slices.SortFunc(want, func(a, b place) int {
			if c := b.At.Compare(a.At); c != 0 {
				return c
			}
			return int(b.Position) - int(a.Position)
		})
		for _, e := range timeline(t, models, id) {
			got = append(got, place{e.OccurredAt, e.Position.Commit})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-log +timeline)\n%s", id, diff)
		}
	}
}

// Every event has a sentence of its own, without the underscores of machines.
func TestSummariesAreSentences(t *testing.T) {
	t.Parallel()
	_, pool := randomWorld(3000, 7).build(t)
	rows, err := pool.Query(t.Context(), `SELECT DISTINCT type || ' is summed up as ' || summary FROM timeline.entries
		WHERE summary = '' OR summary ~ '_|, *$|: *$' OR summary = replace(type, '_', ' ')`)
	if err != nil {
		t.Fatal(err)
	}
	faults, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(faults) > 0 {
		t.Errorf("%q, %v", faults, err)
	}
}

// What the column's comment tells analysts to write works.
func TestPayloadsInSQL(t *testing.T) {
	t.Parallel()
	_, pool := randomWorld(300, 7).build(t)
	var comment string
	var fields, contained int
	err := pool.QueryRow(t.Context(), `
		SELECT col_description('timeline.entries'::regclass, (SELECT attnum FROM pg_attribute WHERE attrelid = 'timeline.entries'::regclass AND attname = 'data')),
		  count(*) FILTER (WHERE data ->> 'kind' = 'person'), count(*) FILTER (WHERE data::jsonb @> '{"kind": "person"}')
		FROM timeline.entries WHERE type = 'customer.registered'`).Scan(&comment, &fields, &contained)
	if err != nil || fields == 0 || contained != fields || !strings.Contains(comment, "data::jsonb has @>") {
		t.Errorf("%d by field, %d by containment, commented %q, %v", fields, contained, comment, err)
	}
}
