package projections_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// of are the events of one stream.
// A program that has learnt applies on retry what it could not, in order; and builds
// the same from nothing, where nothing is ever parked.
func TestRetryWithAProgramThatHasLearnt(t *testing.T) {
	t.Parallel()
	log := newLives(10, 300, 7)
	ill := poisonedAt(ways[projections.BadEvent], log.Of(streamOf(3))[2], log.Of(streamOf(4))[0], log.Of(streamOf(5))[9])
	pool := projectionstest.Pool(t)
	log.Build(t, ill, pool, 1).Close()
	if n := len(parkedIn(t, pool, "notes")); n != 3 {
		t.Fatalf("%d streams are parked", n)
	}
	well := notes{name: "notes"}
	b := log.Build(t, well, pool, 2) // which changes nothing by itself
	if n := b.Checkpoint().Parked; n != 3 {
		t.Fatalf("%d streams are parked after a restart", n)
	}
	log.Retry("other", "")
	log.Retry("notes", streamOf(4))
	log.Retry("notes", streamOf(9)) // not parked
	if err := log.Follow(t, b, 3); err != nil {
		t.Fatal(err)
	}
	if n := len(parkedIn(t, pool, "notes")); n != 2 {
		t.Errorf("%d streams are parked after one was tried again", n)
	}
	log.Retry("notes", "")
	if err := log.Follow(t, b, 3); err != nil {
		t.Fatal(err)
	}
	holds(t, pool, log.Events)
	if c := b.Checkpoint(); c.Parked != 0 || c.Events != int64(handled(log.Events)) {
		t.Errorf("the checkpoint is %+v", c)
	}
	again := projectionstest.Pool(t)
	log.Build(t, well, again, 4)
	if diff := cmp.Diff(read(t, pool, "notes"), read(t, again, "notes")); diff != "" {
		t.Errorf("live and rebuilt (-live +rebuilt):\n%s", diff)
	}
}

// A skip is of one revision. Tables that hold the event keep it; a build that comes to
// it later goes without, whether it could apply it or not.
func TestSkipOfWhatIsNotParked(t *testing.T) {
	t.Parallel()
	log := newLives(3, 30, 1)
	bad, fine, later := log.Of(streamOf(1))[2], log.Of(streamOf(2))[0], domain.Revision(len(log.Of(streamOf(2))))
	pool := projectionstest.Pool(t)
	b := log.Build(t, poisonedAt(ways[projections.BadEvent], bad), pool, 1)
	log.Skip("notes", bad.Stream, bad.Revision+1)
	log.Skip("notes", fine.Stream, fine.Revision)
	log.Skip("other", fine.Stream, fine.Revision+1)
	log.Skip("notes", fine.Stream, later)
	last := log.Add(fine.Stream, noted{Subject: subjectOf(2), Text: "skipped before it came", N: 1})
	if err := log.Follow(t, b, 1); err != nil {
		t.Fatal(err)
	}
	if parked := parkedIn(t, pool, "notes"); len(parked) != 1 || parked[0].Attempts != 1 {
		t.Errorf("parked is %+v", parked)
	}
	holds(t, pool, slices.DeleteFunc(log.Without(last.Position), func(e domain.Recorded) bool {
		return e.Stream == bad.Stream && e.Revision >= bad.Revision
	}))
	log.Retry("notes", bad.Stream)
	if err := log.Follow(t, b, 1); err != nil {
		t.Fatal(err)
	}
	if parked := parkedIn(t, pool, "notes"); len(parked) != 1 || parked[0].Attempts != 2 {
		t.Errorf("after another try, parked is %+v", parked)
	}
	log.Skip("notes", bad.Stream, bad.Revision)
	well := projectionstest.Pool(t)
	log.Build(t, notes{name: "notes"}, well, 1)
	holds(t, well, log.Without(bad.Position, log.Of(bad.Stream)[3].Position, fine.Position, last.Position))
}

// Verify finds what was skipped left out, by a program that fails as the live one did
// and by one that does not; and the tables that a rebuild swaps in are without it.
func TestSkipHoldsInARebuild(t *testing.T) {
	t.Parallel()
	log := newLives(10, 300, 1)
	bad := log.Of(streamOf(1))[2]
	ill, well := poisonedAt(ways[projections.BadEvent], bad), notes{name: "notes"}
	pool := projectionstest.Pool(t)
	b := log.Build(t, ill, pool, 1)
	log.Skip("notes", bad.Stream, bad.Revision)
	if err := log.Follow(t, b, 1); err != nil {
		t.Fatal(err)
	}
	if err := b.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Close()
	cfg := rebuildConfig(newSource(log.Events, 50))
	cfg.Parking.Load = log.Load
	for name, p := range map[string]projections.Projection{"the same": ill, "one that has learnt": well} {
		if found := verify(t, pool, projections.NewRebuilder(pool, cfg, p)); !found.Equal() {
			t.Errorf("built by %s: %+v", name, found)
		}
	}
	if err := projections.NewRebuilder(pool, cfg, well).Rebuild(t.Context(), nil, false, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, pool, log.Without(bad.Position))
}

// A rebuild tells how many streams the new tables have parked.
func TestRebuildTellsWhatIsParked(t *testing.T) {
	t.Parallel()
	log := newLives(10, 300, 1)
	ill := poisonedAt(ways[projections.BadEvent], log.Of(streamOf(1))[2], log.Of(streamOf(2))[0])
	pool := projectionstest.Pool(t)
	log.Build(t, notes{name: "notes"}, pool, 1).Close()
	cfg := rebuildConfig(newSource(log.Events, 50))
	cfg.Parking.Load = log.Load
	var last projections.Progress
	err := projections.NewRebuilder(pool, cfg, ill).Rebuild(t.Context(), nil, false, func(now projections.Progress) { last = now })
	if err != nil {
		t.Fatal(err)
	}
	if m := last.Models[0]; m.Phase != projections.Swapped || m.Parked != 2 {
		t.Errorf("it tells %+v", m)
	}
}

// However many streams a request frees, each has the time of one.
func TestEachResumedStreamHasItsTime(t *testing.T) {
	t.Parallel()
	log := newLives(10, 100, 1)
	ill := poisonedAt(ways[projections.BadEvent], log.Of(streamOf(3))[2], log.Of(streamOf(4))[0], log.Of(streamOf(5))[1])
	pool := projectionstest.Pool(t)
	log.Build(t, ill, pool, 1).Close()
	b := projectionstest.Open(t, pool, notes{name: "notes"})
	var until []time.Time
	b.Parking.Load = func(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
		if deadline, bounded := ctx.Deadline(); stream.Category() == "test" && bounded {
			until = append(until, deadline)
		}
		return log.Load(ctx, stream, after)
	}
	log.Retry("notes", "")
	if err := log.Follow(t, b, 1); err != nil {
		t.Fatal(err)
	}
	if len(until) != 3 || !until[0].Before(until[1]) || !until[1].Before(until[2]) {
		t.Errorf("the streams have until %v", until)
	}
}

// A connection that breaks while a stream with several bad events is caught up with
// leaves neither a gap nor a row twice.
func TestCrashWhileResuming(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(*projectionstest.Log, projections.Parked){
		"retry": func(l *projectionstest.Log, p projections.Parked) { l.Retry("notes", p.Stream) },
		"skip":  func(l *projectionstest.Log, p projections.Parked) { l.Skip("notes", p.Stream, p.Revision) },
	} {
		for crash := 1; crash <= 9; crash += 2 { // at which write to the books
			t.Run(fmt.Sprint(name, " ", crash), func(t *testing.T) {
				t.Parallel()
				log := newLives(2, 120, 3)
				life := log.Of(streamOf(1))
				ill := poisonedAt(ways[projections.BadEvent], life[3])
				bad := life[40]
				ill.at[bad.Position] = ways[projections.Rejected] // found by halving, in many transactions
				pool := projectionstest.Pool(t)
				b := log.Build(t, ill, pool, 1)
				if name == "retry" { // a program that has learnt one of the two
					b.Close()
					delete(ill.at, life[3].Position)
					b = log.Build(t, ill, pool, 1)
				}
				ask(log, parkedIn(t, pool, "notes")[0])
				if _, err := pool.Exec(t.Context(), fmt.Sprintf(`
					CREATE SEQUENCE public.steps;
					CREATE FUNCTION public.crash() RETURNS trigger LANGUAGE plpgsql AS $$
					BEGIN
						IF nextval('public.steps') = %d THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
						RETURN NULL;
					END $$;
					CREATE CONSTRAINT TRIGGER crash AFTER INSERT OR UPDATE OR DELETE ON crm.parked
						DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.crash()`, crash)); err != nil {
					t.Fatal(err)
				}
				for err := log.Follow(t, b, 1); err != nil; err = log.Follow(t, b, 1) {
					if _, lasting := errors.AsType[*projections.Failure](err); lasting {
						t.Fatal(err)
					}
					b.Close()
					b = projectionstest.Open(t, pool, ill)
					b.Parking.Load = log.Load
				}
				parked := parkedIn(t, pool, "notes")
				if len(parked) != 1 || parked[0].Revision != bad.Revision || parked[0].Class != projections.Rejected ||
					parked[0].Waiting != int64(len(life)-1-int(bad.Revision)) {
					t.Errorf("parked is %+v", parked)
				}
				holds(t, pool, slices.DeleteFunc(log.Without(), func(e domain.Recorded) bool {
					return e.Stream == bad.Stream && (e.Revision >= bad.Revision || name == "skip" && e.Revision == 3)
				}))
				log.Skip("notes", bad.Stream, bad.Revision)
				if err := log.Follow(t, b, 1); err != nil {
					t.Fatal(err)
				}
				gone := []domain.Position{bad.Position}
				if name == "skip" {
					gone = append(gone, life[3].Position)
				}
				holds(t, pool, log.Without(gone...))
			})
		}
	}
}

// Beyond the limit it is not the events: the read model stops, and what is before is
// applied.
func TestTooManyParked(t *testing.T) {
	t.Parallel()
	log := newLives(10, 50, 1)
	ill := notes{name: "notes", apply: func(_ *projections.Writer, e domain.Recorded) error {
		if e.Revision == 2 {
			return errBadNote
		}
		return nil
	}}
	var third domain.Recorded
	for streams := map[domain.Stream]bool{}; len(streams) < 4; {
		for _, e := range log.Events {
			if e.Revision == 2 && len(streams) < 4 {
				streams[e.Stream] = true
				third = e
			}
		}
	}
	pool := projectionstest.Pool(t)
	b := projectionstest.Open(t, pool, ill)
	b.Parking = projections.Parking{Load: log.Load, Max: 3}
	err := log.Follow(t, b, 1)
	failure, ok := errors.AsType[*projections.Failure](err)
	if !ok || failure.Class != projections.TooManyParked || failure.Position != third.Position {
		t.Fatalf("it went on, or stopped elsewhere: %v", err)
	}
	if parked := parkedIn(t, pool, "notes"); len(parked) != 3 {
		t.Errorf("%d streams are parked", len(parked))
	}
	if at := b.Checkpoint().Position; at.Commit != third.Position.Commit-10 {
		t.Errorf("it stands at %s, before %s", at, third.Position)
	}
}

// ignoring does not need what begins so.
type ignoring struct{ notes }

func (ignoring) Ignores(eventType string) bool { return eventType == "test.weather" }

func TestIgnorableTypes(t *testing.T) {
	t.Parallel()
	log := newLives(3, 9, 1)
	log.Add(streamOf(1), domain.Unreadable{Type: "test.weather", Why: "unknown type"})
	log.Add(streamOf(1), noted{Subject: subjectOf(1), Text: "after", N: 1})
	pool := projectionstest.Pool(t)
	b := log.Build(t, ignoring{notes{name: "notes"}}, pool, 1)
	holds(t, pool, log.Events)

	unknown := log.Add(streamOf(1), domain.Unreadable{Type: "test.earthquake", Why: "unknown type"})
	err := log.Follow(t, b, 1)
	failure, ok := errors.AsType[*projections.Failure](err)
	if !ok || failure.Class != projections.UnknownType || failure.Position != unknown.Position {
		t.Errorf("an unknown type that is not ignorable: %v", err)
	}
}
