package commands_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/readmodel"
)

func TestDoAppendsAndAnswers(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	first := do(t, h, ask("1", id("ada"), register("Ada")))
	second := do(t, h, ask("2", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Customer}))
	if first.Revision != 0 || first.Events != 1 || second.Revision != 1 || second.Events != 1 || !first.Position.Before(second.Position) {
		t.Errorf("receipts %+v, then %+v", first, second)
	}
	recorded, _ := log.Memory.Load(t.Context(), domain.CustomerStream(person("ada")), domain.NoStream)
	want := domain.CommandRef{Name: "customer.register", ID: id("key/1"), Fingerprint: recorded[0].Meta.Command.Fingerprint}
	if diff := cmp.Diff(want, recorded[0].Meta.Command); diff != "" {
		t.Error(diff)
	}
	if recorded[0].ID != want.EventID(0) {
		t.Error("the event's id is not derived from the command")
	}
}

func TestAWarmStreamCostsOneAppendAndNoRead(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	do(t, h, ask("0", id("somebody"), register("Somebody")))
	do(t, h, ask("1", id("ada"), register("Ada")))
	loads := log.loads.Load()
	for i := range 5 {
		do(t, h, ask(fmt.Sprint("n", i), id("ada"), customer.ChangeDetails{Patch: domain.Patch[customer.Details]{
			Set: customer.Details{JobTitle: domain.Personal(fmt.Sprint("Title ", i))},
		}}))
	}
	if log.loads.Load() != loads {
		t.Errorf("%d reads", log.loads.Load()-loads)
	}
}

func TestNothingToDoIsAnAnswer(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	created := do(t, h, ask("1", id("ada"), register("Ada")))
	again := do(t, h, ask("2", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Lead}))
	if diff := cmp.Diff(domain.Receipt{Revision: 0, Position: created.Position}, again); diff != "" {
		t.Error(diff)
	}
}

func TestTheSameCommandIsStoredOnce(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]commands.Config{"cached": {}, "evicted": {CacheBytes: -1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := newLedger()
			h := commands.New(log, cfg)
			create := ask("1", id("ada"), register("Ada"))
			change := ask("2", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Customer})
			created, changed := do(t, h, create), do(t, h, change)
			do(t, h, ask("3", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Former}))
			for range 3 {
				if diff := cmp.Diff(created, do(t, h, create)); diff != "" {
					t.Error("create:", diff)
				}
				if diff := cmp.Diff(changed, do(t, h, change)); diff != "" {
					t.Error("change:", diff)
				}
			}
			restarted := commands.New(log, cfg)
			if diff := cmp.Diff(changed, do(t, restarted, change)); diff != "" {
				t.Error("after a restart:", diff)
			}
			if diff := cmp.Diff(created, do(t, commands.New(log, cfg), create)); diff != "" {
				t.Error("create after a restart:", diff)
			}
			if got := types(t, log, domain.CustomerStream(person("ada"))); len(got) != 3 {
				t.Errorf("the stream holds %v", got)
			}
		})
	}
}

func TestAKeyUsedForAnotherCommandIsRefused(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]commands.Config{"cached": {}, "evicted": {CacheBytes: -1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := commands.New(newLedger(), cfg)
			do(t, h, ask("1", id("ada"), register("Ada")))
			for _, other := range []domain.Command{register("Bob"), customer.Archive{}} {
				if _, err := h.Do(t.Context(), ask("1", id("ada"), other)); !errors.Is(err, domain.ErrKeyReused) {
					t.Errorf("%s: %v", other.CommandName(), err)
				}
			}
		})
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	do(t, h, ask("1", id("ada"), register("Ada")))
	matching := ask("2", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Customer})
	matching.IfMatch = new(domain.Revision(0))
	first := do(t, h, matching)
	late := ask("3", id("ada"), customer.Archive{})
	late.IfMatch = new(domain.Revision(0))
	if _, err := h.Do(t.Context(), late); !errors.Is(err, domain.ErrStale) {
		t.Errorf("stale: %v", err)
	}
	if diff := cmp.Diff(first, do(t, h, matching)); diff != "" {
		t.Error("a retry of what was stored is no conflict:", diff)
	}
	create := ask("4", id("bob"), register("Bob"))
	create.IfMatch = new(domain.Revision(3))
	if _, err := h.Do(t.Context(), create); !errors.Is(err, domain.ErrStale) {
		t.Errorf("create: %v", err)
	}
}

// Two handlers on one log are two processes: each has an old state when the
// other has written.
func TestAnOldStateIsNeverAnAnswer(t *testing.T) {
	t.Parallel()
	log := newLedger()
	here, there := commands.New(log, commands.Config{}), commands.New(log, commands.Config{})
	do(t, here, ask("1", id("ada"), register("Ada")))
	do(t, there, ask("2", id("ada"), customer.Archive{}))
	if _, err := here.Do(t.Context(), ask("3", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Customer})); !errors.Is(err, customer.ErrArchived) {
		t.Errorf("changed what another process had archived: %v", err)
	}
	do(t, there, ask("4", id("ada"), customer.Restore{}))
	if got := do(t, here, ask("5", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Customer})); got.Revision != 3 {
		t.Errorf("refused or misplaced after a restore elsewhere: %+v", got)
	}
	do(t, there, ask("6", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Former}))
	do(t, there, ask("7", id("ada"), customer.ChangeLifecycleStage{Stage: customer.WonBack}))
	if got := do(t, here, ask("8", id("ada"), customer.ChangeLifecycleStage{Stage: customer.Customer})); got.Events != 1 {
		t.Errorf("an old state said that it is already so: %+v", got)
	}
	fresh := ask("9", id("ada"), customer.Archive{})
	fresh.IfMatch = new(domain.Revision(6))
	do(t, there, fresh)
}

func TestRacingWriters(t *testing.T) {
	t.Parallel()
	log := newLedger()
	processes := []*commands.Handler{commands.New(log, commands.Config{Attempts: 200}), commands.New(log, commands.Config{Attempts: 200})}
	do(t, processes[0], ask("0", id("ada"), register("Ada")))
	const writers = 100
	var running sync.WaitGroup
	won := make([]bool, writers)
	for i := range writers {
		running.Go(func() {
			h := processes[i%len(processes)]
			label := domain.Personal(fmt.Sprint("Title ", i))
			add := ask(fmt.Sprint("w", i), id("ada"), customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Set: customer.Details{JobTitle: label}}})
			for range 2 { // and each says it twice
				if _, err := h.Do(t.Context(), add); err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
			}
			race := ask(fmt.Sprint("r", i), id("race"), register(fmt.Sprint("Racer ", i)))
			race.IfMatch = new(domain.NoStream)
			_, err := h.Do(t.Context(), race)
			won[i] = err == nil
			if err != nil && !errors.Is(err, domain.ErrStale) {
				t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	running.Wait()
	if got := len(types(t, log, domain.CustomerStream(person("ada")))); got != writers+1 {
		t.Errorf("%d events of %d writers", got, writers)
	}
	winners := 0
	for _, w := range won {
		if w {
			winners++
		}
	}
	if winners != 1 {
		t.Errorf("%d winners", winners)
	}
}

func TestTheSameCommandFromManyAtOnce(t *testing.T) {
	t.Parallel()
	log := newLedger()
	processes := []*commands.Handler{commands.New(log, commands.Config{}), commands.New(log, commands.Config{})}
	var running sync.WaitGroup
	for i := range 100 {
		running.Go(func() {
			if _, err := processes[i%2].Do(t.Context(), ask("1", id("ada"), register("Ada"))); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if got := types(t, log, domain.CustomerStream(person("ada"))); len(got) != 1 {
		t.Errorf("the stream holds %v", got)
	}
}

func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	do(t, h, ask("0", id("ada"), register("Ada")))
	change := ask("1", id("ada"), customer.ChangeAttributes{Set: []customer.Attribute{{Key: "a", Kind: customer.Text, Value: "1"}}})
	away := func(domain.Stream, []domain.Proposed) error { return domain.ErrStoreUnavailable }

	log.fail(away, nil)
	if _, err := h.Do(t.Context(), change); !errors.Is(err, domain.ErrStoreUnavailable) {
		t.Errorf("not stored: %v", err)
	}
	log.fail(nil, nil)
	if got := do(t, h, change); got.Revision != 1 || got.Events != 1 {
		t.Errorf("what was never stored must not be remembered: %+v", got)
	}

	log.fail(nil, away)
	next := ask("2", id("ada"), customer.Archive{})
	if _, err := h.Do(t.Context(), next); !errors.Is(err, domain.ErrStoreUnavailable) {
		t.Errorf("answer lost: %v", err)
	}
	log.fail(nil, nil)
	if got := do(t, h, next); got.Revision != 2 || got.Events != 1 {
		t.Errorf("what was stored is not found again: %+v", got)
	}
	if got := types(t, log, domain.CustomerStream(person("ada"))); len(got) != 3 {
		t.Errorf("the stream holds %v", got)
	}
}

// A create whose answer was lost is tried again when a price has changed: the
// log holds the first price, and so must every later decision.
func TestALostCreateIsDecidedOnWhatTheLogHolds(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	company(t, h)
	open := ask("open", id("lost"), deal.Open{Title: "Lost", LineItems: []deal.LineItem{{ID: line("1"), Product: article("lamp")}}})
	log.fail(nil, func(domain.Stream, []domain.Proposed) error { return domain.ErrStoreUnavailable })
	if _, err := h.Do(t.Context(), open); err == nil {
		t.Fatal("the answer was to be lost")
	}
	log.fail(nil, nil)
	setPrice(t, h, "dearer", 9900)
	do(t, h, open)
	do(t, h, ask("win", id("lost"), deal.Win{}))
	recorded, _ := log.Memory.Load(t.Context(), domain.DealStream(dealID("lost")), domain.NoStream)
	if diff := cmp.Diff(deal.Won{Value: euro(4900)}, recorded[len(recorded)-1].Event); diff != "" {
		t.Error(diff)
	}
}

func TestAnUnreadableEventStopsCommands(t *testing.T) {
	t.Parallel()
	log := unreadable{newLedger()}
	h := commands.New(log, commands.Config{})
	do(t, h, ask("0", id("ada"), register("Ada")))
	_, err := commands.New(log, commands.Config{}).Do(t.Context(), ask("1", id("ada"), customer.Archive{}))
	if _, refusal := errors.AsType[*domain.Error](err); err == nil || refusal || !strings.Contains(err.Error(), "customer.strange") {
		t.Errorf("got %v", err)
	}
}

// unreadable is a log of another version of this program.
type unreadable struct{ *ledger }

func (u unreadable) Load(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	recorded, err := u.ledger.Load(ctx, stream, after)
	for i := range recorded {
		recorded[i].Event = domain.Unreadable{Type: "customer.strange", Why: "unknown type"}
	}
	return recorded, err
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	do(t, h, ask("0", id("ada"), register("Ada")))
	entered, leave := make(chan struct{}), make(chan struct{})
	log.fail(func(domain.Stream, []domain.Proposed) error { close(entered); <-leave; return nil }, nil)
	var slow sync.WaitGroup
	slow.Go(func() { do(t, h, ask("1", id("ada"), customer.Archive{})) })
	<-entered
	log.fail(nil, nil)
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := h.Do(ended, ask("2", id("ada"), customer.Restore{})); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(leave)
	slow.Wait()
	do(t, h, ask("3", id("ada"), customer.Restore{}))
}

func TestAMistakeOfThisProgramIsNoRefusal(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	nameless := ask("1", uuid.Nil, register("Ada"))
	if _, err := h.Do(t.Context(), nameless); err == nil {
		t.Error("an ask without a target passed")
	}
	if _, err := h.Do(t.Context(), commands.Ask{Target: id("ada"), Command: strange{}}); err == nil {
		t.Error("a strange command passed")
	}
}

// Who leaves an event out of a read model says why, and the log keeps it.
func TestSkippingTakesAReason(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	model := domain.ReadModelNamed("deals")
	skip := ask("1", model.UUID, readmodel.SkipEvent{Name: "deals", Stream: domain.DealStream(dealID("x")), Revision: 2})
	if _, err := h.Do(t.Context(), skip); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("without a reason: %v", err)
	}
	skip.Meta.Reason = "imported twice"
	do(t, h, skip)
	do(t, h, ask("2", model.UUID, readmodel.Retry{Name: "deals"}))
	recorded, _ := log.Memory.Load(t.Context(), domain.ReadModelStream(model), domain.NoStream)
	if len(recorded) != 2 || recorded[0].Meta.Reason != "imported twice" {
		t.Errorf("the log holds %+v", recorded)
	}
}

type strange struct{}

func (strange) CommandName() string { return "strange.command" }
