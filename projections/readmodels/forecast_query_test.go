package readmodels_test

import (
	"math"
	"testing"
	"time"

	"crm/domain"
	"crm/domain/deal"
	"crm/projections/readmodels"
)

var forecastTypes = []string{
	"deal.opened", "deal.stage_changed", "deal.amount_changed", "deal.close_date_changed", "deal.owner_assigned",
	"deal.forecast_category_changed", "deal.line_item_added", "deal.line_item_changed", "deal.line_item_removed",
	"deal.won", "deal.lost", "deal.reopened", "deal.voided",
}

// expected reports whether an open deal is in the forecast for the period.
func (d *dealThen) expected(period readmodels.Period) bool {
	if d.Status != deal.Running || d.Stage.Category == domain.Omitted {
		return false
	}
	if d.ExpectedClose == "" {
		return period.From.IsZero() && period.Until.IsZero()
	}
	day, _ := time.Parse(time.DateOnly, string(d.ExpectedClose))
	return has(period, day)
}

func (d *dealThen) wonIn(period readmodels.Period) bool {
	return d.Status == deal.IsWon && has(period, d.closed)
}

// forecastKey is the line of a forecast that a deal counts in.
func (t *then) forecastKey(d *dealThen, by readmodels.ForecastGrouping) (key, name string) {
	won := d.Status == deal.IsWon
	switch by {
	case readmodels.ForecastByMonth:
		if key = string(d.ExpectedClose); len(key) > 7 {
			key = key[:7]
		}
		if won {
			key = d.closed.UTC().Format("2006-01")
		}
	case readmodels.ForecastByCategory:
		if key = string(d.Stage.Category); won {
			key = "closed"
		}
	case readmodels.ForecastByStage:
		if !won {
			key = string(d.Stage.ID)
		}
	case readmodels.ForecastByOwner:
		owner := d.Owner
		if won {
			owner = d.creditedTo
		}
		return idKey(owner), t.employees[owner].Name.Plain()
	default:
		key = "all"
	}
	return key, key
}

func hundredths(sum purse) []domain.Money {
	list := sum.list()
	for i := range list {
		list[i].Minor = int64(math.Round(float64(list[i].Minor) / 100))
	}
	return list
}

func checkForecast(t *testing.T, m readmodels.Models, then *then, period readmodels.Period, asOf readmodels.AsOf) {
	t.Helper()
	type amounts struct {
		open, won              int64
		worth, weighted, value purse
	}
	for _, by := range []readmodels.ForecastGrouping{
		readmodels.ForecastInOne, readmodels.ForecastByMonth, readmodels.ForecastByCategory, readmodels.ForecastByOwner,
	} {
		found := reportLines[amounts]{}
		for id, d := range then.deals {
			if !d.expected(period) && !d.wonIn(period) {
				continue
			}
			key, name := then.forecastKey(d, by)
			l := found.at(key, name, id)
			if l.worth == nil {
				l.worth, l.weighted, l.value = purse{}, purse{}, purse{}
			}
			if d.Status == deal.IsWon {
				l.won++
				l.value.add(d.Value)
				continue
			}
			l.open++
			l.worth.add(d.Worth())
			l.weighted.addPart(d.Worth(), d.Worth().Minor*int64(d.Stage.Probability))
		}
		var want []readmodels.ForecastLine
		for _, key := range found.keys() {
			l := found[key]
			want = append(want, readmodels.ForecastLine{
				Key: key, Name: l.name, Open: l.of.open, Won: l.of.won,
				Worth: l.of.worth.list(), Weighted: hundredths(l.of.weighted), Value: l.of.value.list(),
			})
		}
		q := readmodels.ForecastQuestion{By: by, Period: period, AsOf: asOf}
		same(t, want, must[[]readmodels.ForecastLine](t)(m.Deals.Forecast(t.Context(), q)))
		for key, l := range found.some() {
			then.behind(t, m, q.Behind(&key), l.counts, forecastTypes...)
		}
	}
}
