package projections_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/projections/projectionstest"
)

// What a projection writes follows from the events, not from where batches end.
func TestBatchBoundariesDoNotShow(t *testing.T) {
	t.Parallel()
	events := history(1200)
	cuts := map[string][][]domain.Recorded{
		"of 1": projectionstest.Batches(events, 1), "of 7": projectionstest.Batches(events, 7),
		"of 1000": projectionstest.Batches(events, 1000),
	}
	for seed := range uint64(4) {
		cuts[fmt.Sprint("shuffled ", seed)] = projectionstest.Shuffled(events, seed)
	}
	want := expected(events)
	for name, batches := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			if err := projectionstest.Replay(t.Context(), pool, notes{name: "notes"}, batches...); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, read(t, pool, "notes")); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
		})
	}
}
