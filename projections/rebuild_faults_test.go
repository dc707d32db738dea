package projections_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

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
		batch, ok := batchOf(ctx)
		if fed.Add(1) == 1 {
			batch.Events = slices.DeleteFunc(slices.Clone(batch.Events), func(e domain.Recorded) bool { return e.ID == lost.ID })
		}
		return batch, ok
	}
	within, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := projections.NewRebuilder(pool, cfg, chapters{}).Rebuild(within, nil, false, nil); err != nil {
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
