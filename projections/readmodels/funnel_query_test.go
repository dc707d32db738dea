package readmodels_test

import (
	"slices"
	"testing"

	"crm/domain"
	"crm/domain/deal"
	"crm/domain/pipeline"
	"crm/projections/readmodels"
)

func checkFunnel(t *testing.T, m readmodels.Models, then *then, period readmodels.Period, asOf readmodels.AsOf) {
	t.Helper()
	q := readmodels.FunnelQuestion{Pipeline: domain.DefaultPipeline, Period: period, AsOf: asOf}
	found := must[readmodels.Funnel](t)(m.Deals.Funnel(t.Context(), q))
	want := readmodels.Funnel{}
	part := func(n, of int64) *float64 {
		if of == 0 {
			return nil
		}
		x := float64(n) / float64(of)
		return &x
	}
	counts := reportLines[struct{}]{}
	for id, d := range then.deals {
		if has(period, d.opened) {
			want.Opened++
			if d.Status == deal.IsWon {
				want.Won++
				counts.at(readmodels.WonKey, "", id)
			}
		}
	}
	before := want.Opened
	for i, known := range then.pipeline.Stages {
		step := readmodels.FunnelStep{Stage: known.ID, Name: known.Name}
		for id, d := range then.deals {
			if !has(period, d.opened) {
				continue
			}
			visited, reached := false, d.Status == deal.IsWon
			for _, s := range d.stays() {
				at := slices.IndexFunc(then.pipeline.Stages, func(k pipeline.KnownStage) bool { return string(k.ID) == s.place })
				visited = visited || at == i
				reached = reached || at >= i
			}
			step.Visited += one(visited)
			step.Reached += one(reached)
			step.Standing += one(d.Status == deal.Running && d.Stage.ID == known.ID)
			step.Lost += one(d.Status == deal.IsLost && d.Stage.ID == known.ID)
			if reached {
				counts.at(string(known.ID), "", id)
			}
		}
		if known.Retired && step.Visited == 0 {
			continue
		}
		step.Conversion, step.Share = part(step.Reached, before), part(step.Reached, want.Opened)
		before = step.Reached
		want.Steps = append(want.Steps, step)
	}
	same(t, want, found)
	for key, l := range counts.some() {
		then.behind(t, m, q.Behind(&key), l.counts, moveTypes...)
	}
}
