package undo

import (
	"slices"

	"crm/domain/deal"
)

func dealView(s deal.State) fields {
	f := fields{}
	f.set("stage", s.Stage.ID)
	f.set("forecast_category", s.Stage.Category)
	f.set("customer", s.Customer)
	f.set("owner", s.Owner)
	f.set("amount", s.Amount)
	f.set("expected_close", s.ExpectedClose)
	f.set("status", []any{s.Status, s.Value, s.Loss})
	for _, item := range s.LineItems {
		f.set("line_item "+item.ID.String(), item)
	}
	return f
}

func planDeal(l *life, p *Plan) {
	c := compare(l, deal.Decider, dealView)
	if l.ends(p, "deal", c.now.Status == deal.IsVoid, deal.Void{}) {
		return
	}
	mine := c.mine(p)
	has := func(name string) bool { return slices.Contains(mine, name) }
	if has("status") && c.now.Status != deal.Running {
		p.ask(deal.Reopen{})
	}
	switch {
	case has("stage"):
		p.ask(deal.ChangeStage{Stage: c.without.Stage}, deal.ChangeForecastCategory{Category: c.without.Stage.Category})
	case has("forecast_category"):
		p.ask(deal.ChangeForecastCategory{Category: c.without.Stage.Category})
	}
	switch {
	case !has("amount"):
	case c.without.Amount.IsZero():
		p.keep("amount", noNothing)
	default:
		p.ask(deal.ChangeAmount{Amount: c.without.Amount})
	}
	switch {
	case !has("customer"):
	case c.without.Customer.IsZero():
		p.keep("customer", noNothing)
	default:
		p.ask(deal.LinkCustomer{Customer: c.without.Customer})
	}
	if has("expected_close") {
		p.ask(deal.ChangeCloseDate{ExpectedClose: c.without.ExpectedClose})
	}
	if has("owner") {
		p.ask(deal.AssignOwner{Owner: c.without.Owner})
	}
	planLineItems(c, mine, p)
	if has("status") {
		switch c.without.Status {
		case deal.IsWon:
			p.ask(deal.Win{Amount: c.without.Value})
		case deal.IsLost:
			p.ask(deal.Lose(c.without.Loss))
		case deal.IsVoid:
			p.ask(deal.Void{})
		case deal.Running:
		}
	}
}

func planLineItems(c *compared[deal.State], mine []string, p *Plan) {
	name := func(item deal.LineItem) string { return "line_item " + item.ID.String() }
	for _, item := range c.now.LineItems {
		if slices.Contains(mine, name(item)) && c.views[1][name(item)] == "" {
			p.ask(deal.RemoveLineItem{ID: item.ID})
		}
	}
	for _, item := range c.without.LineItems {
		switch {
		case !slices.Contains(mine, name(item)):
		case c.views[0][name(item)] == "":
			p.ask(deal.AddLineItem{Item: item})
		default:
			p.ask(deal.ChangeLineItem{Item: item})
		}
	}
}
