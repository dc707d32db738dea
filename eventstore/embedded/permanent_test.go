package embedded

import (
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"
)

// TestHistoryOfPermanentStreamsStays: nothing that would hide their events is
// accepted, by any call; what is harmless is, and other streams are as ever.
func TestHistoryOfPermanentStreamsStays(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Permanent: []string{"customer-", "deal-"}})
	const name = "customer-1"
	s.append(t, name, esdb.NoStream{}, eventsOf("x", 3)...)
	s.append(t, "customers", esdb.NoStream{}, eventsOf("x", 3)...)

	shortening := map[string]esdb.StreamMetadata{}
	var byCount, byAge, byRevision esdb.StreamMetadata
	byCount.SetMaxCount(1)
	byAge.SetMaxAge(time.Hour)
	byRevision.SetTruncateBefore(2)
	shortening["$maxCount"], shortening["$maxAge"], shortening["$tb"] = byCount, byAge, byRevision
	for what, metadata := range shortening {
		_, err := s.client.SetStreamMetadata(t.Context(), name, esdb.AppendToStreamOptions{}, metadata)
		if code(err) != esdb.ErrorCodeAccessDenied {
			t.Errorf("%s: %v, want access denied", what, err)
		}
		if _, err := s.client.SetStreamMetadata(t.Context(), "customers", esdb.AppendToStreamOptions{}, metadata); err != nil {
			t.Errorf("%s on another stream: %v", what, err)
		}
	}
	hidden := event("$metadata")
	hidden.Data = []byte(`{"$maxCount":1}`)
	if _, err := s.client.AppendToStream(t.Context(), "$$"+name, esdb.AppendToStreamOptions{}, event("x"), hidden); code(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("in the second event of an append: %v, want access denied", err)
	}
	if got := s.batchMetadata(t, "$$"+name, hidden.Data); got != codes.PermissionDenied {
		t.Errorf("by BatchAppend: %s, want permission denied", got)
	}
	if _, err := s.client.DeleteStream(t.Context(), name, esdb.DeleteStreamOptions{}); grpcCode(err) != codes.PermissionDenied {
		t.Errorf("delete: %v, want permission denied", err)
	}
	if _, err := s.client.TombstoneStream(t.Context(), name, esdb.TombstoneStreamOptions{}); grpcCode(err) != codes.PermissionDenied {
		t.Errorf("tombstone: %v, want permission denied", err)
	}
	var harmless esdb.StreamMetadata
	harmless.AddCustomProperty("colour", "green")
	if _, err := s.client.SetStreamMetadata(t.Context(), name, esdb.AppendToStreamOptions{}, harmless); err != nil {
		t.Errorf("metadata that hides nothing: %v", err)
	}
	if got, err := s.readStream(t.Context(), name, esdb.Start{}, esdb.Forwards); err != nil || len(got) != 3 {
		t.Errorf("the stream shows %d events, %v; want 3", len(got), err)
	}
	if _, err := s.client.TombstoneStream(t.Context(), "customers", esdb.TombstoneStreamOptions{}); err != nil {
		t.Errorf("tombstone of another stream: %v", err)
	}
}

// batchMetadata writes metadata by BatchAppend and gives the answer's code.
func (s *service) batchMetadata(t *testing.T, stream string, data []byte) codes.Code {
	t.Helper()
	call, err := s.dial(t).BatchAppend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := &shared.UUID{Value: &shared.UUID_String_{String_: "7b2a9df8-8f0c-4e3a-9f43-0d5a2a3d8f11"}}
	if err := call.Send(&streamspb.BatchAppendReq{
		CorrelationId: id,
		Options: &streamspb.BatchAppendReq_Options{
			StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(stream)},
			ExpectedStreamPosition: &streamspb.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}},
		},
		ProposedMessages: []*streamspb.BatchAppendReq_ProposedMessage{{
			Id: id, Metadata: map[string]string{"type": "$metadata", "content-type": "application/json"}, Data: data,
		}},
		IsFinal: true,
	}); err != nil {
		t.Fatal(err)
	}
	answer, err := call.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return codes.Code(answer.GetError().GetCode())
}
