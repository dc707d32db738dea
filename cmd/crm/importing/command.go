package importing

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// command is one element of a bulk request.
type command struct {
	name   string
	target uuid.UUID
	part   string
	key    string // Idempotency-Key
	body   []byte // JSON
	needs  []uuid.UUID
	label  string
	row    *row
}

// row is what is known of a record while its commands are on their way.
type row struct {
	file     string
	line     int
	raw      []byte
	dead     []uuid.UUID // what the row could not bring into being
	rejected bool
	updated  bool
}

// commandsOf are the commands that a record becomes. Problems with an item of a
// list cost that item; any other problem costs the row, which then has no
// commands.
func (s *section) commandsOf(p *plan, rec *record, of *row) ([]*command, []error) {
	sc := &scope{record: rec, blank: s.Blank, known: make([]*result, s.values)}
	key, err := s.key.of(sc)
	switch {
	case err != nil:
		return nil, []error{err}
	case key.blank():
		return nil, []error{errors.New("the row has no key: " + s.Key.text + " is blank")}
	}
	name, err := s.rowName(sc, p, key)
	if err != nil {
		return nil, []error{err}
	}
	var all []*command
	var problems []error
	for _, plan := range s.commands {
		if plan.each == "" {
			made, err := plan.of(sc, key, name)
			if err != nil {
				return nil, []error{err}
			}
			all = made.appendTo(all, of)
			continue
		}
		for _, item := range rec.lists[plan.each] {
			inner := &scope{record: rec, blank: s.Blank, each: plan.each, item: item, known: make([]*result, s.values)}
			made, err := plan.of(inner, key, name)
			if err != nil {
				problems = append(problems, err)
			}
			all = made.appendTo(all, of)
		}
	}
	return all, problems
}

// onceCommands are the commands that no file is needed for.
func (p *plan) onceCommands(of *row) ([]*command, error) {
	var all []*command
	for _, plan := range p.once {
		s := &scope{record: &record{}, known: make([]*result, p.section.values)}
		c, err := plan.of(s, result{}, p.section.Name)
		if err != nil {
			return nil, fmt.Errorf("once: %w", err)
		}
		all = c.appendTo(all, of)
	}
	return all, nil
}

// rowName is how events name the row. It holds no line number: a row may move.
func (s *section) rowName(sc *scope, p *plan, key result) (string, error) {
	if s.row != nil {
		if label, err := s.row.of(sc); err != nil || !label.blank() {
			return s.Name + "#" + label.text, err
		}
	}
	id := p.id(s.Name, key.text)
	return s.Name + "#" + hex.EncodeToString(id[:4]), nil
}

func (c *command) appendTo(all []*command, of *row) []*command {
	if c == nil {
		return all
	}
	c.row = of
	return append(all, c)
}

// of is the command for one row or item; none when its conditions do not hold,
// its key is blank, or all that its body refers to is blank.
func (cp *commandPlan) of(s *scope, key result, rowName string) (*command, error) {
	if holds, err := cp.holds(s); err != nil || !holds {
		return nil, err
	}
	if cp.key != nil {
		// Several rows may say the same of this entity (the manager of five), and
		// then it must be the same command, whichever row it comes from.
		rowName = cp.section.Name
		own, err := cp.key.of(s)
		if err != nil || own.blank() {
			return nil, err
		}
		key = own
	}
	c := &command{name: cp.name, target: cp.plan.id(cp.entity, key.text), label: cp.label}
	if cp.part != nil {
		part, err := cp.part.of(s)
		if err != nil {
			return nil, err
		}
		c.part = part.text
	}
	body, needs, there, err := cp.body.render(nil, nil, s)
	switch {
	case err != nil:
		return nil, err
	case !there && creates(cp.name):
		return nil, errors.New("everything that " + cp.name + " needs is blank")
	case !there:
		return nil, nil //nolint:nilnil // there is nothing to ask
	}
	c.needs = needs
	if needsCustomer(cp.name) {
		c.needs = append(c.needs, c.target)
	}
	c.body = append(make([]byte, 0, len(body)+160), '{')
	if creates(cp.name) {
		c.body = append(append(c.body, `"id":"`+c.target.String()+`"`...), ',')
	}
	if inner := body[1 : len(body)-1]; len(inner) > 0 {
		c.body = append(append(c.body, inner...), ',')
	}
	if cp.occurred != nil {
		occurred, err := cp.instant(s)
		if err != nil {
			return nil, err
		}
		if occurred != "" {
			c.body = append(append(c.body, `"occurred_at":"`+occurred+`"`...), ',')
		}
	}
	c.body = appendSource(c.body, cp.plan.name, rowName)
	c.key = c.idempotencyKey(cp.plan.name)
	return c, nil
}

// instant is the command's occurred_at: a date is its first moment.
func (cp *commandPlan) instant(s *scope) (string, error) {
	found, err := cp.occurred.of(s)
	if err != nil || found.blank() || found.kind == asDatetime {
		return found.text, err
	}
	return midnight(found.text, cp.section.zone)
}

// appendSource says in the body where the command comes from, and ends it.
func appendSource(body []byte, mapping, rowName string) []byte {
	body = append(body, `"source":{"application":"crm import","import":`...)
	body = appendText(body, mapping)
	body = append(body, `,"row":`...)
	return append(appendText(body, rowName), `}}`...)
}

// idempotencyKey is the same for the same row with the same content, and another
// one as soon as anything in the command differs.
func (c *command) idempotencyKey(mapping string) string {
	sum := sha256.New()
	for _, part := range []string{mapping, c.label, c.target.String(), c.part, string(c.body)} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	return "import-" + hex.EncodeToString(sum.Sum(nil)[:16])
}

func (cp *commandPlan) holds(s *scope) (bool, error) {
	for _, c := range cp.when {
		found, err := c.ref.of(s)
		if err != nil || slices.Contains(c.values, found.text) == c.unless {
			return false, err
		}
	}
	for _, each := range []struct {
		refs  []*reference
		blank bool
	}{{cp.present, false}, {cp.absent, true}} {
		for _, ref := range each.refs {
			found, err := ref.of(s)
			if err != nil || found.blank() != each.blank {
				return false, err
			}
		}
	}
	return true, nil
}

// append writes the command as an element of a bulk request.
func (c *command) append(dst []byte) []byte {
	dst = appendText(append(dst, `{"command":`...), c.name)
	if !creates(c.name) {
		dst = append(append(dst, `,"target":"`...), c.target.String()...)
		dst = append(dst, '"')
	}
	if c.part != "" {
		dst = appendText(append(dst, `,"part":`...), c.part)
	}
	dst = appendText(append(dst, `,"idempotency_key":`...), c.key)
	return append(append(append(dst, `,"body":`...), c.body...), '}')
}

// size is about how many bytes append writes.
func (c *command) size() int { return len(c.body) + 200 }
