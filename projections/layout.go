package projections

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"time"
	"unsafe"

	"github.com/google/uuid"
)

// layout is how a struct lies in memory, resolved once per type, so that writing
// a row needs no reflection.
type layout []field

// field is one column's place in a struct.
type field struct {
	column string
	typ    reflect.Type
	kind   *kind
	null   bool // the field is a pointer
	offset uintptr
}

// of is the address of the field in the struct at base, which the caller keeps alive.
func (f field) of(base unsafe.Pointer) unsafe.Pointer { return unsafe.Add(base, f.offset) }

// address is where a struct lies whose fields are then reached by its own layout only.
func address[S any](s *S) unsafe.Pointer {
	return unsafe.Pointer(s) //nolint:gosec // G103: the way to a field without reflection; no arithmetic here
}

// layoutOf panics for a type that cannot be stored: the mistake of a programmer,
// found at start.
func layoutOf(table string, row reflect.Type) layout {
	if row.Kind() != reflect.Struct {
		panic(fmt.Sprintf("projections: table %s: a row is a struct, not %s", table, row))
	}
	fields := fieldsOf(table, row, 0)
	seen := make(map[string]bool)
	for _, f := range fields {
		if seen[f.column] {
			panic(fmt.Sprintf("projections: table %s: two fields of %s are column %q", table, row, f.column))
		}
		seen[f.column] = true
	}
	return fields
}

func fieldsOf(table string, row reflect.Type, base uintptr) layout {
	var fields layout
	for f := range row.Fields() {
		column, tagged := f.Tag.Lookup("db")
		if f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct {
			fields = append(fields, fieldsOf(table, f.Type, base+f.Offset)...)
			continue
		}
		if column == "" || column == "-" {
			panic(fmt.Sprintf("projections: table %s: field %s of %s has no db tag, so it would be lost", table, f.Name, row))
		}
		fields = append(fields, fieldOf(table, column, f.Type, base+f.Offset))
	}
	return fields
}

func fieldOf(table, column string, t reflect.Type, offset uintptr) field {
	f := field{column: column, typ: t, offset: offset}
	value := t
	if t.Kind() == reflect.Pointer {
		f.null, value = true, t.Elem()
	}
	if f.kind = kindOf(value); f.kind == nil {
		panic(fmt.Sprintf("projections: table %s: column %q: %s cannot be stored", table, column, t))
	}
	return f
}

// keyLayoutOf is the layout of a key type for the named key columns.
func keyLayoutOf(table string, key reflect.Type, columns []string) layout {
	if len(columns) == 0 {
		panic(fmt.Sprintf("projections: table %s: a keyed table has key columns", table))
	}
	if k := kindOf(key); k != nil && !k.json {
		if len(columns) != 1 {
			panic(fmt.Sprintf("projections: table %s: %s is the key of one column, not of %d", table, key, len(columns)))
		}
		return layout{fieldOf(table, columns[0], key, 0)}
	}
	fields := layoutOf(table, key)
	keys := make(layout, 0, len(columns))
	for _, column := range columns {
		for _, f := range fields {
			if f.column == column {
				keys = append(keys, f)
			}
		}
	}
	if len(keys) != len(columns) || len(keys) != len(fields) {
		panic(fmt.Sprintf("projections: table %s: the fields of %s are not the key columns %q", table, key, columns))
	}
	for _, f := range keys {
		if f.null || f.kind.json {
			panic(fmt.Sprintf("projections: table %s: %s cannot be key column %q", table, f.typ, f.column))
		}
	}
	return keys
}

// kind is a group of Go types that lie in memory alike.
type kind struct {
	typ  reflect.Type // one of them
	copy func(to, from unsafe.Pointer)
	json bool // stored as a JSON document
}

// fresh is a new zero value.
func (k *kind) fresh() unsafe.Pointer { return reflect.New(k.typ).UnsafePointer() }

func kindFor[T any]() *kind {
	return &kind{
		typ:  reflect.TypeFor[T](),
		copy: func(to, from unsafe.Pointer) { *(*T)(to) = *(*T)(from) },
	}
}

var (
	textKind    = kindFor[string]()
	boolKind    = kindFor[bool]()
	intKind     = kindFor[int]()
	int64Kind   = kindFor[int64]()
	int32Kind   = kindFor[int32]()
	int16Kind   = kindFor[int16]()
	wideKind    = kindFor[big.Int]()
	floatKind   = kindFor[float64]()
	instantKind = kindFor[time.Time]()
	uuidKind    = kindFor[uuid.UUID]()
	bytesKind   = kindFor[[]byte]()
)

var (
	uuidType    = reflect.TypeFor[uuid.UUID]()
	instantType = reflect.TypeFor[time.Time]()
	wideType    = reflect.TypeFor[big.Int]()
	bytesType   = reflect.TypeFor[[]byte]()
	jsonType    = reflect.TypeFor[json.RawMessage]()
)

// kindOf is the kind of t, or nil for a type that cannot be stored.
func kindOf(t reflect.Type) *kind {
	switch {
	case t == uuidType, t.Kind() == reflect.Struct && t.NumField() == 1 && t.Field(0).Type == uuidType:
		return uuidKind // a struct of one field lies in memory like the field
	case t == instantType:
		return instantKind
	case t == wideType:
		return wideKind
	case t == bytesType, t == jsonType:
		return bytesKind
	}
	switch t.Kind() {
	case reflect.String:
		return textKind
	case reflect.Bool:
		return boolKind
	case reflect.Int:
		return intKind
	case reflect.Int64:
		return int64Kind
	case reflect.Int32:
		return int32Kind
	case reflect.Int16:
		return int16Kind
	case reflect.Float64:
		return floatKind
	case reflect.Struct, reflect.Slice, reflect.Map:
		return jsonKindOf(t)
	default:
		return nil
	}
}

// jsonKindOf is for what is stored as a JSON document. Reading one costs more
// than a column does.
func jsonKindOf(t reflect.Type) *kind {
	return &kind{typ: t, json: true, copy: func(to, from unsafe.Pointer) {
		reflect.NewAt(t, to).Elem().Set(reflect.NewAt(t, from).Elem())
	}}
}
