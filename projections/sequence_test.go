package projections_test

import (
	"testing"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// A batch without an event that its stream has is not applied from there on; fed again
// with it, nothing is lost.
func TestMissingRevisionIsFetchedAgain(t *testing.T) {
	t.Parallel()
	log := newLives(5, 100, 1)
	pool := projectionstest.Pool(t)
	b := projectionstest.Open(t, pool, notes{name: "notes"})
	lost := log.Of(streamOf(2))[5]
	next := log.Of(streamOf(2))[6]
	holed := batch(domain.Position{}, log.Without(lost.Position))
	if err := b.Apply(t.Context(), holed); !isMissing(err) {
		t.Fatalf("without revision 5 of a stream: %v", err)
	}
	if at := b.Checkpoint().Position; !at.Before(next.Position) || at.Before(lost.Position) {
		t.Errorf("it stands at %s; the first event with a hole before it is at %s", at, next.Position)
	}
}

// What the log feeds never, while the stream holds it, parks the stream; to try again
// reads the stream.
func TestMissingRevisionThatTheStreamHolds(t *testing.T) {
	t.Parallel()
	log := newLives(5, 100, 1)
	life := log.Of(streamOf(2))
	log.Absent = map[domain.Position]bool{life[5].Position: true, life[6].Position: true}
	pool := projectionstest.Pool(t)
	b := log.Build(t, notes{name: "notes"}, pool, 1)
	parked := parkedIn(t, pool, "notes")
	if len(parked) != 1 || parked[0].Class != projections.Missing || parked[0].Revision != 5 ||
		parked[0].Position != life[7].Position || parked[0].Waiting != int64(len(life)-7) {
		t.Fatalf("parked is %+v", parked)
	}
	log.Retry("notes", "")
	if err := log.Follow(t, b, 1); err != nil { // the stream does not hold it either
		t.Fatal(err)
	}
	if again := parkedIn(t, pool, "notes"); len(again) != 1 || again[0].Revision != 5 || again[0].Attempts != 2 || again[0].Waiting != parked[0].Waiting {
		t.Fatalf("parked again is %+v", again)
	}
	log.Absent = nil
	log.Retry("notes", "")
	if err := log.Follow(t, b, 1); err != nil {
		t.Fatal(err)
	}
	holds(t, pool, log.Events)
}

// What no stream holds any more can be gone on without.
func TestMissingRevisionIsSkipped(t *testing.T) {
	t.Parallel()
	log := newLives(5, 100, 1)
	life := log.Of(streamOf(2))
	log.Absent = map[domain.Position]bool{life[5].Position: true, life[6].Position: true, life[9].Position: true}
	pool := projectionstest.Pool(t)
	b := log.Build(t, notes{name: "notes"}, pool, 1)
	for range 2 {
		log.Skip("notes", life[0].Stream, parkedIn(t, pool, "notes")[0].Revision)
		if err := log.Follow(t, b, 1); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, pool, log.Without(life[5].Position, life[6].Position, life[9].Position))
	if n := count(t, pool, "SELECT sum(last_revision - revision + 1) FROM crm.skipped"); n != 3 {
		t.Errorf("%d revisions are left out", n)
	}
}
