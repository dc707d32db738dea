package witness

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

// An origin is what an event's id says: that it is one of size events of an
// append, whose number is given once, and how large it may be.
type origin struct {
	append uint64
	index  uint16
	size   uint16
	bytes  uint32 // the data has fewer
}

// id spells an origin as a UUID. It is no well-formed one; nothing minds.
func (o origin) id() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[0:], o.append)
	binary.BigEndian.PutUint16(id[8:], o.index)
	binary.BigEndian.PutUint16(id[10:], o.size)
	binary.BigEndian.PutUint32(id[12:], o.bytes)
	return id
}

func originOf(id uuid.UUID) origin {
	return origin{
		append: binary.BigEndian.Uint64(id[0:]),
		index:  binary.BigEndian.Uint16(id[8:]),
		size:   binary.BigEndian.Uint16(id[10:]),
		bytes:  binary.BigEndian.Uint32(id[12:]),
	}
}

// follows reports whether an event may come right after another, 0 for none, for
// one who sees all events of an append or none.
func follows(before, id uuid.UUID) bool {
	b, o := originOf(before), originOf(id)
	if o.index == 0 {
		return b.index+1 == b.size || before == uuid.UUID{}
	}
	return b.append == o.append && b.index+1 == o.index && b.size == o.size
}

// eventsOf makes the events of one append.
func eventsOf(number uint64, size, bytes int) []esdb.EventData {
	events := make([]esdb.EventData, size)
	for i := range events {
		o := origin{append: number, index: uint16(i), size: uint16(size), bytes: uint32(bytes)}
		events[i] = eventOf(o.id())
	}
	return events
}

// Kind is the type of all events of an append, one of "kind-0" to "kind-7".
func Kind(id uuid.UUID) string { return fmt.Sprintf("kind-%d", originOf(id).append%8) }

// eventOf derives an event from its id.
func eventOf(id uuid.UUID) esdb.EventData {
	o := originOf(id)
	rng := chance(binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:]))
	data := make([]byte, rng.Uint32N(max(o.bytes, 1)))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	e := esdb.EventData{
		EventID: id, EventType: Kind(id), ContentType: esdb.ContentTypeBinary,
		Data: data, Metadata: []byte(id.String()),
	}
	if o.append%2 == 0 {
		e.ContentType, e.Data = esdb.ContentTypeJson, fmt.Appendf(nil, "%q", hex.EncodeToString(data))
	}
	return e
}

// intact tells whether an event is what was written under its id.
func intact(e *esdb.RecordedEvent) error {
	w := eventOf(e.EventID)
	content := "application/octet-stream"
	if w.ContentType == esdb.ContentTypeJson {
		content = "application/json"
	}
	if e.EventType != w.EventType || e.ContentType != content || !bytes.Equal(e.Data, w.Data) || !bytes.Equal(e.UserMetadata, w.Metadata) {
		return fmt.Errorf("%s@%d (%s) is not what was written under its id", e.StreamID, e.EventNumber, e.EventID)
	}
	return nil
}

// chance is a source of numbers that depend on nothing but a seed and who asks.
func chance(seed, who uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, who)) //nolint:gosec // chance that can be repeated is what is wanted
}
