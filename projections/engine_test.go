package projections_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

func TestEngineFollowsTheLog(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(500)
	log := newSource(events[:300:300], 64)
	registry := prometheus.NewRegistry()
	e, _ := start(t, pool, log, projections.Config{Registerer: registry}, notes{name: "one"}, notes{name: "two"})

	wait(t, e, "one", log.end())
	wait(t, e, "two", log.end())
	compare(t, pool, "one", events[:300])
	compare(t, pool, "two", events[:300])
	eventually(t, e, "one", "live", inState(projections.Live))

	log.append(events[300:]...)
	wait(t, e, "one", log.end())
	compare(t, pool, "one", events)
	status := eventually(t, e, "one", "live", inState(projections.Live))
	want := projections.Status{
		Name: "one", Version: 1, State: projections.Live, Position: log.end(),
		Events: int64(handled(events)), RecordedAt: status.RecordedAt,
		Head: status.Head, Rate: status.Rate, Lag: status.Lag, Leads: true, Leader: status.Leader,
	}
	if diff := cmp.Diff(want, status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	wait(t, e, "two", log.end())

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := make(map[string]int)
	for _, family := range families {
		series[family.GetName()] = len(family.GetMetric())
		for _, m := range family.GetMetric() {
			if family.GetName() == "crm_projection_events_total" && m.GetCounter().GetValue() != float64(handled(events)) {
				t.Errorf("%v events counted, want %d", m.GetCounter().GetValue(), handled(events))
			}
		}
	}
	wantSeries := map[string]int{
		"crm_projection_position": 2, "crm_projection_lag_seconds": 2, "crm_projection_lag_positions": 2,
		"crm_projection_head_position": 2, "crm_projection_leader": 2, "crm_projection_stalled": 2,
		"crm_projection_parked_streams": 2,
		"crm_projection_state":          2 * len(projections.States),
		"crm_projection_events_total":   2, "crm_projection_batch_events": 2, "crm_projection_commit_seconds": 2,
	}
	if diff := cmp.Diff(wantSeries, series); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestEngineResumesWhereItWas(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(400)
	var seen atomic.Int64
	counting := notes{name: "notes", apply: func(*projections.Writer, domain.Recorded) error {
		seen.Add(1)
		return nil
	}}
	log := newSource(events[:200:200], 30)
	e, stop := start(t, pool, log, projections.Config{}, counting)
	wait(t, e, "notes", log.end())
	stop()

	log.append(events[200:]...)
	e, _ = start(t, pool, log, projections.Config{}, counting)
	wait(t, e, "notes", log.end())
	compare(t, pool, "notes", events)
	if int(seen.Load()) != handled(events) {
		t.Errorf("Apply saw %d events, want %d: each once", seen.Load(), handled(events))
	}
}

func TestIndexesComeAfterTheFirstCatchUp(t *testing.T) {
	t.Parallel()
	const indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'notes' AND indexname = 'lines_position_key'"
	for name, recorded := range map[string]time.Time{
		"a quiet log": history(1)[0].RecordedAt,
		"a busy log":  time.Now().Add(time.Hour), // whose last event is always a new one
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			events := history(300)
			events[299].RecordedAt = recorded
			settle := time.Second
			if name == "a busy log" {
				settle = time.Hour
			}
			log := newSource(events, 100)
			reached, goOn := make(chan struct{}), make(chan struct{})
			slow := notes{name: "notes", apply: func(_ *projections.Writer, e domain.Recorded) error {
				if e.Position == events[251].Position {
					close(reached)
					<-goOn
				}
				return nil
			}}
			e, _ := start(t, pool, log, projections.Config{QuietAfter: settle}, slow)
			<-reached
			if s := e.Status()[0]; s.State != projections.Building || count(t, pool, indexes) != 0 {
				t.Errorf("in the middle it is %s, with %d indexes", s.State, count(t, pool, indexes))
			}
			close(goOn)
			eventually(t, e, "notes", "live", inState(projections.Live))
			if n := count(t, pool, indexes); n != 1 {
				t.Errorf("%d indexes at the end", n)
			}
			compare(t, pool, "notes", events)
		})
	}
}

func TestWaitFor(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(20)
	log := newSource(events[:10:10], 5)
	e, _ := start(t, pool, log, projections.Config{}, notes{name: "notes"})

	if err := e.WaitFor(t.Context(), "none", events[0].Position); !errors.Is(err, projections.ErrUnknownModel) {
		t.Errorf("a strange name: %v", err)
	}
	if err := e.WaitFor(t.Context(), "notes", domain.Position{}); err != nil {
		t.Errorf("the zero position: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := e.WaitFor(short, "notes", events[15].Position); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a position that does not come: %v", err)
	}
	var waiting sync.WaitGroup
	for range 50 {
		waiting.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := e.WaitFor(ctx, "notes", events[15].Position); err != nil {
				t.Errorf("a position that comes later: %v", err)
			}
		})
	}
	log.append(events[10:]...)
	waiting.Wait()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.WaitFor(ended, "notes", events[5].Position); err != nil {
		t.Errorf("a position of the past, without time: %v", err)
	}
}

// A batch that hangs is broken off when Close has waited long enough. Postgres
// may still commit it when it goes on, which the checkpoint then says; so the
// next engine applies each event once in any case.
func TestCloseBreaksOff(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(60)
	log := newSource(events[:50:50], 50)
	e, stop := start(t, pool, log, projections.Config{CloseTimeout: 50 * time.Millisecond}, notes{name: "notes"})
	wait(t, e, "notes", log.end())
	eventually(t, e, "notes", "live", inState(projections.Live))
	blocker, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blocker.Rollback(context.WithoutCancel(t.Context())) })
	if _, err := blocker.Exec(t.Context(), "LOCK TABLE notes.lines IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	log.append(events[50:]...)
	eventually(t, e, "notes", "at work", func(s projections.Status) bool { return s.Lag > 0 })
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	if err := blocker.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, _ = start(t, pool, log, projections.Config{}, notes{name: "notes"})
	wait(t, e, "notes", log.end())
	compare(t, pool, "notes", events)
}

// slow is a projection whose indexes take a minute.
type slow struct{ notes }

func (slow) Schema() projections.Schema {
	return projections.Schema{Tables: notes{}.Schema().Tables, Indexes: "SELECT pg_sleep(60)"}
}

func TestCloseBreaksOffIndexes(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	log := newSource(history(10), 10)
	e, stop := start(t, pool, log, projections.Config{CloseTimeout: 50 * time.Millisecond}, slow{notes{name: "notes"}})
	wait(t, e, "notes", log.end())
	for count(t, pool, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' AND pid <> pg_backend_pid()") == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("closing took %v", took)
	}
}

// Not parallel: it looks at all goroutines.
func TestEngineLeavesNoGoroutines(t *testing.T) {
	pool := projectionstest.Pool(t)
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := goleak.IgnoreCurrent()
	log := newSource(history(50), 5)
	e, stop := start(t, pool, log, projections.Config{Parking: projections.Parking{Max: -1}}, notes{name: "one"}, notes{name: "two"}, notes{
		name: "ill", apply: func(*projections.Writer, domain.Recorded) error { return errBadNote },
	})
	wait(t, e, "one", log.end())
	eventually(t, e, "ill", "stopped", inState(projections.Stopped))
	stop()
	pool.Reset()
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck"))
}

// journal is a log that may be written while it is read.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *journal) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *journal) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestCheckpointsWhereNoEngineRan(t *testing.T) {
	t.Parallel()
	if all, err := projections.Checkpoints(t.Context(), projectionstest.Pool(t)); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
}
