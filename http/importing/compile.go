package importing

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/google/uuid"

	"crm/domain"
)

// Plan is a mapping, checked and ready to run.
type Plan struct {
	Name  string // part of every id
	About string // for people

	once     []*commandPlan
	sections []*section
	section  *section // of the once commands: no file, no columns
}

// section is what becomes of the files of one kind.
type section struct {
	*fileSpec
	key, row *template
	commands []*commandPlan
	values   int // how many a scope remembers

	columns [][]string // each needed: at least one of them is in the header
	zone    *time.Location
}

// commandPlan is a command that a row may become.
type commandPlan struct {
	name     string
	label    string // tells it from the others of its name in the section
	entity   string
	key      *template // nil: the row's
	each     string
	when     []condition
	present  []*reference
	absent   []*reference
	part     *template
	occurred *template
	body     *node
	section  *section
	plan     *Plan
}

type condition struct {
	ref    *reference
	values texts
	unless bool
}

// id is the id of an entity of this mapping. It depends on nothing but names, so
// that every run and every file find the same aggregate, without a table.
func (p *Plan) id(entity, key string) uuid.UUID {
	return uuid.NewSHA1(domain.Namespace, []byte("import\x00"+p.Name+"\x00"+entity+"\x00"+key))
}

// compiler checks one section of a mapping.
type compiler struct {
	plan    *Plan
	section *section
	maps    map[string]words
	specs   map[string]valueSpec
	done    map[string]*value
	busy    []string // values being compiled, to find circles
	command string   // whose body is being compiled
}

func compile(m *mapping) (*Plan, error) {
	if !domain.IsSlug(m.Name) {
		return nil, fmt.Errorf("name: %q is not a name; it is 1 to 64 of a-z, 0-9, _ and -, and must not change", m.Name)
	}
	p := &Plan{Name: m.Name, About: m.About}
	if len(m.Files) == 0 {
		return nil, fmt.Errorf("files: a mapping names at least one kind of file")
	}
	var err error
	p.section = &section{fileSpec: &fileSpec{Name: "once"}, zone: time.UTC}
	c := &compiler{plan: p, section: p.section, maps: m.Maps, specs: m.Values, done: map[string]*value{}}
	if p.once, err = c.compileCommands(m.Once); err != nil {
		return nil, err
	}
	if len(p.section.columns) > 0 {
		return nil, fmt.Errorf("once: there is no value %s; what happens once refers to values only", p.section.columns[0][0])
	}
	p.section.values = len(c.done)
	for i := range m.Files {
		spec := &m.Files[i]
		s, err := p.compileSection(spec, m)
		if err != nil {
			return nil, fmt.Errorf("files, %s: %w", spec.Name, err)
		}
		if slices.ContainsFunc(p.sections, func(other *section) bool { return other.Name == s.Name }) {
			return nil, fmt.Errorf("files: the name %s is there twice", s.Name)
		}
		p.sections = append(p.sections, s)
	}
	return p, nil
}

func (p *Plan) compileSection(spec *fileSpec, m *mapping) (*section, error) {
	s := &section{fileSpec: spec}
	switch {
	case !domain.IsSlug(spec.Name):
		return nil, fmt.Errorf("name: %q is not a name; it is 1 to 64 of a-z, 0-9, _ and -, and must not change", spec.Name)
	case len(spec.Match) == 0:
		return nil, fmt.Errorf("match: which files is it for?")
	case len(spec.Commands) == 0:
		return nil, fmt.Errorf("commands: what does a row become?")
	case spec.Entity == "" || spec.Key.text == "":
		return nil, fmt.Errorf("entity, key: a row needs both, so that the next import finds it again")
	case !slices.Contains([]string{"", "csv", "jsonl", "vcard"}, spec.Format):
		return nil, fmt.Errorf("format: %q is not one of csv, jsonl and vcard", spec.Format)
	}
	for _, pattern := range spec.Match {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("match: %q is not a pattern", pattern)
		}
	}
	var err error
	if _, err = encodingNamed(spec.Encoding); err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	if s.zone, err = zoneNamed(spec.Zone, time.UTC); err != nil {
		return nil, err
	}
	c := &compiler{plan: p, section: s, maps: m.Maps, specs: map[string]valueSpec{}, done: map[string]*value{}}
	for _, specs := range []map[string]valueSpec{m.Values, spec.Values} {
		maps.Copy(c.specs, specs)
	}
	for _, name := range sortedNames(spec.Values) { // also those that nothing refers to
		if _, err := c.resolve(name); err != nil {
			return nil, err
		}
	}
	if s.key, err = c.optional(spec.Key); err != nil {
		return nil, err
	}
	if s.row, err = c.optional(spec.Row); err != nil {
		return nil, err
	}
	if s.commands, err = c.compileCommands(spec.Commands); err != nil {
		return nil, err
	}
	s.values = len(c.done)
	return s, nil
}

func (c *compiler) compileCommands(specs []commandSpec) ([]*commandPlan, error) {
	var plans []*commandPlan
	count := map[string]int{}
	for i := range specs {
		spec := &specs[i]
		command, err := c.compileCommand(spec)
		if err != nil {
			return nil, fmt.Errorf("command %s: %w", spec.Command.text, err)
		}
		count[command.name]++
		command.label = fmt.Sprintf("%s/%s#%d", c.section.Name, command.name, count[command.name])
		plans = append(plans, command)
	}
	return plans, nil
}

func (c *compiler) compileCommand(spec *commandSpec) (*commandPlan, error) {
	name := spec.Command.text
	if _, known := members[name]; !known {
		return nil, errorAt(spec.Command.at, "no row can become a command %q; it can become %s", name, strings.Join(Commands(), ", "))
	}
	c.command = name
	defer func() { c.command = "" }()
	plan := &commandPlan{name: name, each: spec.Each, section: c.section, plan: c.plan, entity: spec.Entity}
	if plan.entity == "" {
		plan.entity = c.section.Entity
	}
	if (spec.Entity != "" || c.section.Entity == "") && spec.Key.text == "" {
		return nil, errorAt(spec.Command.at, "it names an entity of its own, so it needs a key too")
	}
	if plan.entity == "" {
		return nil, errorAt(spec.Command.at, "entity: what is it that has this key?")
	}
	var err error
	if plan.key, err = c.optional(spec.Key); err != nil {
		return nil, err
	}
	if plan.part, err = c.optional(spec.Part); err != nil {
		return nil, err
	}
	if plan.occurred, err = c.optional(spec.OccurredAt); err != nil {
		return nil, err
	}
	if plan.occurred != nil && !plan.occurred.isInstant() {
		return nil, errorAt(spec.OccurredAt.at, "occurred_at: refer to one value of type date or datetime")
	}
	for _, each := range []struct {
		from   map[string]texts
		unless bool
	}{{spec.When, false}, {spec.Unless, true}} {
		for _, name := range sortedNames(each.from) {
			ref, err := c.resolve(name)
			if err != nil {
				return nil, err
			}
			plan.when = append(plan.when, condition{ref, each.from[name], each.unless})
		}
	}
	if plan.present, err = c.resolveAll(spec.Present); err != nil {
		return nil, err
	}
	if plan.absent, err = c.resolveAll(spec.Absent); err != nil {
		return nil, err
	}
	plan.body = &node{}
	if spec.Body.node != nil {
		if plan.body, err = c.compileNode(spec.Body.node, false); err != nil {
			return nil, err
		}
		if _, object := spec.Body.node.(ast.MapNode); !object {
			return nil, errorAt(spec.Body.node.GetToken().Position.Line, "a body is an object")
		}
	}
	for _, m := range plan.body.members {
		switch {
		case !isMember(name, m.name):
			return nil, errorAt(spec.Body.node.GetToken().Position.Line, "its body has no member %q; it has %s", m.name, members[name]+everywhere)
		case m.name == "id" && creates(name):
			return nil, errorAt(spec.Body.node.GetToken().Position.Line, "the id follows from entity and key and is not to be given")
		}
	}
	return plan, nil
}

// isInstant reports whether the template is one value that is a date or instant.
func (t *template) isInstant() bool {
	if len(t.parts) != 1 || t.parts[0].ref == nil || t.parts[0].ref.value == nil {
		return false
	}
	k := t.parts[0].ref.value.kind
	return k == asDate || k == asDatetime
}

func (c *compiler) optional(text scalar) (*template, error) {
	if text.text == "" {
		return nil, nil //nolint:nilnil // nothing is what the mapping says
	}
	t, err := parseTemplate(text.text, c.resolve)
	if err != nil {
		return nil, errorAt(text.at, "%v", err)
	}
	return t, nil
}

func (c *compiler) resolveAll(names texts) ([]*reference, error) {
	var all []*reference
	for _, name := range names {
		ref, err := c.resolve(name)
		if err != nil {
			return nil, err
		}
		all = append(all, ref)
	}
	return all, nil
}
