package readmodels_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Every report, of every period, as of every moment, says what the log says, and every
// line drills down to the events behind it.
func TestReportsAgainstTheLog(t *testing.T) {
	t.Parallel()
	w := twoClocks(3000, 11)
	models, _ := w.build(t)
	for name, asOf := range moments() {
		then := w.then(asOf)
		if len(then.deals) < 20 || len(then.customers) < 20 {
			t.Fatalf("%s: only %d deals, %d customers", name, len(then.deals), len(then.customers))
		}
		for when, period := range periods() {
			if name != "today" && name != "as of known at" && when != "within" {
				continue // the pasts differ in what counts, not in how a period is cut out of it
			}
			t.Run(name+" "+when, func(t *testing.T) {
				t.Run("sales", func(t *testing.T) { checkSales(t, models, then, period, asOf) })
				t.Run("funnel", func(t *testing.T) { checkFunnel(t, models, then, period, asOf) })
				t.Run("durations", func(t *testing.T) { checkDurations(t, models, then, period, asOf) })
				t.Run("forecast", func(t *testing.T) { checkForecast(t, models, then, period, asOf) })
				t.Run("accuracy", func(t *testing.T) { checkAccuracy(t, models, w, then, period, asOf) })
				t.Run("owners", func(t *testing.T) { checkOwners(t, models, then, period, asOf) })
				t.Run("churn", func(t *testing.T) { checkChurn(t, models, then, period, asOf) })
			})
		}
		t.Run(name+" sources", func(t *testing.T) { checkSources(t, models, then, asOf) })
		t.Run(name+" coverage", func(t *testing.T) { checkCoverage(t, models, then, asOf) })
	}
}

// same compares what a report says with what the log says.
func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := gocmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 1e-6), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-log +report)\n%s", diff)
	}
}

// must gives the answer to a question that must have one.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(answer T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

var moveTypes = []string{"deal.opened", "deal.stage_changed", "deal.won", "deal.lost", "deal.reopened", "deal.voided"}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
