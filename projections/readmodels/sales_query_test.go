package readmodels_test

import (
	"fmt"
	"testing"

	"crm/domain"
	"crm/domain/deal"
	"crm/projections/readmodels"
)

func salesGroup(then *then, d *dealThen, by readmodels.SalesGrouping) (key, name string) {
	worker := then.employees[d.creditedTo]
	switch by {
	case readmodels.ByMonth:
		key = d.closed.UTC().Format("2006-01")
	case readmodels.ByQuarter:
		key = fmt.Sprintf("%d-Q%d", d.closed.UTC().Year(), (d.closed.UTC().Month()+2)/3)
	case readmodels.ByYear:
		key = d.closed.UTC().Format("2006")
	case readmodels.ByOwner:
		return idKey(d.creditedTo), worker.Name.Plain()
	case readmodels.ByManager:
		return idKey(worker.Manager), then.employees[worker.Manager].Name.Plain()
	case readmodels.ByOffice:
		key = worker.Office
	default:
		key = "all"
	}
	return key, key
}

func checkSales(t *testing.T, m readmodels.Models, then *then, period readmodels.Period, asOf readmodels.AsOf) {
	t.Helper()
	for _, by := range []readmodels.SalesGrouping{
		readmodels.InOne, readmodels.ByMonth, readmodels.ByQuarter, readmodels.ByYear,
		readmodels.ByOwner, readmodels.ByManager, readmodels.ByOffice,
	} {
		found := reportLines[tally]{}
		for id, d := range then.deals {
			if d.Status == deal.Running || !has(period, d.closed) {
				continue
			}
			key, name := salesGroup(then, d, by)
			l := found.at(key, name, id)
			if l.value == nil {
				l.value = map[domain.Currency]int64{}
			}
			l.add(closedDeal{State: d.State, won: d.Status == deal.IsWon, days: d.days}, d.value().Minor)
		}
		var want []readmodels.SalesLine
		for _, key := range found.keys() {
			want = append(want, found[key].of.line(key, found[key].name))
		}
		q := readmodels.SalesQuestion{By: by, Period: period, AsOf: asOf}
		same(t, want, must[[]readmodels.SalesLine](t)(m.Sales.Report(t.Context(), q)))
		for key, l := range found.some() {
			then.behind(t, m, q.Behind(&key), l.counts, readmodels.Sales{}.Handles()...)
		}
	}
	checkProducts(t, m, then, period, asOf)
}

// By product and by family every deal counts once for each, and its shares add up.
func checkProducts(t *testing.T, m readmodels.Models, then *then, period readmodels.Period, asOf readmodels.AsOf) {
	t.Helper()
	for by, key := range map[readmodels.SalesGrouping]func(domain.ProductID) string{
		readmodels.ByProduct: func(id domain.ProductID) string { return idKey(id) },
		readmodels.ByFamily:  func(id domain.ProductID) string { return then.families[id] },
	} {
		q := readmodels.SalesQuestion{By: by, Period: period, AsOf: asOf}
		found, won := reportLines[[2]int64]{}, purse{}
		for id, d := range then.deals {
			if d.Status == deal.Running || !has(period, d.closed) {
				continue
			}
			won.add(d.value())
			seen := map[string]bool{}
			for _, item := range d.LineItems {
				seen[key(item.Product)] = true
			}
			if len(d.LineItems) == 0 {
				seen[""] = true
			}
			for key := range seen {
				l := found.at(key, "", id)
				l[0] += one(d.Status == deal.IsWon)
				l[1] += one(d.Status == deal.IsLost)
			}
		}
		counts, value := map[string][2]int64{}, purse{}
		for _, line := range must[[]readmodels.SalesLine](t)(m.Sales.Report(t.Context(), q)) {
			counts[line.Key] = [2]int64{line.Won, line.Lost}
			for _, m := range line.Value {
				value.add(m)
			}
		}
		want := map[string][2]int64{}
		for key, l := range found {
			want[key] = l.of
			then.behind(t, m, q.Behind(&key), l.counts, readmodels.Sales{}.Handles()...)
		}
		same(t, want, counts)
		same(t, won.list(), value.list())
	}
}
