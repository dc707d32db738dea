package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
)

func batchOptions(stream string) *streamspb.BatchAppendReq_Options {
	return &streamspb.BatchAppendReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(stream)},
		ExpectedStreamPosition: &streamspb.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}},
	}
}

func batchEvent(data []byte) *streamspb.BatchAppendReq_ProposedMessage {
	return &streamspb.BatchAppendReq_ProposedMessage{
		Id: stringID(uuid.NewString()), Metadata: map[string]string{"type": "x", "content-type": contentJSON}, Data: data,
	}
}

// TestBatchAppend sends appends of every fate over one call; each is answered,
// under its own correlation id.
func TestBatchAppend(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	s.append(t, "taken", esdb.NoStream{}, event("x"))
	s.append(t, "ended", esdb.NoStream{}, event("x"))
	if _, err := s.client.TombstoneStream(t.Context(), "ended", esdb.TombstoneStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	late := batchOptions("late")
	late.DeadlineOption = &streamspb.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(-time.Second)}
	id := func(n int) *shared.UUID { return stringID(fmt.Sprintf("00000000-0000-0000-0000-%012d", n)) }
	one := []*streamspb.BatchAppendReq_ProposedMessage{batchEvent([]byte("1"))}
	requests := []*streamspb.BatchAppendReq{
		{CorrelationId: id(1), Options: batchOptions("new"), ProposedMessages: one}, // goes on below
		{CorrelationId: id(2), Options: batchOptions("taken"), ProposedMessages: one, IsFinal: true},
		{CorrelationId: id(3), Options: batchOptions("ended"), ProposedMessages: one, IsFinal: true},
		{CorrelationId: id(4), Options: batchOptions("big"), IsFinal: true, ProposedMessages: []*streamspb.BatchAppendReq_ProposedMessage{
			batchEvent(bytes.Repeat([]byte{'x'}, 1<<20)),
		}},
		{CorrelationId: id(5), Options: batchOptions(""), ProposedMessages: one, IsFinal: true},
		{CorrelationId: id(6), Options: batchOptions("$all"), ProposedMessages: one, IsFinal: true},
		{CorrelationId: id(7), Options: late, ProposedMessages: one, IsFinal: true},
		{CorrelationId: id(1), ProposedMessages: []*streamspb.BatchAppendReq_ProposedMessage{batchEvent([]byte("2"))}, IsFinal: true},
	}
	call, err := s.dial(t).BatchAppend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if err := call.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := call.CloseSend(); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for {
		resp, err := call.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetNoStream() == nil {
			t.Errorf("answer without the expected position: %v", resp)
		}
		stream := string(resp.GetStreamIdentifier().GetStreamName())
		if e := resp.GetError(); e != nil {
			details, err := e.GetDetails()[0].UnmarshalNew()
			if err != nil {
				t.Fatal(err)
			}
			if w, ok := details.(*shared.WrongExpectedVersion); ok && (w.GetCurrentStreamRevision() != 0 || w.GetExpectedNoStream() == nil) {
				t.Errorf("conflict %v", w)
			}
			got[stream] = fmt.Sprintf("%d %s", e.GetCode(), proto.MessageName(details))
		} else {
			got[stream] = fmt.Sprintf("revision %d", resp.GetSuccess().GetCurrentRevision())
		}
	}
	want := map[string]string{
		"new":   "revision 1",
		"taken": "6 event_store.client.WrongExpectedVersion",
		"ended": "5 event_store.client.StreamDeleted",
		"big":   "3 event_store.client.MaximumAppendSizeExceeded",
		"":      "3 event_store.client.BadRequest",
		"$all":  "7 event_store.client.AccessDenied",
		"late":  "4 event_store.client.Timeout",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	events, err := s.readStream(t.Context(), "new", esdb.Start{}, esdb.Forwards)
	if err != nil || len(events) != 2 || string(events[0].Data)+string(events[1].Data) != "12" {
		t.Errorf("stored %v, %v", names(events), err)
	}
}

// TestBatchAppendPipelines sends more appends than may be in flight before it
// reads an answer.
func TestBatchAppendPipelines(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	call, err := s.dial(t).BatchAppend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const n = 3 * batchesInFlight
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			options := batchOptions("a")
			if i > 0 {
				options.ExpectedStreamPosition = &streamspb.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(i - 1)}
			}
			if err := call.Send(&streamspb.BatchAppendReq{
				CorrelationId: stringID(uuid.NewString()), Options: options, IsFinal: true,
				ProposedMessages: []*streamspb.BatchAppendReq_ProposedMessage{batchEvent(nil)},
			}); err != nil {
				sent <- err
				return
			}
		}
		sent <- call.CloseSend()
	}()
	for i := range uint64(n) {
		resp, err := call.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.GetSuccess(); got == nil || got.GetCurrentRevision() != i {
			t.Fatalf("answer %d: %v", i, resp)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}
