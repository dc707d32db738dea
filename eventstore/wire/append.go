package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

var (
	// ErrWrongRevision is a stream that is not at the revision expected.
	ErrWrongRevision = errors.New("wire: the stream is at another revision")
	// ErrTooLarge is an append beyond what the server takes at once.
	ErrTooLarge = errors.New("wire: the append is larger than the server takes")
)

// NoStream is what an append expects of a stream that does not exist.
const NoStream int64 = -1

// An Append asks that events become the next ones of a stream, all or none. The
// same ids at the same expected revision are stored once.
type Append struct {
	Stream   string
	Expected int64 // revision of the stream's last event, or NoStream
	Events   []Proposal
}

// A Proposal is an event to be stored, its content JSON.
type Proposal struct {
	ID             uuid.UUID
	Type           string
	Data, Metadata []byte
}

// Written is where an append's last event stands.
type Written struct {
	Revision uint64
	Position Position
}

// Append stores events, and returns when they are on disk. It returns
// [ErrWrongRevision], [ErrStreamDeleted], [ErrTooLarge]; and [ErrUnreachable], the
// context's error, or what else the node says: then the events may have been
// stored, and the same append tells.
func (c *Conn) Append(ctx context.Context, a Append) (Written, error) {
	call, err := c.appending()
	if err != nil {
		return Written{}, err
	}
	answer, err := call.ask(ctx, a)
	if err != nil {
		return Written{}, err
	}
	if refused := answer.GetError(); refused != nil {
		return Written{}, refusal(refused)
	}
	position := answer.GetSuccess().GetPosition()
	return Written{
		Revision: answer.GetSuccess().GetCurrentRevision(),
		Position: Position{position.GetCommitPosition(), position.GetPreparePosition()},
	}, nil
}

// refusal is why an append was not stored. What it is about is in the details, and
// a server that was not ready to ask itself says so without a code.
func refusal(s *statuspb.Status) error {
	err := status.FromProto(s).Err()
	if codes.Code(s.GetCode()) == codes.OK {
		return fmt.Errorf("%w (%s)", ErrUnreachable, s.GetMessage())
	}
	for _, detail := range s.GetDetails() {
		switch detail.MessageName() {
		case (&shared.WrongExpectedVersion{}).ProtoReflect().Descriptor().FullName():
			return fmt.Errorf("%w (%w)", ErrWrongRevision, err)
		case (&shared.StreamDeleted{}).ProtoReflect().Descriptor().FullName():
			return fmt.Errorf("%w (%w)", ErrStreamDeleted, err)
		case (&shared.MaximumAppendSizeExceeded{}).ProtoReflect().Descriptor().FullName():
			return fmt.Errorf("%w (%w)", ErrTooLarge, err)
		case (&shared.Timeout{}).ProtoReflect().Descriptor().FullName():
			return fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
		}
	}
	return err
}

// Field numbers of BatchAppendReq and of what is in it; others stand with ReadResp.
const (
	reqCorrelation, reqOptions, reqProposed, reqFinal = 1, 2, 3, 4

	optionStream, optionRevision, optionNoStream = 1, 2, 3 // of Options

	proposedID, proposedSystem, proposedMetadata, proposedData = 1, 2, 3, 4 // of ProposedMessage
)

// The system metadata of a proposal: the type, whose text comes last, and that the
// content is JSON.
var (
	typeKey     = appendText(nil, entryKey, "type")
	contentType = appendText(appendText(nil, entryKey, "content-type"), entryValue, contentJSON)
)

// request is the append as a BatchAppendReq, with the number that its answer will
// carry.
func (a *Append) request(number uint64) outgoing {
	b := make([]byte, 0, a.size())
	b = appendID(b, reqCorrelation, uuid.UUID(binary.BigEndian.AppendUint64(make([]byte, 8, 16), number)))

	name := protowire.SizeTag(streamName) + protowire.SizeBytes(len(a.Stream))
	options := protowire.SizeTag(optionStream) + protowire.SizeBytes(name)
	if a.Expected == NoStream {
		options += protowire.SizeTag(optionNoStream) + protowire.SizeBytes(0)
	} else {
		options += protowire.SizeTag(optionRevision) + protowire.SizeVarint(uint64(a.Expected))
	}
	b = appendHead(b, reqOptions, options)
	b = appendHead(b, optionStream, name)
	b = appendText(b, streamName, a.Stream)
	if a.Expected == NoStream {
		b = appendHead(b, optionNoStream, 0)
	} else {
		b = protowire.AppendTag(b, optionRevision, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(a.Expected))
	}
	for i := range a.Events {
		b = a.Events[i].append(b)
	}
	b = protowire.AppendTag(b, reqFinal, protowire.VarintType)
	return outgoing(protowire.AppendVarint(b, 1))
}

// size is a little more than the request takes.
func (a *Append) size() int {
	size := 64 + len(a.Stream)
	for i := range a.Events {
		size += 128 + len(a.Events[i].Type) + len(a.Events[i].Data) + len(a.Events[i].Metadata)
	}
	return size
}

func (p *Proposal) append(b []byte) []byte {
	entry := len(typeKey) + protowire.SizeTag(entryValue) + protowire.SizeBytes(len(p.Type))
	b = appendHead(b, reqProposed, idSize+
		protowire.SizeTag(proposedSystem)+protowire.SizeBytes(entry)+
		protowire.SizeTag(proposedSystem)+protowire.SizeBytes(len(contentType))+
		protowire.SizeTag(proposedMetadata)+protowire.SizeBytes(len(p.Metadata))+
		protowire.SizeTag(proposedData)+protowire.SizeBytes(len(p.Data)))
	b = appendID(b, proposedID, p.ID)
	b = appendHead(b, proposedSystem, entry)
	b = append(b, typeKey...)
	b = appendText(b, entryValue, p.Type)
	b = appendText(b, proposedSystem, contentType)
	b = appendText(b, proposedMetadata, p.Metadata)
	return appendText(b, proposedData, p.Data)
}

// idSize is what appendID writes.
var idSize = len(appendID(nil, proposedID, uuid.UUID{}))

// appendID writes a UUID message. As text it is of one size, and as two numbers of
// many.
func appendID(b []byte, number protowire.Number, id uuid.UUID) []byte {
	const text = 36
	b = appendHead(b, number, protowire.SizeTag(idString)+protowire.SizeBytes(text))
	return appendText(b, idString, id.String())
}

// appendHead writes what comes before a message of that size.
func appendHead(b []byte, number protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.BytesType), uint64(size)) // sizes are positive
}

func appendText[T ~string | ~[]byte](b []byte, number protowire.Number, text T) []byte {
	return append(appendHead(b, number, len(text)), text...)
}

// number is the one that the request carried.
func number(answer *streamspb.BatchAppendResp) (uint64, bool) {
	switch id := answer.GetCorrelationId().GetValue().(type) {
	case *shared.UUID_Structured_:
		return uint64(id.Structured.GetLeastSignificantBits()), true // bits
	case *shared.UUID_String_:
		parsed, err := uuid.Parse(id.String_)
		return binary.BigEndian.Uint64(parsed[8:]), err == nil
	}
	return 0, false
}
