package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// The states a stream can be in before an append, each made by calls.
var states = []struct {
	name string
	make func(t *testing.T, s *service, stream string)
}{
	{"missing", func(*testing.T, *service, string) {}},
	{"metadata only", func(t *testing.T, s *service, stream string) {
		t.Helper()
		setMetadata(t, s, stream, `{"$maxAge":1000000}`)
	}},
	{"two events", func(t *testing.T, s *service, stream string) {
		t.Helper()
		s.append(t, stream, esdb.NoStream{}, eventsOf("old", 2)...)
	}},
	{"soft-deleted at 1", func(t *testing.T, s *service, stream string) {
		t.Helper()
		s.append(t, stream, esdb.NoStream{}, eventsOf("old", 2)...)
		softDeleteStream(t, s, stream)
	}},
	{"revived at 2", func(t *testing.T, s *service, stream string) {
		t.Helper()
		s.append(t, stream, esdb.NoStream{}, eventsOf("old", 2)...)
		softDeleteStream(t, s, stream)
		s.append(t, stream, esdb.Any{}, event("old"))
	}},
	{"tombstoned", func(t *testing.T, s *service, stream string) {
		t.Helper()
		s.append(t, stream, esdb.NoStream{}, eventsOf("old", 2)...)
		if _, err := s.client.TombstoneStream(t.Context(), stream, esdb.TombstoneStreamOptions{}); err != nil {
			t.Fatal(err)
		}
	}},
}

var expectations = []struct {
	name string
	is   esdb.ExpectedRevision
}{
	{"any", esdb.Any{}},
	{"no stream", esdb.NoStream{}},
	{"exists", esdb.StreamExists{}},
	{"revision 0", esdb.Revision(0)},
	{"revision 1", esdb.Revision(1)},
	{"revision 2", esdb.Revision(2)},
	{"revision 9", esdb.Revision(9)},
}

// want is what an append of new events gets: the new last revision of two events,
// or a refusal.
var wantFirst = map[string][]string{
	//                    any  no    exists revision 0, 1, 2, 9
	"missing":           {"1", "1", "wrong", "wrong", "wrong", "wrong", "wrong"},
	"metadata only":     {"1", "1", "1", "wrong", "wrong", "wrong", "wrong"},
	"two events":        {"3", "wrong", "3", "wrong", "3", "wrong", "wrong"},
	"soft-deleted at 1": {"3", "3", "deleted", "wrong", "3", "wrong", "wrong"},
	"revived at 2":      {"4", "wrong", "4", "wrong", "wrong", "4", "wrong"},
	"tombstoned":        {"deleted", "deleted", "deleted", "deleted", "deleted", "deleted", "deleted"},
}

// TestEveryAppend goes through every expected revision on every state of a
// stream: tried first, sent again, sent again after a restart, and with a part
// that is known and a part that is not.
func TestEveryAppend(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	type cell struct {
		stream, state string
		expected      esdb.ExpectedRevision
		events        []esdb.EventData
		first         string
		position      uint64
	}
	var cells []*cell
	try := func(c *cell, events []esdb.EventData) (string, uint64) {
		r, err := s.client.AppendToStream(t.Context(), c.stream, esdb.AppendToStreamOptions{ExpectedRevision: c.expected}, events...)
		switch {
		case err == nil:
			return fmt.Sprint(r.NextExpectedVersion), r.CommitPosition
		case code(err) == esdb.ErrorCodeWrongExpectedVersion:
			return "wrong", 0
		case code(err) == esdb.ErrorCodeStreamDeleted:
			return "deleted", 0
		default:
			return err.Error(), 0
		}
	}
	for _, state := range states {
		for i, x := range expectations {
			c := &cell{
				stream: "s-" + state.name + "-" + x.name, state: state.name, expected: x.is, events: eventsOf("new", 2),
			}
			state.make(t, s, c.stream)
			c.first, c.position = try(c, c.events)
			if want := wantFirst[state.name][i]; c.first != want {
				t.Errorf("%s, expected %s: %s, want %s", state.name, x.name, c.first, want)
			}
			cells = append(cells, c)
		}
	}
	again := func(when string) {
		for _, c := range cells {
			want, position := c.first, c.position
			if c.state == "soft-deleted at 1" && c.expected == (esdb.NoStream{}) {
				want, position = "wrong", 0 // it was written as revisions 2 and 3, which does not follow NoStream
			}
			if got, at := try(c, c.events); got != want || at != position {
				t.Errorf("%s, expected %v, sent again %s: %s at %d, want %s at %d", c.state, c.expected, when, got, at, want, position)
			}
		}
	}
	again("at once")
	s.stop(t)
	s = start(t, Config{Dir: dir})
	again("after a restart")

	for _, c := range cells {
		if c.first == "wrong" || c.first == "deleted" {
			continue
		}
		want := "wrong"
		if got, _ := try(c, []esdb.EventData{c.events[0], event("new")}); got != want {
			t.Errorf("%s, expected %v, first event known: %s, want %s", c.state, c.expected, got, want)
		}
		// Without a revision an append is looked up by its first id: unknown, so
		// it is new.
		if _, named := c.expected.(esdb.StreamRevision); named || c.expected == (esdb.NoStream{}) {
			if got, _ := try(c, []esdb.EventData{event("new"), c.events[1]}); got != want {
				t.Errorf("%s, expected %v, second event known: %s, want %s", c.state, c.expected, got, want)
			}
			if got, _ := try(c, append(c.events[:2:2], event("new"))); got != want {
				t.Errorf("%s, expected %v, more than is known: %s, want %s", c.state, c.expected, got, want)
			}
		}
	}
}

func TestAnEmptyAppendChecksTheRevision(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	s.append(t, "a", esdb.NoStream{}, eventsOf("x", 2)...)
	if r := s.append(t, "a", esdb.Revision(1)); r.NextExpectedVersion != 1 {
		t.Errorf("revision %d, want 1", r.NextExpectedVersion)
	}
	for _, x := range []esdb.ExpectedRevision{esdb.Revision(0), esdb.Revision(2), esdb.NoStream{}} {
		_, err := s.client.AppendToStream(t.Context(), "a", esdb.AppendToStreamOptions{ExpectedRevision: x})
		if code(err) != esdb.ErrorCodeWrongExpectedVersion {
			t.Errorf("expected %v: %v, want wrong expected version", x, err)
		}
	}
	if got := len(s.readAll(t, esdb.Start{}, esdb.Forwards)); got != 2 {
		t.Errorf("%d events, want 2", got)
	}
}

func TestTheAppendLimitIsExact(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	sized := func(n int) []esdb.EventData {
		a, b := event("abc"), event("abc")
		b.Data, b.Metadata = nil, nil
		b.Data = bytes.Repeat([]byte{'x'}, n-2*len("abc")-len(a.Data)-len(a.Metadata))
		return []esdb.EventData{a, b}
	}
	s.append(t, "fits", esdb.NoStream{}, sized(1<<20)...)
	_, err := s.client.AppendToStream(t.Context(), "not", esdb.AppendToStreamOptions{}, sized(1<<20+1)...)
	if e, ok := errors.AsType[*esdb.Error](err); !ok || status.Code(e.Err()) != codes.InvalidArgument {
		t.Errorf("one byte too many: %v, want InvalidArgument", err)
	}
	// The refusal reaches a client that still has much to send.
	_, err = s.client.AppendToStream(t.Context(), "not", esdb.AppendToStreamOptions{},
		slices.Concat(sized(800<<10), sized(800<<10), sized(800<<10), sized(800<<10))...)
	if got := grpcCode(err); got != codes.InvalidArgument {
		t.Errorf("three times too much: %v, want InvalidArgument", err)
	}
	if got := names(s.readAll(t, esdb.Start{}, esdb.Forwards)); len(got) != 2 {
		t.Errorf("stored %v", got)
	}
}

// rawAppend sends an append by the generated stub and returns the answer and the
// trailers.
func rawAppend(t *testing.T, s *service, messages ...*streamspb.AppendReq) (*streamspb.AppendResp, metadata.MD, error) {
	t.Helper()
	var trailer metadata.MD
	call, err := s.dial(t).Append(t.Context(), grpc.Trailer(&trailer))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := call.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := call.CloseAndRecv()
	return resp, trailer, err
}

func appendOptions(stream string) *streamspb.AppendReq {
	return &streamspb.AppendReq{Content: &streamspb.AppendReq_Options_{Options: &streamspb.AppendReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(stream)},
		ExpectedStreamRevision: &streamspb.AppendReq_Options_Any{Any: &shared.Empty{}},
	}}}
}

func proposed(id *shared.UUID, pairs ...string) *streamspb.AppendReq {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return &streamspb.AppendReq{Content: &streamspb.AppendReq_ProposedMessage_{
		ProposedMessage: &streamspb.AppendReq_ProposedMessage{Id: id, Metadata: m, Data: []byte("d")},
	}}
}

func stringID(id string) *shared.UUID { return &shared.UUID{Value: &shared.UUID_String_{String_: id}} }

func TestMalformedAppendsAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	id := stringID(uuid.NewString())
	tests := []struct {
		name      string
		messages  []*streamspb.AppendReq
		code      codes.Code
		exception string
	}{
		{"no options", []*streamspb.AppendReq{proposed(id, "type", "x", "content-type", contentJSON)}, codes.InvalidArgument, ""},
		{"nothing", nil, codes.InvalidArgument, ""},
		{"no stream", []*streamspb.AppendReq{appendOptions("")}, codes.InvalidArgument, ""},
		{"long stream", []*streamspb.AppendReq{appendOptions(strings.Repeat("x", maxStreamName+1))}, codes.InvalidArgument, ""},
		{"$all", []*streamspb.AppendReq{appendOptions("$all")}, codes.PermissionDenied, "access-denied"},
		{"no type", []*streamspb.AppendReq{appendOptions("a"), proposed(id, "content-type", contentJSON)}, codes.InvalidArgument, "missing-required-metadata-property"},
		{"no content type", []*streamspb.AppendReq{appendOptions("a"), proposed(id, "type", "x")}, codes.InvalidArgument, "missing-required-metadata-property"},
		{"no id", []*streamspb.AppendReq{appendOptions("a"), proposed(nil, "type", "x", "content-type", contentJSON)}, codes.InvalidArgument, ""},
		{"bad id", []*streamspb.AppendReq{appendOptions("a"), proposed(stringID("zzz"), "type", "x", "content-type", contentJSON)}, codes.InvalidArgument, ""},
	}
	for _, tt := range tests {
		_, trailer, err := rawAppend(t, s, tt.messages...)
		if status.Code(err) != tt.code || strings.Join(trailer.Get("exception"), "") != tt.exception {
			t.Errorf("%s: %v, trailers %v", tt.name, err, trailer)
		}
	}
	if got := s.Stats().Position; got != 0 {
		t.Errorf("position %d after refusals only", got)
	}
}

func TestBothFormsOfIDs(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	id := uuid.New()
	_, _, err := rawAppend(t, s, appendOptions("a"), proposed(stringID(id.String()), "type", "x", "content-type", "text/plain"))
	if err != nil {
		t.Fatal(err)
	}
	// Sent in the other form it is the same event.
	e := event("x")
	e.EventID = id
	if r := s.append(t, "a", esdb.NoStream{}, e); r.NextExpectedVersion != 0 {
		t.Errorf("revision %d, want 0", r.NextExpectedVersion)
	}
	got, err := s.readStream(t.Context(), "a", esdb.Start{}, esdb.Forwards)
	if err != nil || len(got) != 1 || got[0].EventID != id || got[0].ContentType != contentBytes {
		t.Errorf("read %v, %v", got, err)
	}
	call, err := s.dial(t).Read(t.Context(), &streamspb.ReadReq{Options: &streamspb.ReadReq_Options{
		StreamOption: &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
			AllOption: &streamspb.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
		}},
		CountOption: &streamspb.ReadReq_Options_Count{Count: 1},
		UuidOption: &streamspb.ReadReq_Options_UUIDOption{
			Content: &streamspb.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := call.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.GetEvent().GetEvent().GetId().GetString_(); got != id.String() {
		t.Errorf("id %q, want %q", got, id)
	}
	if resp.GetEvent().GetCommitPosition() != resp.GetEvent().GetEvent().GetCommitPosition() {
		t.Error("two commit positions")
	}
}

func TestConflictsNameBothRevisions(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	s.append(t, "a", esdb.NoStream{}, event("x"))
	options := appendOptions("a")
	options.GetOptions().ExpectedStreamRevision = &streamspb.AppendReq_Options_NoStream{NoStream: &shared.Empty{}}
	resp, _, err := rawAppend(t, s, options, proposed(stringID(uuid.NewString()), "type", "x", "content-type", "y"))
	if err != nil {
		t.Fatal(err)
	}
	w := resp.GetWrongExpectedVersion()
	if w.GetCurrentRevision() != 0 || w.GetCurrentNoStream() != nil || w.GetExpectedNoStream() == nil ||
		w.GetExpectedRevision_20_6_0() != 1<<64-1 || w.GetNoStream_20_6_0() != nil {
		t.Errorf("answer %v", w)
	}
}

// TestNamesDoNotCollide appends to streams whose names are prefixes, look-alikes
// or oddities of each other.
func TestNamesDoNotCollide(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	streams := []string{
		"a", "a\x00", "a\x00b", "ab", "A", "é", "e\u0301", "s", "e", "$a", "a$$", strings.Repeat("k", 1024),
		strings.Repeat("k", 1023), "s\x00\x00\x00\x00\x00\x00\x00\x01", "日本", " ", "\xff\xfe",
	}
	for i, name := range streams {
		s.append(t, name, esdb.NoStream{}, eventsOf("x", i+1)...)
	}
	for i, name := range streams {
		got, err := s.readStream(t.Context(), name, esdb.Start{}, esdb.Forwards)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if len(got) != i+1 {
			t.Errorf("%q: %d events, want %d", name, len(got), i+1)
		}
		for _, e := range got {
			if e.StreamID != name {
				t.Errorf("%q holds an event of %q", name, e.StreamID)
			}
		}
	}
	// A name that no trailer can hold as it is must not hide the error.
	if _, err := s.client.TombstoneStream(t.Context(), "日本", esdb.TombstoneStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.readStream(t.Context(), "日本", esdb.Start{}, esdb.Forwards); code(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("tombstoned: %v", err)
	}
}

// TestWritersToOneStream has many writers race for the same revisions: each is
// won once.
func TestWritersToOneStream(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	const writers, rounds = 8, 40
	won := make(chan uint64, writers*rounds)
	done := make(chan error, writers)
	for range writers {
		go func() {
			for round := range uint64(rounds) {
				expected := esdb.ExpectedRevision(esdb.NoStream{})
				if round > 0 {
					expected = esdb.Revision(round - 1)
				}
				for {
					_, err := s.client.AppendToStream(t.Context(), "hot", esdb.AppendToStreamOptions{ExpectedRevision: expected}, event("x"))
					if err == nil {
						won <- round
						break
					}
					if code(err) != esdb.ErrorCodeWrongExpectedVersion {
						done <- err
						return
					}
					got, err := collect(s.client.ReadStream(t.Context(), "hot", esdb.ReadStreamOptions{From: esdb.End{}, Direction: esdb.Backwards}, 1))
					if err == nil && len(got) == 1 && got[0].EventNumber >= round {
						break // another writer has it
					}
				}
			}
			done <- nil
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	close(won)
	times := map[uint64]int{}
	for r := range won {
		times[r]++
	}
	want := map[uint64]int{}
	for r := range uint64(rounds) {
		want[r] = 1
	}
	if diff := cmp.Diff(want, times); diff != "" {
		t.Error(diff)
	}
}

func setMetadata(tb testing.TB, s *service, stream, json string) {
	tb.Helper()
	s.append(tb, "$$"+stream, esdb.Any{}, esdb.EventData{
		EventID: uuid.New(), EventType: "$metadata", ContentType: esdb.ContentTypeJson, Data: []byte(json),
	})
}

func softDeleteStream(tb testing.TB, s *service, stream string) {
	tb.Helper()
	if _, err := s.client.DeleteStream(tb.Context(), stream, esdb.DeleteStreamOptions{}); err != nil {
		tb.Fatal(err)
	}
}
