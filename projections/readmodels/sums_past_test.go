package readmodels_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/domain/pipeline"
	"crm/projections"
	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// What sums answer of the past is what all versions come to that are known today: at
// instants at which something changes, just before those, and at any others.
func TestSumsOfThePastAreThoseOfTheVersions(t *testing.T) {
	t.Parallel()
	today := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) // when all is known
	for seed, w := range map[uint64]*world{21: twoClocks(5000, 21), 22: randomWorld(3000, 22)} {
		m, _ := w.build(t)
		deals, customers := 0, 0
		for i, at := range instantsOf(w.events, rand.New(rand.NewPCG(seed, seed))) {
			ask := func(asOf readmodels.AsOf) any {
				board, err := m.Deals.Board(t.Context(), domain.DefaultPipeline, asOf, []int{1, 4, 100}[i%3])
				if err != nil && !errors.Is(err, pipeline.ErrUnknown) { // then there is none yet
					t.Fatal(err)
				}
				for _, column := range board.Columns {
					deals += len(column.Deals)
				}
				sources, err := m.Customers.Sources(t.Context(), readmodels.SourcesQuestion{AsOf: asOf})
				if err != nil {
					t.Fatal(err)
				}
				customers += len(sources)
				answers := []any{board, sources}
				if i%5 == 0 { // each kind of instant, and not all of them
					answers = append(answers, summedReports(t, m, asOf, i/5))
				}
				return answers
			}
			if diff := cmp.Diff(ask(readmodels.AsOf{At: at, KnownAt: today}), ask(readmodels.AsOf{At: at})); diff != "" {
				t.Fatalf("seed %d, as of %s (-versions +sums)\n%s", seed, at, diff)
			}
		}
		if deals == 0 || customers == 0 {
			t.Errorf("%d deals and %d customers, so nothing was compared", deals, customers)
		}
	}
}

// summedReports are those that sums answer, for one of several periods.
func summedReports(t *testing.T, m readmodels.Models, asOf readmodels.AsOf, n int) any {
	t.Helper()
	day := func(month, day int) time.Time { return time.Date(2025, time.Month(month), day, 0, 0, 0, 0, time.UTC) }
	period := []readmodels.Period{
		{}, {From: day(4, 1), Until: day(15, 1)}, {From: day(2, 11), Until: day(9, 20)}, {Until: day(12, 3)}, {From: day(5, 2), Until: day(5, 20)},
	}[n%5]
	funnel, err := m.Deals.Funnel(t.Context(), readmodels.FunnelQuestion{Pipeline: domain.DefaultPipeline, Period: period, AsOf: asOf})
	if err != nil && !errors.Is(err, pipeline.ErrUnknown) {
		t.Fatal(err)
	}
	answers := []any{funnel}
	for _, by := range []readmodels.ForecastGrouping{readmodels.ForecastByMonth, readmodels.ForecastByCategory, readmodels.ForecastByOwner, readmodels.ForecastInOne} {
		forecast, err := m.Deals.Forecast(t.Context(), readmodels.ForecastQuestion{By: by, Period: period, AsOf: asOf})
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, forecast)
	}
	churn, err := m.Customers.Churn(t.Context(), readmodels.ChurnQuestion{By: readmodels.ChurnByMonth, Period: period, AsOf: asOf})
	if err != nil {
		t.Fatal(err)
	}
	owners, err := m.Activity.Owners(t.Context(), readmodels.OwnersQuestion{Period: period, AsOf: asOf})
	if err != nil {
		t.Fatal(err)
	}
	return append(answers, churn, owners)
}

// instantsOf are some instants, of which the first is before all events and the last
// behind them.
func instantsOf(events []domain.Recorded, r *rand.Rand) []time.Time {
	first, last := events[0].Meta.OccurredAt, events[0].Meta.OccurredAt
	for _, e := range events {
		if e.Meta.OccurredAt.Before(first) {
			first = e.Meta.OccurredAt
		}
		if e.Meta.OccurredAt.After(last) {
			last = e.Meta.OccurredAt
		}
	}
	all := []time.Time{first.Add(-time.Hour)}
	for range 25 {
		at := events[r.IntN(len(events))].Meta.OccurredAt
		all = append(all, at, at.Add(-time.Microsecond), at.Truncate(24*time.Hour), first.Add(time.Duration(r.Int64N(int64(last.Sub(first))))))
	}
	return append(all, last.Add(time.Hour))
}

// However a log is cut into batches, in which instants meet that are told late and
// several times, the sums of the past are the same; in bulk as well.
func TestSumsOfThePastDoNotDependOnBatches(t *testing.T) {
	t.Parallel()
	events := twoClocks(2500, 23).events
	for i := range events {
		at := &events[i].Meta.OccurredAt
		*at = at.Truncate(60 * 24 * time.Hour)
	}
	for _, p := range []projections.Projection{readmodels.Customers{}, readmodels.Deals{}} {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			want := inBulk(t, p, projections.BulkLimits{Events: 400}, projectionstest.Shuffled(events, 3))
			for name, batches := range map[string][][]domain.Recorded{
				"1": projectionstest.Batches(events, 1), "any": projectionstest.Shuffled(events, 23), "all": {events},
			} {
				pool := projectionstest.Pool(t)
				if err := projectionstest.Replay(t.Context(), pool, p, batches...); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, tables(t, pool, p.Name())); diff != "" {
					t.Errorf("batches of %s (-bulk +batches)\n%s", name, diff)
				}
			}
		})
	}
}
