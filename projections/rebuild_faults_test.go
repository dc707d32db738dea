package projections_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// inWindows runs a test with builds that are filled in the first window alone, as short
// logs are, and with ones that are filled in many.
func inWindows(t *testing.T, run func(t *testing.T, limits projections.BulkLimits)) {
	t.Helper()
	for name, limits := range map[string]projections.BulkLimits{"first window": {}, "many windows": {Events: 100}, "no memory": {Bytes: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, limits)
		})
	}
}

// within is a rebuilder with limits.
func within(limits projections.BulkLimits, pool *pgxpool.Pool, from *source, all ...projections.Projection) *projections.Rebuilder {
	cfg := rebuildConfig(from)
	cfg.Limits = limits
	return projections.NewRebuilder(pool, cfg, all...)
}

// An end in any phase leaves what is read as it was, and the next rebuild goes on
// from there.
func TestRebuildResumes(t *testing.T) {
	t.Parallel()
	for _, phase := range []projections.Phase{projections.Reading, projections.Indexing, projections.Following} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			inWindows(t, func(t *testing.T, limits projections.BulkLimits) {
				t.Helper()
				resumes(t, phase, limits)
			})
		})
	}
}

func resumes(t *testing.T, phase projections.Phase, limits projections.BulkLimits) {
	t.Helper()
	events := history(1000)
	pool := built(t, notes{name: "notes"}, events[:500])
	before := read(t, pool, "notes")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen atomic.Int64
	next := notes{name: "notes", version: 2, apply: func(*projections.Writer, domain.Recorded) error {
		if seen.Add(1) == 600 && phase == projections.Reading {
			cancel()
		}
		return nil
	}}
	r := within(limits, pool, newSource(events, 64), next)
	err := r.Rebuild(ctx, nil, false, func(now projections.Progress) {
		if now.Models[0].Phase == phase && phase != projections.Reading {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the rebuild ended with %v", err)
	}
	if diff := cmp.Diff(before, read(t, pool, "notes")); diff != "" {
		t.Errorf("what is read has changed (-want +got):\n%s", diff)
	}
	if err := r.Rebuild(t.Context(), nil, false, nil); err != nil {
		t.Fatal(err)
	}
	diffTables(t, pool, "notes", events)
	wantBuilds(t, pool, "notes", map[string][]int{"live": {2}, "retired": {1}})
	if n := int(seen.Load()); n > handled(events)+64 {
		t.Errorf("%d events were applied, of %d", n, handled(events))
	}
}

// A rebuild bears what a builder bears: connections that are lost at any time.
func TestRebuildBearsLostConnections(t *testing.T) {
	t.Parallel()
	inWindows(t, bearsLostConnections)
}

func bearsLostConnections(t *testing.T, limits projections.BulkLimits) {
	t.Helper()
	events := history(3000)
	pool := projectionstest.Pool(t)
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	var applied atomic.Int64
	losing := func(name string) notes {
		return notes{name: name, apply: func(*projections.Writer, domain.Recorded) error {
			if n := applied.Add(1); n%150 == 0 && n < 3000 {
				exec(t, pool, `
					SELECT pg_terminate_backend(pid) FROM pg_stat_activity
					WHERE datname = current_database() AND application_name LIKE 'crm projection%' ORDER BY random() LIMIT 1`)
			}
			return nil
		}}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := within(limits, pool, newSource(events, 40), losing("one"), losing("two")).Rebuild(ctx, nil, false, nil); err != nil {
		t.Fatal(err)
	}
	diffTables(t, pool, "one", events)
	diffTables(t, pool, "two", events)
}

// A read model that cannot be built does not keep the others from it, nor their progress
// from being told, and says why.
func TestRebuildThatFails(t *testing.T) {
	t.Parallel()
	inWindows(t, failsAlone)
}

func failsAlone(t *testing.T, limits projections.BulkLimits) {
	t.Helper()
	events := history(300)
	good, bad := notes{name: "good"}, notes{name: "bad", apply: func(_ *projections.Writer, e domain.Recorded) error {
		if e.Position == events[200].Position {
			panic("no more")
		}
		return nil
	}}
	pool := built(t, notes{name: "bad"}, events)
	cfg := rebuildConfig(newSource(events, 50))
	cfg.Parking.Max, cfg.Limits = -1, limits
	var last projections.Progress
	err := projections.NewRebuilder(pool, cfg, good, bad).Rebuild(t.Context(), nil, false,
		func(now projections.Progress) { last = now })
	if last.Done != 1 {
		t.Errorf("at the end: %+v", last)
	}
	if class(err) != projections.Panicked {
		t.Errorf("the rebuild ended with %v", err)
	}
	wantBuilds(t, pool, "good", map[string][]int{"live": {1}})
	wantBuilds(t, pool, "bad", map[string][]int{"live": {1}, "building": {1}})
	diffTables(t, pool, "bad", events)
}

// A batch that comes without an event, once, is read again and the rebuild goes on.
func TestRebuildWithoutAnEventThatRowsMiss(t *testing.T) {
	t.Parallel()
	log := newLives(10, 200, 4)
	lost := log.Of(log.Events[15].Stream)[0] // which only the row can miss
	pool := projectionstest.Pool(t)
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	cfg := rebuildConfig(newSource(log.Events, 40))
	var fed atomic.Int64
	cfg.BatchOf = func(ctx context.Context) (domain.Batch, bool) {
		batch, ok := projectionstest.BatchOf(ctx)
		if fed.Add(1) == 1 {
			batch.Events = slices.DeleteFunc(slices.Clone(batch.Events), func(e domain.Recorded) bool { return e.ID == lost.ID })
		}
		return batch, ok
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := projections.NewRebuilder(pool, cfg, chapters{}).Rebuild(ctx, nil, false, nil); err != nil {
		t.Fatal(err)
	}
	holdsChapters(t, pool, log.Events)
	wantBuilds(t, pool, "chapters", map[string][]int{"live": {1}})
}

// A first window that is lost costs one more in bulk, of ordinary length; what is lost
// again is done batch by batch.
func TestRebuildThatLosesItsFirstWindow(t *testing.T) {
	t.Parallel()
	events := history(1000)
	pool := projectionstest.Pool(t)
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	applied := 0
	committed := map[int]bool{}
	p := notes{name: "notes", apply: func(*projections.Writer, domain.Recorded) error {
		switch applied++; applied {
		case 300, 600:
			committed[applied] = count(t, pool, "SELECT events FROM crm.projections") > 0
			exec(t, pool, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name LIKE 'crm projection%'`)
		case 900:
			committed[applied] = count(t, pool, "SELECT events FROM crm.projections") > 0
		}
		return nil
	}}
	if err := rebuilder(pool, newSource(events, 40), p).Rebuild(t.Context(), nil, false, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[int]bool{300: false, 600: false, 900: true}, committed); diff != "" {
		t.Errorf("what is committed after events (-want +got):\n%s", diff)
	}
	diffTables(t, pool, "notes", events)
}
