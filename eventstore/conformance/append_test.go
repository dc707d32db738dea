package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

func TestAnEventIsStoredAsItWasSent(t *testing.T) {
	t.Parallel()
	s := examine(t)
	sent := event("thing.done")
	r := s.append(t, s.stream("a"), esdb.NoStream{}, sent)
	if r.NextExpectedVersion != 0 || r.CommitPosition == 0 || r.PreparePosition == 0 {
		t.Errorf("answer %+v, want revision 0 and a position", r)
	}
	got := s.whole(t, s.stream("a"))
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	e := got[0]
	if e.EventID != sent.EventID || e.EventType != "thing.done" || e.ContentType != "application/json" ||
		string(e.Data) != string(sent.Data) || string(e.UserMetadata) != string(sent.Metadata) ||
		e.Position.Commit != r.CommitPosition || e.CreatedDate.IsZero() {
		t.Errorf("read %+v", e)
	}
	if diff := cmp.Diff(got, s.mine(t, e.Position, esdb.Forwards, "a@0")); diff != "" {
		t.Errorf("in $all it is another:\n%s", diff)
	}
}

// TestContentTypes: all that is kept of a content type is whether it is JSON.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	s := examine(t)
	want := map[string]string{
		"application/json":         "application/json",
		"application/octet-stream": "application/octet-stream",
		"text/plain":               "application/octet-stream",
		"application/json; q=1":    "application/octet-stream",
	}
	got := map[string]string{}
	for sent := range want {
		stream := s.stream(uuid.NewString())
		if _, _, err := s.send(within(t), appendOptions(stream, noStream),
			proposal(stringID(uuid.NewString()), []byte("x"), "type", "t", "content-type", sent, "more", "is dropped")); err != nil {
			t.Fatal(err)
		}
		e := s.whole(t, stream)[0]
		got[sent] = e.ContentType
		if e.SystemMetadata["more"] != "" {
			t.Errorf("system metadata %v", e.SystemMetadata)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTheSameIDsAtAnotherRevision appends two events to an empty stream and then
// sends them again under other expected revisions.
func TestTheSameIDsAtAnotherRevision(t *testing.T) {
	t.Parallel()
	s := examine(t)
	for _, tt := range []struct {
		expected esdb.ExpectedRevision
		want     string // the last revision, or the refusal
	}{
		{esdb.Any{}, "3"},
		{esdb.StreamExists{}, "3"},
		{esdb.NoStream{}, "wrong"},
		{esdb.Revision(0), "wrong"},
		{esdb.Revision(1), "3"}, // where they were appended first
		{esdb.Revision(2), "wrong"},
		{esdb.Revision(3), "5"}, // to name the end is to mean new events, whatever their ids
		{esdb.Revision(9), "wrong"},
	} {
		stream := s.stream(uuid.NewString())
		s.append(t, stream, esdb.NoStream{}, events("old", 2)...)
		twice := events("new", 2)
		s.append(t, stream, esdb.Revision(1), twice...)
		r, err := s.client.AppendToStream(within(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: tt.expected}, twice...)
		got := "wrong"
		if err == nil {
			got = fmt.Sprint(r.NextExpectedVersion)
		} else if code(err) != esdb.ErrorCodeWrongExpectedVersion {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("expecting %v: %s, want %s", tt.expected, got, tt.want)
		}
	}
}

// TestIDsBelongToAStream: the same event can be in two streams.
func TestIDsBelongToAStream(t *testing.T) {
	t.Parallel()
	s := examine(t)
	e := event("x")
	for _, stream := range []string{s.stream("a"), s.stream("b")} {
		s.append(t, stream, esdb.Any{}, event("y"))
		if r := s.append(t, stream, esdb.Any{}, e); r.NextExpectedVersion != 1 {
			t.Errorf("%s: revision %d, want 1", stream, r.NextExpectedVersion)
		}
	}
}

// TestAppendingNothing: what CheckCommit accepts is answered with where the
// stream is, and leaves nothing.
func TestAppendingNothing(t *testing.T) {
	t.Parallel()
	s := examine(t)
	s.append(t, s.stream("a"), esdb.NoStream{}, events("x", 2)...)
	answer, _, err := s.send(within(t), appendOptions(s.stream("a"), 1))
	if err != nil || answer.GetSuccess() == nil {
		t.Fatalf("%v, %v", answer, err)
	}
	if got := answer.GetSuccess().GetCurrentRevision(); s.own && got != 1 {
		t.Errorf("revision %d, want 1", got)
	}
	if got := len(s.whole(t, s.stream("a"))); got != 2 {
		t.Errorf("%d events, want 2", got)
	}
	if _, _, err := s.send(within(t), appendOptions(s.stream("none"), anything)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.read(t, s.stream("none"), esdb.Start{}, esdb.Forwards, unlimited); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Errorf("a stream that nothing was appended to: %v", err)
	}
	// A soft-deleted stream is revived by it, empty.
	s.append(t, s.stream("b"), esdb.NoStream{}, events("x", 2)...)
	s.softDelete(t, s.stream("b"))
	if _, _, err := s.send(within(t), appendOptions(s.stream("b"), anything)); err != nil {
		t.Fatal(err)
	}
	if got := s.whole(t, s.stream("b")); len(got) != 0 {
		t.Errorf("revived with %v", s.names(got))
	}
}

// TestAnAppendIsAllOrNothing sends appends whose last event is the one that is
// refused, and one of as many events as fit.
func TestAnAppendIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := examine(t)
	messages := []*streamspb.AppendReq{appendOptions(s.stream("bad"), anything)}
	for range 20 {
		messages = append(messages, plain(uuid.New()))
	}
	messages = append(messages, proposal(stringID(uuid.NewString()), nil, "type", "t"))
	if _, _, err := s.send(within(t), messages...); status.Code(err) != codes.InvalidArgument {
		t.Errorf("an event without a content type: %v", err)
	}
	if _, err := s.read(t, s.stream("bad"), esdb.Start{}, esdb.Forwards, unlimited); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Errorf("read after the refusal: %v", err)
	}
	const many = 5000
	r := s.append(t, s.stream("many"), esdb.NoStream{}, events("x", many)...)
	if r.NextExpectedVersion != many-1 {
		t.Errorf("revision %d, want %d", r.NextExpectedVersion, many-1)
	}
	got := s.whole(t, s.stream("many"))
	if len(got) != many {
		t.Fatalf("%d events, want %d", len(got), many)
	}
	for i, e := range got {
		if e.EventNumber != uint64(i) {
			t.Fatalf("event %d has revision %d", i, e.EventNumber)
		}
	}
	if last := got[many-1].Position.Commit; last != r.CommitPosition {
		t.Errorf("answered position %d, the last event has %d", r.CommitPosition, last)
	}
}

// sized gives two events, in all of size bytes of data and metadata, and of types
// whose characters are counted in types.
func sized(size int) (_ []esdb.EventData, types int) {
	a, b := event("abc"), event("ärger")
	b.Data = bytes.Repeat([]byte{'x'}, size-len(a.Data)-len(a.Metadata)-len(b.Metadata))
	return []esdb.EventData{a, b}, len("abc") + 5
}

// limit asks the server how much one append may bring: the refusal says it.
func (s *server) limit(t *testing.T) int {
	t.Helper()
	messages := []*streamspb.AppendReq{appendOptions(s.stream("limit"), anything)}
	for range 20 {
		messages = append(messages, proposal(stringID(uuid.NewString()), make([]byte, 1<<20), "type", "t", "content-type", "c"))
	}
	_, trailer, err := s.send(within(t), messages...)
	if status.Code(err) != codes.InvalidArgument {
		t.Fatalf("20 MiB: %v, want InvalidArgument", err)
	}
	limit, err := strconv.Atoi(strings.Join(trailer.Get("maximum-append-size"), ""))
	if err != nil {
		t.Fatal(err)
	}
	return limit
}

// TestTheAppendLimit: data, metadata and two bytes for each character of a type
// count. Servers up to 24.10 count the data alone, by a slip; what is under the
// node's limit is under theirs, and one byte more of data than it is over both.
func TestTheAppendLimit(t *testing.T) {
	t.Parallel()
	s := examine(t)
	limit := s.limit(t)
	if s.own && limit != 1<<20 {
		t.Errorf("the limit is %d", limit)
	}
	_, types := sized(1000)
	fits, _ := sized(limit - 2*types)
	s.append(t, s.stream("fits"), esdb.NoStream{}, fits...)
	if got := s.whole(t, s.stream("fits")); len(got) != 2 || !bytes.Equal(got[1].Data, fits[1].Data) {
		t.Errorf("stored %v, or other data", s.names(got))
	}
	refused := func(name string, too ...esdb.EventData) {
		t.Helper()
		_, err := s.client.AppendToStream(within(t), s.stream("not"), esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, too...)
		if e, ok := errors.AsType[*esdb.Error](err); s.own && (!ok || status.Code(e.Err()) != codes.InvalidArgument) || err == nil {
			t.Errorf("%s: %v, want InvalidArgument", name, err)
		}
	}
	if s.own {
		over, _ := sized(limit - 2*types + 1)
		refused("one byte over", over...)
	}
	data := event("t")
	data.Data, data.Metadata = make([]byte, limit+1), nil
	refused("one byte of data over", data)
	// The refusal reaches a client that still has much to send.
	half, _ := sized(limit * 3 / 4)
	refused("three times too much", slices.Concat(half, half, half, half)...)
	if _, err := s.read(t, s.stream("not"), esdb.Start{}, esdb.Forwards, 1); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Errorf("what was refused: %v", err)
	}
}

// TestLargeEvents reads back far more than a window of the connection holds.
func TestLargeEvents(t *testing.T) {
	t.Parallel()
	s := examine(t)
	const n, size = 12, 1_000_000
	for i := range n {
		e := event("large")
		e.Data = bytes.Repeat([]byte{byte(i)}, size)
		s.append(t, s.stream("a"), esdb.Any{}, e)
	}
	for _, d := range []esdb.Direction{esdb.Forwards, esdb.Backwards} {
		from := map[esdb.Direction]esdb.StreamPosition{esdb.Forwards: esdb.Start{}, esdb.Backwards: esdb.End{}}[d]
		got, err := s.read(t, s.stream("a"), from, d, unlimited)
		if err != nil || len(got) != n {
			t.Fatalf("%d events, %v", len(got), err)
		}
		for _, e := range got {
			if len(e.Data) != size || e.Data[0] != byte(e.EventNumber) || e.Data[size-1] != byte(e.EventNumber) {
				t.Errorf("revision %d has other data", e.EventNumber)
			}
		}
	}
}

// TestBothFormsOfIDs sends ids and asks for them in both forms.
func TestBothFormsOfIDs(t *testing.T) {
	t.Parallel()
	s := examine(t)
	id := uuid.MustParse("f1e2d3c4-b5a6-4978-8a9b-0c1d2e3f4a5b") // both halves negative, as numbers
	if _, _, err := s.send(within(t), appendOptions(s.stream("a"), noStream), plain(id)); err != nil {
		t.Fatal(err)
	}
	// Sent in the other form it is the same event.
	e := event("x")
	e.EventID = id
	if r := s.append(t, s.stream("a"), esdb.NoStream{}, e); r.NextExpectedVersion != 0 {
		t.Errorf("revision %d, want 0", r.NextExpectedVersion)
	}
	position := s.whole(t, s.stream("a"))[0].Position
	all := &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
		AllOption: &streamspb.ReadReq_Options_AllOptions_Position{Position: &streamspb.ReadReq_Options_Position{
			CommitPosition: position.Commit, PreparePosition: position.Prepare,
		}},
	}}
	structure := "structured"
	for _, tt := range []struct {
		name    string
		options *streamspb.ReadReq_Options
		want    string
	}{
		{"stream, string", &streamspb.ReadReq_Options{StreamOption: streamStart(s.stream("a")), UuidOption: asString}, id.String()},
		{"stream, structured", &streamspb.ReadReq_Options{StreamOption: streamStart(s.stream("a")), UuidOption: structured}, structure},
		{"$all, string", &streamspb.ReadReq_Options{StreamOption: all, UuidOption: asString}, id.String()},
		{"$all, structured", &streamspb.ReadReq_Options{StreamOption: all, UuidOption: structured}, structure},
	} {
		tt.options.CountOption, tt.options.FilterOption = count(1), noFilter
		first, _, err := s.begin(within(t), tt.options)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		got := first.GetEvent().GetEvent().GetId()
		switch v := got.GetValue().(type) {
		case *shared.UUID_String_:
			if v.String_ != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, v.String_, tt.want)
			}
		case *shared.UUID_Structured_:
			if tt.want != structure || v.Structured.GetMostSignificantBits() != -0x0e1d2c3b4a59b688 ||
				v.Structured.GetLeastSignificantBits() != -0x7564f3e2d1c0b5a5 {
				t.Errorf("%s: %v", tt.name, v.Structured)
			}
		}
		if r := first.GetEvent(); r.GetLink() != nil || r.GetCommitPosition() != r.GetEvent().GetCommitPosition() {
			t.Errorf("%s: %v", tt.name, r)
		}
	}
}

// TestConflictsNameBothRevisions: in the fields of current clients and in those
// of clients before 20.6, which spell NoStream as the largest number.
func TestConflictsNameBothRevisions(t *testing.T) {
	t.Parallel()
	s := examine(t)
	known := uuid.New()
	if _, _, err := s.send(within(t), appendOptions(s.stream("a"), noStream), plain(uuid.New()), plain(known)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		stream   string
		expected int64
		want     string
	}{
		{"a", noStream, `{"current_revision":"1", "current_revision_20_6_0":"1", "expected_no_stream":{}, "expected_revision_20_6_0":"18446744073709551615"}`},
		{"a", 7, `{"current_revision":"1", "current_revision_20_6_0":"1", "expected_revision":"7", "expected_revision_20_6_0":"7"}`},
		{"a", anything, `{"current_revision":"1", "current_revision_20_6_0":"1", "expected_any":{}, "any_20_6_0":{}}`},
		{"none", 7, `{"current_no_stream":{}, "no_stream_20_6_0":{}, "expected_revision":"7", "expected_revision_20_6_0":"7"}`},
		{"none", exists, `{"current_no_stream":{}, "no_stream_20_6_0":{}, "expected_stream_exists":{}, "stream_exists_20_6_0":{}}`},
	} {
		// An event that is known and one that is not: with Any, too, that is wrong.
		answer, _, err := s.send(within(t), appendOptions(s.stream(tt.stream), tt.expected), plain(known), plain(uuid.New()))
		if err != nil {
			t.Fatal(err)
		}
		w := answer.GetWrongExpectedVersion()
		if !s.own { // how servers spell NoStream in the current field is theirs
			w.ExpectedRevisionOption = nil
		}
		text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var got, want map[string]any
		if err := errors.Join(json.Unmarshal(text, &got), json.Unmarshal([]byte(tt.want), &want)); err != nil {
			t.Fatal(err)
		}
		if !s.own {
			maps.DeleteFunc(want, func(field string, _ any) bool {
				return strings.HasPrefix(field, "expected_") && !strings.HasSuffix(field, "_20_6_0")
			})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s expecting %d:\n%s", tt.stream, tt.expected, diff)
		}
	}
}

// TestNamesDoNotCollide appends to streams whose names are prefixes, look-alikes
// or oddities of each other.
func TestNamesDoNotCollide(t *testing.T) {
	t.Parallel()
	s := examine(t)
	names := []string{
		"a", "ab", "a-", "A", "é", "e\u0301", "日本", " ", "a$$", "a@1", "a%20", strings.Repeat("k", 200), strings.Repeat("k", 199),
	}
	if s.own { // names that a server may take another way
		names = append(names, "a\x00", "a\x00b", "\xff\xfe", strings.Repeat("k", 1024), "s\x00\x00\x00\x00\x00\x00\x00\x01")
	}
	for i, name := range names {
		s.append(t, s.stream(name), esdb.NoStream{}, events("x", i+1)...)
	}
	for i, name := range names {
		got := s.whole(t, s.stream(name))
		if len(got) != i+1 {
			t.Errorf("%q: %d events, want %d", name, len(got), i+1)
		}
		for _, e := range got {
			if e.StreamID != s.stream(name) {
				t.Errorf("%q holds an event of %q", name, e.StreamID)
			}
		}
	}
}

// TestWritersToOneStream has many writers race for the same revisions: each is
// won once.
func TestWritersToOneStream(t *testing.T) {
	t.Parallel()
	s := examine(t)
	const writers, rounds = 8, 40
	ctx := within(t)
	var g errgroup.Group
	won := make(chan uint64, writers*rounds)
	for range writers {
		g.Go(func() error {
			for round := range uint64(rounds) {
				expected := esdb.ExpectedRevision(esdb.NoStream{})
				if round > 0 {
					expected = esdb.Revision(round - 1)
				}
				// Whoever has lost finds the stream a revision further at least.
				_, err := s.client.AppendToStream(ctx, s.stream("hot"), esdb.AppendToStreamOptions{ExpectedRevision: expected}, event("x"))
				if err == nil {
					won <- round
				} else if code(err) != esdb.ErrorCodeWrongExpectedVersion {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	close(won)
	times := map[uint64]int{}
	for r := range won {
		times[r]++
	}
	for r := range uint64(rounds) {
		if times[r] != 1 {
			t.Errorf("revision %d was won %d times", r, times[r])
		}
	}
	if got := len(s.whole(t, s.stream("hot"))); got != rounds {
		t.Errorf("%d events, want %d", got, rounds)
	}
}
