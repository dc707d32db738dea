package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

func event(kind string) esdb.EventData {
	return esdb.EventData{
		EventID: uuid.New(), EventType: kind, ContentType: esdb.ContentTypeJson,
		Data: []byte(`{"a":1}`), Metadata: []byte(`{"m":2}`),
	}
}

func events(kind string, n int) []esdb.EventData {
	all := make([]esdb.EventData, n)
	for i := range all {
		all[i] = event(kind)
	}
	return all
}

func (s *server) append(t *testing.T, stream string, expected esdb.ExpectedRevision, events ...esdb.EventData) *esdb.WriteResult {
	t.Helper()
	r, err := s.client.AppendToStream(within(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
	if err != nil {
		t.Fatalf("append to %s: %v", stream, err)
	}
	return r
}

// setMetadata writes a stream's metadata as it is given.
func (s *server) setMetadata(t *testing.T, stream, json string) {
	t.Helper()
	s.append(t, "$$"+stream, esdb.Any{}, esdb.EventData{
		EventID: uuid.New(), EventType: "$metadata", ContentType: esdb.ContentTypeJson, Data: []byte(json),
	})
}

func (s *server) softDelete(t *testing.T, stream string) {
	t.Helper()
	if _, err := s.client.DeleteStream(within(t), stream, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatalf("delete %s: %v", stream, err)
	}
}

func (s *server) tombstone(t *testing.T, stream string) {
	t.Helper()
	if _, err := s.client.TombstoneStream(within(t), stream, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatalf("tombstone %s: %v", stream, err)
	}
}

const unlimited = 1 << 40

// collect reads to the end, which is no error.
func collect(r *esdb.ReadStream, err error) ([]*esdb.RecordedEvent, error) {
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []*esdb.RecordedEvent
	for {
		e, err := r.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return all, err
		}
		all = append(all, e.Event)
	}
}

func (s *server) read(t *testing.T, stream string, from esdb.StreamPosition, d esdb.Direction, count uint64) ([]*esdb.RecordedEvent, error) {
	t.Helper()
	return collect(s.client.ReadStream(within(t), stream, esdb.ReadStreamOptions{From: from, Direction: d}, count))
}

// whole reads a stream, which must exist, from its start.
func (s *server) whole(t *testing.T, stream string) []*esdb.RecordedEvent {
	t.Helper()
	all, err := s.read(t, stream, esdb.Start{}, esdb.Forwards, unlimited)
	if err != nil {
		t.Fatalf("read %s: %v", stream, err)
	}
	return all
}

// mine reads $all and keeps what belongs to this test: the events of its streams
// and of their metadata. It stops at the first event of ours named until.
func (s *server) mine(t *testing.T, from esdb.AllPosition, d esdb.Direction, until string) []*esdb.RecordedEvent {
	t.Helper()
	reading, err := s.client.ReadAll(within(t), esdb.ReadAllOptions{From: from, Direction: d}, unlimited)
	if err != nil {
		t.Fatalf("read $all: %v", err)
	}
	defer reading.Close()
	var all []*esdb.RecordedEvent
	for {
		e, err := reading.Recv()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("read $all: %v", err)
		}
		if r := e.Event; strings.HasPrefix(strings.TrimPrefix(r.StreamID, "$$"), s.prefix) {
			all = append(all, r)
			if s.name(r) == until {
				return all
			}
		}
	}
}

// name writes an event as stream@revision, without the test's prefix.
func (s *server) name(e *esdb.RecordedEvent) string {
	return fmt.Sprintf("%s@%d", strings.Replace(e.StreamID, s.prefix+"-", "", 1), e.EventNumber)
}

func (s *server) names(all []*esdb.RecordedEvent) []string {
	names := []string{}
	for _, e := range all {
		names = append(names, s.name(e))
	}
	return names
}

func revisions(all []*esdb.RecordedEvent) []uint64 {
	numbers := []uint64{}
	for _, e := range all {
		numbers = append(numbers, e.EventNumber)
	}
	return numbers
}

// code is the client's word for an error, -1 for one that is not the client's.
func code(err error) esdb.ErrorCode {
	if e, ok := errors.AsType[*esdb.Error](err); ok {
		return e.Code()
	}
	return -1
}

func identifier(stream string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(stream)}
}

func stringID(id string) *shared.UUID { return &shared.UUID{Value: &shared.UUID_String_{String_: id}} }

// Expected revisions other than a number, as trailers spell them.
const (
	noStream int64 = -1
	anything int64 = -2
	exists   int64 = -4
)

func appendOptions(stream string, expected int64) *streamspb.AppendReq {
	o := &streamspb.AppendReq_Options{StreamIdentifier: identifier(stream)}
	switch expected {
	case noStream:
		o.ExpectedStreamRevision = &streamspb.AppendReq_Options_NoStream{NoStream: &shared.Empty{}}
	case anything:
		o.ExpectedStreamRevision = &streamspb.AppendReq_Options_Any{Any: &shared.Empty{}}
	case exists:
		o.ExpectedStreamRevision = &streamspb.AppendReq_Options_StreamExists{StreamExists: &shared.Empty{}}
	default:
		o.ExpectedStreamRevision = &streamspb.AppendReq_Options_Revision{Revision: uint64(expected)}
	}
	return &streamspb.AppendReq{Content: &streamspb.AppendReq_Options_{Options: o}}
}

// proposal is a message of an append; pairs are its system metadata.
func proposal(id *shared.UUID, data []byte, pairs ...string) *streamspb.AppendReq {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return &streamspb.AppendReq{Content: &streamspb.AppendReq_ProposedMessage_{
		ProposedMessage: &streamspb.AppendReq_ProposedMessage{Id: id, Metadata: m, Data: data},
	}}
}

// plain is a proposal with all that is needed.
func plain(id uuid.UUID) *streamspb.AppendReq {
	return proposal(stringID(id.String()), []byte("{}"), "type", "t", "content-type", "application/json")
}

// send makes an append of messages and returns the answer, the trailers and the error.
func (s *server) send(ctx context.Context, messages ...*streamspb.AppendReq) (*streamspb.AppendResp, metadata.MD, error) {
	var trailer metadata.MD
	call, err := s.raw.Append(ctx, grpc.Trailer(&trailer))
	if err != nil {
		return nil, nil, err
	}
	for _, m := range messages {
		// A server that refuses early ends the call: the answer tells why.
		if err := call.Send(m); err != nil {
			break
		}
	}
	answer, err := call.CloseAndRecv()
	return answer, trailer, err
}

// begin makes a read or subscription and returns its first message.
func (s *server) begin(ctx context.Context, o *streamspb.ReadReq_Options) (*streamspb.ReadResp, metadata.MD, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := s.raw.Read(ctx, &streamspb.ReadReq{Options: o})
	if err != nil {
		return nil, nil, err
	}
	first, err := call.Recv()
	return first, call.Trailer(), err
}

// Parts of the options of a read.
var (
	structured = &streamspb.ReadReq_Options_UUIDOption{Content: &streamspb.ReadReq_Options_UUIDOption_Structured{Structured: &shared.Empty{}}}
	asString   = &streamspb.ReadReq_Options_UUIDOption{Content: &streamspb.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}
	noFilter   = &streamspb.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}}
	subscribe  = &streamspb.ReadReq_Options_Subscription{Subscription: &streamspb.ReadReq_Options_SubscriptionOptions{}}
	allStart   = &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
		AllOption: &streamspb.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
	}}
)

func count(n uint64) *streamspb.ReadReq_Options_Count {
	return &streamspb.ReadReq_Options_Count{Count: n}
}

func streamStart(stream string) *streamspb.ReadReq_Options_Stream {
	return &streamspb.ReadReq_Options_Stream{Stream: &streamspb.ReadReq_Options_StreamOptions{
		StreamIdentifier: identifier(stream),
		RevisionOption:   &streamspb.ReadReq_Options_StreamOptions_Start{Start: &shared.Empty{}},
	}}
}

// subscription is the request of one to a stream, from its start.
func subscription(stream string) *streamspb.ReadReq {
	return &streamspb.ReadReq{Options: &streamspb.ReadReq_Options{
		StreamOption: streamStart(stream), CountOption: subscribe, FilterOption: noFilter, UuidOption: structured,
	}}
}
