package deal_test

import (
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"crm/domain"
	"crm/domain/deal"
	"crm/domain/domaintest"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, deal.Decider, anyCommand(), map[string]error{
		"deal.open":             deal.ErrAlreadyOpened,
		"deal.remove_line_item": deal.ErrNoLineItem,
	})
}

func anyCommand() *rapid.Generator[deal.Command] {
	stage := rapid.SampledFrom([]deal.Stage{prospecting, proposal, {}, {Pipeline: domain.PipelineID{UUID: uuid.UUID{15: 9}}, ID: "proposal", Category: domain.Commit}})
	day := rapid.SampledFrom([]domain.Date{"", "2026-12-31", "2027-01-15", "2027-02-30"})
	text, note := domaintest.AnyText[string](), domaintest.AnyText[domain.Personal]()
	customers, employees, amount := domaintest.AnyID(acme), domaintest.AnyID(agent), domaintest.AnyMoney()
	fewer := chairs
	fewer.Quantity = domain.One
	item := rapid.OneOf(rapid.SampledFrom([]deal.LineItem{chairs, fewer, tables}), rapid.Custom(func(t *rapid.T) deal.LineItem {
		return deal.LineItem{
			ID: domaintest.AnyID(first).Draw(t, "id"), Product: domaintest.AnyID(domain.ProductID{}).Draw(t, "product"), Name: text.Draw(t, "name"),
			Quantity:  rapid.SampledFrom([]domain.Quantity{domain.One, domain.One, 1_500, 0, -1, 1<<63 - 1}).Draw(t, "quantity"),
			UnitPrice: amount.Draw(t, "price"), Discount: rapid.SampledFrom([]int{0, 0, 1_250, 10_000, 10_001, -1}).Draw(t, "discount"),
		}
	}))
	return rapid.OneOf( // the first are drawn most
		rapid.SampledFrom([]deal.Command{deal.Open{Title: "200 chairs", Stage: prospecting}, deal.Reopen{}, deal.Void{}}),
		rapid.Map(item, func(l deal.LineItem) deal.Command { return deal.AddLineItem{Item: l} }),
		rapid.Map(domaintest.AnyID(first), func(id domain.LineItemID) deal.Command { return deal.RemoveLineItem{ID: id} }),
		rapid.Map(item, func(l deal.LineItem) deal.Command { return deal.ChangeLineItem{Item: l} }),
		rapid.Custom(func(t *rapid.T) deal.Command {
			return deal.Open{
				Title: note.Draw(t, "title"), Stage: stage.Draw(t, "stage"), Customer: customers.Draw(t, "customer"),
				Owner: employees.Draw(t, "owner"), Amount: amount.Draw(t, "amount"), ExpectedClose: day.Draw(t, "close"),
				LineItems: rapid.SliceOfN(item, 0, 2).Draw(t, "items"),
			}
		}),
		rapid.Map(customers, func(id domain.CustomerID) deal.Command { return deal.LinkCustomer{Customer: id} }),
		rapid.Map(stage, func(s deal.Stage) deal.Command { return deal.ChangeStage{Stage: s} }),
		rapid.Map(amount, func(m domain.Money) deal.Command { return deal.ChangeAmount{Amount: m} }),
		rapid.Map(day, func(d domain.Date) deal.Command { return deal.ChangeCloseDate{ExpectedClose: d} }),
		rapid.Map(employees, func(id domain.EmployeeID) deal.Command { return deal.AssignOwner{Owner: id} }),
		rapid.Map(rapid.SampledFrom([]domain.ForecastCategory{domain.Commit, domain.BestCase, "hope"}), func(c domain.ForecastCategory) deal.Command {
			return deal.ChangeForecastCategory{Category: c}
		}),
		rapid.Map(amount, func(m domain.Money) deal.Command { return deal.Win{Amount: m} }),
		rapid.Custom(func(t *rapid.T) deal.Command {
			return deal.Lose{
				Reason:     rapid.SampledFrom([]deal.LossReason{"", deal.LostToPrice, "weather"}).Draw(t, "reason"),
				Competitor: text.Draw(t, "competitor"), Note: note.Draw(t, "note"),
			}
		}),
	)
}
