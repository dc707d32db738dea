package embedded

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of ReadResp.ReadEvent.RecordedEvent and of the messages around it.
const (
	fieldEventID        = 1
	fieldStream         = 2
	fieldRevision       = 3
	fieldPrepare        = 4
	fieldCommit         = 5
	fieldMetadata       = 6
	fieldCustomMetadata = 7
	fieldData           = 8

	fieldStreamName = 3 // of StreamIdentifier
	fieldMapKey     = 1
	fieldMapValue   = 2
)

// Keys of an event's system metadata. The client ends its process when created is
// not a number.
const (
	metadataType        = "type"
	metadataContentType = "content-type"
	metadataCreated     = "created"

	contentJSON  = "application/json"
	contentBytes = "application/octet-stream"
)

// A proposal is an event on its way in.
type proposal struct {
	id       uuid.UUID
	kind     string // event type
	json     bool   // all that a node keeps of a proposed content type
	data     []byte
	metadata []byte
}

// size is what counts against the append limit: as on a server, two bytes for
// each UTF-16 unit of the type.
func (p proposal) size() int {
	size := len(p.data) + len(p.metadata)
	for _, r := range p.kind {
		size += 2 * utf16.RuneLen(r)
	}
	return size
}

func (p proposal) contentType() string {
	if p.json {
		return contentJSON
	}
	return contentBytes
}

// ticks is the unit of created: 100 ns since 1970.
func ticks(t time.Time) int64 { return t.UnixNano() / 100 }

// appendRecord appends the stored form of an event: its id, then exactly the
// bytes that follow the id in an answer to a read. The id stands apart because
// its form on the wire is the reader's choice.
func appendRecord(b []byte, stream string, revision int64, position uint64, created int64, p *proposal) []byte {
	b = append(b, p.id[:]...)
	b = protowire.AppendTag(b, fieldStream, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(protowire.SizeTag(fieldStreamName)+protowire.SizeBytes(len(stream))))
	b = appendString(b, fieldStreamName, stream)
	b = appendNumber(b, fieldRevision, uint64(revision))
	b = appendNumber(b, fieldPrepare, position)
	b = appendNumber(b, fieldCommit, position)
	b = appendEntry(b, metadataType, p.kind)
	b = appendEntry(b, metadataContentType, p.contentType())
	b = appendEntry(b, metadataCreated, strconv.FormatInt(created, 10))
	b = appendBytes(b, fieldCustomMetadata, p.metadata)
	return appendBytes(b, fieldData, p.data)
}

func appendNumber(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendEntry(b []byte, key, value string) []byte {
	size := protowire.SizeTag(fieldMapKey) + protowire.SizeBytes(len(key)) +
		protowire.SizeTag(fieldMapValue) + protowire.SizeBytes(len(value))
	b = protowire.AppendTag(b, fieldMetadata, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = appendString(b, fieldMapKey, key)
	return appendString(b, fieldMapValue, value)
}

// A record is a stored event taken apart; its slices point into the stored value.
type record struct {
	id       uuid.UUID
	stream   []byte
	kind     []byte
	json     bool
	created  int64 // ticks
	data     []byte
	revision int64
	position uint64
}

// parseRecord reads what the node itself needs to know of a stored event. With
// whole unset it stops at created, which is before the event's own bytes.
func parseRecord(value []byte, whole bool) (record, error) {
	if len(value) < len(uuid.UUID{}) {
		return record{}, errDamaged
	}
	r := record{id: uuid.UUID(value[:16]), created: math.MinInt64}
	for rest := value[16:]; len(rest) > 0; {
		field, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return record{}, errDamaged
		}
		rest = rest[n:]
		var bytes []byte
		var num uint64
		switch kind {
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(rest)
		case protowire.VarintType:
			num, n = protowire.ConsumeVarint(rest)
		default:
			return record{}, errDamaged
		}
		if n < 0 {
			return record{}, errDamaged
		}
		rest = rest[n:]
		switch field {
		case fieldStream:
			_, _, tag := protowire.ConsumeTag(bytes)
			if tag < 0 {
				return record{}, errDamaged
			}
			if r.stream, n = protowire.ConsumeBytes(bytes[tag:]); n < 0 {
				return record{}, errDamaged
			}
		case fieldRevision:
			r.revision = int64(num)
		case fieldCommit:
			r.position = num
		case fieldMetadata:
			key, val, ok := consumeEntry(bytes)
			if !ok {
				return record{}, errDamaged
			}
			switch string(key) {
			case metadataType:
				r.kind = val
			case metadataContentType:
				r.json = string(val) == contentJSON
			case metadataCreated:
				created, err := strconv.ParseInt(string(val), 10, 64)
				if err != nil {
					return record{}, errDamaged
				}
				r.created = created
				if !whole {
					return r, nil
				}
			}
		case fieldData:
			r.data = bytes
		default: // of no use to the node
		}
	}
	if r.created == math.MinInt64 || r.stream == nil {
		return record{}, errDamaged
	}
	return r, nil
}

func consumeEntry(b []byte) (key, value []byte, ok bool) {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 || kind != protowire.BytesType {
			return nil, nil, false
		}
		v, m := protowire.ConsumeBytes(b[n:])
		if m < 0 {
			return nil, nil, false
		}
		b = b[n+m:]
		if field == fieldMapKey {
			key = v
		} else {
			value = v
		}
	}
	return key, value, true
}

// idForm is how a reader wants event ids.
type idForm bool

const (
	structuredIDs idForm = false
	stringIDs     idForm = true
)

// appendEventFrame appends the wire form of ReadResp{event: {event: {id,
// stored…}, commit_position}} around a stored event, without taking the event
// apart.
func appendEventFrame(b, value []byte, position uint64, form idForm) []byte {
	const (
		respEvent   = 1 // of ReadResp
		readEvent   = 1 // of ReadEvent
		readCommit  = 3
		structured  = 1 // of UUID
		stringID    = 2
		most, least = 1, 2 // of UUID.Structured
	)
	id, rest := uuid.UUID(value[:16]), value[16:]
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	inner := 2 + protowire.SizeVarint(hi) + protowire.SizeVarint(lo)
	idSize := 2 + inner
	if form == stringIDs {
		idSize = 2 + 36
	}
	eventSize := 2 + idSize + len(rest)
	readSize := 1 + protowire.SizeBytes(eventSize) + 1 + protowire.SizeVarint(position)

	b = protowire.AppendTag(b, respEvent, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(readSize))
	b = protowire.AppendTag(b, readEvent, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(eventSize))
	b = protowire.AppendTag(b, fieldEventID, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(idSize))
	if form == stringIDs {
		b = appendString(b, stringID, id.String())
	} else {
		b = protowire.AppendTag(b, structured, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(inner))
		b = appendNumber(b, most, hi)
		b = appendNumber(b, least, lo)
	}
	b = append(b, rest...)
	return appendNumber(b, readCommit, position)
}

// appendCheckpointFrame appends the wire form of ReadResp{checkpoint}.
func appendCheckpointFrame(b []byte, position uint64) []byte {
	const respCheckpoint, commit, prepare = 3, 1, 2
	size := 2 * (1 + protowire.SizeVarint(position))
	b = protowire.AppendTag(b, respCheckpoint, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = appendNumber(b, commit, position)
	return appendNumber(b, prepare, position)
}
