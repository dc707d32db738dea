package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// A Kind says what a message is.
type Kind uint8

// The kinds of messages. What a newer server may add is Other, as is a bound of
// the log that nobody asked for.
const (
	Other      Kind = iota
	Appeared        // an event
	Confirmed       // a subscription stands
	Checkpoint      // nothing that passes the filter lies before Position
	NotFound        // the stream does not exist
	CaughtUp        // a subscription has reached the end
	FellBehind      // and is behind again
)

// A Position is a place in $all: a pair, compared as a pair.
type Position struct{ Commit, Prepare uint64 }

// A Message is one answer. Its bytes are valid until the next.
type Message struct {
	Kind     Kind
	Position Position // of a Checkpoint
	Event    Event    // of what Appeared
}

// An Event is as it is stored.
type Event struct {
	ID       uuid.UUID
	Stream   []byte
	Type     []byte
	Revision uint64 // in the stream
	Position Position
	Created  time.Time // UTC
	JSON     bool      // else Data is of another kind
	Data     []byte
	Metadata []byte // what the writer said beside Data
}

// ErrMalformed is an answer that is not what the protocol says.
var ErrMalformed = errors.New("wire: malformed answer")

// Field numbers of ReadResp and of what is in it.
const (
	respEvent, respConfirmation, respCheckpoint, respNotFound, respCaughtUp, respFellBehind = 1, 2, 3, 4, 8, 9

	readEvent, readLink = 1, 2 // of ReadEvent

	eventID, eventStream, eventRevision, eventPrepare, eventCommit = 1, 2, 3, 4, 5 // of RecordedEvent
	eventMetadata, eventCustom, eventData                          = 6, 7, 8

	idStructured, idString       = 1, 2 // of UUID
	mostBits, leastBits          = 1, 2 // of UUID.Structured
	streamName                   = 3    // of StreamIdentifier
	entryKey, entryValue         = 1, 2 // of the system metadata
	atCommit, atPrepare          = 1, 2 // of Checkpoint
	contentJSON                  = "application/json"
	ticksPerSecond         int64 = 10_000_000 // created counts 100 ns since 1970
)

// parse reads a ReadResp.
func (m *Message) parse(b []byte) error {
	*m = Message{}
	var content []byte
	err := fields(b, func(f field) error {
		switch {
		case f.number == respEvent && f.bytes != nil:
			m.Kind, content = Appeared, f.bytes
		case f.number == respConfirmation && f.bytes != nil:
			m.Kind = Confirmed
		case f.number == respCheckpoint && f.bytes != nil:
			m.Kind, content = Checkpoint, f.bytes
		case f.number == respNotFound && f.bytes != nil:
			m.Kind = NotFound
		case f.number == respCaughtUp && f.bytes != nil:
			m.Kind = CaughtUp
		case f.number == respFellBehind && f.bytes != nil:
			m.Kind = FellBehind
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case m.Kind == Appeared:
		return m.Event.parseRead(content)
	case m.Kind == Checkpoint:
		return m.Position.parse(content)
	}
	return nil
}

// parse reads a Checkpoint.
func (p *Position) parse(b []byte) error {
	return fields(b, func(f field) error {
		switch {
		case f.bytes != nil:
		case f.number == atCommit:
			p.Commit = f.varint
		case f.number == atPrepare:
			p.Prepare = f.varint
		}
		return nil
	})
}

// parseRead reads a ReadEvent: the link, where there is one, as the client does.
func (e *Event) parseRead(b []byte) error {
	var event, link []byte
	if err := fields(b, func(f field) error {
		switch {
		case f.number == readEvent && f.bytes != nil:
			event = f.bytes
		case f.number == readLink && f.bytes != nil:
			link = f.bytes
		}
		return nil
	}); err != nil {
		return err
	}
	if link != nil {
		event = link
	}
	return e.parse(event)
}

// parse reads a RecordedEvent.
func (e *Event) parse(b []byte) error {
	var identified, dated bool
	if err := fields(b, func(f field) (err error) {
		switch {
		case f.bytes == nil && f.number == eventRevision:
			e.Revision = f.varint
		case f.bytes == nil && f.number == eventPrepare:
			e.Position.Prepare = f.varint
		case f.bytes == nil && f.number == eventCommit:
			e.Position.Commit = f.varint
		case f.bytes == nil: // of a newer server
		case f.number == eventID:
			identified = true
			e.ID, err = parseID(f.bytes)
		case f.number == eventStream:
			err = fields(f.bytes, func(f field) error {
				if f.number == streamName && f.bytes != nil {
					e.Stream = f.bytes
				}
				return nil
			})
		case f.number == eventMetadata:
			var key, value []byte
			if key, value, err = parseEntry(f.bytes); err != nil {
				return err
			}
			switch string(key) {
			case "type":
				e.Type = value
			case "content-type":
				e.JSON = string(value) == contentJSON
			case "created":
				dated = true
				e.Created, err = parseCreated(value)
			}
		case f.number == eventCustom:
			e.Metadata = f.bytes
		case f.number == eventData:
			e.Data = f.bytes
		}
		return err
	}); err != nil {
		return err
	}
	switch {
	case !identified:
		return fmt.Errorf("%w: an event without an id", ErrMalformed)
	case len(e.Stream) == 0:
		return fmt.Errorf("%w: event %s has no stream", ErrMalformed, e.ID)
	case len(e.Type) == 0:
		return fmt.Errorf("%w: event %s has no type", ErrMalformed, e.ID)
	case !dated:
		return fmt.Errorf("%w: event %s has no time", ErrMalformed, e.ID)
	case e.Revision > math.MaxInt64:
		return fmt.Errorf("%w: event %s has revision %d", ErrMalformed, e.ID, e.Revision)
	}
	return nil
}

func parseID(b []byte) (id uuid.UUID, err error) {
	err = fields(b, func(f field) (err error) {
		switch {
		case f.number == idStructured && f.bytes != nil:
			id = uuid.UUID{}
			return fields(f.bytes, func(f field) error {
				switch {
				case f.bytes != nil:
				case f.number == mostBits:
					binary.BigEndian.PutUint64(id[:8], f.varint)
				case f.number == leastBits:
					binary.BigEndian.PutUint64(id[8:], f.varint)
				}
				return nil
			})
		case f.number == idString && f.bytes != nil:
			if id, err = uuid.ParseBytes(f.bytes); err != nil {
				return fmt.Errorf("%w: event id: %w", ErrMalformed, err)
			}
		}
		return nil
	})
	return id, err
}

// parseEntry reads one entry of the system metadata.
func parseEntry(b []byte) (key, value []byte, err error) {
	err = fields(b, func(f field) error {
		switch {
		case f.number == entryKey && f.bytes != nil:
			key = f.bytes
		case f.number == entryValue && f.bytes != nil:
			value = f.bytes
		}
		return nil
	})
	return key, value, err
}

// parseCreated reads .NET ticks since 1970 that fall within the years 1 to 9999:
// no others can be written as JSON.
func parseCreated(text []byte) (time.Time, error) {
	ticks, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: time %q is not a number", ErrMalformed, text)
	}
	created := time.Unix(ticks/ticksPerSecond, ticks%ticksPerSecond*100).UTC()
	if year := created.Year(); year < 1 || year > 9999 {
		return time.Time{}, fmt.Errorf("%w: time %q lies outside the years 1 to 9999", ErrMalformed, text)
	}
	return created, nil
}

// A field is one field of a message: a number, or bytes, which are then not nil.
type field struct {
	number protowire.Number
	varint uint64
	bytes  []byte
}

// fields calls each for every field that is a varint or bytes, and passes over
// others.
func fields(b []byte, each func(field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(n))
		}
		b = b[n:]
		f := field{number: number}
		switch kind {
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(n))
		}
		b = b[n:]
		if kind != protowire.VarintType && kind != protowire.BytesType {
			continue
		}
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}
