package lists

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Mark is a place in the order of a query: what the row there is sorted by, as texts
// that Postgres wrote, and last its id.
type Mark []string

// Statement is a query's part of a statement of SQL, about a row called row.
type Statement struct {
	// Where is what must hold, TRUE at least.
	Where string
	// After is the condition of the place in the order, TRUE without a mark.
	After string
	// Order is what stands behind ORDER BY.
	Order string
	// Mark is an expression for the row's own mark: an array of text.
	Mark string
	// Fixed reports that the order is one that never changes, which another row, the same
	// one today, has too: [Query.Statement] was asked to use that, and does.
	Fixed bool
	// Args are the parameters: all names begin with list_.
	Args map[string]any
}

// Piece is a condition that the program has itself, with its parameters.
type Piece struct {
	sql  string
	args map[string]any
}

// When makes a piece out of a constant.
func When(sql literal, args map[string]any) Piece { return Piece{string(sql), args} }

// All is what holds where all pieces do.
func All(pieces ...Piece) Piece {
	all := Piece{sql: "TRUE", args: map[string]any{}}
	for _, p := range pieces {
		all.sql += " AND (" + p.sql + ")"
		maps.Copy(all.args, p.args)
	}
	return all
}

// Not is the opposite.
func (p Piece) Not() Piece { return Piece{"(" + p.sql + ") IS NOT TRUE", p.args} }

// And adds conditions of the program's.
func (s *Statement) And(pieces ...Piece) {
	for _, p := range pieces {
		s.and(p.sql, p.args)
	}
}

func (s *Statement) and(condition string, args map[string]any) {
	s.Where += "\n    AND (" + condition + ")"
	maps.Copy(s.Args, args)
}

// Statement is the query as SQL, after a mark; nil is the beginning. With fixed the order
// is, where all of it never changes, told by the columns that [Field.Fixed] names.
func (q Query) Statement(after Mark, fixed bool) (Statement, error) {
	s := Statement{Where: "TRUE", After: "TRUE", Args: map[string]any{}, Fixed: fixed && q.fixed()}
	w := writer{args: s.Args}
	for _, c := range q.all {
		s.and(w.condition(c), nil)
	}
	for _, group := range q.any {
		either := make([]string, len(group))
		for i, c := range group {
			either[i] = w.condition(c)
		}
		s.and(strings.Join(either, " OR "), nil)
	}
	keys := q.keys(s.Fixed)
	var by, marks []string
	for _, k := range keys {
		by, marks = append(by, k.by()), append(marks, "("+k.expression+")::text")
	}
	s.Order, s.Mark = strings.Join(by, ", "), "ARRAY["+strings.Join(marks, ", ")+"]"
	if after == nil {
		return s, nil
	}
	if len(after) != len(keys) {
		return s, ErrMark
	}
	if _, err := uuid.Parse(after[len(after)-1]); err != nil {
		return s, ErrMark
	}
	s.After = w.after(keys, after)
	return s, nil
}

// key is a part of the order.
type key struct {
	expression string
	kind       Type
	descending bool
}

func (k key) by() string {
	if k.descending {
		return k.expression + " DESC"
	}
	return k.expression
}

func (q Query) keys(fixed bool) []key {
	var keys []key
	id := key{expression: string(q.list.ID), kind: ID}
	if fixed {
		id.expression = string(q.list.IDFixed)
	}
	for _, o := range q.order {
		k := key{string(o.field.Order), o.field.Type, o.descending}
		if fixed {
			k.expression = string(o.field.Fixed)
		}
		keys, id.descending = append(keys, k), o.descending
	}
	return append(keys, id)
}

func (q Query) fixed() bool {
	for _, o := range q.order {
		if o.field.Fixed == "" {
			return false
		}
	}
	return q.list.IDFixed != ""
}

// sqlTypes are the types of Postgres.
var sqlTypes = map[Type]string{
	Text: "text", Choice: "text", ID: "uuid", Truth: "boolean", Whole: "bigint", Day: "date", Instant: "timestamptz",
}

// writer writes conditions and collects their values.
type writer struct{ args map[string]any }

// value is a parameter, by its name.
func (w *writer) value(value any, as string) string {
	name := "list_" + strconv.Itoa(len(w.args))
	w.args[name] = value
	return "@" + name + "::" + as
}

func (w *writer) condition(c condition) string {
	f, column := c.field, string(c.field.Column)
	kind := sqlTypes[f.Type]
	if c.op == Null {
		if c.value.(bool) {
			return "(" + string(f.Absent) + ")"
		}
		return "NOT (" + string(f.Absent) + ")"
	}
	if f.Each != "" {
		return w.each(c)
	}
	switch c.op {
	case Eq:
		return column + " = " + w.value(c.value, kind)
	case Ne:
		return column + " IS DISTINCT FROM " + w.value(c.value, kind)
	case Lt, Lte, Gt, Gte:
		return column + comparisons[c.op] + w.value(c.value, kind)
	case In:
		return column + " = ANY (" + w.value(typed(c.value.([]any)), kind+"[]") + ")"
	case Prefix, Contains:
		text := c.value.(string)
		if f.Folded != "" {
			column, text = string(f.Folded), f.Fold(text)
		}
		if c.op == Contains {
			return "strpos(" + column + ", " + w.value(text, kind) + ") > 0"
		}
		return w.prefix(column, text)
	default:
		panic(fmt.Sprintf("lists: no SQL for %s", c.op)) // Read lets none through
	}
}

var comparisons = map[Op]string{Lt: " < ", Lte: " <= ", Gt: " > ", Gte: " >= "}

// prefix is the condition that a column begins with a text, in words that a B-tree in
// the order of bytes understands too.
func (w *writer) prefix(column, text string) string {
	begins := "starts_with(" + column + ", " + w.value(text, "text") + ")"
	if text == "" {
		return begins
	}
	return begins + " AND " + column + ` COLLATE "C" >= ` + w.value(text, "text") +
		` AND ` + column + ` COLLATE "C" < ` + w.value(text+string(rune(0x10FFFF)), "text")
}

// each is a condition on a row's several values.
func (w *writer) each(c condition) string {
	f, values := c.field, []any{c.value}
	if c.op == In {
		values = slices.Clone(c.value.([]any))
	}
	for i, v := range values {
		if f.Fold != nil {
			values[i] = f.Fold(v.(string))
		}
	}
	found := "EXISTS (SELECT FROM (" + string(f.Each) + ") AS has (value) WHERE has.value = ANY (" + w.value(typed(values), sqlTypes[f.Type]+"[]") + "))"
	if f.Index == "" {
		return found
	}
	terms := make([]string, len(values))
	for i, v := range values {
		terms[i] = f.Term(fmt.Sprint(v))
	}
	return string(f.Index) + " @@ (" + w.value(strings.Join(terms, " | "), "text") + ")::tsquery" + " AND " + found
}

// typed are values as a slice of their own type, which is what Postgres takes.
func typed(values []any) any {
	switch values[0].(type) {
	case string:
		return sliceOf[string](values)
	case uuid.UUID:
		return sliceOf[uuid.UUID](values)
	case int64:
		return sliceOf[int64](values)
	case time.Time:
		return sliceOf[time.Time](values)
	default:
		panic(fmt.Sprintf("lists: no list of %T", values[0])) // no type with in has such values
	}
}

func sliceOf[T any](values []any) []T {
	slice := make([]T, len(values))
	for i, v := range values {
		slice[i] = v.(T)
	}
	return slice
}

// after is the condition that a row comes after a mark. Where all of the order ascends,
// or descends, rows are compared as such, which an index understands whole; else the
// first part is told apart, which it understands too.
func (w *writer) after(keys []key, mark Mark) string {
	values, expressions, even := make([]string, len(keys)), make([]string, len(keys)), true
	for i, k := range keys {
		values[i] = "(" + w.value(mark[i], "text") + ")::" + sqlTypes[k.kind]
		expressions[i] = k.expression
		even = even && k.descending == keys[0].descending
	}
	if even {
		return "(" + strings.Join(expressions, ", ") + ")" + beyond(keys[0], "") + "(" + strings.Join(values, ", ") + ")"
	}
	last := len(keys) - 1
	after := expressions[last] + beyond(keys[last], "") + values[last]
	for i := last - 1; i >= 0; i-- {
		after = expressions[i] + beyond(keys[i], "") + values[i] + " OR " + expressions[i] + " = " + values[i] + " AND (" + after + ")"
	}
	return expressions[0] + beyond(keys[0], "=") + values[0] + " AND (" + after + ")"
}

func beyond(k key, orEqual string) string {
	if k.descending {
		return " <" + orEqual + " "
	}
	return " >" + orEqual + " "
}
