package undo

import (
	"slices"
	"strings"

	"crm/domain/customer"
)

// What a view has of a contact point beside the point itself, each before its id.
const (
	verifiedOf = "verified "
	primaryOf  = "primary "
)

// ofPoint reports whether a field is one of these two. What became of the point they are
// of is told under its own name.
func ofPoint(field string) bool {
	return strings.HasPrefix(field, verifiedOf) || strings.HasPrefix(field, primaryOf)
}

func customerView(s customer.State) fields {
	f := fields{}
	f.setAll(s.Details)
	f.set("stage", s.Stage)
	f.set("owner", s.Owner)
	f.set("archived", s.Archived)
	for _, point := range s.ContactPoints {
		id := point.ID.String()
		f.set(verifiedOf+id, point.Verified)
		f.set(primaryOf+id, point.Primary)
		point.Primary = false
		f.set("contact_point "+id, point.ContactPoint)
	}
	for key, attribute := range s.Attributes {
		f.set("attribute "+key, attribute)
	}
	for _, link := range s.Links {
		f.set("link "+string(link.Relation)+" "+link.Organization.String(), link)
	}
	return f
}

func planCustomer(l *life, p *Plan) {
	c := compare(l, customer.Decider, customerView)
	if l.ends(p, "customer", c.now.Archived, customer.Archive{}) {
		return
	}
	mine := c.mine(p)
	if slices.Contains(mine, "archived") && c.now.Archived {
		p.ask(customer.Restore{})
	}
	if changes, any := patch(customer.DetailFields, mine, c.without.Details); any {
		p.ask(customer.ChangeDetails{Patch: changes})
	}
	if slices.Contains(mine, "stage") {
		p.ask(customer.ChangeLifecycleStage{Stage: c.without.Stage, Touchpoint: c.without.Touchpoint})
	}
	if slices.Contains(mine, "owner") {
		p.ask(customer.AssignOwner{Owner: c.without.Owner})
	}
	planAttributes(c, mine, p)
	planLinks(c, mine, p)
	planContactPoints(c, mine, p)
	if slices.Contains(mine, "archived") && c.without.Archived {
		p.ask(customer.Archive{})
	}
}

func planAttributes(c *compared[customer.State], mine []string, p *Plan) {
	var change customer.ChangeAttributes
	for _, name := range mine {
		key, ok := strings.CutPrefix(name, "attribute ")
		if !ok {
			continue
		}
		if before, known := c.without.Attributes[key]; known {
			change.Set = append(change.Set, before)
		} else {
			change.Clear = append(change.Clear, key)
		}
	}
	if len(change.Set)+len(change.Clear) > 0 {
		p.ask(change)
	}
}

func planLinks(c *compared[customer.State], mine []string, p *Plan) {
	name := func(l customer.Link) string { return "link " + string(l.Relation) + " " + l.Organization.String() }
	for _, link := range c.now.Links {
		if slices.Contains(mine, name(link)) && c.views[1][name(link)] == "" {
			p.ask(customer.UnlinkFromOrganization{Organization: link.Organization, Relation: link.Relation})
		}
	}
	for _, link := range c.without.Links {
		if slices.Contains(mine, name(link)) {
			p.ask(customer.LinkToOrganization{Link: link})
		}
	}
}

// planContactPoints takes away what was added, brings back what was removed, and gives
// back which one is the primary.
func planContactPoints(c *compared[customer.State], mine []string, p *Plan) {
	for _, point := range c.now.ContactPoints {
		id := point.ID.String()
		if !slices.Contains(mine, "contact_point "+id) || c.views[1]["contact_point "+id] != "" {
			continue
		}
		if point.Verified && c.last[verifiedOf+id] == other {
			p.keep("contact_point "+id, changedSince)
			continue
		}
		p.ask(customer.RemoveContactPoint{ID: point.ID})
	}
	for _, point := range c.without.ContactPoints {
		id := point.ID.String()
		switch removed := c.views[0]["contact_point "+id] == ""; {
		case slices.Contains(mine, "contact_point "+id) && removed:
		case slices.Contains(mine, primaryOf+id) && point.Primary && !removed:
			p.ask(customer.RemoveContactPoint{ID: point.ID})
		case slices.Contains(mine, verifiedOf+id) && !point.Verified:
			p.keep(verifiedOf+id, noWayBack)
			continue
		case slices.Contains(mine, verifiedOf+id):
			p.ask(customer.VerifyContactPoint{ID: point.ID})
			continue
		default:
			continue
		}
		p.ask(customer.AddContactPoint{ContactPoint: point.ContactPoint})
		if point.Verified {
			p.ask(customer.VerifyContactPoint{ID: point.ID})
		}
	}
}
