package readmodels_test

import (
	"fmt"
	"testing"
	"time"

	"crm/projections/readmodels"
)

func checkChurn(t *testing.T, m readmodels.Models, then *then, period readmodels.Period, asOf readmodels.AsOf) {
	t.Helper()
	active := func(place string) bool { return place == "customer" || place == "won_back" }
	for by, months := range map[readmodels.ChurnGrouping]int{readmodels.ChurnByMonth: 1, readmodels.ChurnByQuarter: 3, readmodels.ChurnByYear: 12} {
		begin := func(at time.Time) time.Time {
			at = at.UTC()
			return time.Date(at.Year(), time.Month((int(at.Month())-1)/months*months+1), 1, 0, 0, 0, 0, time.UTC)
		}
		// Who stands where at an instant: the plain count, without any steps.
		standing := func(at time.Time) (customers, former int64) {
			for _, c := range then.customers {
				place := ""
				for _, s := range stays(c.moves) {
					if s.since.Before(at) {
						place = s.place
					}
				}
				customers += one(active(place))
				former += one(place == "former")
			}
			return customers, former
		}
		first, last := time.Time{}, time.Time{}
		steps, counts := map[time.Time]*readmodels.ChurnLine{}, reportLines[struct{}]{}
		key := func(at time.Time) string {
			switch months {
			case 1:
				return at.Format("2006-01")
			case 3:
				return fmt.Sprintf("%d-Q%d", at.Year(), (at.Month()+2)/3)
			default:
				return at.Format("2006")
			}
		}
		for id, c := range then.customers {
			before := ""
			for _, s := range stays(c.moves) {
				at := begin(s.since)
				l := steps[at]
				if l == nil {
					l = &readmodels.ChurnLine{}
				}
				all := l.New + l.Churned + l.WonBack + l.Reverted
				switch was, is := active(before), active(s.place); {
				case was && s.place == "former":
					l.Churned++
				case was && !is:
					l.Reverted++
				case is && !was && (s.place == "won_back" || before == "former"):
					l.WonBack++
				case is && !was:
					l.New++
				}
				if counted := all != l.New+l.Churned+l.WonBack+l.Reverted; counted {
					counts.at(key(at), "", id)
				}
				if l.New+l.Churned+l.WonBack+l.Reverted > 0 || s.place == "former" || before == "former" {
					steps[at] = l
					if first.IsZero() || at.Before(first) {
						first = at
					}
					if at.After(last) {
						last = at
					}
				}
				before = s.place
			}
		}
		if from := begin(period.From); !period.From.IsZero() && first.Before(from) {
			first = from
		}
		if !period.Until.IsZero() {
			last = begin(period.Until.Add(-time.Microsecond))
		}
		q := readmodels.ChurnQuestion{By: by, Period: period, AsOf: asOf}
		var want []readmodels.ChurnLine
		for at := first; !at.After(last); at = at.AddDate(0, months, 0) {
			line := readmodels.ChurnLine{}
			if steps[at] != nil {
				line = *steps[at]
			}
			line.Key = key(at)
			line.AtStart, line.FormerStart = standing(at)
			line.AtEnd, _ = standing(at.AddDate(0, months, 0))
			want = append(want, line)
			if l := counts[line.Key]; l != nil {
				then.behind(t, m, q.Behind(&line.Key), l.counts, "customer.registered", "customer.lifecycle_stage_changed")
			}
		}
		same(t, want, must[[]readmodels.ChurnLine](t)(m.Customers.Churn(t.Context(), q)))
	}
}
