package eventstore

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/google/uuid"

	"crm/domain"
)

// plan reads a value of one Go type from JSON as [marshal] writes it: fields in
// order, no space, no escapes. It fails the scanner at anything else, and then the
// value has to be read by encoding/json, which takes five times as long. What a plan
// does not fail at, encoding/json reads alike; FuzzPlans holds it to that.
type plan func(s *scanner, at unsafe.Pointer)

// decoding is how events of the type E are read.
func decoding[E any]() func(data []byte) (E, error) {
	read := planOf(reflect.TypeFor[E]())
	// An event is made in a place that its plan can point to, and goes from there as a
	// value: the place can be used again.
	places := sync.Pool{New: func() any { return new(E) }}
	return func(data []byte) (E, error) {
		if read != nil && utf8.Valid(data) {
			place := places.Get().(*E)
			s := scanner{rest: unsafe.String(unsafe.SliceData(data), len(data))} //nolint:gosec // G103: what is kept of it is copied
			read(&s, unsafe.Pointer(place))                                      //nolint:gosec // G103: by the layout of E
			event := *place
			*place = *new(E)
			places.Put(place)
			if !s.failed && s.rest == "" {
				return event, nil
			}
		}
		var event E
		err := json.Unmarshal(data, &event)
		return event, err
	}
}

var (
	idType         = reflect.TypeFor[uuid.UUID]()
	instantType    = reflect.TypeFor[time.Time]()
	textType       = reflect.TypeFor[string]()
	personalType   = reflect.TypeFor[domain.Personal]()
	textReaderType = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonReaderType = reflect.TypeFor[json.Unmarshaler]()
)

// planOf is nil for a type that is left to encoding/json.
func planOf(t reflect.Type) plan {
	switch pointer := reflect.PointerTo(t); {
	case t == idType, t.Kind() == reflect.Struct && t.NumField() == 1 && t.Field(0).Anonymous && t.Field(0).Type == idType:
		return func(s *scanner, at unsafe.Pointer) { *(*uuid.UUID)(at) = s.id() } // a struct of one field lies like the field
	case t == instantType:
		return func(s *scanner, at unsafe.Pointer) { *(*time.Time)(at) = s.instant() }
	case pointer.Implements(jsonReaderType):
		return nil
	case pointer.Implements(textReaderType):
		return func(s *scanner, at unsafe.Pointer) {
			if err := reflect.NewAt(t, at).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s.text())); err != nil {
				s.failed = true
			}
		}
	case t == textType, t == personalType:
		return func(s *scanner, at unsafe.Pointer) { *(*string)(at) = strings.Clone(s.text()) }
	}
	switch t.Kind() {
	case reflect.String: // of a few words
		return func(s *scanner, at unsafe.Pointer) { *(*string)(at) = vocabulary.word(s.text()) }
	case reflect.Bool:
		return func(s *scanner, at unsafe.Pointer) { *(*bool)(at) = s.truth() }
	case reflect.Int:
		return func(s *scanner, at unsafe.Pointer) { *(*int)(at) = int(s.integer(strconv.IntSize)) }
	case reflect.Int64:
		return func(s *scanner, at unsafe.Pointer) { *(*int64)(at) = s.integer(64) }
	case reflect.Struct:
		return planOfStruct(t)
	case reflect.Slice:
		return planOfSlice(t)
	default:
		return nil
	}
}

// property is a field of a struct.
type property struct {
	key    string // as it stands before the value
	offset uintptr
	read   plan
}

func planOfStruct(t reflect.Type) plan {
	members, ok := membersOf(nil, t, 0)
	if !ok {
		return nil
	}
	return func(s *scanner, at unsafe.Pointer) {
		s.object()
		for i := range members {
			if m := &members[i]; s.key(m.key) {
				m.read(s, unsafe.Add(at, m.offset))
				s.separator = ',' // what was inside is over
			}
		}
		s.close()
	}
}

// membersOf is false where encoding/json has to say what a tag means.
func membersOf(members []property, t reflect.Type, base uintptr) ([]property, bool) {
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		if f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct && f.IsExported() {
			var ok bool
			if members, ok = membersOf(members, f.Type, base+f.Offset); !ok {
				return nil, false
			}
			continue
		}
		read := planOf(f.Type)
		switch {
		case read == nil, !f.IsExported(), f.Anonymous, name == "" || name == "-":
			return nil, false
		case options != "" && options != "omitempty" && options != "omitzero":
			return nil, false
		}
		key := strconv.Quote(name) + ":"
		for _, m := range members {
			if strings.EqualFold(m.key, key) {
				return nil, false
			}
		}
		members = append(members, property{key: key, offset: base + f.Offset, read: read})
	}
	return members, true
}

func planOfSlice(t reflect.Type) plan {
	read := planOf(t.Elem())
	if read == nil || t.Elem().Kind() == reflect.Uint8 {
		return nil
	}
	return func(s *scanner, at unsafe.Pointer) {
		list := reflect.MakeSlice(t, 0, 2)
		for s.element(list.Len()) {
			list = reflect.Append(list, reflect.Zero(t.Elem()))
			read(s, list.Index(list.Len()-1).Addr().UnsafePointer())
		}
		reflect.NewAt(t, at).Elem().Set(list)
	}
}

// words are texts that were read before, so that what has few values is held once.
type words [256]atomic.Pointer[string]

// vocabulary is what stages, kinds, currencies and the like are called.
var vocabulary words

// word is text, not necessarily the same memory.
func (w *words) word(text string) string {
	if text == "" {
		return ""
	}
	slot := &w[(len(text)*31+int(text[0])*7+int(text[len(text)-1]))%len(w)]
	if known := slot.Load(); known != nil && *known == text {
		return *known
	}
	text = strings.Clone(text)
	slot.Store(&text)
	return text
}
