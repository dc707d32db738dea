package importing

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"crm/domain"
)

// Command is what a row asks, as an element of POST /v1/commands says it.
type Command struct {
	Name   string
	Target uuid.UUID // also of a command that creates, whose body says it as id
	Part   string
	Key    string // Idempotency-Key
	Body   []byte // JSON

	needs []uuid.UUID
	label string
	mark  string // of the Past of its stream
	row   *row
}

// Stream is the one that the command writes.
func (c *Command) Stream() domain.Stream {
	category, _, _ := strings.Cut(c.Name, ".")
	return domain.NewStream(category, c.Target)
}

// row is what is known of a record while its commands are on their way. Until they
// are there, only the goroutine that carries them out writes it.
type row struct {
	number  int64
	file    int
	name    string // of the file
	job     *job   // nil for what happens once
	line    int
	raw     []byte
	targets []uuid.UUID
	dead    []uuid.UUID // what the row could not bring into being
	reasons []string    // why it is rejected, at least in part
	updated bool
}

// commandsOf are the commands that a record becomes. Problems with an item of a
// list cost that item; any other problem costs the row, which then has no
// commands.
func (s *section) commandsOf(p *Plan, rec *record, of *row) ([]*Command, []error) {
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
	var all []*Command
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
func (p *Plan) onceCommands(of *row) ([]*Command, error) {
	var all []*Command
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
func (s *section) rowName(sc *scope, p *Plan, key result) (string, error) {
	if s.row != nil {
		if label, err := s.row.of(sc); err != nil || !label.blank() {
			return s.Name + "#" + label.text, err
		}
	}
	id := p.id(s.Name, key.text)
	return s.Name + "#" + hex.EncodeToString(id[:4]), nil
}

func (c *Command) appendTo(all []*Command, of *row) []*Command {
	if c == nil {
		return all
	}
	c.row = of
	return append(all, c)
}

// of is the command for one row or item; none when its conditions do not hold,
// its key is blank, or all that its body refers to is blank.
func (cp *commandPlan) of(s *scope, key result, rowName string) (*Command, error) {
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
	c := &Command{Name: cp.name, Target: cp.plan.id(cp.entity, key.text), label: cp.label}
	if cp.part != nil {
		part, err := cp.part.of(s)
		if err != nil {
			return nil, err
		}
		c.Part = part.text
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
		c.needs = append(c.needs, c.Target)
	}
	c.Body = append(make([]byte, 0, len(body)+160), '{')
	if creates(cp.name) {
		c.Body = append(append(c.Body, `"id":"`+c.Target.String()+`"`...), ',')
	}
	if inner := body[1 : len(body)-1]; len(inner) > 0 {
		c.Body = append(append(c.Body, inner...), ',')
	}
	if cp.occurred != nil {
		occurred, err := cp.instant(s)
		if err != nil {
			return nil, err
		}
		if occurred != "" {
			c.Body = append(append(c.Body, `"occurred_at":"`+occurred+`"`...), ',')
		}
	}
	c.Body = appendSource(c.Body, cp.plan.Name, rowName)
	c.Key = c.idempotencyKey(cp.plan.Name)
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
// one as soon as anything in the command differs, or an undo has changed the stream.
func (c *Command) idempotencyKey(mapping string) string {
	sum := sha256.New()
	for _, part := range []string{mapping, c.label, c.Target.String(), c.Part, string(c.Body)} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	sum.Write([]byte(c.mark)) // nothing where there is none: such keys are in many logs
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
func (c *Command) append(dst []byte) []byte {
	dst = appendText(append(dst, `{"command":`...), c.Name)
	if !creates(c.Name) {
		dst = append(append(dst, `,"target":"`...), c.Target.String()...)
		dst = append(dst, '"')
	}
	if c.Part != "" {
		dst = appendText(append(dst, `,"part":`...), c.Part)
	}
	dst = appendText(append(dst, `,"idempotency_key":`...), c.Key)
	return append(append(append(dst, `,"body":`...), c.Body...), '}')
}

// size is about how many bytes append writes.
func (c *Command) size() int { return len(c.Body) + 200 }
