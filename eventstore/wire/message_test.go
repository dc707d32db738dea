package wire

import (
	"errors"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

type (
	readEventPB     = streamspb.ReadResp_ReadEvent
	recordedEventPB = streamspb.ReadResp_ReadEvent_RecordedEvent
)

var someID = uuid.MustParse("f47ac10b-58cc-4372-a567-0e02b2c3d479")

// someEvent is an event as a server sends it.
func someEvent() *recordedEventPB {
	hi, lo := int64(-0x0b853ef4a733bc8e), int64(-0x5a98f1fd4d3c2b87)
	return &recordedEventPB{
		Id: &shared.UUID{Value: &shared.UUID_Structured_{
			Structured: &shared.UUID_Structured{MostSignificantBits: hi, LeastSignificantBits: lo},
		}},
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("deal-1")},
		StreamRevision:   7, CommitPosition: 90, PreparePosition: 80,
		Metadata: map[string]string{
			"type": "deal.won", "content-type": "application/json", "created": "17672322451234567",
		},
		CustomMetadata: []byte(`{"schema":1}`), Data: []byte(`{"value":5}`),
	}
}

func appeared(e *recordedEventPB) *streamspb.ReadResp {
	return &streamspb.ReadResp{Content: &streamspb.ReadResp_Event{Event: &readEventPB{
		Event: e, Position: &streamspb.ReadResp_ReadEvent_CommitPosition{CommitPosition: e.GetCommitPosition()},
	}}}
}

func marshal(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestKinds(t *testing.T) {
	t.Parallel()
	whole := Event{
		ID: someID, Stream: []byte("deal-1"), Type: []byte("deal.won"), Revision: 7, Position: Position{90, 80},
		Created: time.Date(2026, 1, 1, 1, 50, 45, 123456700, time.UTC), JSON: true,
		Data: []byte(`{"value":5}`), Metadata: []byte(`{"schema":1}`),
	}
	byText := someEvent()
	byText.Id = &shared.UUID{Value: &shared.UUID_String_{String_: someID.String()}}
	linked := appeared(someEvent())
	linked.GetEvent().Link, linked.GetEvent().Event = linked.GetEvent().GetEvent(), &recordedEventPB{}
	newer := protowire.AppendTag(marshal(t, appeared(someEvent())), 77, protowire.Fixed64Type)
	newer = protowire.AppendFixed64(newer, 5)
	for name, c := range map[string]struct {
		sent proto.Message
		raw  []byte
		want Message
	}{
		"event":                   {sent: appeared(someEvent()), want: Message{Kind: Appeared, Event: whole}},
		"event, id as text":       {sent: appeared(byText), want: Message{Kind: Appeared, Event: whole}},
		"link":                    {sent: linked, want: Message{Kind: Appeared, Event: whole}},
		"event of a newer server": {raw: newer, want: Message{Kind: Appeared, Event: whole}},
		"confirmation": {sent: &streamspb.ReadResp{Content: &streamspb.ReadResp_Confirmation{
			Confirmation: &streamspb.ReadResp_SubscriptionConfirmation{SubscriptionId: "x"},
		}}, want: Message{Kind: Confirmed}},
		"checkpoint": {sent: &streamspb.ReadResp{Content: &streamspb.ReadResp_Checkpoint_{
			Checkpoint: &streamspb.ReadResp_Checkpoint{CommitPosition: 12, PreparePosition: 11},
		}}, want: Message{Kind: Checkpoint, Position: Position{12, 11}}},
		"not found": {sent: &streamspb.ReadResp{Content: &streamspb.ReadResp_StreamNotFound_{
			StreamNotFound: &streamspb.ReadResp_StreamNotFound{},
		}}, want: Message{Kind: NotFound}},
		"caught up": {sent: &streamspb.ReadResp{Content: &streamspb.ReadResp_CaughtUp_{
			CaughtUp: &streamspb.ReadResp_CaughtUp{},
		}}, want: Message{Kind: CaughtUp}},
		"fell behind": {sent: &streamspb.ReadResp{Content: &streamspb.ReadResp_FellBehind_{
			FellBehind: &streamspb.ReadResp_FellBehind{},
		}}, want: Message{Kind: FellBehind}},
		"first position": {sent: &streamspb.ReadResp{Content: &streamspb.ReadResp_FirstStreamPosition{FirstStreamPosition: 3}}},
		"last position":  {sent: &streamspb.ReadResp{Content: &streamspb.ReadResp_LastStreamPosition{LastStreamPosition: 3}}},
		"last of $all": {sent: &streamspb.ReadResp{Content: &streamspb.ReadResp_LastAllStreamPosition{
			LastAllStreamPosition: &shared.AllStreamPosition{CommitPosition: 1},
		}}},
		"unknown kind": {raw: protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), []byte("x"))},
		"nothing":      {raw: []byte{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := c.raw
			if c.sent != nil {
				raw = marshal(t, c.sent)
			}
			var got Message
			if err := got.parse(raw); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A server's malformed answer is an error of that read, and of nothing else.
func TestMalformed(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(e *recordedEventPB){
		"no id":               func(e *recordedEventPB) { e.Id = nil },
		"id that is none":     func(e *recordedEventPB) { e.Id = &shared.UUID{Value: &shared.UUID_String_{String_: "x"}} },
		"no stream":           func(e *recordedEventPB) { e.StreamIdentifier = nil },
		"no type":             func(e *recordedEventPB) { delete(e.Metadata, "type") },
		"no time":             func(e *recordedEventPB) { delete(e.Metadata, "created") },
		"time in words":       func(e *recordedEventPB) { e.Metadata["created"] = "yesterday" },
		"empty time":          func(e *recordedEventPB) { e.Metadata["created"] = "" },
		"time of no calendar": func(e *recordedEventPB) { e.Metadata["created"] = strconv.FormatInt(math.MinInt64, 10) },
		"huge time":           func(e *recordedEventPB) { e.Metadata["created"] = "99999999999999999999" },
		"negative revision":   func(e *recordedEventPB) { e.StreamRevision = math.MaxUint64 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := someEvent()
			spoil(e)
			var m Message
			if err := m.parse(marshal(t, appeared(e))); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
	whole := marshal(t, appeared(someEvent()))
	for cut := 1; cut < len(whole); cut++ {
		var m Message
		if err := m.parse(whole[:cut]); !errors.Is(err, ErrMalformed) {
			t.Errorf("of %d bytes only %d: %v", len(whole), cut, err)
		}
	}
}

// FuzzMessage holds the parser against the generated code: whatever bytes come, it
// does not panic, and what both take they understand alike.
func FuzzMessage(f *testing.F) {
	f.Add(marshal(f, appeared(someEvent())))
	f.Add(marshal(f, &streamspb.ReadResp{Content: &streamspb.ReadResp_Checkpoint_{
		Checkpoint: &streamspb.ReadResp_Checkpoint{CommitPosition: 12, PreparePosition: 11},
	}}))
	f.Add([]byte{0x0a, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		var got Message
		_ = got.parse(b)
		var other streamspb.ReadResp
		if proto.Unmarshal(b, &other) != nil {
			return
		}
		// Written anew each field comes once: the generated code merges repetitions.
		err := got.parse(marshal(t, &other))
		want, valid := generated(&other)
		if valid != (err == nil) {
			t.Fatalf("%v: %v", &other, err)
		}
		if valid {
			if diff := cmp.Diff(want, got, cmp.Comparer(sameBytes)); diff != "" {
				t.Errorf("(-generated +ours)\n%s", diff)
			}
		}
	})
}

func sameBytes(a, b []byte) bool { return string(a) == string(b) }

// generated is what a message of the generated code means; false for what is
// malformed.
func generated(resp *streamspb.ReadResp) (Message, bool) {
	switch c := resp.GetContent().(type) {
	case *streamspb.ReadResp_Confirmation:
		return Message{Kind: Confirmed}, true
	case *streamspb.ReadResp_Checkpoint_:
		return Message{Kind: Checkpoint, Position: Position{
			c.Checkpoint.GetCommitPosition(), c.Checkpoint.GetPreparePosition(),
		}}, true
	case *streamspb.ReadResp_StreamNotFound_:
		return Message{Kind: NotFound}, true
	case *streamspb.ReadResp_CaughtUp_:
		return Message{Kind: CaughtUp}, true
	case *streamspb.ReadResp_FellBehind_:
		return Message{Kind: FellBehind}, true
	case *streamspb.ReadResp_Event:
		e := c.Event.GetEvent()
		if c.Event.GetLink() != nil {
			e = c.Event.GetLink()
		}
		return generatedEvent(e)
	default:
		return Message{}, true
	}
}

func generatedEvent(e *recordedEventPB) (Message, bool) {
	var id uuid.UUID
	var err error
	switch v := e.GetId().GetValue().(type) {
	case *shared.UUID_Structured_:
		b := protowire.AppendFixed64(nil, uint64(v.Structured.GetLeastSignificantBits()))
		b = protowire.AppendFixed64(b, uint64(v.Structured.GetMostSignificantBits()))
		for i := range id {
			id[i] = b[15-i]
		}
	case *shared.UUID_String_:
		id, err = uuid.Parse(v.String_)
	}
	text, dated := e.GetMetadata()["created"]
	ticks, notANumber := strconv.ParseInt(text, 10, 64)
	created := time.UnixMicro(ticks / 10).Add(time.Duration(ticks%10) * 100).UTC()
	if err != nil || e.GetId() == nil || len(e.GetStreamIdentifier().GetStreamName()) == 0 || e.GetMetadata()["type"] == "" ||
		!dated || notANumber != nil || created.Year() < 1 || created.Year() > 9999 || e.GetStreamRevision() > math.MaxInt64 {
		return Message{}, false
	}
	return Message{Kind: Appeared, Event: Event{
		ID: id, Stream: e.GetStreamIdentifier().GetStreamName(), Type: []byte(e.GetMetadata()["type"]),
		Revision: e.GetStreamRevision(), Position: Position{e.GetCommitPosition(), e.GetPreparePosition()},
		Created: created, JSON: e.GetMetadata()["content-type"] == contentJSON,
		Data: e.GetData(), Metadata: e.GetCustomMetadata(),
	}}, true
}

// BenchmarkParse takes one event apart.
func BenchmarkParse(b *testing.B) {
	raw := marshal(b, appeared(someEvent()))
	b.ReportAllocs()
	var m Message
	for b.Loop() {
		if err := m.parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}
