package lists

import (
	"fmt"
	"slices"
	"strings"
)

// literal is a piece of a statement that stands in this program. Other packages can write it
// as a constant, and cannot make it from a variable.
type literal string

// Type is the type of a field's values.
type Type string

// The types, and how their values are written.
const (
	Text    Type = "text"    // any
	Choice  Type = "choice"  // one of a few words
	ID      Type = "id"      // a UUID
	Truth   Type = "boolean" // true, false
	Whole   Type = "integer" // of 64 bits
	Day     Type = "day"     // 2026-11-22
	Instant Type = "instant" // RFC 3339, or a day: its first instant in UTC
)

// Op is what a condition asks of a field.
type Op string

// The operators.
const (
	Eq       Op = "eq"
	Ne       Op = "ne" // also where it is unknown
	Lt       Op = "lt"
	Lte      Op = "lte"
	Gt       Op = "gt"
	Gte      Op = "gte"
	In       Op = "in"
	Prefix   Op = "prefix"
	Contains Op = "contains"
	Null     Op = "null" // true: unknown, none
)

// Field is what a list may be filtered by, and perhaps sorted. Pieces of SQL are about a
// row called row.
type Field struct {
	Name  string // as callers write it
	Type  Type
	About string // a sentence for people; may be empty

	// Column is the value.
	Column literal
	// Each is a subquery of values instead, where a row has several: eq and in ask
	// whether one of them is meant, and there are no other operators but null.
	Each literal
	// Index with Term, for an Each: what has the value is in Index @@ Term(value), as
	// text of a tsquery. That finds it sooner; Each still decides.
	Index literal
	Term  func(value string) string

	Choices []string // of a Choice
	// Absent is the condition that the value is unknown; none: it never is.
	Absent literal
	// Folded is a column that holds what Fold makes of the value; prefix and contains look
	// there for what it makes of theirs. None: a text is compared as it is. An Each holds
	// what Fold makes already.
	Folded literal
	Fold   func(value string) string

	// Order is what to sort by, never NULL; none: it cannot be sorted by.
	Order literal
	// Later marks one that cannot be sorted by first: no index has it in order.
	Later bool
	// Fixed is the same as Order, and never changes: see [Statement.Fixed].
	Fixed literal

	// Personal is a field that not everybody may see, and so not ask about.
	Personal bool
}

// Ops are the operators that the field takes.
func (f *Field) Ops() []Op {
	var ops []Op
	switch {
	case f.Each != "":
		ops = []Op{Eq, In}
	case f.Type == Text:
		ops = []Op{Eq, Ne, In, Prefix, Contains}
	case f.Type == Choice, f.Type == ID:
		ops = []Op{Eq, Ne, In}
	case f.Type == Truth:
		ops = []Op{Eq}
	default:
		ops = []Op{Eq, Ne, Lt, Lte, Gt, Gte, In}
	}
	if f.Absent != "" {
		ops = append(ops, Null)
	}
	return ops
}

// Sorts reports whether a list may be sorted by the field, and whether first.
func (f *Field) Sorts() (ever, first bool) { return f.Order != "", f.Order != "" && !f.Later }

// List is what may be asked of one list.
type List struct {
	Name   string
	Fields []Field
	// ID is the column of the row's id, which ends every order.
	ID literal
	// IDFixed is the same in [Statement.Fixed].
	IDFixed literal
	// Default is the order of who names none.
	Default string
}

// New checks a list's description, which is the program's own: a wrong one panics.
func New(l List) *List {
	for i := range l.Fields {
		f := &l.Fields[i]
		if (f.Column == "") == (f.Each == "") || (f.Type == Choice) != (len(f.Choices) > 0) || l.field(f.Name) != f {
			panic(fmt.Sprintf("lists: field %s of %s is described wrongly", f.Name, l.Name))
		}
	}
	if _, err := l.Read(Question{}, true); err != nil {
		panic(fmt.Sprintf("lists: the order of %s: %v", l.Name, err))
	}
	return &l
}

func (l *List) field(name string) *Field {
	for i := range l.Fields {
		if l.Fields[i].Name == name {
			return &l.Fields[i]
		}
	}
	return nil
}

// Sortable are the names of what a list may be sorted by.
func (l *List) Sortable() []string {
	var names []string
	for i := range l.Fields {
		if ever, _ := l.Fields[i].Sorts(); ever {
			names = append(names, l.Fields[i].Name)
		}
	}
	return names
}

// filters are the names of all fields.
func (l *List) filters() string {
	names := make([]string, len(l.Fields))
	for i := range l.Fields {
		names[i] = l.Fields[i].Name
	}
	return strings.Join(names, ", ")
}

func spelled(ops []Op) string {
	names := make([]string, len(ops))
	for i, op := range ops {
		names[i] = string(op)
	}
	return strings.Join(names, ", ")
}

func (f *Field) takes(op Op) bool { return slices.Contains(f.Ops(), op) }
