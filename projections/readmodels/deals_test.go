package readmodels_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/pipeline"
	"crm/projections/readmodels"
)

func TestBoardAgainstTheDeciders(t *testing.T) {
	t.Parallel()
	w := randomWorld(6000, 8)
	models, _ := w.build(t)
	board, err := models.Deals.Board(t.Context(), domain.DefaultPipeline, readmodels.AsOf{}, 7)
	if err != nil {
		t.Fatal(err)
	}
	known := stateOf[pipeline.State](w, domain.PipelineStream(domain.DefaultPipeline))
	type sums struct {
		Count           int64
		Worth, Weighted map[domain.Currency]int64
	}
	want := map[string]*sums{"won": {}, "lost": {}}
	for _, stage := range known.Stages {
		want["open "+string(stage.ID)] = &sums{}
	}
	for _, state := range w.states {
		s, ok := state.(deal.State)
		if !ok || s.Status == deal.IsVoid {
			continue
		}
		name := string(s.Status)
		if s.Status == deal.Running {
			name += " " + string(s.Stage.ID)
		}
		column := want[name]
		if column.Worth == nil {
			column.Worth, column.Weighted = map[domain.Currency]int64{}, map[domain.Currency]int64{}
		}
		column.Count++
		if m := s.Worth(); !m.IsZero() {
			column.Worth[m.Currency] += m.Minor
			column.Weighted[m.Currency] += m.Minor * int64(s.Stage.Probability)
		}
	}
	for _, column := range board.Columns {
		name := string(column.Status)
		if column.Status == deal.Running {
			name += " " + string(column.Stage.ID)
		}
		expected := want[name]
		delete(want, name)
		got := sums{Count: column.Count}
		for _, total := range column.Totals {
			if got.Worth == nil {
				got.Worth = map[domain.Currency]int64{}
			}
			got.Worth[total.Worth.Currency] = total.Worth.Minor
			if column.Status != deal.Running {
				continue
			}
			exact := float64(expected.Weighted[total.Worth.Currency]) / 100
			if off := float64(total.Weighted.Minor) - exact; off > 0.5 || off < -0.5 {
				t.Errorf("%s: weighted %v, want %v", name, total.Weighted, exact)
			}
		}
		expected.Weighted = nil
		if diff := cmp.Diff(*expected, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-deciders +board)\n%s", name, diff)
		}
		if int64(len(column.Deals)) != min(column.Count, 7) {
			t.Errorf("%s shows %d of %d deals", name, len(column.Deals), column.Count)
		}
		if !slices.IsSortedFunc(column.Deals, func(a, b readmodels.Deal) int { return shownAt(b).Compare(shownAt(a)) }) {
			t.Errorf("%s is not newest first", name)
		}
	}
	for name, missing := range want {
		stage := slices.IndexFunc(known.Stages, func(s pipeline.KnownStage) bool { return "open "+string(s.ID) == name })
		if stage < 0 || !known.Stages[stage].Retired || missing.Count > 0 {
			t.Errorf("the board has no column for %s with %d deals", name, missing.Count)
		}
	}
	if last := board.Columns[len(board.Columns)-2:]; last[0].Status != deal.IsWon || last[1].Status != deal.IsLost {
		t.Errorf("won and lost do not come last: %s, %s", last[0].Status, last[1].Status)
	}
	if _, err := models.Deals.Board(t.Context(), domain.PipelineID{UUID: numbered("pipeline", 9)}, readmodels.AsOf{}, 1); !errors.Is(err, pipeline.ErrUnknown) {
		t.Errorf("a board of no pipeline: %v", err)
	}
}

func shownAt(d readmodels.Deal) time.Time {
	if d.ClosedAt != nil {
		return *d.ClosedAt
	}
	return d.OpenedAt
}

// Pages of the list hold just the deals that the filter asks for, each once.
func TestDealListAgainstTheDeciders(t *testing.T) {
	t.Parallel()
	w := randomWorld(6000, 9)
	models, _ := w.build(t)
	for name, story := range map[string]struct {
		filter string
		holds  func(deal.State) bool
	}{
		"all":           {"", func(deal.State) bool { return true }},
		"won":           {"status eq won", func(s deal.State) bool { return s.Status == deal.IsWon }},
		"of a customer": {"customer eq " + customerID(3).String(), func(s deal.State) bool { return s.Customer == customerID(3) }},
		"of an owner in a stage": {
			"owner eq " + employeeID(2).String() + "; stage eq offer; pipeline eq " + domain.DefaultPipeline.String(),
			func(s deal.State) bool { return s.Owner == employeeID(2) && s.Stage.ID == "offer" },
		},
		"of another pipeline": {"pipeline eq " + numbered("pipeline", 9).String(), func(deal.State) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			var want, got []string
			for stream, state := range w.states {
				if s, ok := state.(deal.State); ok && s.Status != "" && story.holds(s) {
					want = append(want, string(stream))
				}
			}
			var before *readmodels.Deal
			for question := asked(t, readmodels.DealList, story.filter, "", 9); ; {
				page, err := models.Deals.List(t.Context(), question)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range page.Items {
					got = append(got, string(domain.DealStream(d.ID)))
					if before != nil && before.OpenedAt.Before(d.OpenedAt) {
						t.Errorf("%s comes after %s", d.OpenedAt, before.OpenedAt)
					}
					before = &d
				}
				if page.Next == nil {
					break
				}
				question.After = *page.Next
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-deciders +list)\n%s", diff)
			}
		})
	}
}

func TestDealCard(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.must(t, w.pipeline(domain.DefaultPipeline, pipeline.Define{Name: "Sales", Stages: stages}))
	w.must(t, w.employee(employeeID(1), employee.Register{Details: employee.Details{Name: "Anna"}}))
	w.must(t, w.customer(customerID(1), customer.Register{Kind: customer.Organization, Details: customer.Details{Name: "ACME"}}))
	w.must(t, w.deal(dealID(1), deal.Open{
		Title: "Machine", Stage: stageOf(1), Customer: customerID(1), Owner: employeeID(1), ExpectedClose: "2026-02-28",
		LineItems: []deal.LineItem{{ID: domain.LineItemID{UUID: numbered("item", 1)}, Name: "Part", Quantity: 1500, UnitPrice: euros(333), Discount: 1000}},
	}))
	models, pool := w.build(t)
	card, err := models.Deals.Card(t.Context(), dealID(1), readmodels.AsOf{})
	if err != nil {
		t.Fatal(err)
	}
	if card.CustomerName != "ACME" || card.OwnerName != "Anna" || card.PipelineName != "Sales" || card.StageName != "Offer sent" {
		t.Errorf("names: %q %q %q %q", card.CustomerName, card.OwnerName, card.PipelineName, card.StageName)
	}
	if want := euros(450); card.Worth != want || !card.Amount.IsZero() || card.ExpectedClose != "2026-02-28" {
		t.Errorf("worth %v, want %v; amount %v, expected to close %s", card.Worth, want, card.Amount, card.ExpectedClose)
	}
	var total int64
	if err := pool.QueryRow(t.Context(), "SELECT total_minor FROM deals.line_items").Scan(&total); err != nil || total != 450 {
		t.Errorf("the view's total is %d, %v", total, err)
	}
	if _, err := models.Deals.Card(t.Context(), dealID(2), readmodels.AsOf{}); !errors.Is(err, deal.ErrUnknown) {
		t.Errorf("a card of no deal: %v", err)
	}
}
