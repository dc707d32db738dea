package projections

import (
	"encoding/binary"
	"reflect"
	"strconv"
	"time"
	"unsafe"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// listColumn binds a slice to a column of an array type. An array cannot be an
// element of another one, so in a parameter it is text.
func listColumn(f field, oid uint32) (column, bool) {
	if f.null || f.kind.typ.Kind() != reflect.Slice {
		return column{}, false
	}
	switch of := kindOf(f.kind.typ.Elem()); {
	case of == uuidKind && oid == pgtype.UUIDArrayOID:
		return listOf(f, pgtype.UUIDOID, "uuid[]", list[uuid.UUID]{encodeOptionalID, decodeOptionalID, appendIDText}), true
	case of == int64Kind && oid == pgtype.Int8ArrayOID:
		n, _ := intCodec[int64](pgtype.Int8OID)
		return listOf(f, pgtype.Int8OID, "bigint[]", list[int64]{n.encode, n.decode, func(buf []byte, n int64) []byte {
			return strconv.AppendInt(buf, n, 10)
		}}), true
	case of == textKind && oid == pgtype.TextArrayOID:
		return listOf(f, pgtype.TextOID, "text[]", list[string]{encodeText, decodeText, appendQuoted}), true
	case of == instantKind && oid == pgtype.TimestamptzArrayOID:
		return listOf(f, pgtype.TimestamptzOID, "timestamptz[]", list[time.Time]{encodeInstant, decodeInstant, appendInstantText}), true
	}
	return column{}, false
}

// list is how the elements of a slice travel.
type list[T any] struct {
	encode func(buf []byte, at unsafe.Pointer) ([]byte, error)
	decode func(src []byte, at unsafe.Pointer) error
	text   func(buf []byte, value T) []byte
}

func listOf[T any](f field, element uint32, cast string, of list[T]) column {
	c := column{field: f, cast: cast}
	c.codec = codec{pgtype.TextOID, pgtype.TextArrayOID, "text", of.encodeText, of.decodeAll}
	c.inCopy = func(buf []byte, at unsafe.Pointer) ([]byte, error) { return of.encodeAll(buf, at, element) }
	return c
}

func (of list[T]) encodeText(buf []byte, at unsafe.Pointer) ([]byte, error) {
	return withLength(buf, func(buf []byte) ([]byte, error) {
		buf = append(buf, '{')
		for i, value := range *(*[]T)(at) {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = of.text(buf, value)
		}
		return append(buf, '}'), nil
	})
}

// Arrays in the binary format: dimensions, whether there may be NULLs, the type of
// the elements; of each dimension its length and first index; the elements.
func (of list[T]) encodeAll(buf []byte, at unsafe.Pointer, element uint32) ([]byte, error) {
	values := *(*[]T)(at)
	return withLength(buf, func(buf []byte) (_ []byte, err error) {
		dimensions := min(uint32(len(values)), 1)
		buf = binary.BigEndian.AppendUint32(buf, dimensions)
		buf = binary.BigEndian.AppendUint32(buf, 1)
		buf = binary.BigEndian.AppendUint32(buf, element)
		if dimensions == 0 {
			return buf, nil
		}
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(values)))
		buf = binary.BigEndian.AppendUint32(buf, 1)
		for i := range values {
			if buf, err = of.encode(buf, unsafe.Pointer(&values[i])); err != nil { //nolint:gosec // G103: the address of an element, as a field's
				return nil, err
			}
		}
		return buf, nil
	})
}

func (of list[T]) decodeAll(src []byte, at unsafe.Pointer) error {
	const header, dimension, length = 12, 8, 4
	switch {
	case src == nil:
		return errNull
	case len(src) == header && binary.BigEndian.Uint32(src) == 0:
		*(*[]T)(at) = nil
		return nil
	case len(src) < header+dimension || binary.BigEndian.Uint32(src) != 1:
		return wrongLength(src)
	}
	values := make([]T, binary.BigEndian.Uint32(src[header:]))
	rest := src[header+dimension:]
	for i := range values {
		if len(rest) < length {
			return wrongLength(src)
		}
		n := int(int32(binary.BigEndian.Uint32(rest)))
		rest = rest[length:]
		var value []byte
		if n >= 0 {
			if len(rest) < n {
				return wrongLength(src)
			}
			value, rest = rest[:n], rest[n:]
		}
		if err := of.decode(value, unsafe.Pointer(&values[i])); err != nil { //nolint:gosec // G103: the address of an element, as a field's
			return err
		}
	}
	*(*[]T)(at) = values
	return nil
}

// withLength puts the length of what write appends in front of it.
func withLength(buf []byte, write func([]byte) ([]byte, error)) ([]byte, error) {
	start := len(buf)
	buf, err := write(appendLength(buf, 0))
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(buf[start:], uint32(len(buf)-start-4))
	return buf, nil
}

func encodeOptionalID(buf []byte, at unsafe.Pointer) ([]byte, error) {
	if *(*uuid.UUID)(at) == uuid.Nil {
		return appendNull(buf), nil
	}
	return encodeUUID(buf, at)
}

func decodeOptionalID(src []byte, at unsafe.Pointer) error {
	if src == nil {
		*(*uuid.UUID)(at) = uuid.Nil
		return nil
	}
	return decodeUUID(src, at)
}

// appendQuoted writes an element so that nothing in it, nor its being empty or NULL,
// can be taken for something else.
func appendQuoted(buf []byte, text string) []byte {
	buf = append(buf, '"')
	for i := range len(text) {
		if c := text[i]; c == '"' || c == '\\' {
			buf = append(buf, '\\')
		}
		buf = append(buf, text[i])
	}
	return append(buf, '"')
}

// appendInstantText writes microseconds, which is what Postgres keeps, in a form that
// no setting of the session reads otherwise.
func appendInstantText(buf []byte, at time.Time) []byte {
	return at.UTC().AppendFormat(buf, "2006-01-02T15:04:05.000000Z")
}

func appendIDText(buf []byte, id uuid.UUID) []byte {
	if id == uuid.Nil {
		return append(buf, "NULL"...)
	}
	return append(buf, id.String()...)
}
