package undo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"crm/commands"
	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/domaintest"
	"crm/domain/employee"
	"crm/domain/interaction"
	"crm/domain/pipeline"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func id(n byte) uuid.UUID { return uuid.UUID{15: n} }

var (
	theRun                               = id(99).String()
	known, made, organization            = id(1), id(2), id(3)
	knownDeal, madeDeal, sales, eve, bob = id(11), id(12), id(20), id(31), id(32)
)

// world is real commands on a log in memory.
type world struct {
	t     *rapid.T
	log   *domaintest.Memory
	do    *commands.Handler
	asked int
}

func newWorld(t *rapid.T) *world {
	log := domaintest.NewMemory(func() time.Time { return noon })
	return &world{t: t, log: log, do: commands.New(log, commands.Config{})}
}

// ask asks on behalf of a source; refusals are part of life.
func (w *world) ask(source domain.Source, target uuid.UUID, command domain.Command) (refused error) {
	w.asked++
	_, err := w.do.Do(w.t.Context(), commands.Ask{
		Target: target, Command: command,
		Meta: domain.Meta{OccurredAt: noon, Actor: "tester", Source: source, Command: domain.CommandRef{ID: uuid.NewSHA1(id(0), []byte(strconv.Itoa(w.asked)))}},
	})
	return err
}

func (w *world) must(source domain.Source, target uuid.UUID, command domain.Command) {
	if err := w.ask(source, target, command); err != nil {
		w.t.Fatalf("%s: %v", command.CommandName(), err)
	}
}

func (w *world) history(stream domain.Stream) []domain.Recorded {
	all, err := w.log.Load(w.t.Context(), stream, domain.NoStream)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// undo carries the plan of a stream out; at most so many commands of it.
func (w *world) undo(stream domain.Stream, most int) Plan {
	target, _ := stream.ID()
	beside := domain.CustomerID{UUID: target}
	held := ""
	if stream.Category() == "customer" &&
		(Foreign(w.history(domain.ConsentStream(beside)), theRun) || Foreign(w.history(domain.InteractionStream(beside)), theRun)) {
		held = ByOthers
	}
	plan, err := Of(stream, w.history(stream), theRun, held)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, command := range plan.Commands[:min(most, len(plan.Commands))] {
		if err := w.ask(domain.Source{Application: Application, Import: theRun}, target, command); err != nil {
			plan.Kept = append(plan.Kept, command.CommandName()+": "+err.Error())
		}
	}
	return plan
}

// ask is something that is asked, of which aggregate's which part.
type ask struct {
	part    string
	target  uuid.UUID
	command domain.Command
}

// asks draws something about the customer and deal that are known, or the ones that the
// import makes.
func asks(who, what uuid.UUID) *rapid.Generator[ask] {
	text := rapid.SampledFrom([]string{"a", "b", "c"})
	channels := []consent.Channel{consent.Email, consent.Phone, consent.Post}
	return rapid.Custom(func(t *rapid.T) ask {
		n := rapid.IntRange(0, 13).Draw(t, "what")
		value := text.Draw(t, "value")
		about := func(part string, target uuid.UUID, c domain.Command) ask {
			return ask{fmt.Sprint(target, part), target, c}
		}
		one := rapid.IntRange(0, 2).Draw(t, "which")
		switch n {
		case 0:
			return about("job", who, customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Set: customer.Details{JobTitle: domain.Personal(value)}}})
		case 1:
			return about("language", who, customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Set: customer.Details{Language: "d" + value}}})
		case 2:
			return about("job", who, customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Clear: []string{"job_title"}}})
		case 3:
			stage := []customer.LifecycleStage{customer.Lead, customer.Opportunity, customer.Customer}[one]
			return about("stage", who, customer.ChangeLifecycleStage{Stage: stage})
		case 4:
			return about("owner", who, customer.AssignOwner{Owner: []domain.EmployeeID{{}, {UUID: eve}, {UUID: bob}}[one]})
		case 5:
			key := []string{"x", "y", "z"}[one]
			return about("attribute "+key, who, customer.ChangeAttributes{Set: []customer.Attribute{{Key: key, Kind: customer.Text, Value: domain.Personal(value)}}})
		case 6:
			key := []string{"x", "y", "z"}[one]
			return about("attribute "+key, who, customer.ChangeAttributes{Clear: []string{key}})
		case 7: // of a kind of its own, so that being the primary one is nobody else's
			kind := []customer.ContactKind{customer.Web, customer.Email, customer.Social}[one]
			point := customer.ContactPoint{
				ID:   domain.ContactPointID{UUID: uuid.NewSHA1(id(50), []byte(value+string(kind)))},
				Kind: kind, Typed: domain.Personal(value), Normalized: domain.Personal(value), Primary: value != "c",
			}
			return about("contact point "+string(kind), who, customer.AddContactPoint{ContactPoint: point})
		case 8:
			kind := []customer.ContactKind{customer.Web, customer.Email, customer.Social}[one]
			return about("contact point "+string(kind), who, customer.RemoveContactPoint{ID: domain.ContactPointID{UUID: uuid.NewSHA1(id(50), []byte(value+string(kind)))}})
		case 9:
			relation := []customer.Relation{customer.WorksAt, customer.MemberOf, customer.PartnerOf}[one]
			return about("link "+string(relation), who, customer.LinkToOrganization{Link: customer.Link{Organization: domain.CustomerID{UUID: organization}, Relation: relation, Title: domain.Personal(value)}})
		case 10:
			return about("amount", what, deal.ChangeAmount{Amount: domain.Money{Minor: int64(one + 1), Currency: "EUR"}})
		case 11:
			return about("close", what, deal.ChangeCloseDate{ExpectedClose: domain.Date("2027-01-0" + strconv.Itoa(one+1))})
		case 12:
			return about("deal stage", what, deal.ChangeStage{Stage: deal.Stage{ID: domain.StageID([]string{"new", "offer", "yes"}[one])}})
		default:
			key := consent.Key{Purpose: "news", Channel: channels[one]}
			all := []consent.Command{consent.Grant{Key: key}, consent.Request{Key: key}, consent.Withdraw{Key: key}, consent.Object{Key: key}}
			return about("consent "+key.String(), who, rapid.SampledFrom(all).Draw(t, "consent"))
		}
	})
}

func (w *world) found() {
	people := domain.Source{Application: "people"}
	w.must(people, eve, employee.Register{Details: employee.Details{Name: "Eve"}})
	w.must(people, bob, employee.Register{Details: employee.Details{Name: "Bob"}})
	stage := func(id domain.StageID, probability int) pipeline.Stage {
		return pipeline.Stage{ID: id, Name: string(id), Probability: probability, Category: domain.Pipeline}
	}
	w.must(people, sales, pipeline.Define{Name: "Sales", Stages: []pipeline.Stage{stage("new", 10), stage("offer", 50), stage("yes", 90)}})
	w.must(people, organization, customer.Register{Kind: customer.Organization, Details: customer.Details{Name: "Acme"}})
	w.must(people, known, customer.Register{Kind: customer.Person, Details: customer.Details{Name: "Ada", JobTitle: "z"}})
	w.must(people, knownDeal, deal.Open{Title: "Lamps", Stage: deal.Stage{Pipeline: domain.PipelineID{UUID: sales}}, Amount: domain.Money{Minor: 9, Currency: "EUR"}})
}

// states are the customers and deals as fields.
func (w *world) states(person, business uuid.UUID) map[string]fields {
	all := map[string]fields{}
	add := func(prefix string, f fields) { all[prefix] = f }
	add("customer", customerView(fold(w, domain.CustomerStream(domain.CustomerID{UUID: person}), customer.Decider)))
	add("deal", dealView(fold(w, domain.DealStream(domain.DealID{UUID: business}), deal.Decider)))
	add("consent", consentView(fold(w, domain.ConsentStream(domain.CustomerID{UUID: person}), consent.Decider)))
	return all
}

func fold[S any, C domain.Command, E domain.Event](w *world, stream domain.Stream, decider domain.Decider[S, C, E]) S {
	state := decider.Initial()
	for _, recorded := range w.history(stream) {
		state = decider.Evolve(state, recorded.Event.(E))
	}
	return state
}

// A random world, an import, later changes of other things, and the undo: that is the
// later changes in the world without the import. What the undo does not take back, it
// names.
func TestUndoIsTheWorldWithoutTheImport(t *testing.T) {
	t.Parallel()
	people, importer := domain.Source{Application: "people"}, domain.Source{Application: "crm import", Import: theRun}
	rapid.Check(t, func(t *rapid.T) {
		with, without := newWorld(t), newWorld(t)
		with.found()
		without.found()
		before := rapid.SliceOfN(asks(known, knownDeal), 0, 8).Draw(t, "before")
		during := rapid.SliceOfN(asks(known, knownDeal), 1, 8).Draw(t, "during")
		after := rapid.SliceOfN(asks(known, knownDeal), 0, 8).Draw(t, "after")
		for _, a := range before {
			_, _ = with.ask(people, a.target, a.command), without.ask(people, a.target, a.command)
		}
		imported := map[string]bool{}
		for _, a := range during {
			_ = with.ask(importer, a.target, a.command)
			imported[a.part] = true
		}
		for _, a := range after {
			if !imported[a.part] {
				_, _ = with.ask(people, a.target, a.command), without.ask(people, a.target, a.command)
			}
		}
		var kept []string
		for _, stream := range []domain.Stream{
			domain.CustomerStream(domain.CustomerID{UUID: known}), domain.DealStream(domain.DealID{UUID: knownDeal}), domain.ConsentStream(domain.CustomerID{UUID: known}),
		} {
			with.undo(stream, rapid.IntRange(0, 3).Draw(t, "interrupted after"))
			kept = append(kept, with.undo(stream, 100).Kept...)
			end := len(with.history(stream))
			if again := with.undo(stream, 100); len(with.history(stream)) != end {
				t.Fatalf("%s: a second undo asks %v", stream, again.Commands)
			}
		}
		want, got := without.states(known, knownDeal), with.states(known, knownDeal)
		forget(want, got, kept)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("kept %q (-without the import +undone):\n%s", kept, diff)
		}
		for _, k := range kept {
			if !strings.HasPrefix(k, "news:") {
				t.Fatalf("nothing of it needs to be kept, but %s is", k)
			}
		}
	})
}

// forget takes from both what is kept, and from consents what an end and a new
// beginning leave: only whether they permit, and whether the customer has objected.
func forget(want, got map[string]fields, kept []string) {
	for key := range both(want["consent"], got["consent"]) {
		if slices.ContainsFunc(kept, func(k string) bool { return strings.HasPrefix(k, key) }) {
			delete(want["consent"], key)
			delete(got["consent"], key)
			continue
		}
		for _, f := range []fields{want["consent"], got["consent"]} {
			f[key] = standing(f[key])
		}
	}
}

// standing is what an answer means: one that was never given means the same as one that
// is over.
func standing(answer string) string {
	switch {
	case strings.Contains(answer, `"Status":"granted"`):
		return "granted"
	case strings.Contains(answer, `"Status":"requested"`):
		return "requested"
	case strings.Contains(answer, `"Status":"objected"`), strings.Contains(answer, `"Objected":true`):
		return "objected"
	default:
		return "none"
	}
}

// What an import has created is put away, unless somebody has touched it.
func TestWhatTheImportCreated(t *testing.T) {
	t.Parallel()
	people, importer := domain.Source{Application: "people"}, domain.Source{Application: "crm import", Import: theRun}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.found()
		w.must(importer, made, customer.Register{Kind: customer.Person, Details: customer.Details{Name: "New"}})
		w.must(importer, madeDeal, deal.Open{Title: "Chairs", Stage: deal.Stage{Pipeline: domain.PipelineID{UUID: sales}}})
		for _, a := range rapid.SliceOfN(asks(made, madeDeal), 0, 5).Draw(t, "during") {
			_ = w.ask(importer, a.target, a.command)
		}
		if rapid.Bool().Draw(t, "won") {
			w.must(importer, madeDeal, deal.Win{})
		}
		length := func() [3]int {
			return [3]int{
				len(w.history(domain.CustomerStream(domain.CustomerID{UUID: made}))), len(w.history(domain.DealStream(domain.DealID{UUID: madeDeal}))),
				len(w.history(domain.ConsentStream(domain.CustomerID{UUID: made}))),
			}
		}
		start := length()
		for _, a := range rapid.SliceOfN(asks(made, madeDeal), 0, 3).Draw(t, "after") {
			_ = w.ask(people, a.target, a.command)
		}
		end := length()
		touchedCustomer, touchedDeal := end[0] != start[0] || end[2] != start[2], end[1] != start[1]
		before := w.states(made, madeDeal)
		customerPlan := w.undo(domain.CustomerStream(domain.CustomerID{UUID: made}), 100)
		dealPlan := w.undo(domain.DealStream(domain.DealID{UUID: madeDeal}), 100)
		after := w.states(made, madeDeal)
		archived := fold(w, domain.CustomerStream(domain.CustomerID{UUID: made}), customer.Decider).Archived
		void := fold(w, domain.DealStream(domain.DealID{UUID: madeDeal}), deal.Decider).Status == deal.IsVoid
		switch {
		case touchedCustomer && (customerPlan.Outcome != Kept || !cmp.Equal(before["customer"], after["customer"])):
			t.Fatalf("a customer that was touched is %s: %v", customerPlan.Outcome, customerPlan.Commands)
		case !touchedCustomer && (customerPlan.Outcome != Ended || !archived):
			t.Fatalf("a customer that was not touched is %s: %q", customerPlan.Outcome, customerPlan.Kept)
		case touchedDeal && (dealPlan.Outcome != Kept || !cmp.Equal(before["deal"], after["deal"])):
			t.Fatalf("a deal that was touched is %s: %v", dealPlan.Outcome, dealPlan.Commands)
		case !touchedDeal && (dealPlan.Outcome != Ended || !void):
			t.Fatalf("a deal that was not touched is %s: %q", dealPlan.Outcome, dealPlan.Kept)
		}
	})
}

// Somebody who may not be contacted is not after an undo.
func TestAnUndoPermitsNothing(t *testing.T) {
	t.Parallel()
	people, importer := domain.Source{Application: "people"}, domain.Source{Application: "crm import", Import: theRun}
	key := consent.Key{Purpose: "news", Channel: consent.Email}
	all := []consent.Command{consent.Grant{Key: key}, consent.Request{Key: key}, consent.Confirm{Key: key}, consent.Withdraw{Key: key}, consent.Object{Key: key}, consent.Expire{Key: key}}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.found()
		for range rapid.IntRange(1, 12).Draw(t, "asks") {
			source := rapid.SampledFrom([]domain.Source{people, importer}).Draw(t, "source")
			_ = w.ask(source, known, rapid.SampledFrom(all).Draw(t, "command"))
		}
		stream := domain.ConsentStream(domain.CustomerID{UUID: known})
		before := fold(w, stream, consent.Decider).Answers[key]
		w.undo(stream, 100)
		after := fold(w, stream, consent.Decider).Answers[key]
		if after.Permits(noon) && !before.Permits(noon) || before.Objected && !after.Objected {
			t.Fatalf("it was %+v, and after the undo it is %+v", before, after)
		}
	})
}

func TestInteractionsStayAndAmendmentsDoNot(t *testing.T) {
	t.Parallel()
	people, importer := domain.Source{Application: "people"}, domain.Source{Application: "crm import", Import: theRun}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.found()
		first, second := domain.InteractionID{UUID: id(71)}, domain.InteractionID{UUID: id(72)}
		w.must(people, known, interaction.Log{ID: first, Details: interaction.Details{Channel: interaction.Call, Subject: "lamps"}})
		w.must(importer, known, interaction.Amend{ID: first, Patch: domain.Patch[interaction.Details]{Set: interaction.Details{Subject: "chairs", Note: "later"}}})
		w.must(importer, known, interaction.Log{ID: second, Details: interaction.Details{Channel: interaction.Call}})
		w.must(people, known, interaction.Amend{ID: first, Patch: domain.Patch[interaction.Details]{Set: interaction.Details{Note: "mine"}}})
		stream := domain.InteractionStream(domain.CustomerID{UUID: known})
		plan := w.undo(stream, 100)
		got := fold(w, stream, interaction.Decider).Logged[first]
		if got.Subject != "lamps" || got.Note != "mine" || plan.Outcome != Kept || len(plan.Kept) != 2 {
			t.Fatalf("%+v, kept %q", got, plan.Kept)
		}
	})
}
