package readmodels_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"crm/projections/readmodels"
)

func checkSources(t *testing.T, m readmodels.Models, then *then, asOf readmodels.AsOf) {
	t.Helper()
	q := readmodels.SourcesQuestion{AsOf: asOf}
	found := reportLines[readmodels.SourceCount]{}
	for id, c := range then.customers {
		if !c.Archived {
			l := found.at(string(c.Stage)+":"+c.Touchpoint.Source, "", id)
			l.Source, l.Stage = c.Touchpoint.Source, c.Stage
			l.Count++
		}
	}
	var want []readmodels.SourceCount
	for _, l := range found {
		want = append(want, l.of)
	}
	slices.SortFunc(want, func(a, b readmodels.SourceCount) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), cmp.Compare(a.Stage, b.Stage))
	})
	got := must[[]readmodels.SourceCount](t)(m.Customers.Sources(t.Context(), q))
	same(t, want, got)
	for _, line := range got {
		key := line.Line()
		then.behind(t, m, q.Behind(&key), found[key].counts,
			"customer.registered", "customer.lifecycle_stage_changed", "customer.archived", "customer.restored")
	}
}
