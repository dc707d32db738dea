package conformance

import (
	"context"
	"math"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
)

func TestStreamReadsAreInclusive(t *testing.T) {
	t.Parallel()
	s := examine(t)
	s.append(t, s.stream("other"), esdb.Any{}, event("x"))
	s.append(t, s.stream("a"), esdb.Any{}, events("x", 2)...)
	s.append(t, s.stream("other"), esdb.Any{}, event("x"))
	s.append(t, s.stream("a"), esdb.Any{}, events("x", 3)...)
	for _, tt := range []struct {
		from  esdb.StreamPosition
		d     esdb.Direction
		count uint64
		want  []uint64
	}{
		{esdb.Start{}, esdb.Forwards, 99, []uint64{0, 1, 2, 3, 4}},
		{esdb.Start{}, esdb.Forwards, 2, []uint64{0, 1}},
		{esdb.Start{}, esdb.Forwards, 1, []uint64{0}},
		{esdb.Revision(0), esdb.Forwards, 99, []uint64{0, 1, 2, 3, 4}},
		{esdb.Revision(2), esdb.Forwards, 99, []uint64{2, 3, 4}},
		{esdb.Revision(2), esdb.Forwards, 1, []uint64{2}},
		{esdb.Revision(4), esdb.Forwards, 99, []uint64{4}},
		{esdb.Revision(5), esdb.Forwards, 99, []uint64{}},
		{esdb.Revision(math.MaxInt64), esdb.Forwards, 99, []uint64{}},
		{esdb.End{}, esdb.Forwards, 99, []uint64{}},
		{esdb.End{}, esdb.Backwards, 99, []uint64{4, 3, 2, 1, 0}},
		{esdb.End{}, esdb.Backwards, 1, []uint64{4}},
		{esdb.Revision(4), esdb.Backwards, 99, []uint64{4, 3, 2, 1, 0}},
		{esdb.Revision(2), esdb.Backwards, 99, []uint64{2, 1, 0}},
		{esdb.Revision(2), esdb.Backwards, 1, []uint64{2}},
		{esdb.Revision(99), esdb.Backwards, 2, []uint64{4, 3}},
		{esdb.Revision(0), esdb.Backwards, 99, []uint64{0}},
		{esdb.Start{}, esdb.Backwards, 99, []uint64{0}},
		{esdb.Start{}, esdb.Forwards, 0, []uint64{}},
		{esdb.End{}, esdb.Backwards, 0, []uint64{}},
	} {
		if tt.count == 0 && !s.own { // what a server does then is not documented
			continue
		}
		all, err := s.read(t, s.stream("a"), tt.from, tt.d, tt.count)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, revisions(all)); diff != "" {
			t.Errorf("from %v, direction %v, count %d:\n%s", tt.from, tt.d, tt.count, diff)
		}
	}
	for _, d := range []esdb.Direction{esdb.Forwards, esdb.Backwards} {
		if _, err := s.read(t, s.stream("none"), esdb.Start{}, d, 9); code(err) != esdb.ErrorCodeResourceNotFound {
			t.Errorf("a missing stream, direction %v: %v", d, err)
		}
	}
}

func TestReadsOfAllIncludeForwardsAndExcludeBackwards(t *testing.T) {
	t.Parallel()
	s := examine(t)
	for _, name := range []string{"a", "b", "c"} {
		s.append(t, s.stream(name), esdb.Any{}, events("x", 2)...)
	}
	first := s.whole(t, s.stream("a"))[0].Position
	all := s.mine(t, first, esdb.Forwards, "c@1")
	if want := []string{"a@0", "a@1", "b@0", "b@1", "c@0", "c@1"}; !cmp.Equal(want, s.names(all)) {
		t.Fatalf("forwards: %v", s.names(all))
	}
	for i := 1; i < len(all); i++ {
		if all[i].Position.Commit <= all[i-1].Position.Commit {
			t.Errorf("position %v after %v", all[i].Position, all[i-1].Position)
		}
	}
	if first.Commit == 0 {
		t.Error("an event at position 0, which is the start")
	}
	for _, tt := range []struct {
		from  esdb.AllPosition
		d     esdb.Direction
		until string
		want  []string
	}{
		{all[2].Position, esdb.Forwards, "c@1", []string{"b@0", "b@1", "c@0", "c@1"}},
		{all[5].Position, esdb.Forwards, "c@1", []string{"c@1"}},
		{esdb.End{}, esdb.Forwards, "", []string{}},
		{esdb.End{}, esdb.Backwards, "a@0", []string{"c@1", "c@0", "b@1", "b@0", "a@1", "a@0"}},
		{all[5].Position, esdb.Backwards, "a@0", []string{"c@0", "b@1", "b@0", "a@1", "a@0"}},
		{all[2].Position, esdb.Backwards, "a@0", []string{"a@1", "a@0"}},
		{all[1].Position, esdb.Backwards, "a@0", []string{"a@0"}},
		{esdb.Start{}, esdb.Backwards, "", []string{}},
	} {
		if diff := cmp.Diff(tt.want, s.names(s.mine(t, tt.from, tt.d, tt.until))); diff != "" {
			t.Errorf("from %v, direction %v:\n%s", tt.from, tt.d, diff)
		}
	}
	// Counts, and the edges without our prefix.
	for _, tt := range []struct {
		name  string
		from  esdb.AllPosition
		d     esdb.Direction
		count uint64
		ok    func(all []*esdb.RecordedEvent) bool
	}{
		{"one forwards", all[2].Position, esdb.Forwards, 1, func(got []*esdb.RecordedEvent) bool {
			return len(got) == 1 && got[0].EventID == all[2].EventID
		}},
		{"one backwards", all[2].Position, esdb.Backwards, 1, func(got []*esdb.RecordedEvent) bool {
			return len(got) == 1 && got[0].Position.Commit < all[2].Position.Commit && got[0].Position.Commit >= all[1].Position.Commit
		}},
		{"the first", esdb.Start{}, esdb.Forwards, 1, func(got []*esdb.RecordedEvent) bool {
			return len(got) == 1 && got[0].Position.Commit <= first.Commit
		}},
		{"the last", esdb.End{}, esdb.Backwards, 1, func(got []*esdb.RecordedEvent) bool {
			return len(got) == 1 && got[0].Position.Commit >= all[5].Position.Commit
		}},
		{"nothing before the start", esdb.Start{}, esdb.Backwards, 9, func(got []*esdb.RecordedEvent) bool { return len(got) == 0 }},
	} {
		got, err := collect(s.client.ReadAll(within(t), esdb.ReadAllOptions{From: tt.from, Direction: tt.d}, tt.count))
		if err != nil || !tt.ok(got) {
			t.Errorf("%s: %v, %v", tt.name, s.names(got), err)
		}
	}
}

// TestLongReads spans many pages both ways.
func TestLongReads(t *testing.T) {
	t.Parallel()
	s := examine(t)
	const batches, size = 5, 700
	for range batches {
		s.append(t, s.stream("long"), esdb.Any{}, events("x", size)...)
		s.append(t, s.stream("other"), esdb.Any{}, event("x"))
	}
	start := s.whole(t, s.stream("long"))[0].Position
	for _, d := range []esdb.Direction{esdb.Forwards, esdb.Backwards} {
		from, all, until := esdb.StreamPosition(esdb.Start{}), esdb.AllPosition(start), "other@4"
		if d == esdb.Backwards {
			from, all, until = esdb.End{}, esdb.End{}, "long@0"
		}
		got, err := s.read(t, s.stream("long"), from, d, unlimited)
		if err != nil || len(got) != batches*size {
			t.Fatalf("read %d events, %v", len(got), err)
		}
		for i, e := range got {
			want := uint64(i)
			if d == esdb.Backwards {
				want = uint64(len(got) - 1 - i)
			}
			if e.EventNumber != want {
				t.Fatalf("event %d has revision %d", i, e.EventNumber)
			}
		}
		if got := len(s.mine(t, all, d, until)); got != batches*(size+1) {
			t.Errorf("$all has %d events of ours", got)
		}
	}
}

func filterBy(kind, regex string, prefixes ...string) *streamspb.ReadReq_Options_Filter {
	e := &streamspb.ReadReq_Options_FilterOptions_Expression{Regex: regex, Prefix: prefixes}
	o := &streamspb.ReadReq_Options_FilterOptions{
		Window:                       &streamspb.ReadReq_Options_FilterOptions_Max{Max: 32},
		CheckpointIntervalMultiplier: 1,
	}
	if kind == "type" {
		o.Filter = &streamspb.ReadReq_Options_FilterOptions_EventType{EventType: e}
	} else {
		o.Filter = &streamspb.ReadReq_Options_FilterOptions_StreamIdentifier{StreamIdentifier: e}
	}
	return &streamspb.ReadReq_Options_Filter{Filter: o}
}

// TestReadsCanBeFiltered reads $all with a filter, which the Go client cannot ask
// for.
func TestReadsCanBeFiltered(t *testing.T) {
	t.Parallel()
	s := examine(t)
	var first, last *esdb.WriteResult
	for i, name := range []string{"k0", "k1", "k0", "k1", "k0", "k1"} {
		last = s.append(t, s.stream(name), esdb.Any{}, event(s.prefix+string(rune('a'+i%3))))
		if i == 0 {
			first = last
		}
	}
	at := func(r *esdb.WriteResult) *streamspb.ReadReq_Options_All {
		return &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
			AllOption: &streamspb.ReadReq_Options_AllOptions_Position{Position: &streamspb.ReadReq_Options_Position{
				CommitPosition: r.CommitPosition, PreparePosition: r.PreparePosition,
			}},
		}}
	}
	end := &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
		AllOption: &streamspb.ReadReq_Options_AllOptions_End{End: &shared.Empty{}},
	}}
	for _, tt := range []struct {
		name   string
		filter *streamspb.ReadReq_Options_Filter
		from   *streamspb.ReadReq_Options_All
		d      streamspb.ReadReq_Options_ReadDirection
		count  uint64
		want   []string
	}{
		{"stream prefix", filterBy("stream", "", s.stream("k1")), at(first), streamspb.ReadReq_Options_Forwards, 9, []string{"k1@0", "k1@1", "k1@2"}},
		{"counted", filterBy("stream", "", s.stream("k1")), at(first), streamspb.ReadReq_Options_Forwards, 2, []string{"k1@0", "k1@1"}},
		{"backwards", filterBy("stream", "", s.stream("k1")), end, streamspb.ReadReq_Options_Backwards, 9, []string{"k1@2", "k1@1", "k1@0"}},
		{"backwards, excluding", filterBy("stream", "", s.stream("k1")), at(last), streamspb.ReadReq_Options_Backwards, 9, []string{"k1@1", "k1@0"}},
		{"backwards, counted", filterBy("stream", "", s.stream("k1")), end, streamspb.ReadReq_Options_Backwards, 1, []string{"k1@2"}},
		{"type prefixes", filterBy("type", "", s.prefix+"a", s.prefix+"c"), at(first), streamspb.ReadReq_Options_Forwards, 9, []string{"k0@0", "k0@1", "k1@1", "k1@2"}},
		{"type pattern", filterBy("type", "^"+s.prefix+".*"), at(first), streamspb.ReadReq_Options_Forwards, 3, []string{"k0@0", "k1@0", "k0@1"}},
		{"nothing", filterBy("stream", "", s.stream("k2")), at(first), streamspb.ReadReq_Options_Forwards, 9, nil},
	} {
		if !s.own && len(tt.want) < int(tt.count) {
			tt.count = uint64(len(tt.want)) // do not search a long log to its end
		}
		if tt.count == 0 {
			continue
		}
		ctx, cancel := context.WithCancel(within(t))
		call, err := s.raw.Read(ctx, &streamspb.ReadReq{Options: &streamspb.ReadReq_Options{
			StreamOption: tt.from, CountOption: count(tt.count), FilterOption: tt.filter, ReadDirection: tt.d, UuidOption: structured,
		}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for uint64(len(got)) < tt.count {
			answer, err := call.Recv()
			if err != nil {
				break
			}
			if e := answer.GetEvent().GetEvent(); e != nil {
				got = append(got, s.name(&esdb.RecordedEvent{
					StreamID: string(e.GetStreamIdentifier().GetStreamName()), EventNumber: e.GetStreamRevision(),
				}))
			}
		}
		cancel()
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

// TestAReadIsEventsOnly: the Go client panics at messages it does not know, so
// none may come that it has not asked for.
func TestAReadIsEventsOnly(t *testing.T) {
	t.Parallel()
	s := examine(t)
	s.append(t, s.stream("a"), esdb.NoStream{}, events("x", 3)...)
	for name, from := range map[string]*streamspb.ReadReq_Options_Stream{
		"all of it": streamStart(s.stream("a")),
		"beyond": {Stream: &streamspb.ReadReq_Options_StreamOptions{
			StreamIdentifier: identifier(s.stream("a")),
			RevisionOption:   &streamspb.ReadReq_Options_StreamOptions_Revision{Revision: 7},
		}},
	} {
		call, err := s.raw.Read(within(t), &streamspb.ReadReq{Options: &streamspb.ReadReq_Options{
			StreamOption: from, CountOption: count(9), FilterOption: noFilter, UuidOption: structured,
		}})
		if err != nil {
			t.Fatal(err)
		}
		for {
			answer, err := call.Recv()
			if err != nil {
				break
			}
			if answer.GetEvent() == nil {
				t.Errorf("%s: %v", name, answer)
			}
		}
	}
	answer, _, err := s.begin(within(t), &streamspb.ReadReq_Options{
		StreamOption: streamStart(s.stream("none")), CountOption: count(9), FilterOption: noFilter, UuidOption: structured,
	})
	if err != nil || string(answer.GetStreamNotFound().GetStreamIdentifier().GetStreamName()) != s.stream("none") {
		t.Errorf("a missing stream: %v, %v", answer, err)
	}
}
