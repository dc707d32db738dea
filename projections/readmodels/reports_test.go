package readmodels_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/deal"
	"crm/domain/interaction"
	"crm/domain/pipeline"
	"crm/projections/readmodels"
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

var moveTypes = []string{"deal.opened", "deal.stage_changed", "deal.won", "deal.lost", "deal.reopened"}

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

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

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

var forecastTypes = []string{
	"deal.opened", "deal.stage_changed", "deal.amount_changed", "deal.close_date_changed", "deal.owner_assigned",
	"deal.forecast_category_changed", "deal.line_item_added", "deal.line_item_changed", "deal.line_item_removed",
	"deal.won", "deal.lost", "deal.reopened",
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
		if !d.expected(q.Period) && !d.wonIn(q.Period) {
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

func checkOwners(t *testing.T, m readmodels.Models, then *then, period readmodels.Period, asOf readmodels.AsOf) {
	t.Helper()
	type activity struct {
		readmodels.OwnerActivity
		channels map[interaction.Channel]int64
		value    purse
		talks    map[interactionKey]bool
	}
	found := reportLines[activity]{}
	at := func(owner domain.EmployeeID, id uuid.UUID) *activity {
		a := found.at(idKey(owner), then.employees[owner].Name.Plain(), id)
		if a.channels == nil {
			a.channels, a.value, a.talks = map[interaction.Channel]int64{}, purse{}, map[interactionKey]bool{}
		}
		return a
	}
	for key, i := range then.interactions {
		if has(period, i.at) {
			a := at(i.Employee, key.customer)
			a.Interactions++
			a.channels[i.Channel]++
			a.talks[key] = true
		}
	}
	deals := reportLines[struct{}]{}
	for id, d := range then.deals {
		if has(period, d.opened) {
			at(d.Owner, id).Opened++
			deals.at(idKey(d.Owner), "", id)
		}
		if d.Status != deal.Running && has(period, d.closed) {
			a := at(d.creditedTo, id)
			a.Won += one(d.Status == deal.IsWon)
			a.Lost += one(d.Status == deal.IsLost)
			a.value.add(d.value())
			deals.at(idKey(d.creditedTo), "", id)
		}
	}
	q := readmodels.OwnersQuestion{Period: period, AsOf: asOf}
	var want []readmodels.OwnerActivity
	for _, key := range found.keys() {
		a := found[key].of
		a.Key, a.Name, a.Value = key, found[key].name, a.value.list()
		for _, channel := range []interaction.Channel{interaction.Call, interaction.Email, interaction.Meeting} {
			if n := a.channels[channel]; n > 0 {
				a.Channels = append(a.Channels, readmodels.ChannelCount{Channel: channel, Count: n})
			}
		}
		want = append(want, a.OwnerActivity)
		then.behindOnly(t, m, q.Behind(&key), func(e domain.Recorded) bool {
			id, _ := e.Stream.ID()
			switch event := e.Event.(type) {
			case interaction.Logged:
				return a.talks[interactionKey{id, event.ID}]
			case interaction.Amended: // of who took part, or how
				touches := interaction.DetailFields.Touches
				return a.talks[interactionKey{id, event.ID}] && (touches(event.Patch, "employee") || touches(event.Patch, "channel"))
			}
			of := deals[key]
			return of != nil && of.counts[id] && slices.Contains([]string{"deal.opened", "deal.owner_assigned", "deal.won", "deal.lost", "deal.reopened"}, e.Event.EventType())
		})
	}
	same(t, want, must[[]readmodels.OwnerActivity](t)(m.Activity.Owners(t.Context(), q)))
}

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

func checkCoverage(t *testing.T, m readmodels.Models, then *then, asOf readmodels.AsOf) {
	t.Helper()
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	q := readmodels.CoverageQuestion{Now: now, AsOf: asOf}
	at := now
	if !asOf.At.IsZero() {
		at = asOf.At
	}
	type answer struct {
		of    uuid.UUID
		about consent.Key
	}
	states, rests := map[uuid.UUID]consent.State{}, map[answer]uint64{}
	for _, e := range then.events {
		event, ok := e.Event.(consent.Event)
		if !ok {
			continue
		}
		id, _ := e.Stream.ID()
		if _, known := states[id]; !known {
			states[id] = consent.Decider.Initial()
		}
		states[id] = consent.Decider.Evolve(states[id], event)
		for about := range states[id].Answers {
			if strings.Contains(string(e.Data), fmt.Sprintf(`"purpose":%q,"channel":%q`, about.Purpose, about.Channel)) {
				rests[answer{id, about}] = e.Position.Commit
			}
		}
	}
	want, behind := map[string]int64{}, map[string]map[uint64]bool{}
	for id, s := range states {
		for about, a := range s.Answers {
			status := a.Status
			if status == consent.StatusGranted && !a.Evidence.ExpiresAt.IsZero() && !a.Evidence.ExpiresAt.After(at) {
				status = consent.StatusExpired
			}
			key := readmodels.Coverage{Key: about, Status: status}.Line()
			want[key]++
			if behind[key] == nil {
				behind[key] = map[uint64]bool{}
			}
			behind[key][rests[answer{id, about}]] = true
		}
	}
	got := map[string]int64{}
	for _, line := range must[[]readmodels.Coverage](t)(m.Consents.Coverage(t.Context(), q)) {
		key := line.Line()
		got[key] = line.Count
		then.behindOnly(t, m, q.Behind(&key), func(e domain.Recorded) bool { return behind[key][e.Position.Commit] })
	}
	same(t, want, got)
}
