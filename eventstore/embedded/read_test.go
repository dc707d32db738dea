package embedded

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestStreamReadsAreInclusive(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	s.append(t, "other", esdb.Any{}, event("x"))
	s.append(t, "a", esdb.Any{}, eventsOf("x", 2)...)
	s.append(t, "other", esdb.Any{}, event("x"))
	s.append(t, "a", esdb.Any{}, eventsOf("x", 3)...)
	tests := []struct {
		from  esdb.StreamPosition
		dir   esdb.Direction
		count uint64
		want  []uint64
	}{
		{esdb.Start{}, esdb.Forwards, 99, []uint64{0, 1, 2, 3, 4}},
		{esdb.Start{}, esdb.Forwards, 2, []uint64{0, 1}},
		{esdb.Start{}, esdb.Forwards, 0, nil},
		{esdb.Revision(2), esdb.Forwards, 99, []uint64{2, 3, 4}},
		{esdb.Revision(4), esdb.Forwards, 99, []uint64{4}},
		{esdb.Revision(5), esdb.Forwards, 99, nil},
		{esdb.Revision(math.MaxInt64), esdb.Forwards, 99, nil},
		{esdb.Revision(math.MaxUint64), esdb.Forwards, 99, nil},
		{esdb.End{}, esdb.Forwards, 99, nil},
		{esdb.End{}, esdb.Backwards, 99, []uint64{4, 3, 2, 1, 0}},
		{esdb.End{}, esdb.Backwards, 1, []uint64{4}},
		{esdb.Revision(2), esdb.Backwards, 99, []uint64{2, 1, 0}},
		{esdb.Revision(99), esdb.Backwards, 2, []uint64{4, 3}},
		{esdb.Revision(math.MaxUint64), esdb.Backwards, 2, []uint64{4, 3}},
		{esdb.Revision(0), esdb.Backwards, 99, []uint64{0}},
		{esdb.Start{}, esdb.Backwards, 99, []uint64{0}},
	}
	for _, tt := range tests {
		events, err := collect(s.client.ReadStream(t.Context(), "a",
			esdb.ReadStreamOptions{From: tt.from, Direction: tt.dir}, tt.count))
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, e := range events {
			got = append(got, e.EventNumber)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("from %v, direction %v, count %d:\n%s", tt.from, tt.dir, tt.count, diff)
		}
	}
	if _, err := s.readStream(t.Context(), "none", esdb.Start{}, esdb.Forwards); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Errorf("a missing stream: %v", err)
	}
}

func TestReadsOfAllIncludeForwardsAndExcludeBackwards(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	for i := range 3 {
		s.append(t, fmt.Sprint("s", i), esdb.Any{}, eventsOf("x", 2)...)
	}
	all := s.readAll(t, esdb.Start{}, esdb.Forwards)
	if want := []string{"s0@0", "s0@1", "s1@0", "s1@1", "s2@0", "s2@1"}; !cmp.Equal(want, names(all)) {
		t.Fatalf("forwards: %v", names(all))
	}
	for i := 1; i < len(all); i++ {
		if all[i].Position.Commit <= all[i-1].Position.Commit {
			t.Errorf("position %v after %v", all[i].Position, all[i-1].Position)
		}
	}
	if first := all[0].Position.Commit; first == 0 {
		t.Error("an event at position 0")
	}
	tests := []struct {
		from esdb.AllPosition
		dir  esdb.Direction
		want []string
	}{
		{all[2].Position, esdb.Forwards, []string{"s1@0", "s1@1", "s2@0", "s2@1"}},
		{all[5].Position, esdb.Forwards, []string{"s2@1"}},
		{esdb.End{}, esdb.Forwards, []string{}},
		{esdb.End{}, esdb.Backwards, []string{"s2@1", "s2@0", "s1@1", "s1@0", "s0@1", "s0@0"}},
		{all[2].Position, esdb.Backwards, []string{"s0@1", "s0@0"}},
		{all[0].Position, esdb.Backwards, []string{}},
		{esdb.Start{}, esdb.Backwards, []string{}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, names(s.readAll(t, tt.from, tt.dir))); diff != "" {
			t.Errorf("from %v, direction %v:\n%s", tt.from, tt.dir, diff)
		}
	}
	_, err := collect(s.client.ReadAll(t.Context(), esdb.ReadAllOptions{From: esdb.Position{Commit: 1000, Prepare: 1000}}, 1))
	if err == nil {
		t.Error("a position beyond the log was accepted")
	}
}

// TestLongReads spans many chunks both ways.
func TestLongReads(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	const batches, size = 5, 700
	for range batches {
		s.append(t, "long", esdb.Any{}, eventsOf("x", size)...)
		s.append(t, "other", esdb.Any{}, event("x"))
	}
	for _, dir := range []esdb.Direction{esdb.Forwards, esdb.Backwards} {
		from, all := esdb.StreamPosition(esdb.Start{}), esdb.AllPosition(esdb.Start{})
		if dir == esdb.Backwards {
			from, all = esdb.End{}, esdb.End{}
		}
		events, err := s.readStream(t.Context(), "long", from, dir)
		if err != nil || len(events) != batches*size {
			t.Fatalf("read %d events, %v", len(events), err)
		}
		for i, e := range events {
			want := uint64(i)
			if dir == esdb.Backwards {
				want = uint64(len(events) - 1 - i)
			}
			if e.EventNumber != want {
				t.Fatalf("event %d has revision %d", i, e.EventNumber)
			}
		}
		if got := len(s.readAll(t, all, dir)); got != batches*(size+1) {
			t.Errorf("$all has %d events", got)
		}
	}
}

func TestMetadataHidesEvents(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	s := start(t, Config{now: func() time.Time { return clock }})
	revisions := func(stream string, dir esdb.Direction) []uint64 {
		t.Helper()
		from := esdb.StreamPosition(esdb.Start{})
		if dir == esdb.Backwards {
			from = esdb.End{}
		}
		events, err := s.readStream(t.Context(), stream, from, dir)
		if err != nil {
			t.Fatal(err)
		}
		got := []uint64{}
		for _, e := range events {
			got = append(got, e.EventNumber)
		}
		return got
	}
	tests := []struct {
		metadata  string
		want      []uint64
		backwards []uint64
	}{
		{`{}`, []uint64{0, 1, 2, 3}, []uint64{3, 2, 1, 0}},
		{`{"$maxCount":2}`, []uint64{2, 3}, []uint64{3, 2}},
		{`{"$maxCount":9}`, []uint64{0, 1, 2, 3}, []uint64{3, 2, 1, 0}},
		{`{"$tb":3}`, []uint64{3}, []uint64{3}},
		{`{"$tb":4}`, []uint64{}, []uint64{}},
		{`{"$tb":1,"$maxCount":3}`, []uint64{1, 2, 3}, []uint64{3, 2, 1}},
		{`{"$maxAge":3600}`, []uint64{2, 3}, []uint64{3, 2}},
		{`{"$maxAge":60}`, []uint64{}, []uint64{}},
		{`not json`, []uint64{0, 1, 2, 3}, []uint64{3, 2, 1, 0}},
		{`{"$maxCount":-1,"$tb":-5}`, []uint64{0, 1, 2, 3}, []uint64{3, 2, 1, 0}},
	}
	s.append(t, "a", esdb.Any{}, eventsOf("x", 2)...)
	clock = clock.Add(2 * time.Hour)
	s.append(t, "a", esdb.Any{}, eventsOf("x", 2)...)
	clock = clock.Add(30 * time.Minute)
	for _, tt := range tests {
		setMetadata(t, s, "a", tt.metadata)
		if diff := cmp.Diff(tt.want, revisions("a", esdb.Forwards)); diff != "" {
			t.Errorf("%s forwards:\n%s", tt.metadata, diff)
		}
		if diff := cmp.Diff(tt.backwards, revisions("a", esdb.Backwards)); diff != "" {
			t.Errorf("%s backwards:\n%s", tt.metadata, diff)
		}
	}
	// $all is the raw log, and of metadata itself only the newest is shown.
	if got := len(s.readAll(t, esdb.Start{}, esdb.Forwards)); got != 4+len(tests) {
		t.Errorf("$all has %d events, want %d", got, 4+len(tests))
	}
	if got := revisions("$$a", esdb.Forwards); len(got) != 1 || got[0] != uint64(len(tests)-1) {
		t.Errorf("metadata stream shows %v", got)
	}
	m, err := s.client.GetStreamMetadata(t.Context(), "a", esdb.ReadStreamOptions{From: esdb.End{}, Direction: esdb.Backwards})
	if err != nil || m == nil {
		t.Errorf("metadata: %v, %v", m, err)
	}
}

func TestCreatedNeverGoesBackwards(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cfg := Config{Dir: dir, now: func() time.Time { return clock }}
	s := start(t, cfg)
	s.append(t, "a", esdb.Any{}, event("x"))
	clock = clock.Add(-time.Hour)
	s.append(t, "a", esdb.Any{}, event("x"))
	s.stop(t)
	s = start(t, cfg)
	s.append(t, "a", esdb.Any{}, event("x"))
	for _, e := range s.readAll(t, esdb.Start{}, esdb.Forwards) {
		if want := clock.Add(time.Hour); !e.CreatedDate.Equal(want) {
			t.Errorf("revision %d created %v, want %v", e.EventNumber, e.CreatedDate, want)
		}
	}
}

func TestASoftDeletedStreamGoesOn(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	setMetadata(t, s, "a", `{"$maxCount":100,"mine":7}`)
	s.append(t, "a", esdb.Any{}, eventsOf("x", 3)...)
	softDeleteStream(t, s, "a")
	if _, err := s.readStream(t.Context(), "a", esdb.Start{}, esdb.Forwards); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Errorf("deleted: %v, want not found", err)
	}
	if r := s.append(t, "a", esdb.NoStream{}, eventsOf("y", 2)...); r.NextExpectedVersion != 4 {
		t.Errorf("revision %d, want 4", r.NextExpectedVersion)
	}
	got, err := s.readStream(t.Context(), "a", esdb.Start{}, esdb.Forwards)
	if err != nil || !cmp.Equal([]string{"a@3", "a@4"}, names(got)) {
		t.Errorf("revived: %v, %v", names(got), err)
	}
	want := []string{"$$a@0", "a@0", "a@1", "a@2", "$$a@1", "a@3", "a@4", "$$a@2"}
	if diff := cmp.Diff(want, names(s.readAll(t, esdb.Start{}, esdb.Forwards))); diff != "" {
		t.Error(diff)
	}
	// Metadata written to a deleted stream revives it as well, empty, and keeps
	// what was written.
	softDeleteStream(t, s, "a")
	setMetadata(t, s, "a", `{"mine":8}`)
	if got, err := s.readStream(t.Context(), "a", esdb.Start{}, esdb.Forwards); err != nil || len(got) != 0 {
		t.Errorf("revived by metadata: %v, %v", names(got), err)
	}
	meta, err := s.readStream(t.Context(), "$$a", esdb.End{}, esdb.Backwards)
	if err != nil || len(meta) != 1 || string(meta[0].Data) != `{"$tb":5,"mine":8}` {
		t.Errorf("metadata %s, %v", meta[0].Data, err)
	}
}

func TestATombstoneIsForGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	s.append(t, "a", esdb.Any{}, eventsOf("x", 2)...)
	setMetadata(t, s, "a", `{"$maxCount":100}`)
	r, err := s.client.TombstoneStream(t.Context(), "a", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Revision(1)})
	if err != nil || r.Position.Commit != 4 {
		t.Fatalf("tombstone: %+v, %v", r, err)
	}
	for range 2 {
		for _, stream := range []string{"a", "$$a"} {
			if _, err := s.readStream(t.Context(), stream, esdb.Start{}, esdb.Forwards); code(err) != esdb.ErrorCodeStreamDeleted {
				t.Errorf("read %s: %v", stream, err)
			}
			_, err := s.client.AppendToStream(t.Context(), stream, esdb.AppendToStreamOptions{}, event("x"))
			if code(err) != esdb.ErrorCodeStreamDeleted {
				t.Errorf("append to %s: %v", stream, err)
			}
		}
		if _, err := s.client.DeleteStream(t.Context(), "a", esdb.DeleteStreamOptions{}); code(err) != esdb.ErrorCodeStreamDeleted {
			t.Errorf("delete: %v", err)
		}
		s.stop(t)
		s = start(t, Config{Dir: dir})
	}
	all := s.readAll(t, esdb.Start{}, esdb.Forwards)
	last := all[len(all)-1]
	if last.EventType != "$streamDeleted" || last.EventNumber != math.MaxInt64 || last.StreamID != "a" {
		t.Errorf("last event %+v", last)
	}
	// Even a stream that never was can be ended.
	if _, err := s.client.TombstoneStream(t.Context(), "never", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.NoStream{}}); err != nil {
		t.Error(err)
	}
}

func TestDeletionsCheckTheRevision(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	s.append(t, "a", esdb.Any{}, eventsOf("x", 2)...)
	for _, x := range []esdb.ExpectedRevision{esdb.Revision(0), esdb.Revision(7), esdb.NoStream{}} {
		_, err := s.client.DeleteStream(t.Context(), "a", esdb.DeleteStreamOptions{ExpectedRevision: x})
		if got := grpcCode(err); got != codes.FailedPrecondition {
			t.Errorf("delete expecting %v: %v", x, err)
		}
		_, err = s.client.TombstoneStream(t.Context(), "a", esdb.TombstoneStreamOptions{ExpectedRevision: x})
		if got := grpcCode(err); got != codes.FailedPrecondition {
			t.Errorf("tombstone expecting %v: %v", x, err)
		}
	}
	if _, err := s.client.DeleteStream(t.Context(), "none", esdb.DeleteStreamOptions{}); grpcCode(err) != codes.FailedPrecondition {
		t.Errorf("delete of nothing: %v", err)
	}
	if got := s.Stats().Position; got != 2 {
		t.Errorf("position %d, want 2", got)
	}
}

func TestReadsCanBeFiltered(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	for i := range 6 {
		s.append(t, fmt.Sprintf("k%d-%d", i%2, i), esdb.Any{}, event(fmt.Sprint("t", i%3)))
	}
	call, err := s.dial(t).Read(t.Context(), &streamspb.ReadReq{Options: &streamspb.ReadReq_Options{
		StreamOption: &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
			AllOption: &streamspb.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
		}},
		CountOption: &streamspb.ReadReq_Options_Count{Count: 2},
		FilterOption: &streamspb.ReadReq_Options_Filter{Filter: &streamspb.ReadReq_Options_FilterOptions{
			Filter: &streamspb.ReadReq_Options_FilterOptions_StreamIdentifier{
				StreamIdentifier: &streamspb.ReadReq_Options_FilterOptions_Expression{Prefix: []string{"k1-"}},
			},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"k1-1", "k1-3"} {
		resp, err := call.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(resp.GetEvent().GetEvent().GetStreamIdentifier().GetStreamName()); got != want {
			t.Errorf("event of %s, want %s", got, want)
		}
	}
}

func TestUnreasonableReadsAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	all := &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
		AllOption: &streamspb.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
	}}
	one := &streamspb.ReadReq_Options_Count{Count: 1}
	follow := &streamspb.ReadReq_Options_Subscription{}
	filter := func(f *streamspb.ReadReq_Options_FilterOptions) *streamspb.ReadReq_Options_Filter {
		return &streamspb.ReadReq_Options_Filter{Filter: f}
	}
	expression := func(regex string) *streamspb.ReadReq_Options_FilterOptions_EventType {
		return &streamspb.ReadReq_Options_FilterOptions_EventType{
			EventType: &streamspb.ReadReq_Options_FilterOptions_Expression{Regex: regex},
		}
	}
	tests := map[string]*streamspb.ReadReq_Options{
		"nothing":              nil,
		"no count":             {StreamOption: all},
		"no stream":            {CountOption: one},
		"empty stream":         {CountOption: one, StreamOption: &streamspb.ReadReq_Options_Stream{Stream: &streamspb.ReadReq_Options_StreamOptions{}}},
		"empty filter":         {CountOption: one, StreamOption: all, FilterOption: filter(&streamspb.ReadReq_Options_FilterOptions{})},
		"empty expression":     {CountOption: one, StreamOption: all, FilterOption: filter(&streamspb.ReadReq_Options_FilterOptions{Filter: expression("")})},
		"bad expression":       {CountOption: one, StreamOption: all, FilterOption: filter(&streamspb.ReadReq_Options_FilterOptions{Filter: expression("(")})},
		"backwards":            {CountOption: follow, StreamOption: all, ReadDirection: streamspb.ReadReq_Options_Backwards},
		"no checkpoints":       {CountOption: follow, StreamOption: all, FilterOption: filter(&streamspb.ReadReq_Options_FilterOptions{Filter: expression("x")})},
		"subscribe to nothing": {CountOption: follow},
	}
	for name, options := range tests {
		call, err := s.dial(t).Read(t.Context(), &streamspb.ReadReq{Options: options})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call.Recv(); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}
