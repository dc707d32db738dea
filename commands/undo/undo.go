package undo

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"crm/domain"
	"crm/domain/deal"
)

// Application is what the events of an undo name as their source; their import is the
// one that is undone.
const Application = "crm import undo"

// Outcome is what an undo comes to for a stream.
type Outcome string

// The outcomes.
const (
	Untouched Outcome = "untouched" // the import has not written it
	Restored  Outcome = "restored"  // it is, or will be, as it would be without the import
	Ended     Outcome = "ended"     // the import has created it, and it is put away
	Kept      Outcome = "kept"      // at least a part of what the import wrote stays
)

// Plan is what would take back what an import did to a stream.
type Plan struct {
	Outcome  Outcome
	Commands []domain.Command // one after the other
	Kept     []string         // what stays, and why
}

func (p *Plan) ask(commands ...domain.Command) { p.Commands = append(p.Commands, commands...) }

func (p *Plan) keep(field, why string) { p.Kept = append(p.Kept, field+": "+why) }

// Why something stays.
const (
	changedSince = "changed since by somebody else"
	noWayBack    = "cannot be taken back"
	noNothing    = "was not known before, and cannot be unknown again"
)

// author is whose an event is.
type author int

const (
	other author = iota + 1
	run          // the import
	undoing
)

// Why a customer stays whom the import has created, beside what somebody else has written
// to the stream.
const (
	ByOthers = changedSince
	ByDeal   = "a deal that stays is theirs"
)

// Of is the plan for a stream with a history, to undo the import of that id. Held says
// why what it has created stays nevertheless, for what is told in other streams; empty
// where nothing does.
func Of(stream domain.Stream, history []domain.Recorded, importID, held string) (Plan, error) {
	l := &life{held: held}
	for _, recorded := range history {
		if unreadable, ok := recorded.Event.(domain.Unreadable); ok {
			return Plan{}, fmt.Errorf("%s holds an event of type %s that cannot be read", stream, unreadable.Type)
		}
		by := other
		if recorded.Meta.Source.Import == importID {
			switch recorded.Meta.Source.Application {
			case Application:
				by = undoing
			default:
				by = run
			}
		}
		l.events = append(l.events, recorded.Event)
		l.authors = append(l.authors, by)
		if by == other {
			l.held = changedSince
		}
	}
	if !slices.Contains(l.authors, run) {
		return Plan{Outcome: Untouched}, nil
	}
	l.created = l.authors[0] == run
	plan := Plan{Outcome: Restored}
	switch stream.Category() {
	case "customer":
		planCustomer(l, &plan)
	case "deal":
		planDeal(l, &plan)
	case "consent":
		planConsents(l, &plan)
	case "interaction":
		planInteractions(l, &plan)
	case "employee":
		planEmployee(l, &plan)
	case "product":
		planProduct(l, &plan)
	default:
		plan.keep(stream.Category(), noWayBack)
	}
	if len(plan.Kept) > 0 {
		plan.Outcome = Kept
	}
	return plan, nil
}

// Holds reports whether a deal with that history is the customer's, and was not voided.
func Holds(history []domain.Recorded, of domain.CustomerID) bool {
	s := deal.Decider.Initial()
	for _, recorded := range history {
		if event, ok := recorded.Event.(deal.Event); ok {
			s = deal.Decider.Evolve(s, event)
		}
	}
	return s.Customer == of && s.Status != deal.IsVoid
}

// Foreign reports whether the history has an event that is neither the import's nor
// its undo's.
func Foreign(history []domain.Recorded, importID string) bool {
	return slices.ContainsFunc(history, func(r domain.Recorded) bool { return r.Meta.Source.Import != importID })
}

// life is a stream's events and whose they are.
type life struct {
	events  []domain.Event
	authors []author
	created bool   // by the import
	held    string // why it stays if so
}

// ends plans for what the import has created, and reports whether it has: it ends by the
// command, unless that is so or something holds it.
func (l *life) ends(p *Plan, name string, over bool, end domain.Command) bool {
	switch {
	case !l.created:
		return false
	case l.held != "":
		p.keep(name, l.held)
	default:
		p.Outcome = Ended
		if !over {
			p.ask(end)
		}
	}
	return true
}

// fields are a state as names with values, as JSON.
type fields map[string]string

func (f fields) set(name string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // what is stored as JSON anyway
	}
	f[name] = string(text)
}

// setAll sets a field for each member of value, an object.
func (f fields) setAll(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // as above
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		panic(err) // as above
	}
	for name, member := range members {
		f[name] = string(member)
	}
}

// compared is a state as it is, as it would be without the import, and who has written
// which field last.
type compared[S any] struct {
	now, without S
	views        [2]fields // of both
	last         map[string]author
	wrote        map[string]bool // the import ever has
}

// compare folds a history both ways.
func compare[S any, C domain.Command, E domain.Event](l *life, decider domain.Decider[S, C, E], view func(S) fields) *compared[S] {
	c := &compared[S]{now: decider.Initial(), without: decider.Initial(), last: map[string]author{}, wrote: map[string]bool{}}
	before := view(c.now)
	for i, event := range l.events {
		e := event.(E) // of this stream; the store's registry sees to it
		c.now = decider.Evolve(c.now, e)
		if l.authors[i] == other {
			c.without = decider.Evolve(c.without, e)
		}
		after := view(c.now)
		for name := range both(before, after) {
			if before[name] != after[name] {
				c.last[name] = l.authors[i]
				c.wrote[name] = c.wrote[name] || l.authors[i] == run
			}
		}
		before = after
	}
	c.views = [2]fields{before, view(c.without)}
	return c
}

func both(a, b fields) map[string]struct{} {
	names := make(map[string]struct{}, len(a)+len(b))
	for _, f := range []fields{a, b} {
		for name := range f {
			names[name] = struct{}{}
		}
	}
	return names
}

// mine are the fields that differ because of the import, which wrote them last, or its
// undo, in order. Those that it wrote and somebody else has since are kept.
func (c *compared[S]) mine(p *Plan) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.last)) {
		switch by := c.last[name]; {
		case by != other: // an undo may have been interrupted between two commands
			if c.views[0][name] != c.views[1][name] {
				names = append(names, name)
			}
		case c.wrote[name] && !ofPoint(name):
			p.keep(name, changedSince)
		}
	}
	return names
}

// patch is what gives the named fields of D the values that they have in to.
func patch[D any](all domain.Fields[D], names []string, to D) (domain.Patch[D], bool) {
	var p domain.Patch[D]
	for _, field := range all {
		if !slices.Contains(names, field.Name) {
			continue
		}
		one := domain.Fields[D]{field}
		if one.Touches(domain.Patch[D]{Set: to}, field.Name) {
			p.Set = one.Apply(p.Set, domain.Patch[D]{Set: to})
		} else {
			p.Clear = append(p.Clear, field.Name)
		}
	}
	return p, slices.ContainsFunc(all, func(f domain.Field[D]) bool { return slices.Contains(names, f.Name) })
}
