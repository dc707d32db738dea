package imports_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/interaction"
	"crm/domain/product"
	"crm/projections"
	"crm/projections/projectionstest"
)

// house is a mapping of customers, what they allow and said, products and deals.
const house = `
name: house
values: {pipeline: {text: p, ref: pipeline}}
once:
  - command: pipeline.define
    entity: pipeline
    key: p
    body: {name: P, stages: [{id: a, name: A, probability: 10, category: pipeline}, {id: b, name: B, probability: 20, category: best_case}]}
files:
  - name: people
    match: "people.csv"
    entity: person
    key: ${id}
    commands:
      - command: customer.register
        body: {kind: person, name: "${name}", job_title: "${job}", attributes: {colour: "${colour}"}}
      - command: customer.add_contact_point
        body: {kind: email, value: "${mail}"}
      - {command: consent.grant, when: {may: [yes]}, body: {purpose: marketing, channel: email, capture_source: "a file"}}
      - {command: interaction.log, present: [call], body: {channel: call, subject: "${call}"}}
  - name: goods
    match: "goods.csv"
    entity: good
    key: ${sku}
    values:
      price: {column: price, type: money, currency: EUR}
    commands:
      - {command: product.define, body: {name: "${name}", sku: "${sku}", list_price: "${price}"}}
  - name: deals
    match: "deals.csv"
    entity: deal
    key: ${id}
    values:
      customer: {column: customer, ref: person}
      amount: {column: amount, type: money, currency: EUR}
    commands:
      - {command: deal.open, body: {title: "${title}", pipeline: "${pipeline}", stage: a, customer: "${customer}", amount: "${amount}"}}
      - {command: deal.change_stage, when: {stage: [b]}, body: {stage: b}}
      - {command: deal.win, when: {end: [won]}, body: {amount: "${amount}"}}
      - {command: deal.lose, when: {end: [lost]}, body: {loss_reason: price}}
`

// files draws the files of an import.
func files(t *rapid.T, label string) []string {
	var people, goods, deals strings.Builder
	people.WriteString("id,name,job,colour,mail,may,call\n")
	goods.WriteString("sku,name,price\n")
	deals.WriteString("id,title,customer,amount,stage,end\n")
	word := rapid.SampledFrom([]string{"", "red", "green", "blue"})
	n := rapid.IntRange(1, 3).Draw(t, label+" people")
	for i := range n {
		draw := func(what string) string { return word.Draw(t, fmt.Sprint(label, " ", i, " ", what)) }
		mail := draw("mail")
		if mail != "" {
			mail += "@example.org"
		}
		may := rapid.SampledFrom([]string{"yes", "no"}).Draw(t, fmt.Sprint(label, " may ", i))
		fmt.Fprintf(&people, "%d,Name %s,%s,%s,%s,%s,%s\n", i, draw("name"), draw("job"), draw("colour"), mail, may, draw("call"))
	}
	for i := range rapid.IntRange(0, 2).Draw(t, label+" goods") {
		fmt.Fprintf(&goods, "%d,Good %s,%d\n", i, word.Draw(t, fmt.Sprint(label, " good ", i)), rapid.IntRange(1, 3).Draw(t, fmt.Sprint(label, " price ", i)))
	}
	for i := range rapid.IntRange(0, 3).Draw(t, label+" deals") {
		fmt.Fprintf(&deals, "%d,Deal %d,%d,%d,%s,%s\n", i, i, rapid.IntRange(0, n-1).Draw(t, fmt.Sprint(label, " whose ", i)),
			rapid.IntRange(1, 3).Draw(t, fmt.Sprint(label, " amount ", i)),
			rapid.SampledFrom([]string{"a", "b"}).Draw(t, fmt.Sprint(label, " stage ", i)),
			rapid.SampledFrom([]string{"", "won", "lost"}).Draw(t, fmt.Sprint(label, " end ", i)))
	}
	return []string{"people.csv", people.String(), "goods.csv", goods.String(), "deals.csv", deals.String()}
}

// An import that was undone and is imported again brings what it brought, also where it
// had changed what an earlier one brought. Imported once more it changes nothing.
func TestUndoneAndAgain(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		before, rows := files(rt, "before"), files(rt, "import")
		earlier := rapid.Bool().Draw(rt, "an earlier import")
		begin := func() *world {
			w := worldOn(t, pool)
			if earlier {
				w.bring(house, before...)
			}
			return w
		}
		once := begin()
		once.bring(house, rows...)
		once.stop() // one log at a time: whoever runs takes any import of the database
		again := begin()
		defer again.stop()
		for range rapid.IntRange(1, 2).Draw(rt, "times") {
			undone := again.undo(again.bring(house, rows...).ID)
			if undone.Undo == nil || undone.Undo.Done != undone.Undo.Streams {
				rt.Fatalf("the undo came to %+v", undone.Undo)
			}
		}
		last := again.bring(house, rows...)
		if diff := gocmp.Diff(once.states(), again.states()); diff != "" {
			rt.Fatalf("imported once, and after an undo:\n%s\n%s\n%s", diff, rows, again.must(http.MethodGet, "/v1/imports/"+last.ID.String()+"/failed", nil))
		}
	})
}

// states are all customers, deals and so on by stream, with their parts in order.
func (w *world) states() map[domain.Stream]string {
	w.t.Helper()
	histories := map[domain.Stream][]domain.Event{}
	for _, recorded := range w.log.All(domain.Position{}) {
		histories[recorded.Stream] = append(histories[recorded.Stream], recorded.Event)
	}
	all := map[domain.Stream]string{}
	for stream, history := range histories {
		var state any
		switch stream.Category() {
		case "customer":
			s := fold(customer.Decider, history)
			for i := range s.ContactPoints { // one that was taken away and comes back has another id
				s.ContactPoints[i].ID = domain.ContactPointID{}
			}
			slices.SortFunc(s.ContactPoints, func(a, b customer.KnownContactPoint) int { return cmp.Compare(a.Normalized, b.Normalized) })
			state = s
		case "consent":
			s := map[string]consent.Answer{}
			for key, answer := range fold(consent.Decider, history).Answers {
				s[key.String()] = answer
			}
			state = s
		case "interaction":
			s := map[string]interaction.Details{}
			for id, details := range fold(interaction.Decider, history).Logged {
				s[id.String()] = details
			}
			state = s
		case "deal":
			state = fold(deal.Decider, history)
		case "product":
			state = fold(product.Decider, history)
		default:
			continue
		}
		text, err := json.Marshal(state)
		if err != nil {
			w.t.Fatal(err)
		}
		all[stream] = string(text)
	}
	return all
}

func fold[S any, C domain.Command, E domain.Event](decider domain.Decider[S, C, E], history []domain.Event) S {
	state := decider.Initial()
	for _, event := range history {
		state = decider.Evolve(state, event.(E))
	}
	return state
}

// A second import without an undo changes nothing, nor does one after an undone one was
// imported again.
func TestAgainWithoutUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rows := []string{"people.csv", "id,name,job,colour,mail,may,call\n1,Ada,red,,a@example.org,yes,hello\n"}
	first := w.bring(house, rows...)
	quiet := func(what string) {
		t.Helper()
		before := w.events()
		if got := w.bring(house, rows...); got.Progress.Rejected != 0 {
			t.Fatalf("%s: %+v", what, got)
		}
		if after := w.events(); after != before {
			t.Errorf("%s left %d events", what, after-before)
		}
	}
	quiet("the same file")
	w.undo(first.ID)
	if got := w.bring(house, rows...); got.Progress.Rejected != 0 {
		t.Fatalf("after the undo: %+v", got)
	}
	quiet("the same file after it was undone and imported again")
}

// events is how many there are that are not about imports.
func (w *world) events() int {
	n := 0
	for _, recorded := range w.log.All(domain.Position{}) {
		if recorded.Stream.Category() != "import" {
			n++
		}
	}
	return n
}

// Whom somebody has archived after an import brought them back stays archived.
func TestArchivedByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rows := []string{"people.csv", "id,name,job,colour,mail,may,call\n1,Ada,,,,no,\n"}
	first := w.bring(house, rows...)
	w.undo(first.ID)
	var target string
	for stream := range w.states() {
		if stream.Category() == "customer" {
			id, _ := stream.ID()
			target = id.String()
		}
	}
	w.must(http.MethodPost, "/v1/customers/"+target+"/restore", map[string]string{})
	w.must(http.MethodPost, "/v1/customers/"+target+"/archive", map[string]string{})
	if got := w.bring(house, rows...); got.Progress.Rejected != 1 {
		t.Errorf("a customer whom somebody has archived came back: %+v", got)
	}
}

// A customer of the import whose deal stays, stays with it: nobody is left whose deal is
// somebody's who is put away. The report says so.
func TestWhoseDealStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.bring(house,
		"people.csv", "id,name,job,colour,mail,may,call\n0,Ada,,,,no,\n1,Bob,,,,no,\n2,Cem,,,,no,\n3,Dora,,,,no,\n",
		"deals.csv", "id,title,customer,amount,stage,end\n1,Deal 1,1,5,a,won\n2,Deal 2,2,5,a,\n3,Deal 3,3,5,a,lost\n")
	called, sales := map[string]string{}, "" // customers and deals by name
	for _, recorded := range w.log.All(domain.Position{}) {
		id, _ := recorded.Stream.ID()
		switch e := recorded.Event.(type) {
		case customer.Registered:
			called[e.Details.Name.Plain()] = id.String()
		case deal.Opened:
			called[e.Title.Plain()], sales = id.String(), e.Stage.Pipeline.String()
		}
	}
	w.must(http.MethodPost, "/v1/deals", map[string]string{"title": "Of somebody else", "pipeline": sales, "customer": called["Ada"]})
	w.must(http.MethodPost, "/v1/deals/"+called["Deal 2"]+"/close-date", map[string]string{"expected_close": "2027-01-01"})
	w.must(http.MethodPost, "/v1/deals", map[string]string{"id": called["Deal 1"][:35] + "0", "title": "Linked and voided", "pipeline": sales, "customer": called["Bob"]})
	w.must(http.MethodPost, "/v1/deals/"+called["Deal 1"][:35]+"0/void", map[string]string{})
	w.undo(first.ID)
	archived, states := map[string]bool{}, w.states()
	for name, id := range called {
		switch state := states[domain.Stream("customer-"+id)]; {
		case state != "":
			archived[name] = strings.Contains(state, `"Archived":true`)
		default:
			archived[name] = strings.Contains(states[domain.Stream("deal-"+id)], `"Status":"void"`)
		}
	}
	want := map[string]bool{"Ada": false, "Bob": true, "Cem": false, "Dora": true, "Deal 1": true, "Deal 2": false, "Deal 3": true}
	if diff := gocmp.Diff(want, archived); diff != "" {
		t.Errorf("put away (-want +got):\n%s", diff)
	}
	report := w.must(http.MethodGet, "/v1/imports/"+first.ID.String()+"/undone", nil)
	for _, name := range []string{"Ada", "Cem"} {
		if !strings.Contains(report, called[name]+",kept,customer: a deal that stays is theirs") {
			t.Errorf("of %s (%s) the report says nothing:\n%s", name, called[name], report)
		}
	}
}
