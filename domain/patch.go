package domain

import (
	"slices"
	"strconv"
	"strings"
)

// Patch is a change to some fields of D: those set in Set get that value, those
// named in Clear lose theirs, all others stay. A field of Set that has its zero
// value is not set.
type Patch[D any] struct {
	Set   D        `json:"set,omitzero"`
	Clear []string `json:"clear,omitempty"`
}

// Field is one field of D as a patch sees it.
type Field[D any] struct {
	Name  string
	isSet func(*D) bool
	same  func(a, b *D) bool
	copy  func(to, from *D)
	check func(*D) error
	value func(*D) any // nil where it is zero
}

// FieldOf describes the field that at points to. Where that is free text it is
// at most [ShortText] long.
func FieldOf[D any, T comparable](name string, at func(*D) *T) Field[D] {
	pointer := "/" + name
	return fieldOf(name, at, equal[T], func(value *T) error { return checkText(pointer, value, ShortText) })
}

// LongTextField describes a field of free text, at most [LongText] long.
func LongTextField[D any, T ~string](name string, at func(*D) *T) Field[D] {
	pointer := "/" + name
	return fieldOf(name, at, equal[T], func(value *T) error { return CheckText(pointer, *value, LongText) })
}

// ListField describes a field that holds a list, replaced as a whole. Its
// elements are as in [FieldOf].
func ListField[D any, T comparable](name string, at func(*D) *[]T) Field[D] {
	return fieldOf(name, at, slices.Equal[[]T], func(list *[]T) error {
		for i := range *list {
			if err := checkText("/"+name+"/"+strconv.Itoa(i), &(*list)[i], ShortText); err != nil {
				return err
			}
		}
		return nil
	})
}

// fieldOf hands pointers on: whatever a function value is given may escape, and D is
// large.
func fieldOf[D, T any](name string, at func(*D) *T, equal func(a, b T) bool, check func(*T) error) Field[D] {
	isSet := func(d *D) bool { var zero T; return !equal(*at(d), zero) }
	return Field[D]{
		Name:  name,
		isSet: isSet,
		same:  func(a, b *D) bool { return equal(*at(a), *at(b)) },
		copy:  func(to, from *D) { *at(to) = *at(from) },
		check: func(d *D) error { return check(at(d)) },
		value: func(d *D) any {
			if isSet(d) {
				return *at(d)
			}
			return nil
		},
	}
}

func equal[T comparable](a, b T) bool { return a == b }

// checkText checks what people type, behind a pointer; enumerations, dates and ids have rules of
// their own.
func checkText(pointer string, value any, limit int) error {
	switch text := value.(type) {
	case *string:
		return CheckText(pointer, *text, limit)
	case *Personal:
		return CheckText(pointer, *text, limit)
	}
	return nil
}

// Fields are all fields of D that a patch may name.
type Fields[D any] []Field[D]

// Apply is d after the patch.
func (f Fields[D]) Apply(d D, patch Patch[D]) D {
	var zero D
	for _, field := range f {
		switch {
		case slices.Contains(patch.Clear, field.Name):
			field.copy(&d, &zero)
		case field.isSet(&patch.Set):
			field.copy(&d, &patch.Set)
		}
	}
	return d
}

// Needed is what of the patch d does not already say, and whether that is
// anything. A name in Clear that is no field, or that Set gives too, is refused
// with [ErrInvalid].
func (f Fields[D]) Needed(d D, patch Patch[D]) (Patch[D], bool, error) {
	var needed Patch[D]
	changed := false
	for _, field := range f {
		set, clear := field.isSet(&patch.Set), slices.Contains(patch.Clear, field.Name)
		switch {
		case set && clear:
			return needed, false, ErrInvalid.At("/"+field.Name, "%s is both set and cleared.", field.Name)
		case set && !field.same(&d, &patch.Set):
			field.copy(&needed.Set, &patch.Set)
			changed = true
		case clear && field.isSet(&d):
			needed.Clear = append(needed.Clear, field.Name)
			changed = true
		}
	}
	for _, name := range patch.Clear {
		if !f.Has(name) {
			return needed, false, ErrInvalid.At("/"+pointerToken.Replace(name), "There is no field %q.", name)
		}
	}
	return needed, changed, nil
}

// pointerToken writes a name as part of a JSON pointer (RFC 6901).
var pointerToken = strings.NewReplacer("~", "~0", "/", "~1")

// Check refuses with [ErrInvalid] the first text of d that cannot be kept; see
// [CheckText].
func (f Fields[D]) Check(d D) error {
	for _, field := range f {
		if err := field.check(&d); err != nil {
			return err
		}
	}
	return nil
}

// Touches reports whether the patch sets or clears the named field.
func (f Fields[D]) Touches(patch Patch[D], name string) bool {
	return slices.Contains(patch.Clear, name) || f.Set(&patch.Set, name)
}

// Set reports whether d has a value of the named field.
func (f Fields[D]) Set(d *D, name string) bool {
	return slices.ContainsFunc(f, func(field Field[D]) bool { return field.Name == name && field.isSet(d) })
}

// Settings are the fields that the patch names, with their values in d and after it.
func (f Fields[D]) Settings(d D, patch Patch[D]) []Setting {
	var settings []Setting
	for _, field := range f {
		if f.Touches(patch, field.Name) {
			settings = append(settings, Setting{Field: field.Name, Is: field.value(&d), To: field.value(&patch.Set)})
		}
	}
	return settings
}

// Has reports whether there is a field of that name.
func (f Fields[D]) Has(name string) bool {
	return slices.ContainsFunc(f, func(field Field[D]) bool { return field.Name == name })
}
