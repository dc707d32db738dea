package domain

import "strings"

// Setting is a field that a command gives a value.
type Setting struct {
	// Field names it: "name", and of what there are several "attributes/vip".
	Field string
	// Is is its value in the state, To the one that the command asks for; nil is
	// none. Values of one field have one type, as it is on the wire.
	Is, To any
}

// ErrFieldConflict is a command that rests on an old revision, since when somebody
// else has given the same field another value.
var ErrFieldConflict = &Error{Conflict, "field-conflict", "Someone else has changed what you are changing since the revision that you had read."}

// FieldConflict is [ErrFieldConflict] with the fields. It unwraps to it.
type FieldConflict struct{ Fields []FieldDifference }

// FieldDifference is a field as it was read, as it is now and as it was to be; nil
// is no value.
type FieldDifference struct {
	Field                   string
	Original, Theirs, Yours any
}

func (c *FieldConflict) Error() string {
	names := make([]string, len(c.Fields)) // and never the values
	for i, field := range c.Fields {
		names[i] = field.Field
	}
	return ErrFieldConflict.Slug + ": " + strings.Join(names, ", ")
}

// Unwrap gives the refusal it stands for.
func (c *FieldConflict) Unwrap() error { return ErrFieldConflict }

// ValueOf is a value of a [Setting], nil where it is its type's zero.
func ValueOf[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}
