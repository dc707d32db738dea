package readmodels_test

import (
	"slices"
	"testing"
	"time"

	"crm/domain"
	"crm/domain/pipeline"
	"crm/projections/readmodels"
)

func checkDurations(t *testing.T, m readmodels.Models, then *then, period readmodels.Period, asOf readmodels.AsOf) {
	t.Helper()
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	q := readmodels.DurationsQuestion{Pipeline: domain.DefaultPipeline, Period: period, AsOf: asOf}
	at := now
	if !asOf.At.IsZero() {
		at = asOf.At
	}
	mean := func(sum time.Duration, n int64) *float64 {
		if n == 0 {
			return nil
		}
		days := sum.Hours() / 24 / float64(n)
		return &days
	}
	var want []readmodels.StageDuration
	counts := reportLines[struct{}]{}
	order := func(place string) int {
		return slices.IndexFunc(then.pipeline.Stages, func(k pipeline.KnownStage) bool { return string(k.ID) == place })
	}
	for i, known := range then.pipeline.Stages {
		line := readmodels.StageDuration{Stage: known.ID, Name: known.Name, Retired: known.Retired, Lengths: make([]int64, 5)}
		var ended, standing time.Duration
		for id, d := range then.deals {
			all := d.stays()
			for n, s := range all {
				switch {
				case s.place != string(known.ID):
					continue
				case s.until.IsZero():
					line.Standing++
					standing += at.Sub(s.since)
				case has(period, s.until):
					length := s.until.Sub(s.since)
					ended += length
					line.Stays++
					line.Won += one(all[n+1].place == readmodels.WonKey)
					line.Lost += one(all[n+1].place == readmodels.LostKey)
					line.Forward += one(order(all[n+1].place) > i)
					line.Backward += one(order(all[n+1].place) >= 0 && order(all[n+1].place) < i)
					bucket := 0
					for bucket < len(readmodels.StayBounds) && length > time.Duration(readmodels.StayBounds[bucket])*24*time.Hour {
						bucket++
					}
					line.Lengths[bucket]++
				default:
					continue
				}
				counts.at(string(known.ID), "", id)
			}
		}
		line.Days, line.StandingDays = mean(ended, line.Stays), mean(standing, line.Standing)
		want = append(want, line)
	}
	same(t, want, must[[]readmodels.StageDuration](t)(m.Deals.Durations(t.Context(), q, now)))
	for key, l := range counts.some() {
		then.behind(t, m, q.Behind(&key), l.counts, moveTypes...)
	}
}
