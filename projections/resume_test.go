package projections_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// of are the events of one stream.
func (l *lives) of(stream domain.Stream) []domain.Recorded {
	events, _ := l.load(context.Background(), stream, domain.NoStream)
	return events
}

// A program that has learnt applies on retry what it could not, in order; and builds
// the same from nothing, where nothing is ever parked.
func TestRetryWithAProgramThatHasLearnt(t *testing.T) {
	t.Parallel()
	log := newLives(10, 300, 7)
	ill := poisonedAt(ways[projections.BadEvent], log.of(streamOf(3))[2], log.of(streamOf(4))[0], log.of(streamOf(5))[9])
	pool := projectionstest.Pool(t)
	log.build(t, ill, pool, 1).Close()
	if n := len(parkedIn(t, pool, "notes")); n != 3 {
		t.Fatalf("%d streams are parked", n)
	}
	well := notes{name: "notes"}
	b := log.build(t, well, pool, 2) // which changes nothing by itself
	if n := b.Checkpoint().Parked; n != 3 {
		t.Fatalf("%d streams are parked after a restart", n)
	}
	log.retry("other", "")
	log.retry("notes", streamOf(4))
	log.retry("notes", streamOf(9)) // not parked
	if err := log.follow(t, b, 3); err != nil {
		t.Fatal(err)
	}
	if n := len(parkedIn(t, pool, "notes")); n != 2 {
		t.Errorf("%d streams are parked after one was tried again", n)
	}
	log.retry("notes", "")
	if err := log.follow(t, b, 3); err != nil {
		t.Fatal(err)
	}
	holds(t, pool, log.events)
	if c := b.Checkpoint(); c.Parked != 0 || c.Events != int64(handled(log.events)) {
		t.Errorf("the checkpoint is %+v", c)
	}
	again := projectionstest.Pool(t)
	log.build(t, well, again, 4)
	if diff := cmp.Diff(read(t, pool, "notes"), read(t, again, "notes")); diff != "" {
		t.Errorf("live and rebuilt (-live +rebuilt):\n%s", diff)
	}
}

// A skip is of one revision. Tables that hold the event keep it; a build that comes to
// it later goes without, whether it could apply it or not.
func TestSkipOfWhatIsNotParked(t *testing.T) {
	t.Parallel()
	log := newLives(3, 30, 1)
	bad, fine, later := log.of(streamOf(1))[2], log.of(streamOf(2))[0], log.last[streamOf(2)]+1
	pool := projectionstest.Pool(t)
	b := log.build(t, poisonedAt(ways[projections.BadEvent], bad), pool, 1)
	log.skip("notes", bad.Stream, bad.Revision+1)
	log.skip("notes", fine.Stream, fine.Revision)
	log.skip("other", fine.Stream, fine.Revision+1)
	log.skip("notes", fine.Stream, later)
	last := log.add(fine.Stream, noted{Subject: subjectOf(2), Text: "skipped before it came", N: 1})
	if err := log.follow(t, b, 1); err != nil {
		t.Fatal(err)
	}
	if parked := parkedIn(t, pool, "notes"); len(parked) != 1 || parked[0].Attempts != 1 {
		t.Errorf("parked is %+v", parked)
	}
	holds(t, pool, slices.DeleteFunc(log.without(last.Position), func(e domain.Recorded) bool {
		return e.Stream == bad.Stream && e.Revision >= bad.Revision
	}))
	log.retry("notes", bad.Stream)
	if err := log.follow(t, b, 1); err != nil {
		t.Fatal(err)
	}
	if parked := parkedIn(t, pool, "notes"); len(parked) != 1 || parked[0].Attempts != 2 {
		t.Errorf("after another try, parked is %+v", parked)
	}
	log.skip("notes", bad.Stream, bad.Revision)
	well := projectionstest.Pool(t)
	log.build(t, notes{name: "notes"}, well, 1)
	holds(t, well, log.without(bad.Position, log.of(bad.Stream)[3].Position, fine.Position, last.Position))
}

// Verify finds what was skipped left out, by a program that fails as the live one did
// and by one that does not; and the tables that a rebuild swaps in are without it.
func TestSkipHoldsInARebuild(t *testing.T) {
	t.Parallel()
	log := newLives(10, 300, 1)
	bad := log.of(streamOf(1))[2]
	ill, well := poisonedAt(ways[projections.BadEvent], bad), notes{name: "notes"}
	pool := projectionstest.Pool(t)
	b := log.build(t, ill, pool, 1)
	log.skip("notes", bad.Stream, bad.Revision)
	if err := log.follow(t, b, 1); err != nil {
		t.Fatal(err)
	}
	if err := b.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Close()
	cfg := rebuildConfig(newSource(log.events, 50))
	cfg.Parking.Load = log.load
	for name, p := range map[string]projections.Projection{"the same": ill, "one that has learnt": well} {
		if found := verify(t, pool, projections.NewRebuilder(pool, cfg, p)); !found.Equal() {
			t.Errorf("built by %s: %+v", name, found)
		}
	}
	if err := projections.NewRebuilder(pool, cfg, well).Rebuild(t.Context(), nil, false, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, pool, log.without(bad.Position))
}

// A rebuild tells how many streams the new tables have parked.
func TestRebuildTellsWhatIsParked(t *testing.T) {
	t.Parallel()
	log := newLives(10, 300, 1)
	ill := poisonedAt(ways[projections.BadEvent], log.of(streamOf(1))[2], log.of(streamOf(2))[0])
	pool := projectionstest.Pool(t)
	log.build(t, notes{name: "notes"}, pool, 1).Close()
	cfg := rebuildConfig(newSource(log.events, 50))
	cfg.Parking.Load = log.load
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
	ill := poisonedAt(ways[projections.BadEvent], log.of(streamOf(3))[2], log.of(streamOf(4))[0], log.of(streamOf(5))[1])
	pool := projectionstest.Pool(t)
	log.build(t, ill, pool, 1).Close()
	b := taken(t, pool, notes{name: "notes"})
	var until []time.Time
	b.Parking.Load = func(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
		if deadline, bounded := ctx.Deadline(); stream.Category() == "test" && bounded {
			until = append(until, deadline)
		}
		return log.load(ctx, stream, after)
	}
	log.retry("notes", "")
	if err := log.follow(t, b, 1); err != nil {
		t.Fatal(err)
	}
	if len(until) != 3 || !until[0].Before(until[1]) || !until[1].Before(until[2]) {
		t.Errorf("the streams have until %v", until)
	}
}

// taken leads the tables as soon as Postgres has noticed that the last leader is gone.
func taken(t *testing.T, pool *pgxpool.Pool, p projections.Projection) *projections.Builder {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		b, err := projections.OpenBuilder(t.Context(), pool, p)
		if err == nil {
			t.Cleanup(b.Close)
			return b
		}
		if !errors.Is(err, projections.ErrLed) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// A connection that breaks while a stream with several bad events is caught up with
// leaves neither a gap nor a row twice.
func TestCrashWhileResuming(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(*lives, projections.Parked){
		"retry": func(l *lives, p projections.Parked) { l.retry("notes", p.Stream) },
		"skip":  func(l *lives, p projections.Parked) { l.skip("notes", p.Stream, p.Revision) },
	} {
		for crash := 1; crash <= 9; crash += 2 { // at which write to the books
			t.Run(fmt.Sprint(name, " ", crash), func(t *testing.T) {
				t.Parallel()
				log := newLives(2, 120, 3)
				life := log.of(streamOf(1))
				ill := poisonedAt(ways[projections.BadEvent], life[3])
				bad := life[40]
				ill.at[bad.Position] = ways[projections.Rejected] // found by halving, in many transactions
				pool := projectionstest.Pool(t)
				b := log.build(t, ill, pool, 1)
				if name == "retry" { // a program that has learnt one of the two
					b.Close()
					delete(ill.at, life[3].Position)
					b = log.build(t, ill, pool, 1)
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
				for err := log.follow(t, b, 1); err != nil; err = log.follow(t, b, 1) {
					if _, lasting := errors.AsType[*projections.Failure](err); lasting {
						t.Fatal(err)
					}
					b.Close()
					b = taken(t, pool, ill)
					b.Parking.Load = log.load
				}
				parked := parkedIn(t, pool, "notes")
				if len(parked) != 1 || parked[0].Revision != bad.Revision || parked[0].Class != projections.Rejected ||
					parked[0].Waiting != int64(len(life)-1-int(bad.Revision)) {
					t.Errorf("parked is %+v", parked)
				}
				holds(t, pool, slices.DeleteFunc(log.without(), func(e domain.Recorded) bool {
					return e.Stream == bad.Stream && (e.Revision >= bad.Revision || name == "skip" && e.Revision == 3)
				}))
				log.skip("notes", bad.Stream, bad.Revision)
				if err := log.follow(t, b, 1); err != nil {
					t.Fatal(err)
				}
				gone := []domain.Position{bad.Position}
				if name == "skip" {
					gone = append(gone, life[3].Position)
				}
				holds(t, pool, log.without(gone...))
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
		for _, e := range log.events {
			if e.Revision == 2 && len(streams) < 4 {
				streams[e.Stream] = true
				third = e
			}
		}
	}
	pool := projectionstest.Pool(t)
	b := builder(t, pool, ill)
	b.Parking = projections.Parking{Load: log.load, Max: 3}
	err := log.follow(t, b, 1)
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
	log.add(streamOf(1), domain.Unreadable{Type: "test.weather", Why: "unknown type"})
	log.add(streamOf(1), noted{Subject: subjectOf(1), Text: "after", N: 1})
	pool := projectionstest.Pool(t)
	b := log.build(t, ignoring{notes{name: "notes"}}, pool, 1)
	holds(t, pool, log.events)

	unknown := log.add(streamOf(1), domain.Unreadable{Type: "test.earthquake", Why: "unknown type"})
	err := log.follow(t, b, 1)
	failure, ok := errors.AsType[*projections.Failure](err)
	if !ok || failure.Class != projections.UnknownType || failure.Position != unknown.Position {
		t.Errorf("an unknown type that is not ignorable: %v", err)
	}
}
