package projections_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

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
