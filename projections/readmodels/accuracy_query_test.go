package readmodels_test

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/deal"
	"crm/projections/readmodels"
)

func checkAccuracy(t *testing.T, m readmodels.Models, w *world, now *then, period readmodels.Period, asOf readmodels.AsOf) {
	t.Helper()
	on := readmodels.AsOf{At: time.Date(2025, 8, 11, 12, 0, 0, 0, time.UTC)}
	onKnown := on
	onKnown.KnownAt = on.At
	hindsight := readmodels.AsOf{At: on.At, KnownAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	for _, stood := range []struct{ asked, is readmodels.AsOf }{{on, onKnown}, {hindsight, hindsight}} {
		before := w.then(stood.is)
		for _, by := range []readmodels.ForecastGrouping{
			readmodels.ForecastInOne, readmodels.ForecastByMonth, readmodels.ForecastByCategory,
			readmodels.ForecastByOwner, readmodels.ForecastByStage,
		} {
			q := readmodels.AccuracyQuestion{On: stood.asked, ForecastQuestion: readmodels.ForecastQuestion{By: by, Period: period, AsOf: asOf}}
			wantAccuracy(t, m, before, now, q)
		}
	}
}

func wantAccuracy(t *testing.T, m readmodels.Models, before, now *then, q readmodels.AccuracyQuestion) {
	t.Helper()
	type outcome struct {
		readmodels.AccuracyLine
		weighted int64
	}
	type group struct{ key, currency string }
	found, names, counts := map[group]*outcome{}, map[string]string{}, reportLines[struct{}]{}
	at := func(key, name string, currency domain.Currency, id uuid.UUID) *outcome {
		names[key] = name
		counts.at(key, name, id)
		g := group{key, string(currency)}
		if found[g] == nil {
			found[g] = &outcome{AccuracyLine: readmodels.AccuracyLine{Key: key, Name: name, Currency: currency}}
		}
		return found[g]
	}
	forecast := map[uuid.UUID]bool{}
	for id, d := range before.deals {
		if now.void[id] || !d.expected(q.Period) && !d.wonIn(q.Period) {
			continue
		}
		forecast[id] = true
		key, name := before.forecastKey(d, q.By)
		l := at(key, name, d.Worth().Currency, id)
		if d.Status == deal.IsWon {
			l.weighted += d.Value.Minor * 100
		} else {
			l.weighted += d.Worth().Minor * int64(d.Stage.Probability)
		}
		switch is := now.deals[id]; {
		case is == nil || is.Status == deal.Running:
			l.Open++
		case is.Status == deal.IsLost:
			l.Lost++
		case is.wonIn(q.Period):
			l.WonInPeriod++
		default:
			l.WonOutside++
		}
	}
	for id, d := range now.deals {
		if !d.wonIn(q.Period) {
			continue
		}
		key, name := now.forecastKey(d, q.By)
		if q.By == readmodels.ForecastByCategory || q.By == readmodels.ForecastByStage {
			if key, name = "", ""; forecast[id] {
				key, name = before.forecastKey(before.deals[id], q.By)
			}
		}
		l := at(key, name, d.Value.Currency, id)
		l.Actual.Minor += d.Value.Minor
		l.Unforeseen += one(!forecast[id])
	}
	var want []readmodels.AccuracyLine
	for _, l := range found {
		l.Forecast = domain.Money{Minor: int64(math.Round(float64(l.weighted) / 100)), Currency: l.Currency}
		l.Actual.Currency = l.Currency
		want = append(want, l.AccuracyLine)
	}
	slices.SortFunc(want, func(a, b readmodels.AccuracyLine) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Currency, b.Currency))
	})
	same(t, want, must[[]readmodels.AccuracyLine](t)(m.Deals.ForecastAccuracy(t.Context(), q)))
	for key, l := range counts.some() {
		now.behind(t, m, q.Behind(&key), l.counts, forecastTypes...)
	}
}
