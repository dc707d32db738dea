package conformance

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/go-cmp/cmp"
)

// both reads a stream both ways and demands that they agree.
func (s *server) both(t *testing.T, stream string) []uint64 {
	t.Helper()
	forwards := revisions(s.whole(t, stream))
	all, err := s.read(t, stream, esdb.End{}, esdb.Backwards, unlimited)
	if err != nil {
		t.Fatal(err)
	}
	backwards := []uint64{}
	for i := range all {
		backwards = append(backwards, all[len(all)-1-i].EventNumber)
	}
	if diff := cmp.Diff(forwards, backwards); diff != "" {
		t.Errorf("%s forwards and backwards:\n%s", stream, diff)
	}
	return forwards
}

// TestMetadataHidesEvents: $tb, $maxCount and an age that nothing has yet. What
// is not what it should be restricts nothing.
func TestMetadataHidesEvents(t *testing.T) {
	t.Parallel()
	s := examine(t)
	s.append(t, s.stream("a"), esdb.Any{}, events("x", 4)...)
	all := []uint64{0, 1, 2, 3}
	tests := []struct {
		metadata string
		want     []uint64
	}{
		{`{}`, all},
		{`{"$maxCount":1}`, []uint64{3}},
		{`{"$maxCount":2}`, []uint64{2, 3}},
		{`{"$maxCount":4}`, all},
		{`{"$maxCount":9}`, all},
		{`{"$tb":0}`, all},
		{`{"$tb":1}`, []uint64{1, 2, 3}},
		{`{"$tb":3}`, []uint64{3}},
		{`{"$tb":4}`, []uint64{}}, // empty, and there
		{`{"$tb":9}`, []uint64{}},
		{`{"$tb":1,"$maxCount":3}`, []uint64{1, 2, 3}},
		{`{"$tb":1,"$maxCount":2}`, []uint64{2, 3}},
		{`{"$maxAge":3600}`, all},
		{`{"$maxAge":3600,"$tb":2,"$acl":{"$r":"$all"},"mine":{"deep":[1]}}`, []uint64{2, 3}},
		{`not json`, all},
		{`[1]`, all},
		{`{"$maxCount":"2"}`, all},
		{`{"$maxCount":0,"$tb":2}`, all},
		{`{"$maxCount":-1,"$tb":2}`, all},
		{`{"$tb":-5,"$maxCount":2}`, all},
		{`{"$maxAge":0,"$tb":2}`, all},
		{`{"$TB":2,"$maxcount":1}`, all},
	}
	for _, tt := range tests {
		s.setMetadata(t, s.stream("a"), tt.metadata)
		if diff := cmp.Diff(tt.want, s.both(t, s.stream("a"))); diff != "" {
			t.Errorf("%s:\n%s", tt.metadata, diff)
		}
	}
	// Reads may begin and end at what is hidden.
	s.setMetadata(t, s.stream("a"), `{"$tb":2}`)
	for _, tt := range []struct {
		from esdb.StreamPosition
		d    esdb.Direction
		n    uint64
		want []uint64
	}{
		{esdb.Start{}, esdb.Forwards, 1, []uint64{2}},
		{esdb.Revision(1), esdb.Forwards, 1, []uint64{2}},
		{esdb.Revision(1), esdb.Backwards, 9, []uint64{}},
		{esdb.End{}, esdb.Backwards, 3, []uint64{3, 2}},
	} {
		got, err := s.read(t, s.stream("a"), tt.from, tt.d, tt.n)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, revisions(got)); diff != "" {
			t.Errorf("from %v, direction %v, count %d:\n%s", tt.from, tt.d, tt.n, diff)
		}
	}
	// Of metadata itself only the newest is shown, and $all shows everything.
	if got := s.both(t, "$$"+s.stream("a")); !cmp.Equal([]uint64{uint64(len(tests))}, got) {
		t.Errorf("metadata shows %v", got)
	}
	first := s.mine(t, esdb.End{}, esdb.Backwards, "a@0")
	if got, want := len(first), 4+len(tests)+1; got != want {
		t.Errorf("$all has %d events of ours, want %d", got, want)
	}
}

// TestMaxAge waits for events to grow too old.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	s := examine(t)
	s.append(t, s.stream("a"), esdb.NoStream{}, events("x", 3)...)
	s.setMetadata(t, s.stream("a"), `{"$maxAge":1}`)
	// One way only: between two reads an event may grow too old.
	deadline := time.Now().Add(patience)
	for len(s.whole(t, s.stream("a"))) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("events of %s are shown with a $maxAge of 1 s", patience)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := s.both(t, s.stream("a")); len(got) != 0 {
		t.Errorf("%d is shown again", got)
	}
	// They are hidden, not gone, and count on.
	s.setMetadata(t, s.stream("a"), `{"$maxAge":1000}`)
	if got := s.both(t, s.stream("a")); len(got) != 3 {
		t.Errorf("%d is shown, want all three", got)
	}
	if r := s.append(t, s.stream("a"), esdb.Revision(2), event("x")); r.NextExpectedVersion != 3 {
		t.Errorf("revision %d, want 3", r.NextExpectedVersion)
	}
}

// TestStreamMetadata goes through the client's own notion of it.
func TestStreamMetadata(t *testing.T) {
	t.Parallel()
	s := examine(t)
	stream := s.stream("a")
	var m esdb.StreamMetadata
	m.SetMaxCount(7)
	m.SetMaxAge(90 * time.Second)
	m.SetTruncateBefore(1)
	m.SetCacheControl(5 * time.Second)
	m.AddCustomProperty("mine", "yes")
	for i, want := range []struct {
		expected esdb.ExpectedRevision
		ok       bool
	}{{esdb.NoStream{}, true}, {esdb.NoStream{}, false}, {esdb.Revision(0), true}, {esdb.Revision(9), false}} {
		_, err := s.client.SetStreamMetadata(within(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: want.expected}, m)
		if (err == nil) != want.ok {
			t.Errorf("metadata %d, expecting %v: %v", i, want.expected, err)
		}
	}
	got, err := s.client.GetStreamMetadata(within(t), stream, esdb.ReadStreamOptions{From: esdb.End{}, Direction: esdb.Backwards})
	if err != nil {
		t.Fatal(err)
	}
	if got.MaxCount() == nil || *got.MaxCount() != 7 || got.MaxAge() == nil || *got.MaxAge() != 90*time.Second ||
		got.TruncateBefore() == nil || *got.TruncateBefore() != 1 || got.CustomProperty("mine") != "yes" {
		t.Errorf("metadata %+v", got)
	}
	all, err := s.read(t, "$$"+stream, esdb.End{}, esdb.Backwards, 9)
	if err != nil || len(all) != 1 || all[0].EventType != "$metadata" || all[0].ContentType != "application/json" || all[0].EventNumber != 1 {
		t.Errorf("metadata stream: %v, %v", s.names(all), err)
	}
	if _, err := s.read(t, stream, esdb.Start{}, esdb.Forwards, 9); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Errorf("a stream that has only metadata: %v", err)
	}
}

func TestASoftDeletedStreamGoesOn(t *testing.T) {
	t.Parallel()
	s := examine(t)
	a := s.stream("a")
	s.setMetadata(t, a, `{"$maxCount":100,"mine":7}`)
	s.append(t, a, esdb.Any{}, events("x", 3)...)
	s.softDelete(t, a)
	for _, d := range []esdb.Direction{esdb.Forwards, esdb.Backwards} {
		if _, err := s.read(t, a, esdb.Start{}, d, 9); code(err) != esdb.ErrorCodeResourceNotFound {
			t.Errorf("deleted, direction %v: %v, want not found", d, err)
		}
	}
	if r := s.append(t, a, esdb.NoStream{}, events("y", 2)...); r.NextExpectedVersion != 4 {
		t.Errorf("revision %d, want 4", r.NextExpectedVersion)
	}
	if got := s.both(t, a); !cmp.Equal([]uint64{3, 4}, got) {
		t.Errorf("revived: %v", got)
	}
	want := []string{"$$a@2", "a@4", "a@3", "$$a@1", "a@2", "a@1", "a@0", "$$a@0"}
	log := s.mine(t, esdb.End{}, esdb.Backwards, "$$a@0")
	if diff := cmp.Diff(want, s.names(log)); diff != "" {
		t.Error(diff)
	}
	for _, e := range log { // what the server writes itself is metadata as well
		if e.StreamID == "$$"+a && (e.EventType != "$metadata" || e.ContentType != "application/json") {
			t.Errorf("%s has the type %s and holds %s", s.name(e), e.EventType, e.ContentType)
		}
	}
	// Metadata written to a deleted stream revives it as well, empty, and keeps
	// what was written.
	s.softDelete(t, a)
	s.softDelete(t, a) // twice is once
	s.setMetadata(t, a, `{"mine":8}`)
	if got := s.both(t, a); len(got) != 0 {
		t.Errorf("revived by metadata: %v", got)
	}
	var kept map[string]any
	if err := json.Unmarshal(s.whole(t, "$$"+a)[0].Data, &kept); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"$tb": 5.0, "mine": 8.0}, kept); diff != "" {
		t.Errorf("metadata:\n%s", diff)
	}
	if r := s.append(t, a, esdb.Revision(4), event("z")); r.NextExpectedVersion != 5 {
		t.Errorf("revision %d, want 5", r.NextExpectedVersion)
	}
}

func TestDeletionsAnswerWithAPosition(t *testing.T) {
	t.Parallel()
	s := examine(t)
	a := s.stream("a")
	before := s.append(t, a, esdb.NoStream{}, events("x", 2)...)
	deleted, err := s.client.DeleteStream(within(t), a, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(1)})
	if err != nil || deleted.Position.Commit <= before.CommitPosition {
		t.Fatalf("delete: %+v, %v", deleted, err)
	}
	after := s.append(t, a, esdb.Revision(1), event("x"))
	ended, err := s.client.TombstoneStream(within(t), a, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.StreamExists{}})
	if err != nil || ended.Position.Commit <= after.CommitPosition || after.CommitPosition <= deleted.Position.Commit {
		t.Errorf("tombstone: %+v, %v", ended, err)
	}
}

func TestATombstoneIsForGood(t *testing.T) {
	t.Parallel()
	s := examineRestarting(t)
	a := s.stream("a")
	s.append(t, a, esdb.Any{}, events("x", 2)...)
	s.setMetadata(t, a, `{"$maxCount":100}`)
	if _, err := s.client.TombstoneStream(within(t), a, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Revision(1)}); err != nil {
		t.Fatal(err)
	}
	// In $all all of it can still be read, and what the end is.
	all := s.mine(t, esdb.End{}, esdb.Backwards, "a@0")
	if len(all) != 4 || all[0].EventType != "$streamDeleted" || all[0].EventNumber != math.MaxInt64 || all[0].StreamID != a {
		t.Errorf("$all: %v", s.names(all))
	}
	for range 2 {
		for _, stream := range []string{a, "$$" + a} {
			if _, err := s.read(t, stream, esdb.Start{}, esdb.Forwards, 9); code(err) != esdb.ErrorCodeStreamDeleted {
				t.Errorf("read %s: %v", stream, err)
			}
			_, err := s.client.AppendToStream(within(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event("x"))
			if code(err) != esdb.ErrorCodeStreamDeleted {
				t.Errorf("append to %s: %v", stream, err)
			}
		}
		s = s.restart(t)
	}
	// Even a stream that never was can be ended.
	if _, err := s.client.TombstoneStream(within(t), s.stream("never"), esdb.TombstoneStreamOptions{ExpectedRevision: esdb.NoStream{}}); err != nil {
		t.Error(err)
	}
	if _, err := s.client.AppendToStream(within(t), s.stream("never"), esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, event("x")); code(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("append to what never was and is ended: %v", err)
	}
}

// TestARestartKeepsEverything: events, positions, and what ids were used.
func TestARestartKeepsEverything(t *testing.T) {
	t.Parallel()
	s := examineRestarting(t)
	a, b := s.stream("a"), s.stream("b")
	batch := events("x", 3)
	s.append(t, a, esdb.NoStream{}, batch...)
	s.append(t, b, esdb.Any{}, event("x"))
	before := s.whole(t, a)
	end := s.whole(t, b)[0].Position
	s = s.restart(t)
	if diff := cmp.Diff(before, s.whole(t, a)); diff != "" {
		t.Error(diff)
	}
	for _, expected := range []esdb.ExpectedRevision{esdb.NoStream{}, esdb.Any{}} {
		if expected == (esdb.Any{}) && !s.own {
			continue // ids outlast a restart only with a revision
		}
		r := s.append(t, a, expected, batch...)
		if r.NextExpectedVersion != 2 || r.CommitPosition != before[2].Position.Commit {
			t.Errorf("again with %T: %+v", expected, r)
		}
	}
	if r := s.append(t, a, esdb.Revision(2), event("x")); r.CommitPosition <= end.Commit {
		t.Errorf("position %d after %d", r.CommitPosition, end.Commit)
	}
}
