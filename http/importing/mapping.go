package importing

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

//go:embed builtin/*.yaml
var builtin embed.FS

// Builtins are the names of the mappings that come with the program.
func Builtins() []string {
	files, _ := fs.Glob(builtin, "builtin/*.yaml") // the pattern is well formed
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(path.Base(file), ".yaml")
	}
	return names
}

// Text is the text of a mapping: of a built-in by its name, and false where there is
// no such mapping.
func Text(name string) ([]byte, bool) {
	text, err := builtin.ReadFile("builtin/" + name + ".yaml")
	return text, err == nil
}

// Load reads a mapping, a built-in by its name or a YAML file, and gives its text,
// too. The error is a [MappingError].
func Load(name string) (*Plan, []byte, error) {
	text, known := Text(name)
	if !known {
		var err error
		if text, err = os.ReadFile(name); err != nil {
			return nil, nil, &MappingError{missing(name, err)}
		}
	}
	p, err := Parse(name, text)
	return p, text, err
}

// MappingError is a mapping that is not there or has a slip.
type MappingError struct{ error }

// Unwrap gives what is wrong with it.
func (e *MappingError) Unwrap() error { return e.error }

func missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no mapping file %s, and the built-in mappings are %s", name, strings.Join(Builtins(), ", "))
	}
	return err
}

// Parse reads the text of a mapping, which errors call by name. They name the line,
// and are a [MappingError].
func Parse(name string, text []byte) (*Plan, error) {
	p, err := parse(name, text)
	if err != nil {
		return nil, &MappingError{err}
	}
	return p, nil
}

// maxOpen is how many brackets and braces a mapping may open. The YAML reader takes time
// that grows with the square of how deep they nest: a quarter of a megabyte of [ takes
// it minutes. The built-in mappings open some two hundred.
const maxOpen = 4000

func parse(name string, text []byte) (*Plan, error) {
	if open := bytes.Count(text, []byte("[")) + bytes.Count(text, []byte("{")); open > maxOpen {
		return nil, fmt.Errorf("mapping %s: it opens %d brackets and braces, and may open %d", name, open, maxOpen)
	}
	var m mapping
	if err := yaml.UnmarshalWithOptions(text, &m, yaml.Strict()); err != nil {
		if at, ok := errors.AsType[yaml.Error](err); ok && at.GetToken() != nil {
			message := at.GetMessage()
			if mistyped, ok := errors.AsType[*yaml.TypeError](err); ok && mistyped != nil { // it speaks of Go's types
				message = "a value of another kind is expected here: a text, a list or an object"
			}
			return nil, fmt.Errorf("mapping %s: line %d: %s", name, at.GetToken().Position.Line, message)
		}
		return nil, fmt.Errorf("mapping %s: %w", name, err)
	}
	p, err := compile(&m)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", name, err)
	}
	return p, nil
}

// The mapping as it stands in YAML. doc.go is its reference.
type (
	mapping struct {
		Name   string               `yaml:"name"`
		About  string               `yaml:"about"`
		Maps   map[string]words     `yaml:"maps"`
		Values map[string]valueSpec `yaml:"values"`
		Once   []commandSpec        `yaml:"once"`
		Files  []fileSpec           `yaml:"files"`
	}

	fileSpec struct {
		Name      string               `yaml:"name"`
		Match     texts                `yaml:"match"`
		Format    string               `yaml:"format"`
		Delimiter string               `yaml:"delimiter"`
		Encoding  string               `yaml:"encoding"`
		Header    []string             `yaml:"header"`
		Blank     texts                `yaml:"blank"`
		Decimal   string               `yaml:"decimal"`
		Thousands string               `yaml:"thousands"`
		Dates     texts                `yaml:"dates"`
		Zone      string               `yaml:"zone"`
		Entity    string               `yaml:"entity"`
		Key       scalar               `yaml:"key"`
		Row       scalar               `yaml:"row"`
		Values    map[string]valueSpec `yaml:"values"`
		Commands  []commandSpec        `yaml:"commands"`
	}

	valueSpec struct {
		Column    texts   `yaml:"column"`
		Text      texts   `yaml:"text"`
		Default   *string `yaml:"default"`
		Blank     texts   `yaml:"blank"`
		Map       words   `yaml:"map"`
		Otherwise *string `yaml:"otherwise"`
		OneOf     texts   `yaml:"one_of"`
		Type      string  `yaml:"type"`
		Currency  string  `yaml:"currency"`
		Times     int64   `yaml:"times"`
		Decimal   string  `yaml:"decimal"`
		Thousands string  `yaml:"thousands"`
		Dates     texts   `yaml:"dates"`
		Zone      string  `yaml:"zone"`
		Yes       texts   `yaml:"yes"`
		No        texts   `yaml:"no"`
		Ref       string  `yaml:"ref"`
		Optional  bool    `yaml:"optional"`
		at        int
	}

	commandSpec struct {
		Command    scalar           `yaml:"command"`
		Entity     string           `yaml:"entity"`
		Key        scalar           `yaml:"key"`
		Each       string           `yaml:"each"`
		When       map[string]texts `yaml:"when"`
		Unless     map[string]texts `yaml:"unless"`
		Present    texts            `yaml:"present"`
		Absent     texts            `yaml:"absent"`
		Part       scalar           `yaml:"part"`
		OccurredAt scalar           `yaml:"occurred_at"`
		Body       body             `yaml:"body"`
	}
)

// texts is one text or a list of them. Numbers and booleans count as written.
type texts []string

// UnmarshalYAML reads it.
func (t *texts) UnmarshalYAML(node ast.Node) error {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		text, err := scalarText(node)
		*t = texts{text}
		return err
	}
	*t = texts{}
	for _, element := range list.Values {
		text, err := scalarText(element)
		if err != nil {
			return err
		}
		*t = append(*t, text)
	}
	return nil
}

// words say what a text becomes: as they stand, or as the name of words that
// the mapping has under maps.
type words struct {
	name  string
	texts map[string]string
}

// UnmarshalYAML reads them.
func (w *words) UnmarshalYAML(node ast.Node) (err error) {
	if w.name, err = scalarText(node); err == nil {
		return nil
	}
	return yaml.NodeToValue(node, &w.texts, yaml.Strict())
}

// scalar is a text that knows its line.
type scalar struct {
	text string
	at   int
}

// UnmarshalYAML reads it.
func (s *scalar) UnmarshalYAML(node ast.Node) (err error) {
	s.at = node.GetToken().Position.Line
	s.text, err = scalarText(node)
	return err
}

// body is a tree of YAML, kept as it is written.
type body struct{ node ast.Node }

// UnmarshalYAML reads it.
func (b *body) UnmarshalYAML(node ast.Node) error {
	b.node = node
	return nil
}

// UnmarshalYAML reads a value's description, strictly like everything else. A
// text alone stands for {column: text}.
func (v *valueSpec) UnmarshalYAML(node ast.Node) error {
	v.at = node.GetToken().Position.Line
	if text, err := scalarText(node); err == nil {
		v.Column = texts{text}
		return nil
	}
	type plain valueSpec
	at := v.at
	if err := yaml.NodeToValue(node, (*plain)(v), yaml.Strict()); err != nil {
		return err
	}
	v.at = at
	return nil
}

func scalarText(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.NullNode:
		return "", nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, nil
	}
	return "", errorAt(node.GetToken().Position.Line, "a text is expected here")
}

func errorAt(line int, format string, args ...any) error {
	return fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
}

// matches reports whether the file's section is for a file of that base name.
func (f *fileSpec) matches(base string) bool {
	base = strings.ToLower(strings.TrimSuffix(base, ".gz"))
	return slices.ContainsFunc(f.Match, func(pattern string) bool {
		ok, _ := path.Match(strings.ToLower(pattern), base) // compile checked the pattern
		return ok
	})
}
