package readmodels_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crm/domain"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/product"
	"crm/projections/readmodels"
)

// closedDeal is a close as the test's own reading of the log finds it.
type closedDeal struct {
	deal.State
	won   bool
	at    time.Time
	days  float64
	owner domain.EmployeeID // at closing
}

// closedDeals reads the log from the beginning, apart from all read models.
func closedDeals(w *world) []closedDeal {
	states, opened, closed := map[domain.Stream]deal.State{}, map[domain.Stream]time.Time{}, map[domain.Stream]closedDeal{}
	for _, e := range w.events {
		event, ok := e.Event.(deal.Event)
		if !ok {
			continue
		}
		s := deal.Decider.Evolve(states[e.Stream], event)
		states[e.Stream] = s
		at := e.Meta.OccurredAt
		switch event.(type) {
		case deal.Opened:
			opened[e.Stream] = at
		case deal.Won, deal.Lost:
			closed[e.Stream] = closedDeal{
				State: s, won: s.Status == deal.IsWon, at: at, owner: s.Owner,
				days: at.Sub(opened[e.Stream]).Hours() / 24,
			}
		case deal.Reopened, deal.Voided:
			delete(closed, e.Stream)
		default:
		}
	}
	return slices.Collect(maps.Values(closed))
}

// tally adds up a report by hand.
type tally struct {
	won, lost         int64
	value             map[domain.Currency]int64
	daysWon, daysLost float64
}

func (t *tally) add(c closedDeal, share int64) {
	if !c.won {
		t.lost++
		t.daysLost += c.days
		return
	}
	t.won++
	t.daysWon += c.days
	if !c.Value.IsZero() {
		t.value[c.Value.Currency] += share
	}
}

func (t *tally) line(key, name string) readmodels.SalesLine {
	line := readmodels.SalesLine{Key: key, Name: name, Won: t.won, Lost: t.lost}
	for _, code := range slices.Sorted(maps.Keys(t.value)) {
		line.Value = append(line.Value, domain.Money{Minor: t.value[code], Currency: code})
	}
	mean := func(sum float64, count int64) *float64 {
		if count == 0 {
			return nil
		}
		sum /= float64(count)
		return &sum
	}
	line.DaysToWin, line.DaysToLose = mean(t.daysWon, t.won), mean(t.daysLost, t.lost)
	line.DaysToClose = mean(t.daysWon+t.daysLost, t.won+t.lost)
	return line
}

func TestSalesReportAgainstTheLog(t *testing.T) {
	t.Parallel()
	w := randomWorld(6000, 4)
	models, _ := w.build(t)
	closed := closedDeals(w)
	if len(closed) < 50 {
		t.Fatalf("only %d deals closed", len(closed))
	}
	worker := func(id domain.EmployeeID) employee.Details {
		if id.IsZero() {
			return employee.Details{}
		}
		return stateOf[employee.State](w, domain.EmployeeStream(id)).Details
	}
	text := func(id fmt.Stringer, zero bool) string {
		if zero {
			return ""
		}
		return id.String()
	}
	for by, group := range map[readmodels.SalesGrouping]func(closedDeal) (key, name string){
		readmodels.ByMonth: func(c closedDeal) (string, string) { m := c.at.Format("2006-01"); return m, m },
		readmodels.ByQuarter: func(c closedDeal) (string, string) {
			q := fmt.Sprintf("%d-Q%d", c.at.Year(), (c.at.Month()+2)/3)
			return q, q
		},
		readmodels.ByYear: func(c closedDeal) (string, string) { y := c.at.Format("2006"); return y, y },
		readmodels.ByOwner: func(c closedDeal) (string, string) {
			return text(c.owner, c.owner.IsZero()), worker(c.owner).Name.Plain()
		},
		readmodels.ByOffice: func(c closedDeal) (string, string) { o := worker(c.owner).Office; return o, o },
		readmodels.ByManager: func(c closedDeal) (string, string) {
			m := worker(c.owner).Manager
			return text(m, m.IsZero()), worker(m).Name.Plain()
		},
	} {
		for name, q := range map[string]readmodels.SalesQuestion{
			"all":   {By: by},
			"until": {By: by, Period: readmodels.Period{Until: time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC)}},
			"within": {
				By:     by,
				Period: readmodels.Period{From: time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)},
			},
		} {
			t.Run(string(by)+" "+name, func(t *testing.T) {
				tallies := map[[2]string]*tally{}
				for _, c := range closed {
					if c.at.Before(q.From) || !q.Until.IsZero() && !c.at.Before(q.Until) {
						continue
					}
					key, name := group(c)
					k := [2]string{name, key}
					if tallies[k] == nil {
						tallies[k] = &tally{value: map[domain.Currency]int64{}}
					}
					tallies[k].add(c, c.Value.Minor)
				}
				var want []readmodels.SalesLine
				for _, k := range slices.SortedFunc(maps.Keys(tallies), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }) {
					want = append(want, tallies[k].line(k[1], k[0]))
				}
				got, err := models.Sales.Report(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
					t.Errorf("(-log +report)\n%s", diff)
				}
			})
		}
	}
}

// By product the values still add up to all that was won, whatever the shares.
func TestSalesByProductAddUp(t *testing.T) {
	t.Parallel()
	w := randomWorld(6000, 5)
	models, _ := w.build(t)
	won, with := map[domain.Currency]int64{}, map[string]int64{}
	for _, c := range closedDeals(w) {
		if c.won && !c.Value.IsZero() {
			won[c.Value.Currency] += c.Value.Minor
		}
		seen := map[string]bool{}
		for _, item := range c.LineItems {
			key := item.Product.String()
			if item.Product.IsZero() {
				key = ""
			}
			seen[key] = true
		}
		if len(c.LineItems) == 0 {
			seen[""] = true
		}
		for key := range seen {
			with[key]++
		}
	}
	for _, by := range []readmodels.SalesGrouping{readmodels.ByProduct, readmodels.ByFamily} {
		lines, err := models.Sales.Report(t.Context(), readmodels.SalesQuestion{By: by})
		if err != nil {
			t.Fatal(err)
		}
		got, counts := map[domain.Currency]int64{}, map[string]int64{}
		for _, line := range lines {
			counts[line.Key] = line.Won + line.Lost
			for _, m := range line.Value {
				got[m.Currency] += m.Minor
			}
		}
		if diff := cmp.Diff(won, got); diff != "" {
			t.Errorf("by %s (-won +report)\n%s", by, diff)
		}
		if by == readmodels.ByProduct {
			if diff := cmp.Diff(with, counts); diff != "" {
				t.Errorf("deals with a product (-log +report)\n%s", diff)
			}
		}
	}
}

func TestSalesStory(t *testing.T) {
	t.Parallel()
	w := newWorld()
	anna, ben := employeeID(1), employeeID(2)
	w.must(t, w.employee(anna, employee.Register{Details: employee.Details{Name: "Anna"}}))
	w.must(t, w.employee(ben, employee.Register{Details: employee.Details{Name: "Ben"}}))
	for i, family := range []string{"A", "A", "B"} {
		w.must(t, w.product(productID(i), product.Define{Details: product.Details{Name: fmt.Sprint("P", i), Family: family}}))
	}
	item := func(n, p int, cents int64) deal.LineItem {
		return deal.LineItem{ID: domain.LineItemID{UUID: numbered("item", n)}, Product: productID(p), Name: "x", Quantity: domain.One, UnitPrice: euros(cents)}
	}
	w.must(t, w.deal(dealID(1), deal.Open{Title: "one", Stage: stageOf(0), Owner: anna, LineItems: []deal.LineItem{item(1, 0, 100), item(2, 1, 100), item(3, 2, 100)}}))
	w.now = w.now.AddDate(0, 0, 10)
	w.must(t, w.deal(dealID(1), deal.Win{Amount: euros(1000)}))
	w.must(t, w.deal(dealID(1), deal.AssignOwner{Owner: ben})) // after the close: Anna keeps the credit

	read := func(by readmodels.SalesGrouping) []readmodels.SalesLine {
		models, _ := w.build(t)
		lines, err := models.Sales.Report(t.Context(), readmodels.SalesQuestion{By: by})
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	ten, twelve := 10.0, 12.0
	line := func(key, name string, cents int64) readmodels.SalesLine {
		return readmodels.SalesLine{Key: key, Name: name, Won: 1, Value: []domain.Money{euros(cents)}, DaysToClose: &ten, DaysToWin: &ten}
	}
	near := cmpopts.EquateApprox(0, 1e-9)
	if diff := cmp.Diff([]readmodels.SalesLine{line(anna.String(), "Anna", 1000)}, read(readmodels.ByOwner), near); diff != "" {
		t.Errorf("by owner (-want +got)\n%s", diff)
	}
	// 1000 in three does not come out even; nothing is lost.
	if diff := cmp.Diff([]readmodels.SalesLine{
		line(productID(0).String(), "P0", 333), line(productID(1).String(), "P1", 333), line(productID(2).String(), "P2", 334),
	}, read(readmodels.ByProduct), near); diff != "" {
		t.Errorf("by product (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]readmodels.SalesLine{line("A", "A", 666), line("B", "B", 334)}, read(readmodels.ByFamily), near); diff != "" {
		t.Errorf("by family (-want +got)\n%s", diff)
	}

	w.must(t, w.deal(dealID(1), deal.Reopen{}))
	if lines := read(readmodels.ByOwner); len(lines) != 0 {
		t.Errorf("a reopened deal is still reported: %+v", lines)
	}
	w.must(t, w.deal(dealID(1), deal.RemoveLineItem{ID: domain.LineItemID{UUID: numbered("item", 1)}}))
	w.now = w.now.AddDate(0, 0, 2)
	w.must(t, w.deal(dealID(1), deal.Lose{Reason: deal.LostToPrice}))
	lost := readmodels.SalesLine{Key: ben.String(), Name: "Ben", Lost: 1, DaysToClose: &twelve, DaysToLose: &twelve}
	if diff := cmp.Diff([]readmodels.SalesLine{lost}, read(readmodels.ByOwner), near); diff != "" {
		t.Errorf("closed again (-want +got)\n%s", diff)
	}
	if lines := read(readmodels.ByProduct); len(lines) != 2 || lines[0].Name != "P1" || lines[0].Lost != 1 {
		t.Errorf("the second closing is about P1 and P2, not %+v", lines)
	}
}

func TestSalesReportByNothingKnown(t *testing.T) {
	t.Parallel()
	if _, err := (readmodels.Sales{}).Report(t.Context(), readmodels.SalesQuestion{By: "moon"}); err == nil {
		t.Error("a report by the moon")
	}
	if rate := (readmodels.SalesLine{}).WinRate(); math.IsNaN(rate) {
		t.Error("the win rate of nothing is not a number")
	}
}
