package commands_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/commands"
	"crm/domain"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/pipeline"
)

func errs(answers []commands.Answer) []error {
	var list []error
	for _, a := range answers {
		list = append(list, a.Err)
	}
	return list
}

func allWell(t *testing.T, answers []commands.Answer) {
	t.Helper()
	for i, a := range answers {
		if a.Err != nil {
			t.Errorf("command %d: %v", i, a.Err)
		}
	}
}

func TestCommandsOfOneStreamAreOneAppend(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	answers := h.DoAll(t.Context(), []commands.Ask{
		ask("1", id("ada"), register("Ada")),
		ask("2", id("ada"), customer.ChangeLifecycleStage{Stage: customer.WonBack}), // refused: never a customer
		ask("3", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Customer}),
		ask("4", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Customer}), // already so
		ask("3", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Customer}), // the same as the third
		ask("3", id("ada"), customer.Archive{}),                                      // its key again
	})
	if !errors.Is(answers[1].Err, customer.ErrLifecycle) || !errors.Is(answers[5].Err, domain.ErrKeyReused) {
		t.Errorf("got %v", errs(answers))
	}
	position := answers[0].Receipt.Position
	want := []domain.Receipt{
		{Revision: 0, Position: position, Events: 1},
		{},
		{Revision: 1, Position: position, Events: 1},
		{Revision: 1, Position: position},
		{Revision: 1, Position: position, Events: 1},
		{},
	}
	for i, a := range answers {
		if diff := cmp.Diff(want[i], a.Receipt); diff != "" {
			t.Errorf("command %d: %s", i, diff)
		}
	}
	if log.appends.Load() != 1 || position.IsZero() {
		t.Errorf("%d appends, position %v", log.appends.Load(), position)
	}
	if diff := cmp.Diff([]string{"customer.registered", "customer.lifecycle_stage_changed"}, types(t, log, domain.CustomerStream(person("ada")))); diff != "" {
		t.Error(diff)
	}
}

func TestABatchMayReferToWhatItCreates(t *testing.T) {
	t.Parallel()
	for range 20 {
		h := commands.New(newLedger(), commands.Config{Concurrency: 2})
		company(t, h)
		var asks []commands.Ask
		for i := range 20 {
			who, what := fmt.Sprint("customer", i), fmt.Sprint("deal", i)
			asks = append(asks,
				ask("o"+what, id(what), deal.Open{Title: "T"}),
				ask("r"+who, id(who), register(who)),
				ask("l"+what, id(what), deal.LinkCustomer{Customer: person(who)}),
				ask("s"+what, domain.DefaultPipeline.UUID, pipeline.AddStage{
					Stage: pipeline.Stage{ID: domain.StageID(what), Name: what, Category: domain.Commit},
				}),
				ask("c"+what, id(what), deal.ChangeStage{Stage: deal.Stage{ID: domain.StageID(what)}}),
				ask("a"+who, id(who), customer.Archive{}),
			)
		}
		allWell(t, h.DoAll(t.Context(), asks))
	}
}

func TestAReferenceBackwardsInABatchIsRefused(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	company(t, h)
	answers := h.DoAll(t.Context(), []commands.Ask{
		ask("1", id("x"), customer.Register{Kind: customer.Organization}), // refused: no name
		ask("2", id("d"), deal.Open{Title: "T", Customer: person("x")}),
		ask("3", id("d"), deal.Win{}),
	})
	if !errors.Is(answers[0].Err, domain.ErrInvalid) || !errors.Is(answers[1].Err, commands.ErrUnknownReference) || !errors.Is(answers[2].Err, deal.ErrUnknown) {
		t.Errorf("got %v", errs(answers))
	}
}

func TestIfMatchWithinABatch(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	asks := []commands.Ask{
		ask("1", id("ada"), register("Ada")),
		ask("2", id("ada"), customer.Archive{}),
		ask("3", id("ada"), customer.Restore{}),
	}
	asks[1].IfMatch, asks[2].IfMatch = new(domain.Revision(0)), new(domain.Revision(0))
	answers := h.DoAll(t.Context(), asks)
	if answers[0].Err != nil || answers[1].Err != nil || !errors.Is(answers[2].Err, domain.ErrStale) {
		t.Errorf("got %v", errs(answers))
	}
}

func TestAnAppendThatIsTooLargeIsSplit(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	long := strings.Repeat("\U0001d11e", 75_000) // 300 kB
	asks := []commands.Ask{ask("0", id("ada"), register("Ada"))}
	for i := range 8 {
		asks = append(asks, ask(fmt.Sprint("n", i), id("ada"), customer.ChangeDetails{Patch: domain.Patch[customer.Details]{
			Set: customer.Details{Description: domain.Personal(fmt.Sprint(i, long))},
		}}))
	}
	var giant customer.ChangeAttributes
	for i := range 5 {
		giant.Set = append(giant.Set, customer.Attribute{Key: fmt.Sprint("a", i), Kind: customer.Text, Value: domain.Personal(long)})
	}
	asks = append(asks, ask("giant", id("ada"), giant), ask("last", id("ada"), customer.Archive{}))
	answers := h.DoAll(t.Context(), asks)
	if !errors.Is(answers[9].Err, domain.ErrTooLarge) {
		t.Errorf("the giant: %v", answers[9].Err)
	}
	allWell(t, append(answers[:9:9], answers[10]))
	if got := len(types(t, log, domain.CustomerStream(person("ada")))); got != 10 {
		t.Errorf("%d events", got)
	}
	if answers[10].Receipt.Revision != 9 {
		t.Errorf("the last: %+v", answers[10].Receipt)
	}
}

func TestAStoreThatFailsInTheMiddleOfABatch(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{Concurrency: 1})
	var appended atomic.Int64
	log.fail(func(domain.Stream, []domain.Proposed) error {
		if appended.Add(1) > 10 {
			return domain.ErrStoreUnavailable
		}
		return nil
	}, nil)
	var asks []commands.Ask
	for i := range 30 {
		who := fmt.Sprint("customer", i)
		asks = append(asks, ask("r"+who, id(who), register(who)), ask("a"+who, id(who), customer.Archive{}))
	}
	answers := h.DoAll(t.Context(), asks)
	failed := 0
	for i := range 30 {
		a, b := answers[2*i].Err, answers[2*i+1].Err
		if !errors.Is(a, b) || a != nil && !errors.Is(a, domain.ErrStoreUnavailable) {
			t.Errorf("customer %d: %v and %v", i, a, b)
		}
		if a != nil {
			failed++
		}
	}
	if failed != 20 {
		t.Errorf("%d failed", failed)
	}
	log.fail(nil, nil)
	allWell(t, h.DoAll(t.Context(), asks))
	if got := len(log.All(domain.Position{})); got != 60 {
		t.Errorf("%d events after the second try", got)
	}
}

func TestABatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	ended, end := context.WithCancel(t.Context())
	end()
	for i, a := range h.DoAll(ended, []commands.Ask{ask("1", id("a"), register("A")), ask("2", id("d"), deal.Open{Title: "T", Customer: person("a")})}) {
		if !errors.Is(a.Err, context.Canceled) {
			t.Errorf("command %d: %v", i, a.Err)
		}
	}
	do(t, h, ask("1", id("a"), register("A")))
}

func TestAnEmptyOrStrangeBatch(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	if got := h.DoAll(t.Context(), nil); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	answers := h.DoAll(t.Context(), []commands.Ask{{Target: id("x"), Command: strange{}}, ask("1", id("a"), register("A"))})
	if answers[0].Err == nil || answers[1].Err != nil {
		t.Errorf("got %v", errs(answers))
	}
}
