package lists

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"crm/domain"
)

// The limits of a question.
const (
	MaxConditions = 20  // in all groups together
	MaxValues     = 200 // of one in
	MaxValue      = 500 // characters
	MaxSorts      = 3
)

// Condition is a condition as a caller asks it.
type Condition struct {
	Field  string
	Op     string
	Values []string // one, but for in
	At     string   // where the caller wrote it, for a Fault
}

// Question is what a caller asks of a list.
type Question struct {
	All    []Condition   // all of them hold
	Any    [][]Condition // of each group one holds
	Sort   string        // fields, a comma between, - before one that descends; empty: the list's own
	SortAt string        // where the caller wrote it
}

// Fault is a question that a list does not take.
type Fault struct {
	At        string // the place, as the question named it
	Detail    string
	Forbidden bool // it is about personal data, and the caller may not see that
}

func (f *Fault) Error() string { return f.At + ": " + f.Detail }

// ErrMark is a mark that is no place in the order asked for.
var ErrMark = &domain.Error{
	Code: domain.Invalid, Slug: "invalid-cursor",
	Detail: "The cursor is not one that this list gave for these filters. Start again without a cursor.",
}

// ErrTooCostly is a question that would take the server too long.
var ErrTooCostly = &domain.Error{
	Code: domain.Unavailable, Slug: "query-too-costly",
	Detail: "The query takes more than 5 s. Add a filter on stage, owner, customer or a narrow time, leave out contains and as_of, or sort by the default.",
}

// Query is a question that was read and is known to be one that the list takes.
type Query struct {
	// Sorted reports that the question asked for its order.
	Sorted bool

	list  *List
	all   []condition
	any   [][]condition
	order []order
}

type condition struct {
	field *Field
	op    Op
	value any // of the field's type; for in a slice of it
}

type order struct {
	field      *Field
	descending bool
}

// Read reads a question for a caller who may, or may not, see personal data.
func (l *List) Read(q Question, personal bool) (Query, error) {
	read, count := Query{list: l, Sorted: q.Sort != ""}, 0
	for _, group := range append([][]Condition{q.All}, q.Any...) {
		conditions := make([]condition, len(group))
		for i, c := range group {
			if count++; count > MaxConditions {
				return Query{}, &Fault{At: c.At, Detail: fmt.Sprintf("There are more than %d conditions.", MaxConditions)}
			}
			var err error
			if conditions[i], err = l.condition(c, personal); err != nil {
				return Query{}, err
			}
		}
		read.any = append(read.any, conditions)
	}
	read.all, read.any = read.any[0], read.any[1:]
	for i, group := range read.any {
		if len(group) == 0 {
			return Query{}, &Fault{At: "/any/" + strconv.Itoa(i), Detail: "A group without conditions lets nothing through. Leave it out."}
		}
	}
	var err error
	read.order, err = l.orders(q, personal)
	return read, err
}

func (l *List) condition(c Condition, personal bool) (condition, error) {
	f, op := l.field(c.Field), Op(c.Op)
	switch {
	case f == nil:
		return condition{}, &Fault{At: c.At, Detail: "There is no such field to filter by. There are: " + l.filters() + "."}
	case !f.takes(op):
		return condition{}, &Fault{At: c.At, Detail: f.Name + " takes " + spelled(f.Ops()) + "."}
	case f.Personal && !personal:
		return condition{}, &Fault{At: c.At, Detail: f.Name + " is personal data, which you may not see.", Forbidden: true}
	case op == In && (len(c.Values) == 0 || len(c.Values) > MaxValues):
		return condition{}, &Fault{At: c.At, Detail: fmt.Sprintf("in takes 1 to %d values.", MaxValues)}
	case op != In && len(c.Values) != 1:
		return condition{}, &Fault{At: c.At, Detail: "A condition has one value; in has a list of them."}
	}
	read := condition{field: f, op: op}
	values := make([]any, len(c.Values))
	for i, text := range c.Values {
		value, wrong := f.value(op, text)
		if wrong != "" {
			return condition{}, &Fault{At: c.At, Detail: wrong}
		}
		values[i] = value
	}
	if read.value = values[0]; op == In {
		read.value = values
	}
	return read, nil
}

// value reads a value, or says what is wrong with it.
func (f *Field) value(op Op, text string) (value any, wrong string) {
	if utf8.RuneCountInString(text) > MaxValue {
		return nil, fmt.Sprintf("A value has at most %d characters.", MaxValue)
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, "The text is not UTF-8, or holds a NUL."
	}
	kind := f.Type
	if op == Null {
		kind = Truth
	}
	var err error
	switch kind {
	case Text:
		value = text
	case Choice:
		if !slices.Contains(f.Choices, text) {
			return nil, f.Name + " is one of " + strings.Join(f.Choices, ", ") + "."
		}
		value = text
	case ID:
		value, err = uuid.Parse(text)
		wrong = "The value is not a UUID."
	case Truth:
		if text != "true" && text != "false" {
			return nil, "The value is true or false."
		}
		value = text == "true"
	case Whole:
		value, err = strconv.ParseInt(text, 10, 64)
		wrong = "The value is not a whole number of 64 bits."
	case Day:
		wrong = "A day looks like 2026-11-22."
		value = text
		_, err = domain.ParseDate(text)
	case Instant:
		value, err = parseInstant(text)
		wrong = "An instant looks like 2026-11-22T09:30:00Z (in a URL + is written %2B), a day like 2026-11-22."
	}
	if err != nil {
		return nil, wrong
	}
	return value, ""
}

func parseInstant(text string) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	// Of the year 10000, where a zone may lead, no answer could tell.
	if at = at.UTC().Truncate(time.Microsecond); err == nil && (at.Year() < 1 || at.Year() > 9999) {
		err = strconv.ErrRange
	}
	return at, err
}

// orders reads the sort.
func (l *List) orders(q Question, personal bool) ([]order, error) {
	text, asked := q.Sort, q.Sort != ""
	if !asked {
		text = l.Default
	}
	var orders []order
	for name := range strings.SplitSeq(text, ",") {
		name, descending := strings.CutPrefix(strings.TrimSpace(name), "-")
		f := l.field(name)
		if f == nil || f.Order == "" {
			return nil, &Fault{At: q.SortAt, Detail: "The list can be sorted by " + strings.Join(l.Sortable(), ", ") + ", with - before a name for descending."}
		}
		if f.Personal && !personal {
			if !asked {
				return nil, nil // by id: the order would tell
			}
			return nil, &Fault{At: q.SortAt, Detail: name + " is personal data, which you may not see.", Forbidden: true}
		}
		if f.Later && len(orders) == 0 {
			return nil, &Fault{At: q.SortAt, Detail: name + " cannot come first."}
		}
		if slices.ContainsFunc(orders, func(o order) bool { return o.field == f }) {
			return nil, &Fault{At: q.SortAt, Detail: name + " is there twice."}
		}
		orders = append(orders, order{f, descending})
	}
	if len(orders) > MaxSorts {
		return nil, &Fault{At: q.SortAt, Detail: fmt.Sprintf("A list is sorted by at most %d fields.", MaxSorts)}
	}
	return orders, nil
}

// Plain reports that the best way to the rows does not depend on what is asked for: no
// condition, or on truths alone. One plan then serves all such questions.
func (q Query) Plain() bool {
	return len(q.any) == 0 && !slices.ContainsFunc(q.all, func(c condition) bool { return c.field.Type != Truth })
}

// Seeks reports whether a row must have a value of the field that is named.
func (q Query) Seeks(field string) bool {
	return slices.ContainsFunc(q.all, func(c condition) bool {
		return c.field.Name == field && (c.op == Eq || c.op == In)
	})
}
