package copying

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"

	"github.com/google/uuid"

	"crm/domain"
	"crm/eventstore"
	"crm/eventstore/wire"
)

// An event is one of a log, as a copy of it is: its metadata says when it was
// recorded first.
type event struct {
	id       uuid.UUID
	stream   string
	revision uint64
	position domain.Position // in its own log
	kind     string          // its type
	json     bool
	data     []byte
	metadata []byte
	dated    bool // metadata says when; else it is no JSON object, and as it was
}

// newEvent makes an event of what a store holds, sharing no memory with it.
func newEvent(e *wire.Event, kind string) event {
	metadata, dated := eventstore.Copied(e.Metadata, e.Created)
	if len(metadata) == len(e.Metadata) { // it was good as it is
		metadata = bytes.Clone(metadata)
	}
	return event{
		id: e.ID, stream: string(e.Stream), revision: e.Revision, position: domain.Position(e.Position), kind: kind,
		json: e.JSON, data: bytes.Clone(e.Data), metadata: metadata, dated: dated,
	}
}

func (e *event) String() string { return fmt.Sprintf("%s@%d (%s)", e.stream, e.revision, e.kind) }

// size is what counts against a server's limit. EventStoreDB counts two bytes for
// a character of the type.
func (e *event) size() int { return len(e.data) + len(e.metadata) + 2*len(e.kind) }

const (
	metastreamPrefix = "$$"
	metadataKind     = "$metadata"
	tombstoneKind    = "$streamDeleted"
)

// A role is what a copy does with an event.
type role uint8

const (
	history role = iota
	system       // the server's own: left out
	about        // says something about a stream: the last counts
	ending       // ends a stream
)

func (e *event) role() role {
	switch {
	case !strings.HasPrefix(e.stream, "$"):
		if e.kind == tombstoneKind {
			return ending
		}
		return history
	case e.kind == metadataKind && strings.HasPrefix(e.stream, metastreamPrefix) && !strings.HasPrefix(e.stream[len(metastreamPrefix):], "$"):
		return about
	default:
		return system
	}
}

// addTo adds all that two copies of an event share to a digest.
func (e *event) addTo(digest hash.Hash) {
	var head [16 + 8 + 4*4 + 1]byte
	copy(head[:], e.id[:])
	binary.BigEndian.PutUint64(head[16:], e.revision)
	for i, text := range [...]int{len(e.stream), len(e.kind), len(e.data), len(e.metadata)} {
		binary.BigEndian.PutUint32(head[24+4*i:], uint32(text))
	}
	if e.json {
		head[40] = 1
	}
	_, _ = digest.Write(head[:]) // it never fails
	_, _ = digest.Write([]byte(e.stream))
	_, _ = digest.Write([]byte(e.kind))
	_, _ = digest.Write(e.data)
	_, _ = digest.Write(e.metadata)
}

// differs says in what two events differ; "" if they are copies of each other.
func (e *event) differs(from *event) string {
	switch {
	case e.stream != from.stream || e.revision != from.revision || e.id != from.id:
		return "another event"
	case e.kind != from.kind:
		return "type"
	case e.json != from.json:
		return "kind of content"
	case !bytes.Equal(e.data, from.data):
		return "data"
	case !bytes.Equal(e.metadata, from.metadata):
		original, _, _ := eventstore.Original(e.metadata)
		if other, _, _ := eventstore.Original(from.metadata); bytes.Equal(original, other) {
			return "recorded time"
		}
		return "metadata"
	}
	return ""
}
