package projections

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
	"unsafe"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// codec is how one Go type travels as one Postgres type. The bytes are those of
// the binary format with their length in front, which is what both COPY and the
// elements of an array want.
type codec struct {
	oid, array uint32
	sql        string // the type's name, as an element of an array parameter
	encode     func(buf []byte, at unsafe.Pointer) ([]byte, error)
	// decode gets nil for NULL.
	decode func(src []byte, at unsafe.Pointer) error
}

// column is a field bound to a column of an existing table.
type column struct {
	field
	codec
	// What an element of an array parameter cannot be travels there as text, and
	// is cast; COPY takes it as it is.
	cast   string
	inCopy func(buf []byte, at unsafe.Pointer) ([]byte, error)
}

// bind is the codec for a field in a column of the type oid, and false where
// there is none.
func bind(f field, oid uint32) (column, bool) {
	if c, ok := listColumn(f, oid); ok {
		return c, true
	}
	c, ok := codecFor(f.kind, oid)
	return column{field: f, codec: c}, ok
}

// copied is write for COPY.
func (c column) copied(buf []byte, base unsafe.Pointer) ([]byte, error) {
	if c.inCopy == nil {
		return c.write(buf, base)
	}
	return c.inCopy(buf, c.of(base))
}

// write appends the field of the struct at base.
func (c column) write(buf []byte, base unsafe.Pointer) ([]byte, error) {
	at := c.of(base)
	if c.null {
		if at = *(*unsafe.Pointer)(at); at == nil {
			return appendNull(buf), nil
		}
	}
	return c.encode(buf, at)
}

// read sets the field of the struct at base.
func (c column) read(src []byte, base unsafe.Pointer) error {
	at := c.of(base)
	if c.null {
		if src == nil {
			*(*unsafe.Pointer)(at) = nil
			return nil
		}
		value := c.kind.fresh()
		*(*unsafe.Pointer)(at) = value
		at = value
	}
	return c.decode(src, at)
}

var (
	errNull  = errors.New("NULL in a column whose field is no pointer")
	errRange = errors.New("value out of the column's range")
	errBytes = errors.New("value of another length than the column's type has")
)

func codecFor(k *kind, oid uint32) (codec, bool) {
	switch {
	case k.json && oid == pgtype.JSONBOID:
		return jsonCodec(k.typ), true
	case k == textKind && (oid == pgtype.TextOID || oid == pgtype.VarcharOID):
		return codec{pgtype.TextOID, pgtype.TextArrayOID, "text", encodeText, decodeText}, true
	case k == textKind && oid == pgtype.JSONBOID:
		return codec{pgtype.JSONBOID, pgtype.JSONBArrayOID, "jsonb", encodeTextJSON, decodeTextJSON}, true
	case k == textKind && oid == pgtype.DateOID:
		return codec{pgtype.DateOID, pgtype.DateArrayOID, "date", encodeTextDay, decodeTextDay}, true
	case k == boolKind && oid == pgtype.BoolOID:
		return codec{pgtype.BoolOID, pgtype.BoolArrayOID, "boolean", encodeBool, decodeBool}, true
	case k == intKind:
		return intCodec[int](oid)
	case k == int64Kind:
		return intCodec[int64](oid)
	case k == int32Kind:
		return intCodec[int32](oid)
	case k == int16Kind:
		return intCodec[int16](oid)
	case k == wideKind && oid == pgtype.NumericOID:
		return codec{pgtype.NumericOID, pgtype.NumericArrayOID, "numeric", encodeWide, decodeWide}, true
	case k == floatKind && oid == pgtype.Float8OID:
		return codec{pgtype.Float8OID, pgtype.Float8ArrayOID, "double precision", encodeFloat, decodeFloat}, true
	case k == instantKind && oid == pgtype.TimestamptzOID:
		return codec{pgtype.TimestamptzOID, pgtype.TimestamptzArrayOID, "timestamptz", encodeInstant, decodeInstant}, true
	case k == instantKind && oid == pgtype.DateOID:
		return codec{pgtype.DateOID, pgtype.DateArrayOID, "date", encodeDay, decodeDay}, true
	case k == uuidKind && oid == pgtype.UUIDOID:
		return codec{pgtype.UUIDOID, pgtype.UUIDArrayOID, "uuid", encodeUUID, decodeUUID}, true
	case k == bytesKind && oid == pgtype.ByteaOID:
		return codec{pgtype.ByteaOID, pgtype.ByteaArrayOID, "bytea", encodeBytes, decodeBytes}, true
	case k == bytesKind && oid == pgtype.JSONOID: // its binary format is its text
		return codec{pgtype.JSONOID, pgtype.JSONArrayOID, "json", encodeBytes, decodeBytes}, true
	case k == bytesKind && oid == pgtype.JSONBOID:
		return codec{pgtype.JSONBOID, pgtype.JSONBArrayOID, "jsonb", encodeJSON, decodeJSON}, true
	}
	return codec{}, false
}

func appendNull(buf []byte) []byte { return binary.BigEndian.AppendUint32(buf, math.MaxUint32) }

func appendLength(buf []byte, n int) []byte { return binary.BigEndian.AppendUint32(buf, uint32(n)) }

func encodeText(buf []byte, at unsafe.Pointer) ([]byte, error) {
	text := *(*string)(at)
	return append(appendLength(buf, len(text)), text...), nil
}

func decodeText(src []byte, at unsafe.Pointer) error {
	if src == nil {
		return errNull
	}
	*(*string)(at) = string(src)
	return nil
}

func encodeTextDay(buf []byte, at unsafe.Pointer) ([]byte, error) {
	text := *(*string)(at)
	if text == "" {
		return appendNull(buf), nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, errRange // the error would quote the text
	}
	return appendDay(buf, day), nil
}

func decodeTextDay(src []byte, at unsafe.Pointer) error {
	if src == nil {
		*(*string)(at) = ""
		return nil
	}
	day, err := readDay(src)
	*(*string)(at) = day.Format(time.DateOnly)
	return err
}

func encodeBool(buf []byte, at unsafe.Pointer) ([]byte, error) {
	b := byte(0)
	if *(*bool)(at) {
		b = 1
	}
	return append(appendLength(buf, 1), b), nil
}

func decodeBool(src []byte, at unsafe.Pointer) error {
	if len(src) != 1 {
		return wrongLength(src)
	}
	*(*bool)(at) = src[0] != 0
	return nil
}

// intCodec takes every width of column, so that a row's field may be an int; a
// number that does not fit is an error, not another number.
func intCodec[T int | int64 | int32 | int16](oid uint32) (codec, bool) {
	decode := func(src []byte, at unsafe.Pointer) error {
		var n int64
		switch len(src) {
		case 8:
			n = int64(binary.BigEndian.Uint64(src))
		case 4:
			n = int64(int32(binary.BigEndian.Uint32(src)))
		case 2:
			n = int64(int16(binary.BigEndian.Uint16(src)))
		default:
			return wrongLength(src)
		}
		*(*T)(at) = T(n)
		if int64(T(n)) != n {
			return errRange
		}
		return nil
	}
	switch oid {
	case pgtype.Int8OID:
		return codec{pgtype.Int8OID, pgtype.Int8ArrayOID, "bigint", func(buf []byte, at unsafe.Pointer) ([]byte, error) {
			return binary.BigEndian.AppendUint64(appendLength(buf, 8), uint64(*(*T)(at))), nil
		}, decode}, true
	case pgtype.Int4OID:
		return codec{pgtype.Int4OID, pgtype.Int4ArrayOID, "integer", func(buf []byte, at unsafe.Pointer) ([]byte, error) {
			n := *(*T)(at)
			if T(int32(n)) != n {
				return nil, errRange
			}
			return binary.BigEndian.AppendUint32(appendLength(buf, 4), uint32(n)), nil
		}, decode}, true
	case pgtype.Int2OID:
		return codec{pgtype.Int2OID, pgtype.Int2ArrayOID, "smallint", func(buf []byte, at unsafe.Pointer) ([]byte, error) {
			n := *(*T)(at)
			if T(int16(n)) != n {
				return nil, errRange
			}
			return binary.BigEndian.AppendUint16(appendLength(buf, 2), uint16(n)), nil
		}, decode}, true
	}
	return codec{}, false
}

func encodeFloat(buf []byte, at unsafe.Pointer) ([]byte, error) {
	return binary.BigEndian.AppendUint64(appendLength(buf, 8), math.Float64bits(*(*float64)(at))), nil
}

func decodeFloat(src []byte, at unsafe.Pointer) error {
	if len(src) != 8 {
		return wrongLength(src)
	}
	*(*float64)(at) = math.Float64frombits(binary.BigEndian.Uint64(src))
	return nil
}

// pgEpoch is where Postgres counts time from, in seconds of Unix.
const pgEpoch = 946_684_800 // 2000-01-01

// Infinity is the instant after all others: the last one that fits a timestamptz,
// which Postgres calls infinity.
var Infinity = pgInstant(math.MaxInt64)

func encodeInstant(buf []byte, at unsafe.Pointer) ([]byte, error) {
	t := *(*time.Time)(at)
	micros := (t.Unix()-pgEpoch)*1e6 + int64(t.Nanosecond())/1e3
	return binary.BigEndian.AppendUint64(appendLength(buf, 8), uint64(micros)), nil
}

func decodeInstant(src []byte, at unsafe.Pointer) error {
	if len(src) != 8 {
		return wrongLength(src)
	}
	*(*time.Time)(at) = pgInstant(int64(binary.BigEndian.Uint64(src)))
	return nil
}

func pgInstant(micros int64) time.Time { return time.Unix(pgEpoch+micros/1e6, micros%1e6*1e3).UTC() }

func encodeDay(buf []byte, at unsafe.Pointer) ([]byte, error) {
	return appendDay(buf, *(*time.Time)(at)), nil
}

func appendDay(buf []byte, t time.Time) []byte {
	year, month, day := t.UTC().Date()
	days := (time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() - pgEpoch) / 86_400 // whole days, so exact
	return binary.BigEndian.AppendUint32(appendLength(buf, 4), uint32(int32(days)))
}

func decodeDay(src []byte, at unsafe.Pointer) (err error) {
	*(*time.Time)(at), err = readDay(src)
	return err
}

func readDay(src []byte) (time.Time, error) {
	if len(src) != 4 {
		return time.Time{}, wrongLength(src)
	}
	days := int64(int32(binary.BigEndian.Uint32(src)))
	return time.Unix(pgEpoch+days*86_400, 0).UTC(), nil
}

func encodeUUID(buf []byte, at unsafe.Pointer) ([]byte, error) {
	return append(appendLength(buf, 16), (*uuid.UUID)(at)[:]...), nil
}

func decodeUUID(src []byte, at unsafe.Pointer) error {
	if len(src) != 16 {
		return wrongLength(src)
	}
	copy((*uuid.UUID)(at)[:], src)
	return nil
}

func encodeBytes(buf []byte, at unsafe.Pointer) ([]byte, error) {
	b := *(*[]byte)(at)
	if b == nil {
		return appendNull(buf), nil
	}
	return append(appendLength(buf, len(b)), b...), nil
}

func decodeBytes(src []byte, at unsafe.Pointer) error {
	*(*[]byte)(at) = bytes.Clone(src)
	return nil
}

// jsonbVersion stands before the text of a binary jsonb.
const jsonbVersion = 1

func appendJSON[Text string | []byte](buf []byte, text Text) []byte {
	return append(append(appendLength(buf, len(text)+1), jsonbVersion), text...)
}

func encodeTextJSON(buf []byte, at unsafe.Pointer) ([]byte, error) {
	return appendJSON(buf, *(*string)(at)), nil
}

func decodeTextJSON(src []byte, at unsafe.Pointer) error {
	text, err := jsonText(src)
	*(*string)(at) = string(text)
	return err
}

func encodeJSON(buf []byte, at unsafe.Pointer) ([]byte, error) {
	text := *(*[]byte)(at)
	if text == nil {
		return appendNull(buf), nil
	}
	return appendJSON(buf, text), nil
}

func decodeJSON(src []byte, at unsafe.Pointer) error {
	*(*[]byte)(at) = nil
	if src == nil {
		return nil
	}
	text, err := jsonText(src)
	*(*[]byte)(at) = append([]byte{}, text...)
	return err
}

func jsonText(src []byte) ([]byte, error) {
	if len(src) == 0 || src[0] != jsonbVersion {
		return nil, wrongLength(src)
	}
	return src[1:], nil
}

func jsonCodec(t reflect.Type) codec {
	encode := func(buf []byte, at unsafe.Pointer) ([]byte, error) {
		text, err := json.Marshal(reflect.NewAt(t, at).Interface()) // of maps, keys in order
		return appendJSON(buf, text), err
	}
	decode := func(src []byte, at unsafe.Pointer) error {
		text, err := jsonText(src)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, reflect.NewAt(t, at).Interface())
	}
	return codec{pgtype.JSONBOID, pgtype.JSONBArrayOID, "jsonb", encode, decode}
}

func wrongLength(src []byte) error {
	if src == nil {
		return errNull
	}
	return fmt.Errorf("%w: %d bytes", errBytes, len(src))
}
