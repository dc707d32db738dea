package commands_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"crm/commands"
	"crm/domain"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/interaction"
	"crm/domain/pipeline"
	"crm/domain/product"
)

func on(a commands.Ask, revision domain.Revision) commands.Ask {
	a.BasedOn = &revision
	return a
}

func details(set customer.Details, clear ...string) customer.ChangeDetails {
	return customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Set: set, Clear: clear}}
}

// Of each aggregate: what somebody else did since revision 0, what is asked then, and
// the conflict that there is.
func TestFieldsThatSomebodyElseHasChanged(t *testing.T) {
	t.Parallel()
	type difference = domain.FieldDifference
	none := []difference(nil)
	for name, test := range map[string]struct {
		target uuid.UUID
		since  []domain.Command
		asks   domain.Command
		want   []difference
	}{
		"another field": {
			id("ada"),
			[]domain.Command{details(customer.Details{JobTitle: "CEO"})},
			details(customer.Details{Language: "de"}), none,
		},
		"the same field": {
			id("ada"),
			[]domain.Command{details(customer.Details{JobTitle: "CEO", Language: "en"})},
			details(customer.Details{JobTitle: "CTO", Honorific: "Dr."}),
			[]difference{{Field: "job_title", Theirs: domain.Personal("CEO"), Yours: domain.Personal("CTO")}},
		},
		"the same value": {
			id("ada"),
			[]domain.Command{details(customer.Details{JobTitle: "CEO"})},
			details(customer.Details{JobTitle: "CEO", Language: "de"}), none,
		},
		"there and back": {
			id("ada"),
			[]domain.Command{details(customer.Details{JobTitle: "CEO"}), details(customer.Details{}, "job_title")},
			details(customer.Details{JobTitle: "CTO"}), none,
		},
		"cleared": {
			id("ada"),
			[]domain.Command{details(customer.Details{Name: "Ada L."})},
			customer.Correct{Patch: domain.Patch[customer.Details]{Set: customer.Details{Name: "Ada K."}}},
			[]difference{{Field: "name", Original: domain.Personal("Ada"), Theirs: domain.Personal("Ada L."), Yours: domain.Personal("Ada K.")}},
		},
		"an owner": {
			id("ada"),
			[]domain.Command{customer.AssignOwner{Owner: staff("eve")}},
			customer.AssignOwner{Owner: staff("eva")},
			[]difference{{Field: "owner", Theirs: staff("eve"), Yours: staff("eva")}},
		},
		"an attribute": {
			id("ada"),
			[]domain.Command{customer.ChangeAttributes{Set: []customer.Attribute{{Key: "vip", Kind: "text", Value: "yes"}}}},
			customer.ChangeAttributes{Set: []customer.Attribute{{Key: "vip", Kind: "text", Value: "no"}, {Key: "x", Kind: "text", Value: "y"}}},
			[]difference{{Field: "attributes/vip", Theirs: domain.Personal("yes"), Yours: domain.Personal("no")}},
		},
		"what adds": {
			id("ada"),
			[]domain.Command{details(customer.Details{JobTitle: "CEO"})},
			customer.Archive{},
			none,
		},
		"an amount": {
			id("deal"),
			[]domain.Command{deal.ChangeAmount{Amount: euro(1)}},
			deal.ChangeAmount{Amount: euro(2)},
			[]difference{{Field: "amount", Theirs: euro(1), Yours: euro(2)}},
		},
		"amount and date": {
			id("deal"),
			[]domain.Command{deal.ChangeAmount{Amount: euro(1)}},
			deal.ChangeCloseDate{ExpectedClose: "2027-01-01"},
			none,
		},
		"a stage": {
			id("deal"),
			[]domain.Command{deal.ChangeStage{Stage: deal.Stage{ID: "offer"}}, deal.ChangeForecastCategory{Category: domain.Commit}},
			deal.ChangeForecastCategory{Category: domain.Omitted},
			[]difference{{Field: "forecast_category", Original: domain.Pipeline, Theirs: domain.Commit, Yours: domain.Omitted}},
		},
		"an employee": {
			id("eve"),
			[]domain.Command{employee.ChangeDetails{Patch: domain.Patch[employee.Details]{Set: employee.Details{Office: "Graz"}}}},
			employee.ChangeDetails{Patch: domain.Patch[employee.Details]{Set: employee.Details{Office: "Linz"}}},
			[]difference{{Field: "office", Theirs: "Graz", Yours: "Linz"}},
		},
		"a price": {
			id("lamp"),
			[]domain.Command{product.SetListPrice{ListPrice: euro(1)}},
			product.SetListPrice{ListPrice: euro(2)},
			[]difference{{Field: "list_price", Original: euro(4900), Theirs: euro(1), Yours: euro(2)}},
		},
		"a probability": {
			domain.DefaultPipeline.UUID,
			[]domain.Command{pipeline.SetStageProbability{ID: "new", Probability: 20}},
			pipeline.SetStageProbability{ID: "new", Probability: 30},
			[]difference{{Field: "stages/new/probability", Original: 10, Theirs: 20, Yours: 30}},
		},
		"another stage": {
			domain.DefaultPipeline.UUID,
			[]domain.Command{pipeline.SetStageProbability{ID: "offer", Probability: 20}},
			pipeline.SetStageProbability{ID: "new", Probability: 30},
			none,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := newLedger()
			h := commands.New(log, commands.Config{})
			company(t, h)
			do(t, h, ask("eva", id("eva"), employee.Register{Details: employee.Details{Name: "Eva"}}))
			for i, command := range test.since {
				do(t, h, ask(fmt.Sprint("since", i), test.target, command))
			}
			for _, h := range []*commands.Handler{h, commands.New(log, commands.Config{})} { // known, and read
				_, err := h.Do(t.Context(), on(ask("asked"+fmt.Sprintf("%p", h), test.target, test.asks), 0))
				var got []difference
				if conflict, ok := errors.AsType[*domain.FieldConflict](err); ok {
					got = conflict.Fields
				} else if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
				if got != nil && !errors.Is(err, domain.ErrFieldConflict) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// What is refused for another reason says so, and If-Match is the stricter promise.
func TestWhatACommandRestsOn(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	company(t, h)
	amount := func(n int64) domain.Command { return deal.ChangeAmount{Amount: euro(n)} }
	do(t, h, ask("1", id("deal"), amount(1)))
	if _, err := h.Do(t.Context(), on(ask("2", id("deal"), amount(2)), 2)); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("of a revision to come: %v", err)
	}
	if _, err := h.Do(t.Context(), on(ask("3", id("none"), amount(2)), 0)); !errors.Is(err, deal.ErrUnknown) {
		t.Errorf("of nothing: %v", err)
	}
	matching := on(ask("4", id("deal"), amount(3)), 0)
	matching.IfMatch = new(domain.Revision)
	if _, err := h.Do(t.Context(), matching); !errors.Is(err, domain.ErrStale) {
		t.Errorf("If-Match: %v", err)
	}
	*matching.IfMatch = 1
	do(t, h, matching)
	do(t, h, on(ask("5", id("deal"), amount(4)), 2))
	do(t, h, ask("6", id("deal"), amount(5))) // who says nothing is asked nothing

	// Another process has written: what this one remembers is old.
	other := commands.New(log, commands.Config{})
	do(t, other, ask("7", id("deal"), amount(6)))
	do(t, h, on(ask("8", id("deal"), amount(7)), 5))

	// In a batch each command rests on what those before it leave.
	answers := h.DoAll(t.Context(), []commands.Ask{
		on(ask("b1", id("deal"), amount(10)), 6), on(ask("b2", id("deal"), amount(11)), 7), on(ask("b3", id("deal"), amount(12)), 7),
		on(ask("b4", id("deal"), deal.ChangeCloseDate{ExpectedClose: "2027-01-01"}), 0), on(ask("b5", id("deal"), amount(13)), 99),
	})
	for i, want := range []error{nil, nil, domain.ErrFieldConflict, nil, domain.ErrInvalid} {
		if !errors.Is(answers[i].Err, want) {
			t.Errorf("command %d: %v, want %v", i, answers[i].Err, want)
		}
	}
}

// A hundred writers race from the same revision at two servers, some on the same
// field: of each field one writer wins, all others are told what that one wrote, and
// nothing is lost.
func TestWritersThatRace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		fields := rapid.IntRange(1, 12).Draw(r, "fields")
		writers := rapid.SliceOfN(rapid.IntRange(0, fields-1), 100, 100).Draw(r, "field of each writer")
		log := newLedger()
		handlers := []*commands.Handler{commands.New(log, commands.Config{Attempts: 1000}), commands.New(log, commands.Config{Attempts: 1000})}
		if _, err := handlers[0].Do(t.Context(), ask("0", id("ada"), register("Ada"))); err != nil {
			r.Fatal(err)
		}
		errs := make([]error, len(writers))
		var running sync.WaitGroup
		for i, field := range writers {
			running.Go(func() {
				set := customer.ChangeAttributes{Set: []customer.Attribute{{Key: fmt.Sprint("f", field), Kind: "text", Value: domain.Personal(fmt.Sprint(i))}}}
				_, errs[i] = handlers[i%2].Do(t.Context(), on(ask(fmt.Sprint("w", i), id("ada"), set), 0))
			})
		}
		running.Wait()
		recorded, err := log.Load(t.Context(), domain.CustomerStream(person("ada")), domain.NoStream)
		if err != nil {
			r.Fatal(err)
		}
		state := customer.Decider.Initial()
		for _, e := range recorded {
			state = customer.Decider.Evolve(state, e.Event.(customer.Event))
		}
		won := map[int]int{}
		for i, field := range writers {
			key := fmt.Sprint("f", field)
			conflict, told := errors.AsType[*domain.FieldConflict](errs[i])
			switch {
			case errs[i] == nil:
				won[field]++
				if got := state.Attributes[key].Value.Plain(); got != fmt.Sprint(i) {
					r.Errorf("writer %d was told that it won %s, which is %s", i, key, got)
				}
			case !told || len(conflict.Fields) != 1:
				r.Errorf("writer %d: %v", i, errs[i])
			default:
				f := conflict.Fields[0]
				if f.Theirs != any(state.Attributes[key].Value) || f.Yours != any(domain.Personal(fmt.Sprint(i))) || f.Original != nil || f.Field != "attributes/"+key {
					r.Errorf("writer %d was told %+v", i, f)
				}
			}
		}
		for field, times := range won {
			if times != 1 {
				r.Errorf("field %d was won %d times", field, times)
			}
		}
		if len(recorded) != 1+len(won) || len(state.Attributes) != len(won) {
			r.Errorf("%d events, %d fields, %d winners", len(recorded), len(state.Attributes), len(won))
		}
	})
}

// An interaction's fields are its own.
func TestAmendmentsOfOneInteraction(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	company(t, h)
	call, visit := domain.InteractionID{UUID: id("call")}, domain.InteractionID{UUID: id("visit")}
	do(t, h, ask("1", id("ada"), interaction.Log{ID: call, Details: interaction.Details{Channel: "call"}}))
	do(t, h, ask("2", id("ada"), interaction.Log{ID: visit, Details: interaction.Details{Channel: "visit"}}))
	amend := func(of domain.InteractionID, subject domain.Personal) domain.Command {
		return interaction.Amend{ID: of, Patch: domain.Patch[interaction.Details]{Set: interaction.Details{Subject: subject}}}
	}
	do(t, h, on(ask("3", id("ada"), amend(call, "a")), 1))
	do(t, h, on(ask("4", id("ada"), amend(visit, "b")), 1))
	if _, err := h.Do(t.Context(), on(ask("5", id("ada"), amend(visit, "c")), 1)); !errors.Is(err, domain.ErrFieldConflict) {
		t.Errorf("got %v", err)
	}
}
