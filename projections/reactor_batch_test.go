package projections_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// gatherer is a reactor that meets everything, together.
type gatherer struct {
	sink
	fail  int // how often it fails at first, after half its work
	calls [][]domain.Position
}

func (*gatherer) Name() string { return "gatherer" }

func (*gatherer) Handles() []string { return nil }

func (g *gatherer) ReactAll(_ context.Context, events []domain.Recorded) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var at []domain.Position
	for _, e := range events {
		at = append(at, e.Position)
	}
	if g.fail > 0 {
		g.fail--
		return errors.New(canary)
	}
	g.calls = append(g.calls, at)
	g.met = append(g.met, at...)
	return nil
}

// A reactor that takes batches is asked once for each, again for all of it after an
// error, and goes on behind it after a restart. Without types it meets all of them.
func TestBatchReactorMeetsTogether(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(200)
	log := newSource(events[:10:10], 30)
	g := &gatherer{fail: 2}
	cfg := projections.Config{Head: headOf(log), Reactors: []projections.Reactor{g}}
	e, stop := start(t, pool, log, cfg, notes{name: "notes"})
	until(t, "it leads", func() bool { return e.Reactions()[0].Leads })
	log.append(events[10:100]...)
	until(t, "all is met", func() bool { return e.Reactions()[0].Position == log.end() })
	stop()
	log.append(events[100:]...)
	e, _ = start(t, pool, log, cfg, notes{name: "notes"})
	until(t, "all is met after a restart", func() bool { return e.Reactions()[0].Position == log.end() })
	var want []domain.Position
	for _, e := range events[10:] {
		want = append(want, e.Position)
	}
	if diff := cmp.Diff(want, g.seen()); diff != "" || g.fail != 0 {
		t.Errorf("met (-want +got), with %d failures left:\n%s", g.fail, diff)
	}
	if !slices.ContainsFunc(g.calls, func(at []domain.Position) bool { return len(at) > 1 }) {
		t.Error("it met one event at a time")
	}
}
