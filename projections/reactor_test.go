package projections_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// sink is a reactor that records what it meets.
type sink struct {
	mu    sync.Mutex
	met   []domain.Position
	react func(ctx context.Context, e domain.Recorded) error // first, if set
}

func (*sink) Name() string { return "sink" }

func (*sink) Handles() []string { return []string{"test.struck"} }

func (s *sink) React(ctx context.Context, e domain.Recorded) error {
	if s.react != nil {
		if err := s.react(ctx, e); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.met = append(s.met, e.Position)
	return nil
}

func (s *sink) seen() []domain.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.met)
}

// struckIn are where the events lie that a sink wants.
func struckIn(events []domain.Recorded) []domain.Position {
	var at []domain.Position
	for _, e := range events {
		if _, is := e.Event.(struck); is {
			at = append(at, e.Position)
		}
	}
	return at
}

// until blocks until is answers true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %v: %s", patience, what)
		}
	}
}

func headOf(log *source) func(context.Context) (domain.Position, time.Time, error) {
	return func(context.Context) (domain.Position, time.Time, error) { return log.end(), time.Now(), nil }
}

// A reactor begins at the end of the log, goes on where it was after a restart, and
// meets each event once while nothing goes wrong. What failed is met again, in order.
func TestReactorMeetsWhatIsNew(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(400)
	log := newSource(events[:100:100], 30)
	failures := 3
	s := &sink{react: func(_ context.Context, e domain.Recorded) error {
		if e.Position == struckIn(events[100:])[2] && failures > 0 {
			if failures--; failures == 1 {
				panic(canary)
			}
			return errors.New(canary)
		}
		return nil
	}}
	cfg := projections.Config{Head: headOf(log), Reactors: []projections.Reactor{s}}
	e, stop := start(t, pool, log, cfg, notes{name: "notes"})
	until(t, "it leads", func() bool { return e.Reactions()[0].Leads })
	log.append(events[100:200]...)
	until(t, "all is met", func() bool { return e.Reactions()[0].Position == log.end() })
	stop()
	log.append(events[200:300]...)
	e, _ = start(t, pool, log, cfg, notes{name: "notes"})
	until(t, "all is met after a restart", func() bool { return e.Reactions()[0].Position == log.end() })
	if diff := cmp.Diff(struckIn(events[100:300]), s.seen()); diff != "" || failures != 0 {
		t.Errorf("met (-want +got), with %d failures left:\n%s", failures, diff)
	}
}

// An event that cannot be read is the reactor's to judge, and giving it up is told.
func TestReactorMeetsWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(300)
	log := newSource(events[:1:1], 30)
	bad := slices.IndexFunc(events[100:], func(e domain.Recorded) bool { _, is := e.Event.(struck); return is }) + 100
	events[bad].Event = domain.Unreadable{Type: "test.struck", Why: "payload"}
	asked := 0
	s := &sink{react: func(_ context.Context, e domain.Recorded) error {
		if _, is := e.Event.(domain.Unreadable); is {
			if asked++; asked == 1 {
				return errors.New(canary)
			}
		}
		return nil
	}}
	var told journal
	cfg := projections.Config{Head: headOf(log), Reactors: []projections.Reactor{s}, Log: slog.New(slog.NewTextHandler(&told, nil))}
	e, _ := start(t, pool, log, cfg, notes{name: "notes"})
	until(t, "it leads", func() bool { return e.Reactions()[0].Leads })
	log.append(events[1:]...)
	until(t, "all is met", func() bool { return e.Reactions()[0].Position == log.end() })
	if asked != 2 || !slices.Contains(s.seen(), events[bad].Position) {
		t.Errorf("asked %d times, met at %v", asked, s.seen())
	}
	line := "reactor gave up an event that cannot be read"
	if text := told.String(); strings.Count(text, line) != 1 || !strings.Contains(text, events[bad].Position.String()) || strings.Contains(text, canary) {
		t.Errorf("told:\n%s", text)
	}
}

// A server that is cut off from Postgres has its reactor end before another one runs
// it: the two never react at once.
func TestReactorsDoNotReactAtOnce(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*proxy){"frozen": (*proxy).freeze, "cut": (*proxy).cut, "away": (*proxy).away} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			events := history(300)
			log := newSource(events[:1:1], 30)
			var mu sync.Mutex
			var at, most int
			react := func(wait bool) func(context.Context, domain.Recorded) error {
				return func(ctx context.Context, _ domain.Recorded) error {
					mu.Lock()
					at++
					most = max(most, at)
					mu.Unlock()
					defer func() { mu.Lock(); at--; mu.Unlock() }()
					if wait {
						<-ctx.Done()
						time.Sleep(100 * time.Millisecond) // it takes a while to end
					}
					return ctx.Err()
				}
			}
			way := newProxy(t)
			cfg := func(s *sink) projections.Config {
				return projections.Config{Head: headOf(log), Reactors: []projections.Reactor{s}, CloseTimeout: time.Second}
			}
			one, _ := start(t, way.through(t, pool), log, cfg(&sink{react: react(true)}), notes{name: "notes"})
			t.Cleanup(way.thaw)
			until(t, "the first leads", func() bool { return one.Reactions()[0].Leads })
			s := &sink{react: react(false)}
			two, _ := start(t, pool, log, cfg(s), notes{name: "notes"})
			log.append(events[1:]...)
			until(t, "the first reacts", func() bool { mu.Lock(); defer mu.Unlock(); return at == 1 })
			fault(way)
			// Where it is only cut it may lead again; then it is to go away for good.
			until(t, "it noticed", func() bool { return !one.Reactions()[0].Leads })
			way.away()
			until(t, "the second has met all", func() bool { return two.Reactions()[0].Position == log.end() })
			if diff := cmp.Diff(struckIn(events[1:]), s.seen()); diff != "" || most != 1 {
				t.Errorf("%d reacted at once; met (-want +got):\n%s", most, diff)
			}
		})
	}
}

// A rebuild and a verification, which read the whole log again, send nothing.
func TestRebuildReactsToNothing(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(300)
	log := newSource(events[:1:1], 30)
	s := &sink{}
	cfg := rebuildConfig(log)
	e, _ := start(t, pool, log, projections.Config{Head: cfg.Head, SubscribeRebuild: cfg.Subscribe, Reactors: []projections.Reactor{s}}, notes{name: "notes"})
	until(t, "it leads", func() bool { return e.Reactions()[0].Leads })
	log.append(events[1:]...)
	until(t, "all is met", func() bool { return e.Reactions()[0].Position == log.end() })
	wait(t, e, "notes", log.end())
	eventually(t, e, "notes", "live", inState(projections.Live))
	if err := e.Rebuilder().Rebuild(t.Context(), nil, false, nil); err != nil {
		t.Fatal(err)
	}
	if found, err := e.Rebuilder().Verify(t.Context(), nil, 1, nil); err != nil || !found[0].Equal() {
		t.Fatalf("%+v, %v", found, err)
	}
	if diff := cmp.Diff(struckIn(events[1:]), s.seen()); diff != "" {
		t.Errorf("met (-want +got):\n%s", diff)
	}
}

// An engine that is closed as soon as it runs a reactor signs off as any other: who comes
// next need not wait for it to notice.
func TestReactorSignsOffAtOnce(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	log := newSource(history(1), 30)
	e, stop := start(t, pool, log, projections.Config{Head: headOf(log), Reactors: []projections.Reactor{&sink{}}}, notes{name: "notes"})
	until(t, "it leads", func() bool { return e.Reactions()[0].Leads })
	stop()
	var leader string
	if err := pool.QueryRow(t.Context(), "SELECT leader FROM crm.reactors").Scan(&leader); err != nil || leader != "" {
		t.Errorf("it is led by %q, %v", leader, err)
	}
}

// Of two engines one runs a reactor, and the other one when that has ended. It leads
// again when it lost its connection.
func TestReactorIsTakenOver(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(300)
	log := newSource(events[:1:1], 30)
	s := &sink{}
	cfg := projections.Config{Head: headOf(log), Reactors: []projections.Reactor{s}}
	one, stop := start(t, pool, log, cfg, notes{name: "notes"})
	until(t, "the first leads", func() bool { return one.Reactions()[0].Leads })
	two, _ := start(t, pool, log, cfg, notes{name: "notes"})
	log.append(events[1:100]...)
	until(t, "all is met", func() bool { return one.Reactions()[0].Position == log.end() })
	until(t, "the second knows how far the first is", func() bool {
		first, second := one.Reactions()[0], two.Reactions()[0]
		return second.State == projections.ReactionStandby && second.Leader == first.Leader && second.Leader != "" && second.Position == log.end()
	})
	if two.Reactions()[0].Leads {
		t.Error("both lead")
	}
	stop()
	log.append(events[100:200]...)
	until(t, "the second has met the rest", func() bool { return two.Reactions()[0].Position == log.end() })

	if n := count(t, pool, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'crm reactor sink'"); n != 1 {
		t.Fatalf("%d connections lead", n)
	}
	log.append(events[200:]...)
	until(t, "it leads again", func() bool { return two.Reactions()[0].Leads && two.Reactions()[0].Position == log.end() })
	got := s.seen()
	slices.SortFunc(got, func(a, b domain.Position) int { return int(a.Commit) - int(b.Commit) })
	if diff := cmp.Diff(struckIn(events[1:]), slices.Compact(got)); diff != "" { // at least once
		t.Errorf("met (-want +got):\n%s", diff)
	}
}

// A reactor that does not get past an event is seen: since when, how often, how far
// behind.
func TestFailingReactorIsSeen(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(300)
	log := newSource(events[:1:1], 30)
	var well atomic.Bool
	s := &sink{react: func(context.Context, domain.Recorded) error {
		if well.Load() {
			return nil
		}
		return errors.New(canary)
	}}
	registry := prometheus.NewRegistry()
	e, _ := start(t, pool, log, projections.Config{Head: headOf(log), Reactors: []projections.Reactor{s}, Registerer: registry}, notes{name: "notes"})
	until(t, "it leads", func() bool { return e.Reactions()[0].State == projections.ReactionRunning })
	log.append(events[1:]...)
	until(t, "it is seen to fail", func() bool {
		r := e.Reactions()[0]
		return r.State == projections.ReactionFailing && r.Failures > 1 && r.Lag > 0 && r.Head == log.end() &&
			r.LagPositions == r.Head.Commit-r.Position.Commit && !r.Failing.IsZero()
	})
	for _, want := range []string{
		`crm_reactor_state{reactor="sink",state="failing"} 1`, `crm_reactor_leader{reactor="sink"} 1`,
		`crm_reactor_lag_seconds{reactor="sink"}`, `crm_reactor_failures_total{reactor="sink"}`,
	} {
		page := httptest.NewRecorder()
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if text := page.Body.String(); !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	well.Store(true)
	until(t, "it runs", func() bool {
		r := e.Reactions()[0]
		return r.State == projections.ReactionRunning && r.Position == log.end() && r.Lag == 0 && r.Failing.IsZero()
	})
}

// What a server that stands by says of a reactor does not hang on the other books.
func TestReactorIsSeenWhileOtherBooksAreNot(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(100)
	log := newSource(events[:1:1], 30)
	cfg := projections.Config{Head: headOf(log), Reactors: []projections.Reactor{&sink{}}}
	one, _ := start(t, pool, log, cfg, notes{name: "notes"})
	until(t, "the first leads", func() bool { return one.Reactions()[0].Leads })
	two, _ := start(t, pool, log, cfg, notes{name: "notes"})
	until(t, "the second stands by", func() bool { return two.Reactions()[0].State == projections.ReactionStandby })
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "LOCK TABLE crm.parked IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		log.append(events[1:]...)
		until(t, "the second knows how far the first is", func() bool { return two.Reactions()[0].Position == log.end() })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
