package readmodels_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// bitten is a projection of which some events cannot be applied.
type bitten struct {
	projections.Projection
	at map[domain.Position]bool
}

func (p bitten) Apply(w *projections.Writer, e domain.Recorded) error {
	if p.at[e.Position] {
		return errors.New("bitten")
	}
	return p.Projection.Apply(w, e)
}

// What holds of notes holds of every read model, with their histories: built live with
// skips in between, and from nothing in other batches, the tables are the same.
func TestEveryModelGoesOnWithoutSkippedEvents(t *testing.T) {
	t.Parallel()
	for _, p := range (readmodels.Models{}).Projections() {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			log := &projectionstest.Log{Events: randomWorld(600, 5).events}
			ill := bitten{p, map[domain.Position]bool{}}
			var ours []domain.Recorded
			for _, e := range log.Events {
				if slices.Contains(p.Handles(), e.Event.EventType()) {
					ours = append(ours, e)
				}
			}
			for i := 7; i < len(ours); i += 40 {
				ill.at[ours[i].Position] = true
			}
			pool := projectionstest.Pool(t)
			live := log.Build(t, ill, pool, 1)
			skipped := 0
			for parked := parkedIn(t, pool, p.Name()); len(parked) > 0; parked = parkedIn(t, pool, p.Name()) {
				for _, s := range parked {
					log.Skip(p.Name(), s.Stream, s.Revision)
					skipped++
				}
				if err := log.Follow(t, live, 2); err != nil {
					t.Fatal(err)
				}
			}
			if skipped < len(ill.at) { // what follows one that is missing may not make sense any more
				t.Errorf("%d events were skipped, of %d that cannot be applied", skipped, len(ill.at))
			}
			for name, p := range map[string]projections.Projection{"the same": ill, "one that has learnt": p} {
				again := projectionstest.Pool(t)
				log.Build(t, p, again, 3)
				if diff := cmp.Diff(tables(t, pool, p.Name()), tables(t, again, p.Name())); diff != "" {
					t.Errorf("live, and rebuilt by %s (-live +rebuilt):\n%s", name, diff)
				}
				if n := len(parkedIn(t, again, p.Name())); n > 0 {
					t.Errorf("%d streams are parked when rebuilt by %s", n, name)
				}
			}

			// Tried again by a program that has learnt, nothing ever was amiss.
			log.Events = log.Events[:len(log.Events)-skipped]
			mended, well := projectionstest.Pool(t), projectionstest.Pool(t)
			log.Build(t, ill, mended, 4).Close()
			log.Retry(p.Name(), "")
			log.Build(t, p, mended, 5)
			log.Build(t, p, well, 6)
			if diff := cmp.Diff(tables(t, well, p.Name()), tables(t, mended, p.Name())); diff != "" {
				t.Errorf("mended, and never ill (-well +mended):\n%s", diff)
			}
		})
	}
}

func parkedIn(t *testing.T, pool *pgxpool.Pool, model string) []projections.Parked {
	t.Helper()
	parked, err := readmodels.NewModels(pool).Parked.Of(t.Context(), model)
	if err != nil {
		t.Fatal(err)
	}
	return parked
}
