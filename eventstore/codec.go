package eventstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"crm/domain"
)

// A shape is the newest form in which one type of event is stored.
type shape struct {
	eventType string
	version   int
	decode    func(data []byte) (domain.Event, error)
}

// stored describes E, whose newest shape is version.
func stored[E domain.Event](version int) shape {
	var zero E
	decode := decoding[E]()
	return shape{eventType: zero.EventType(), version: version, decode: func(data []byte) (domain.Event, error) {
		event, err := decode(data)
		if err != nil {
			return nil, err
		}
		return event, nil
	}}
}

// A codec turns events into bytes and back. All bytes of events pass through
// encode and decode, and nowhere else: sealing what is personal belongs after
// the one json.Marshal and before the one shape.decode.
type codec struct {
	shapes  map[string]shape
	retired map[retiredShape]upcast
}

func newCodec(shapes []shape, retired map[retiredShape]upcast) *codec {
	c := &codec{shapes: make(map[string]shape, len(shapes)), retired: retired}
	for _, s := range shapes {
		if _, twice := c.shapes[s.eventType]; twice {
			panic("eventstore: " + s.eventType + " is registered twice")
		}
		c.shapes[s.eventType] = s
	}
	return c
}

// encode gives the bytes of an event in its newest shape and those of its
// metadata. It fails for a type that is not registered and for values that JSON
// cannot hold.
func (c *codec) encode(event domain.Event, meta domain.Meta) (data, metadata []byte, err error) {
	s, ok := c.shapes[event.EventType()]
	if !ok {
		return nil, nil, fmt.Errorf("%T is not registered", event)
	}
	if data, err = marshal(event); err != nil {
		return nil, nil, fmt.Errorf("encode %s: %w", s.eventType, err)
	}
	if metadata, err = marshal(envelope{Schema: s.version, Meta: meta}); err != nil {
		return nil, nil, fmt.Errorf("encode the metadata of %s: %w", s.eventType, err)
	}
	return data, metadata, nil
}

// decode gives the event, its bytes in the newest shape and its metadata. It
// never fails: what cannot be read is a [domain.Unreadable], with the metadata
// if that can be read, and with the bytes as they are stored.
func (c *codec) decode(eventType string, data, metadata []byte) (domain.Event, []byte, domain.Meta) {
	unreadable := func(why string, meta domain.Meta) (domain.Event, []byte, domain.Meta) {
		return domain.Unreadable{Type: eventType, Why: why}, data, meta
	}
	schema, meta, err := decodeMeta(metadata)
	if err != nil {
		return unreadable("metadata", domain.Meta{})
	}
	s, ok := c.shapes[eventType]
	if !ok {
		return unreadable("unknown type", meta)
	}
	newest, err := c.toNewest(s, schema, data)
	switch {
	case errors.Is(err, errUnknownSchema):
		return unreadable("unknown schema", meta)
	case err != nil || !isObject(newest):
		return unreadable("payload", meta)
	}
	event, err := s.decode(newest)
	if err != nil {
		return unreadable("payload", meta)
	}
	return event, newest, meta
}

// nameOf gives a type as text, the registered one where there is such.
func (c *codec) nameOf(eventType []byte) string {
	if s, ok := c.shapes[string(eventType)]; ok {
		return s.eventType
	}
	return string(eventType)
}

// isObject tells an object from the other JSON values: null would decode into
// an event without complaint.
func isObject(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{"))
}

// marshal is json.Marshal without its escapes for HTML, which would cost every
// reader of "R&D" time and space for ever.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
