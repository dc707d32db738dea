package undo

import (
	"slices"

	"crm/domain"
	"crm/domain/employee"
	"crm/domain/interaction"
	"crm/domain/product"
)

// planInteractions changes back what the import amended. Interactions are many, so only
// those are looked at that it wrote.
func planInteractions(l *life, p *Plan) {
	written := map[domain.InteractionID]bool{}
	var order []domain.InteractionID
	for i, event := range l.events {
		if id := interactionOf(event); l.authors[i] == run && !written[id] {
			written[id] = true
			order = append(order, id)
		}
	}
	for _, id := range order {
		one := &life{}
		for i, event := range l.events {
			if interactionOf(event) == id {
				one.events, one.authors = append(one.events, event), append(one.authors, l.authors[i])
			}
		}
		if one.authors[0] == run {
			p.keep("interaction "+id.String(), noWayBack)
			continue
		}
		c := compare(one, interaction.Decider, func(s interaction.State) fields {
			f := fields{}
			f.setAll(s.Logged[id])
			return f
		})
		if changes, any := patch(interaction.DetailFields, c.mine(p), c.without.Logged[id]); any {
			p.ask(interaction.Amend{ID: id, Patch: changes})
		}
	}
}

func interactionOf(event domain.Event) domain.InteractionID {
	switch e := event.(type) {
	case interaction.Logged:
		return e.ID
	case interaction.Amended:
		return e.ID
	}
	return domain.InteractionID{}
}

func planEmployee(l *life, p *Plan) {
	if l.created {
		p.keep("employee", noWayBack)
		return
	}
	c := compare(l, employee.Decider, func(s employee.State) fields {
		f := fields{}
		f.setAll(s.Details)
		return f
	})
	if changes, any := patch(employee.DetailFields, c.mine(p), c.without.Details); any {
		p.ask(employee.ChangeDetails{Patch: changes})
	}
}

func planProduct(l *life, p *Plan) {
	c := compare(l, product.Decider, func(s product.State) fields {
		f := fields{}
		f.setAll(s.Details)
		f.set("list_price", s.ListPrice)
		f.set("retired", s.Retired)
		return f
	})
	if l.ends(p, "product", c.now.Retired, product.Retire{}) {
		return
	}
	mine := c.mine(p)
	if slices.Contains(mine, "retired") && c.now.Retired {
		p.ask(product.Reinstate{})
	}
	if changes, any := patch(product.DetailFields, mine, c.without.Details); any {
		p.ask(product.ChangeDetails{Patch: changes})
	}
	switch {
	case !slices.Contains(mine, "list_price"):
	case c.without.ListPrice.IsZero():
		p.keep("list_price", noNothing)
	default:
		p.ask(product.SetListPrice{ListPrice: c.without.ListPrice})
	}
	if slices.Contains(mine, "retired") && c.without.Retired {
		p.ask(product.Retire{})
	}
}
