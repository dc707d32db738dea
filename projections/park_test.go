package projections_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

func isMissing(err error) bool { return errors.Is(err, projections.ErrMissing) }

// canary is what must never be seen outside the log.
const canary = "what only its author may know"

// poisoned is notes that fail at some events, each in its own way.
type poisoned struct {
	notes
	at map[domain.Position]func(w *projections.Writer, e domain.Recorded) error
}

// ways are the ways to fail.
var ways = map[projections.Class]func(w *projections.Writer, e domain.Recorded) error{
	projections.BadEvent: func(*projections.Writer, domain.Recorded) error { return errors.New(canary) },
	projections.Panicked: func(w *projections.Writer, e domain.Recorded) error {
		subjects.Update(w, uuid.Nil, func(*subjectRow) {}) // which must not stay
		panic(canary)
	},
	projections.Rejected: func(w *projections.Writer, e domain.Recorded) error {
		lines.Add(w, lineRow{Text: canary + "\x00"})
		return nil
	},
	"panic in a change": func(w *projections.Writer, e domain.Recorded) error {
		subjects.Update(w, e.Event.(noted).Subject, func(*subjectRow) { panic(canary) })
		return nil
	},
	"rejected before it is sent": func(w *projections.Writer, e domain.Recorded) error {
		lines.Add(w, lineRow{Nth: 1 << 40, Text: canary})
		return nil
	},
}

func (p poisoned) Apply(w *projections.Writer, e domain.Recorded) error {
	if fail := p.at[e.Position]; fail != nil {
		if err := fail(w, e); err != nil {
			return err
		}
	}
	return p.notes.Apply(w, e)
}

func poisonedAt(fails func(*projections.Writer, domain.Recorded) error, events ...domain.Recorded) poisoned {
	p := poisoned{notes: notes{name: "notes"}, at: map[domain.Position]func(*projections.Writer, domain.Recorded) error{}}
	for _, e := range events {
		p.at[e.Position] = fails
	}
	return p
}

// parkedIn is what is parked, without the time.
func parkedIn(t *testing.T, pool *pgxpool.Pool, model string) []projections.Parked {
	t.Helper()
	parked, err := projections.ParkedStreams{DB: pool}.Of(t.Context(), model)
	if err != nil {
		t.Fatal(err)
	}
	for i := range parked {
		if parked[i].ParkedAt.IsZero() {
			t.Error("nobody knows since when it is parked")
		}
	}
	return parked
}

var untimed = cmpopts.IgnoreFields(projections.Parked{}, "ParkedAt")

// holds fails unless the tables of notes are as events leave them.
func holds(t *testing.T, pool *pgxpool.Pool, events []domain.Recorded) {
	t.Helper()
	if diff := cmp.Diff(expected(events), read(t, pool, "notes")); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

// An event that cannot be applied parks its stream and no other, whatever is wrong
// with it and wherever batches end; what is kept of it is no secret.
func TestPoisonParksItsStream(t *testing.T) {
	t.Parallel()
	for way, fails := range ways {
		for _, size := range []int{1, 7, 400} {
			t.Run(fmt.Sprint(way, " in batches of ", size), func(t *testing.T) {
				t.Parallel()
				log := newLives(20, 400, 1)
				bad := log.Events[150]
				after := slices.DeleteFunc(slices.Clone(log.Events), func(e domain.Recorded) bool {
					return e.Stream != bad.Stream || !bad.Position.Before(e.Position)
				})
				pool := projectionstest.Pool(t)
				b := projectionstest.Open(t, pool, poisonedAt(fails, bad))
				at := domain.Position{}
				for _, events := range projectionstest.Batches(log.Events, size) {
					if err := b.Apply(t.Context(), batch(at, events)); err != nil {
						t.Fatal(err)
					}
					at = b.Checkpoint().Position
				}
				if at != log.Events[399].Position || b.Checkpoint().Parked != 1 {
					t.Errorf("the checkpoint is %+v", b.Checkpoint())
				}
				holds(t, pool, slices.DeleteFunc(slices.Clone(log.Events), func(e domain.Recorded) bool {
					return e.Stream == bad.Stream && !e.Position.Before(bad.Position)
				}))
				class := map[projections.Class]projections.Class{
					"panic in a change": projections.Panicked, "rejected before it is sent": projections.Rejected,
				}[way]
				if class == "" {
					class = way
				}
				want := []projections.Parked{{
					Stream: bad.Stream, Revision: bad.Revision, Position: bad.Position, EventID: bad.ID, EventType: "test.noted",
					Class: class, Attempts: 1, Waiting: int64(len(after)),
				}}
				got := parkedIn(t, pool, "notes")
				if diff := cmp.Diff(want, got, untimed, cmpopts.IgnoreFields(projections.Parked{}, "Detail", "Table")); diff != "" {
					t.Errorf("parked (-want +got):\n%s", diff)
				}
				if n := count(t, pool, "SELECT count(*) FROM crm.parked AS p WHERE p::text LIKE '%author%' OR p::text LIKE '%note %'"); n != 0 {
					t.Errorf("crm.parked tells: %+v", got)
				}
				if class == projections.Rejected && got[0].Table != "lines" || class == projections.Panicked && !strings.HasPrefix(got[0].Detail, "park_test.go:") {
					t.Errorf("it does not tell where: %+v", got[0])
				}
			})
		}
	}
}

// Of a thousand streams a few are poisoned. The others are current; and when the log
// says what is to become of them, the tables are those of a build from nothing, by
// the same program and by one that has learnt.
func TestAnyPoisonLeavesNoTrace(t *testing.T) {
	t.Parallel()
	classes := slices.Sorted(maps.Keys(ways))
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			log := newLives(1000, 3000, seed)
			ill := poisoned{notes: notes{name: "notes"}, at: map[domain.Position]func(*projections.Writer, domain.Recorded) error{}}
			var skipped []domain.Position
			first := map[domain.Stream]domain.Position{}
			for i := range 3 { // streams, some with several
				for _, e := range log.Events[1000*i+int(seed)*37 : 1000*(i+1)] {
					if e.Stream == streamOf(100*int(seed)+i) && len(ill.at) < 2*(i+1) {
						ill.at[e.Position] = ways[classes[(len(ill.at)+int(seed))%len(classes)]]
						skipped = append(skipped, e.Position)
						if _, there := first[e.Stream]; !there {
							first[e.Stream] = e.Position
						}
					}
				}
			}
			pool := projectionstest.Pool(t)
			live := log.Build(t, ill, pool, seed)
			holds(t, pool, slices.DeleteFunc(slices.Clone(log.Events), func(e domain.Recorded) bool {
				from, parked := first[e.Stream]
				return parked && !e.Position.Before(from)
			}))

			// Each is tried again, in vain, and skipped, until nothing is parked.
			for range 10 {
				parked := parkedIn(t, pool, "notes")
				if len(parked) == 0 {
					break
				}
				log.Retry("notes", "")
				for i, p := range parked {
					subject, _ := p.Stream.ID()
					log.Add(p.Stream, noted{Subject: subject, N: i})
					log.Skip("notes", p.Stream, p.Revision)
				}
				log.Add(streamOf(5), noted{Subject: subjectOf(5), Text: "later", N: 1})
				if err := log.Follow(t, live, seed+100); err != nil {
					t.Fatal(err)
				}
			}
			if parked := parkedIn(t, pool, "notes"); len(parked) > 0 {
				t.Errorf("still parked: %+v", parked)
			}
			holds(t, pool, log.Without(skipped...))

			if n := count(t, pool, "SELECT count(*) FROM crm.skipped"); n != len(skipped) {
				t.Errorf("%d skipped, of %d", n, len(skipped))
			}
			for name, p := range map[string]projections.Projection{"the same": ill, "one that has learnt": notes{name: "notes"}} {
				again := projectionstest.Pool(t)
				log.Build(t, p, again, seed+200)
				if diff := cmp.Diff(read(t, pool, "notes"), read(t, again, "notes")); diff != "" {
					t.Errorf("live, and rebuilt by %s (-live +rebuilt):\n%s", name, diff)
				}
				if n := len(parkedIn(t, again, "notes")); n > 0 {
					t.Errorf("%d streams are parked when rebuilt by %s", n, name)
				}
			}
		})
	}
}

// In bulk nothing is parked: the window is given up, and what is wrong dealt with out
// of bulk. While something is parked there is no way back into it.
func TestBulkLeavesParkingToBatches(t *testing.T) {
	t.Parallel()
	for way, fails := range ways {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			log := newLives(20, 400, 1)
			bad := log.Events[150]
			pool := projectionstest.Pool(t)
			b := projectionstest.Open(t, pool, poisonedAt(fails, bad))
			if err := b.Bulk(t.Context()); err != nil {
				t.Fatal(err)
			}
			var err error
			for _, events := range projectionstest.Batches(log.Events, 50) {
				if err == nil {
					err = b.Apply(t.Context(), batch(b.Checkpoint().Position, events))
				}
			}
			if err == nil {
				err = b.Flush(t.Context())
			}
			if _, ok := errors.AsType[*projections.Failure](err); !ok {
				t.Fatalf("in bulk: %v", err)
			}
			_ = b.Flush(t.Context()) // as whoever gives it up tries to
			b.Close()
			b = projectionstest.Open(t, pool, poisonedAt(fails, bad))
			if c := b.Checkpoint(); !c.Position.IsZero() || c.Parked != 0 {
				t.Fatalf("of the window %+v was kept", c)
			}
			if err := log.Follow(t, b, 1); err != nil {
				t.Fatal(err)
			}
			if err := b.Bulk(t.Context()); err != nil || b.InBulk() {
				t.Errorf("in bulk with a parked stream, %v", err)
			}
			if n := len(parkedIn(t, pool, "notes")); n != 1 {
				t.Errorf("%d streams are parked", n)
			}
		})
	}
}

// Under an engine: it stays live and tells how much is parked, here what the log feeds
// without a revision as well as what it cannot apply; a request in the log is met.
func TestEngineParksAndCatchesUp(t *testing.T) {
	t.Parallel()
	log := newLives(20, 400, 1)
	bad, lost := log.Of(streamOf(3))[4], log.Of(streamOf(4))[2]
	fed := newSource(log.Without(lost.Position), 50)
	var ill atomic.Bool
	ill.Store(true)
	p := notes{name: "notes", apply: func(_ *projections.Writer, e domain.Recorded) error {
		if e.Position == bad.Position && ill.Load() {
			return errors.New(canary)
		}
		return nil
	}}
	var logged journal
	pool := projectionstest.Pool(t)
	e, _ := start(t, pool, fed, projections.Config{
		Log: slog.New(slog.NewTextHandler(&logged, nil)), Parking: projections.Parking{Load: log.Load}, Head: headOf(fed),
	}, p)
	wait(t, e, "notes", fed.end())
	eventually(t, e, "notes", "live with two parked streams", func(s projections.Status) bool {
		return s.State == projections.Live && s.Parked == 2
	})
	classes := map[projections.Class]domain.Revision{}
	for _, p := range parkedIn(t, pool, "notes") {
		classes[p.Class] = p.Revision
	}
	if diff := cmp.Diff(map[projections.Class]domain.Revision{projections.BadEvent: 4, projections.Missing: 2}, classes); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
	ill.Store(false)
	log.Retry("notes", "")
	fed.append(log.Events[len(log.Events)-1])
	wait(t, e, "notes", fed.end())
	eventually(t, e, "notes", "live with nothing parked", func(s projections.Status) bool {
		return s.State == projections.Live && s.Parked == 0
	})
	holds(t, pool, log.Events)
	if strings.Contains(logged.String(), canary) {
		t.Errorf("the log tells:\n%s", logged.String())
	}
}
