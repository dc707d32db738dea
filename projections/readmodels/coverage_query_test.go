package readmodels_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/consent"
	"crm/projections/readmodels"
)

func checkCoverage(t *testing.T, m readmodels.Models, then *then, asOf readmodels.AsOf) {
	t.Helper()
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	q := readmodels.CoverageQuestion{Now: now, AsOf: asOf}
	at := now
	if !asOf.At.IsZero() {
		at = asOf.At
	}
	type answer struct {
		of    uuid.UUID
		about consent.Key
	}
	states, rests := map[uuid.UUID]consent.State{}, map[answer]uint64{}
	for _, e := range then.events {
		event, ok := e.Event.(consent.Event)
		if !ok {
			continue
		}
		id, _ := e.Stream.ID()
		if _, known := states[id]; !known {
			states[id] = consent.Decider.Initial()
		}
		states[id] = consent.Decider.Evolve(states[id], event)
		for about := range states[id].Answers {
			if strings.Contains(string(e.Data), fmt.Sprintf(`"purpose":%q,"channel":%q`, about.Purpose, about.Channel)) {
				rests[answer{id, about}] = e.Position.Commit
			}
		}
	}
	want, behind := map[string]int64{}, map[string]map[uint64]bool{}
	for id, s := range states {
		for about, a := range s.Answers {
			status := a.Status
			if status == consent.StatusGranted && !a.Evidence.ExpiresAt.IsZero() && !a.Evidence.ExpiresAt.After(at) {
				status = consent.StatusExpired
			}
			key := readmodels.Coverage{Key: about, Status: status}.Line()
			want[key]++
			if behind[key] == nil {
				behind[key] = map[uint64]bool{}
			}
			behind[key][rests[answer{id, about}]] = true
		}
	}
	got := map[string]int64{}
	for _, line := range must[[]readmodels.Coverage](t)(m.Consents.Coverage(t.Context(), q)) {
		key := line.Line()
		got[key] = line.Count
		then.behindOnly(t, m, q.Behind(&key), func(e domain.Recorded) bool { return behind[key][e.Position.Commit] })
	}
	same(t, want, got)
}
