package embedded

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of AppendReq and of the messages in it.
const (
	reqProposed = 2 // of AppendReq

	proposedID       = 1 // of ProposedMessage
	proposedMetadata = 2
	proposedCustom   = 3
	proposedData     = 4

	idStructured = 1 // of UUID
	idString     = 2
	idMostBits   = 1 // of UUID.Structured
	idLeastBits  = 2
)

// An incoming is a proposal as it arrives.
type incoming struct {
	proposal
	identified, typed, described bool  // what was said: id, type, kind of content
	fault                        error // of the id
}

// errNotWire is a message that is not protobuf. gRPC tells the client.
var errNotWire = errors.New("malformed message")

// parse reads an AppendReq with a proposed message and keeps nothing of b. The
// generated code would make a map and a dozen small objects of each, which in
// profiles of small appends was a tenth of all the node does.
func (p *incoming) parse(b []byte) error {
	*p = incoming{}
	err := eachField(b, func(field protowire.Number, _ uint64, v []byte) error {
		if field != reqProposed || v == nil {
			return nil
		}
		return eachField(v, func(field protowire.Number, _ uint64, v []byte) error {
			switch {
			case v == nil: // none that is known is a number
			case field == proposedID:
				p.identified = true
				return p.parseID(v)
			case field == proposedMetadata:
				return p.parseMetadata(v)
			case field == proposedCustom:
				p.metadata = v
			case field == proposedData:
				p.data = v
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if p.fault == nil && !p.identified {
		p.fault = errNoID
	}
	own := make([]byte, 0, len(p.data)+len(p.metadata))
	own = append(append(own, p.data...), p.metadata...)
	p.data, p.metadata = own[:len(p.data):len(p.data)], own[len(p.data):]
	return nil
}

func (p *incoming) parseMetadata(b []byte) error {
	key, value, ok := consumeEntry(b)
	if !ok || !utf8.Valid(key) || !utf8.Valid(value) {
		return errNotWire
	}
	p.describe(string(key), string(value))
	return nil
}

// describe takes one entry of the system metadata; no other is kept.
func (p *incoming) describe(key, value string) {
	switch key {
	case metadataType:
		p.kind, p.typed = value, true
	case metadataContentType:
		p.json, p.described = value == contentJSON, true
	}
}

func (p *incoming) parseID(b []byte) error {
	p.fault = errNoID
	return eachField(b, func(field protowire.Number, _ uint64, v []byte) error {
		switch {
		case field == idStructured && v != nil:
			p.id, p.fault = uuid.UUID{}, nil
			return eachField(v, func(field protowire.Number, n uint64, v []byte) error {
				switch {
				case v != nil:
				case field == idMostBits:
					binary.BigEndian.PutUint64(p.id[:8], n)
				case field == idLeastBits:
					binary.BigEndian.PutUint64(p.id[8:], n)
				}
				return nil
			})
		case field == idString && v != nil:
			if !utf8.Valid(v) {
				return errNotWire
			}
			p.id, p.fault = parseTextID(string(v))
		}
		return nil
	})
}

var errNoID = invalidArgument("an event without an id")

func parseTextID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.UUID{}, invalidArgument("'%s' is not a valid event id", text)
	}
	return id, nil
}

// incomingOf is the same of a message of BatchAppend.
func incomingOf(m *streamspb.BatchAppendReq_ProposedMessage) incoming {
	p := incoming{proposal: proposal{data: m.GetData(), metadata: m.GetCustomMetadata()}}
	for key, value := range m.GetMetadata() {
		p.describe(key, value)
	}
	switch v := m.GetId().GetValue().(type) {
	case *shared.UUID_Structured_:
		binary.BigEndian.PutUint64(p.id[:8], uint64(v.Structured.GetMostSignificantBits())) // bits
		binary.BigEndian.PutUint64(p.id[8:], uint64(v.Structured.GetLeastSignificantBits()))
	case *shared.UUID_String_:
		p.id, p.fault = parseTextID(v.String_)
	default:
		p.fault = errNoID
	}
	return p
}

// eachField calls do for every field that is a number or bytes; these are then not
// nil. Fields of other kinds are passed over: no message here has any.
func eachField(b []byte, do func(field protowire.Number, n uint64, v []byte) error) error {
	for len(b) > 0 {
		field, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errNotWire
		}
		b = b[size:]
		var n uint64
		var v []byte
		switch kind {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			v, size = protowire.ConsumeBytes(b)
		default:
			if size = protowire.ConsumeFieldValue(field, kind, b); size < 0 {
				return errNotWire
			}
			b = b[size:]
			continue
		}
		if size < 0 {
			return errNotWire
		}
		b = b[size:]
		if err := do(field, n, v); err != nil {
			return err
		}
	}
	return nil
}

// appendSuccessFrame appends the wire form of AppendResp{success: …}.
func appendSuccessFrame(b []byte, o outcome) frame {
	const (
		respSuccess                                       = 1 // of AppendResp
		currentRevision, noStream, positionOf, noPosition = 1, 2, 3, 4
		commit, prepare                                   = 1, 2 // of Position
	)
	var success, position []byte
	if o.current >= 0 {
		success = appendNumber(success, currentRevision, uint64(o.current))
	} else {
		success = appendBytes(success, noStream, nil)
	}
	if o.position != 0 {
		position = appendNumber(appendNumber(position, commit, o.position), prepare, o.position)
		success = appendBytes(success, positionOf, position)
	} else {
		success = appendBytes(success, noPosition, nil)
	}
	return appendBytes(b, respSuccess, success)
}
