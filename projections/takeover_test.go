package projections_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// A server is an engine with a way to Postgres of its own.
type server struct {
	*projections.Engine
	log *source
	way *proxy
}

func newServer(t *testing.T, pool *pgxpool.Pool, log *source, cfg projections.Config) server {
	t.Helper()
	way := newProxy(t)
	cfg.CloseTimeout = time.Second
	e, _ := start(t, way.through(t, pool), log, cfg, notes{name: "notes"})
	t.Cleanup(way.thaw) // before the engine is closed
	return server{e, log, way}
}

func (s server) leads() bool { return s.Status()[0].Leads }

// leader blocks until one of the servers leads, and gives it first.
func leader(t *testing.T, one, two server) (leads, standsBy server) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		switch {
		case one.leads():
			return one, two
		case two.leads():
			return two, one
		}
	}
	t.Fatalf("nobody leads: %+v, %+v", one.Status(), two.Status())
	return one, two
}

// What happens to a leader in the middle of its work, the standby takes over and
// each event counts once.
func TestTakeover(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(t *testing.T, pool *pgxpool.Pool, s server){
		"its process dies": func(t *testing.T, _ *pgxpool.Pool, s server) {
			t.Helper()
			s.way.away()
		},
		"its backend is killed": func(t *testing.T, pool *pgxpool.Pool, _ server) {
			t.Helper()
			count(t, pool, `SELECT count(pg_terminate_backend(pid)) FROM pg_locks
				JOIN pg_database AS d ON d.oid = database AND datname = current_database()
				WHERE locktype = 'advisory' AND objsubid = 2 AND granted`)
		},
		"it stands still": func(t *testing.T, _ *pgxpool.Pool, s server) {
			t.Helper()
			s.way.freeze()
		},
		"it loses its connections without a word": func(t *testing.T, _ *pgxpool.Pool, s server) {
			t.Helper()
			s.way.cut()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			events := history(2000)
			log := newSource(events[:100:100], 0)
			random := rand.New(rand.NewPCG(7, 7))
			log.size = func(int) int { return 1 + random.IntN(60) } // under the source's lock
			one := newServer(t, pool, log, projections.Config{})
			two := newServer(t, pool, log, projections.Config{})
			took := []time.Duration{}
			for part := range slices.Chunk(events[100:], 950) {
				wait(t, one.Engine, "notes", log.end())
				wait(t, two.Engine, "notes", log.end())
				leads, standsBy := leader(t, one, two)
				log.append(part...)
				fault(t, pool, leads)
				begin := time.Now()
				wait(t, standsBy.Engine, "notes", log.end()) // whoever gets it there
				took = append(took, time.Since(begin))
				leads.way.thaw()
			}
			t.Log("applied again after", took)
			wait(t, one.Engine, "notes", log.end())
			wait(t, two.Engine, "notes", log.end())
			compare(t, pool, "notes", events)
			until(t, "one of them leads", func() bool { return one.leads() != two.leads() }) // who lost it may not know yet
		})
	}
}

// Who waits at a standby sees what the leader commits.
func TestWaitForAtAStandby(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(300)
	log := newSource(events[:1:1], 1)
	one := newServer(t, pool, log, projections.Config{})
	two := newServer(t, pool, log, projections.Config{})
	leads, standsBy := leader(t, one, two)
	wait(t, standsBy.Engine, "notes", log.end())
	if s := eventually(t, standsBy.Engine, "notes", "standby", inState(projections.Standby)); s.Leader == "" || s.Leads {
		t.Errorf("it stands by, and says %+v", s)
	}
	var took []time.Duration
	for i := range events[1:] {
		log.append(events[1+i])
		wait(t, leads.Engine, "notes", log.end())
		begin := time.Now()
		wait(t, standsBy.Engine, "notes", log.end())
		took = append(took, time.Since(begin))
		if n := count(t, pool, "SELECT events FROM crm.projections"); n != handled(events[:i+2]) {
			t.Fatalf("after %d events the standby says they are there, and %d are", handled(events[:i+2]), n)
		}
	}
	slices.Sort(took)
	t.Log("behind the leader: median", took[len(took)/2], "p99", took[len(took)*99/100])
	compare(t, pool, "notes", events)
}

// A leader whose way to the log is broken lets another one lead.
func TestALeaderThatIsNotFedResigns(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(300)
	log, starved := newSource(events[:100:100], 20), newSource(events[:100:100], 20)
	cfg := projections.Config{Head: log.head, StallAfter: 2 * time.Second}
	one := newServer(t, pool, starved, cfg)
	wait(t, one.Engine, "notes", log.end())
	two := newServer(t, pool, log, cfg)
	eventually(t, two.Engine, "notes", "standby", inState(projections.Standby))
	if err := one.Healthy(); err != nil {
		t.Errorf("before: %v", err)
	}
	log.append(events[100:]...)
	wait(t, one.Engine, "notes", log.end())
	if !two.leads() || one.leads() {
		t.Errorf("the fed one leads: %v, the other: %v", two.leads(), one.leads())
	}
	compare(t, pool, "notes", events)
}

// A program that does not know a new event's type stops, and goes on answering once
// one that does has the lead.
func TestANewerProgramGetsFurther(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(300)
	foreign := history(300)
	foreign[150].Event = domain.Unreadable{Type: "test.noted", Why: "unknown type"}
	older := newServer(t, pool, newSource(foreign[:100:100], 20), projections.Config{})
	wait(t, older.Engine, "notes", events[99].Position)
	log := newSource(events[:100:100], 20)
	newer := newServer(t, pool, log, projections.Config{})
	eventually(t, newer.Engine, "notes", "standby", inState(projections.Standby))

	older.log.append(foreign[100:]...)
	log.append(events[100:]...)
	wait(t, newer.Engine, "notes", log.end())
	eventually(t, older.Engine, "notes", "standby", inState(projections.Standby))
	wait(t, older.Engine, "notes", log.end())
	if older.leads() || !newer.leads() {
		t.Errorf("the older leads: %v, the newer: %v", older.leads(), newer.leads())
	}
	compare(t, pool, "notes", events)
}

// When nobody is fed, that is told, until they are again.
func TestAFeedThatStops(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(300)
	log := newSource(events[:100:100], 20)
	head := func(context.Context) (domain.Position, time.Time, error) {
		return events[299].Position, events[299].RecordedAt, nil
	}
	e, _ := start(t, pool, log, projections.Config{Head: head, StallAfter: 2 * time.Second}, notes{name: "notes"})
	s := eventually(t, e, "notes", "stalled", func(s projections.Status) bool { return s.Stalled })
	if s.Lag < time.Second || s.LagPositions != 2000 || s.Head != events[299].Position || e.Healthy() == nil {
		t.Errorf("stalled, and says %+v and %v", s, e.Healthy())
	}
	log.append(events[100:]...)
	wait(t, e, "notes", log.end())
	eventually(t, e, "notes", "well", func(s projections.Status) bool { return !s.Stalled && s.Lag == 0 && e.Healthy() == nil })
	compare(t, pool, "notes", events)
}
