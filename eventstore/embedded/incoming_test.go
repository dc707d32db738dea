package embedded

import (
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

// FuzzIncoming holds the parser against the generated code: whatever bytes come, it
// does not panic, and what both take they understand alike.
func FuzzIncoming(f *testing.F) {
	for _, id := range []*shared.UUID{
		nil,
		{},
		{Value: &shared.UUID_String_{String_: "f47ac10b-58cc-4372-a567-0e02b2c3d479"}},
		{Value: &shared.UUID_String_{String_: "?"}},
		{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{MostSignificantBits: -5, LeastSignificantBits: 7}}},
	} {
		f.Add(marshaled(f, &streamspb.AppendReq{Content: &streamspb.AppendReq_ProposedMessage_{
			ProposedMessage: &streamspb.AppendReq_ProposedMessage{
				Id: id, Data: []byte("{}"), CustomMetadata: []byte("m"),
				Metadata: map[string]string{metadataType: "deal.won", metadataContentType: contentJSON, "other": "x"},
			},
		}}))
	}
	f.Add(marshaled(f, &streamspb.AppendReq{Content: &streamspb.AppendReq_Options_{Options: &streamspb.AppendReq_Options{}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got incoming
		_ = got.parse(b)
		var other streamspb.AppendReq
		if proto.Unmarshal(b, &other) != nil {
			return
		}
		// Written anew each field comes once: the generated code merges repetitions.
		if err := got.parse(marshaled(t, &other)); err != nil {
			t.Fatalf("%v: %v", &other, err)
		}
		m := other.GetProposedMessage()
		want := incomingOf(&streamspb.BatchAppendReq_ProposedMessage{
			Id: m.GetId(), Metadata: m.GetMetadata(), CustomMetadata: m.GetCustomMetadata(), Data: m.GetData(),
		})
		if got.typed != want.typed || got.described != want.described || got.json != want.json || got.kind != want.kind ||
			(got.fault == nil) != (want.fault == nil) || want.fault == nil && got.id != want.id ||
			string(got.data) != string(want.data) || string(got.metadata) != string(want.metadata) {
			t.Errorf("%v\nwant %+v\ngot  %+v", m, want, got)
		}
	})
}

func marshaled(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestAppendSuccessFrame(t *testing.T) {
	t.Parallel()
	none := &shared.Empty{}
	for _, c := range []struct {
		outcome outcome
		want    *streamspb.AppendResp_Success
	}{
		{outcome{current: 300, position: 70_000}, &streamspb.AppendResp_Success{
			CurrentRevisionOption: &streamspb.AppendResp_Success_CurrentRevision{CurrentRevision: 300},
			PositionOption: &streamspb.AppendResp_Success_Position{
				Position: &streamspb.AppendResp_Position{CommitPosition: 70_000, PreparePosition: 70_000},
			},
		}},
		{outcome{current: -1}, &streamspb.AppendResp_Success{
			CurrentRevisionOption: &streamspb.AppendResp_Success_NoStream{NoStream: none},
			PositionOption:        &streamspb.AppendResp_Success_NoPosition{NoPosition: none},
		}},
	} {
		got := &streamspb.AppendResp{}
		if err := proto.Unmarshal(appendSuccessFrame(nil, c.outcome), got); err != nil {
			t.Fatal(err)
		}
		want := &streamspb.AppendResp{Result: &streamspb.AppendResp_Success_{Success: c.want}}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Error(diff)
		}
	}
}
