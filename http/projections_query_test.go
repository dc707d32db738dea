package http_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/domain/domaintest"
	crmhttp "crm/http"
	"crm/projections"
)

// What is built beside a read model, and how reactors are, stands on their pages.
func TestProjectionsAndReactors(t *testing.T) {
	t.Parallel()
	memory := domaintest.NewMemory(func() time.Time { return noon })
	half := 0.5
	w := worldOn(t, memory, memory, func(cfg *crmhttp.Config) {
		cfg.Status = func() []projections.Status {
			return []projections.Status{{Name: "customers", State: projections.Outdated, Rebuild: &projections.BuildStatus{
				Name: "customers", Build: 7, Version: 4, State: "building", Purpose: "serve", Position: "50", Done: &half, Led: true, Leader: "crm-2 4711",
			}}, {Name: "deals", State: projections.Outdated, RebuildFailed: "read-model-rebuild-cancelled"}}
		}
		cfg.Reactions = func() []projections.Reaction {
			return []projections.Reaction{
				{
					Name: "mail", State: projections.ReactionFailing, Leads: true, Leader: "crm-1 12", Failures: 3, Failing: noon,
					Position: domain.Position{Commit: 40, Prepare: 40}, Head: domain.Position{Commit: 50, Prepare: 50}, Lag: time.Minute, LagPositions: 10,
				},
				{Name: "calls", State: projections.ReactionStarting},
			}
		}
	})
	models := w.must(200, "GET", "/v1/projections", "").json["data"].([]any)
	beside, _ := models[0].(map[string]any)["rebuild"].(map[string]any)
	if beside["version"] != 4.0 || beside["done"] != 0.5 || beside["state"] != "building" || beside["leader"] != "crm-2 4711" {
		t.Errorf("the rebuild is shown as %v", beside)
	}
	if deals := models[1].(map[string]any); deals["rebuild"] != nil || deals["rebuild_failed"] != "read-model-rebuild-cancelled" {
		t.Errorf("deals are shown as %v", deals)
	}
	want := []any{
		map[string]any{
			"name": "mail", "state": "failing", "leads": true, "leader": "crm-1 12", "position": "40", "head": "50",
			"lag_positions": 10.0, "lag_seconds": 60.0, "failing_since": noon.Format(time.RFC3339Nano), "failures": 3.0,
		},
		map[string]any{
			"name": "calls", "state": "starting", "leads": false, "position": "0", "lag_positions": 0.0, "lag_seconds": 0.0, "failures": 0.0,
		},
	}
	if diff := cmp.Diff(want, w.must(200, "GET", "/v1/reactors", "").json["data"]); diff != "" {
		t.Errorf("reactors (-want +got):\n%s", diff)
	}
	if r := newWorld(t).must(200, "GET", "/v1/reactors", ""); len(r.json["data"].([]any)) != 0 {
		t.Errorf("without any: %s", r.body)
	}
}
