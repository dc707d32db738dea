package conformance

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func batchOptions(stream string, expected int64) *streamspb.BatchAppendReq_Options {
	o := &streamspb.BatchAppendReq_Options{StreamIdentifier: identifier(stream)}
	switch expected {
	case noStream:
		o.ExpectedStreamPosition = &streamspb.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}
	case anything:
		o.ExpectedStreamPosition = &streamspb.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}}
	case exists:
		o.ExpectedStreamPosition = &streamspb.BatchAppendReq_Options_StreamExists{StreamExists: &emptypb.Empty{}}
	default:
		o.ExpectedStreamPosition = &streamspb.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(expected)}
	}
	return o
}

func batchEvents(all ...[]byte) []*streamspb.BatchAppendReq_ProposedMessage {
	var messages []*streamspb.BatchAppendReq_ProposedMessage
	for _, data := range all {
		messages = append(messages, &streamspb.BatchAppendReq_ProposedMessage{
			Id: stringID(uuid.NewString()), Metadata: map[string]string{"type": "x", "content-type": "application/json"}, Data: data,
		})
	}
	return messages
}

// batch sends requests over one call and returns n answers by correlation id. It
// leaves the call open until it has them: servers answer no further once the
// client has closed its side.
func (s *server) batch(t *testing.T, n int, requests ...*streamspb.BatchAppendReq) map[string]*streamspb.BatchAppendResp {
	t.Helper()
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	call, err := s.raw.BatchAppend(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() {
		for _, r := range requests {
			if err := call.Send(r); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	answers := map[string]*streamspb.BatchAppendResp{}
	for len(answers) < n {
		answer, err := call.Recv()
		if err != nil {
			t.Fatalf("after %d answers: %v", len(answers), err)
		}
		id := answer.GetCorrelationId().GetString_()
		if st := answer.GetCorrelationId().GetStructured(); st != nil {
			id = structuredText(st)
		}
		answers[id] = answer
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	return answers
}

func structuredText(id *shared.UUID_Structured) string {
	var u uuid.UUID
	for i := range 8 {
		u[i] = byte(uint64(id.GetMostSignificantBits()) >> (56 - 8*i))
		u[8+i] = byte(uint64(id.GetLeastSignificantBits()) >> (56 - 8*i))
	}
	return u.String()
}

// TestBatchAppend sends appends of every fate over one call; each is answered,
// under its own correlation id, and no refusal ends the call.
func TestBatchAppend(t *testing.T) {
	t.Parallel()
	s := examine(t)
	s.append(t, s.stream("taken"), esdb.NoStream{}, events("x", 3)...)
	s.append(t, s.stream("ended"), esdb.NoStream{}, event("x"))
	s.tombstone(t, s.stream("ended"))
	limit := s.limit(t)
	late := batchOptions(s.stream("late"), noStream)
	late.DeadlineOption = &streamspb.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(-time.Second)}
	late21 := batchOptions(s.stream("late, by a clock"), noStream)
	late21.DeadlineOption = &streamspb.BatchAppendReq_Options_Deadline_21_10_0{Deadline_21_10_0: timestamppb.New(time.Now().Add(-time.Minute))}
	early := batchOptions(s.stream("early"), noStream)
	early.DeadlineOption = &streamspb.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(time.Hour)}
	one := func() []*streamspb.BatchAppendReq_ProposedMessage { return batchEvents([]byte("1")) }
	unfit := one()
	delete(unfit[0].GetMetadata(), "type")

	ids := map[string]string{} // of fates, by correlation id
	want := map[string]string{}
	var requests []*streamspb.BatchAppendReq
	add := func(fate, answer string, o *streamspb.BatchAppendReq_Options, final bool, messages []*streamspb.BatchAppendReq_ProposedMessage) *shared.UUID {
		id := uuid.NewString()
		ids[id], want[fate] = fate, answer
		requests = append(requests, &streamspb.BatchAppendReq{CorrelationId: stringID(id), Options: o, ProposedMessages: messages, IsFinal: final})
		return stringID(id)
	}
	goesOn := add("in two messages", "revision 1", batchOptions(s.stream("new"), noStream), false, one())
	const conflict = "6 WrongExpectedVersion event_store.client.WrongExpectedVersion at 2, expecting "
	add("no stream", conflict+"no stream", batchOptions(s.stream("taken"), noStream), true, one())
	add("behind", conflict+"0", batchOptions(s.stream("taken"), 0), true, one())
	add("ahead", conflict+"9", batchOptions(s.stream("taken"), 9), true, one())
	add("missing", "6 WrongExpectedVersion event_store.client.WrongExpectedVersion at no stream, expecting stream exists",
		batchOptions(s.stream("missing"), exists), true, one())
	add("ended", "5 StreamDeleted event_store.client.StreamDeleted", batchOptions(s.stream("ended"), anything), true, one())
	add("big", "3 MaximumAppendSizeExceeded event_store.client.MaximumAppendSizeExceeded "+fmt.Sprint(limit),
		batchOptions(s.stream("big"), noStream), true, batchEvents(bytes.Repeat([]byte{'x'}, limit+1)))
	add("nameless", "3 event_store.client.BadRequest", batchOptions("", noStream), true, one())
	add("typeless", "3 event_store.client.BadRequest", batchOptions(s.stream("typeless"), noStream), true, unfit)
	add("late", "4 Timeout event_store.client.Timeout", late, true, one())
	add("late, by a clock", "4 Timeout event_store.client.Timeout", late21, true, one())
	add("early", "revision 0", early, true, one())
	if s.own { // a server without users lets it pass
		add("$all", "7 AccessDenied event_store.client.AccessDenied", batchOptions("$all", noStream), true, one())
	}
	requests = append(requests, &streamspb.BatchAppendReq{CorrelationId: goesOn, ProposedMessages: batchEvents([]byte("2")), IsFinal: true})

	got := map[string]string{}
	for id, answer := range s.batch(t, len(ids), requests...) {
		got[ids[id]] = batchAnswer(t, answer)
		if s.own && answer.GetExpectedStreamPosition() == nil {
			t.Errorf("%s: answered without the expected position", ids[id])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if all := s.whole(t, s.stream("new")); len(all) != 2 || string(all[0].Data)+string(all[1].Data) != "12" {
		t.Errorf("stored %v", s.names(all))
	}
	for _, stream := range []string{"missing", "big", "typeless", "late", "late, by a clock"} {
		if _, err := s.read(t, s.stream(stream), esdb.Start{}, esdb.Forwards, 1); code(err) != esdb.ErrorCodeResourceNotFound {
			t.Errorf("%s was stored: %v", stream, err)
		}
	}
}

// batchAnswer writes an answer as text: the revision, or status, message and details.
func batchAnswer(t *testing.T, answer *streamspb.BatchAppendResp) string {
	t.Helper()
	e := answer.GetError()
	if e == nil {
		if answer.GetSuccess().GetPosition().GetCommitPosition() == 0 {
			t.Errorf("success without a position: %v", answer)
		}
		return fmt.Sprintf("revision %d", answer.GetSuccess().GetCurrentRevision())
	}
	if len(e.GetDetails()) != 1 {
		t.Fatalf("an error without details: %v", e)
	}
	details, err := e.GetDetails()[0].UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	kind := proto.MessageName(details)
	switch d := details.(type) {
	case *shared.BadRequest: // its message is for people
		return fmt.Sprintf("%d %s", e.GetCode(), kind)
	case *shared.MaximumAppendSizeExceeded:
		return fmt.Sprintf("%d %s %s %d", e.GetCode(), e.GetMessage(), kind, d.GetMaxAppendSize())
	case *shared.WrongExpectedVersion:
		at, expecting := fmt.Sprint(d.GetCurrentStreamRevision()), fmt.Sprint(d.GetExpectedStreamPosition())
		if d.GetCurrentNoStream() != nil {
			at = "no stream"
		}
		if d.GetExpectedNoStream() != nil {
			expecting = "no stream"
		}
		if d.GetExpectedStreamExists() != nil {
			expecting = "stream exists"
		}
		return fmt.Sprintf("%d %s %s at %s, expecting %s", e.GetCode(), e.GetMessage(), kind, at, expecting)
	default:
		return fmt.Sprintf("%d %s %s", e.GetCode(), e.GetMessage(), kind)
	}
}

// TestBatchAppendAgain: the same ids are stored once, also over BatchAppend, and
// correlation ids may be structured.
func TestBatchAppendAgain(t *testing.T) {
	t.Parallel()
	s := examine(t)
	messages := batchEvents([]byte("1"), []byte("2"))
	for range 2 {
		id := &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{MostSignificantBits: -5, LeastSignificantBits: 7}}}
		for _, answer := range s.batch(t, 1, &streamspb.BatchAppendReq{
			CorrelationId: id, Options: batchOptions(s.stream("a"), noStream), ProposedMessages: messages, IsFinal: true,
		}) {
			if got := batchAnswer(t, answer); got != "revision 1" {
				t.Error(got)
			}
		}
	}
	if got := len(s.whole(t, s.stream("a"))); got != 2 {
		t.Errorf("%d events, want 2", got)
	}
}

// TestBatchAppendPipelines sends more appends than may be in flight before it
// looks at the answers.
func TestBatchAppendPipelines(t *testing.T) {
	t.Parallel()
	s := examine(t)
	const n = 800
	var requests []*streamspb.BatchAppendReq
	ids := map[string]uint64{}
	for i := range int64(n) {
		id := uuid.NewString()
		ids[id] = uint64(i)
		requests = append(requests, &streamspb.BatchAppendReq{
			CorrelationId: stringID(id), Options: batchOptions(s.stream("a"), i-1), IsFinal: true, ProposedMessages: batchEvents(nil),
		})
	}
	for id, answer := range s.batch(t, n, requests...) {
		if got := answer.GetSuccess(); got == nil || got.GetCurrentRevision() != ids[id] {
			t.Fatalf("append %d: %v", ids[id], answer)
		}
	}
}
