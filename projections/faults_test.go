package projections_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/projections"
	"crm/projections/projectionstest"
)

// Backends are killed in the middle of batches, again and again: each event still
// counts once.
func TestExactlyOnceWhileBackendsAreKilled(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(3000)
	log := newSource(events, 0)
	random := rand.New(rand.NewPCG(1, 1))
	log.size = func(int) int { return random.IntN(60) } // under the source's lock
	e, _ := start(t, pool, log, projections.Config{}, notes{name: "one"}, notes{name: "two"})
	killed := 0
	for i := 100; i < len(events); i += 150 {
		wait(t, e, "one", events[i].Position)
		killed += count(t, pool, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE application_name LIKE 'crm projection %' AND datname = current_database()`)
	}
	if killed < 10 {
		t.Errorf("only %d backends were killed", killed)
	}
	for _, name := range []string{"one", "two"} {
		wait(t, e, name, log.end())
		compare(t, pool, name, events)
	}
}

// cutter breaks connections at bad moments: before what is sent arrives, or
// before the answer does, when Postgres may have committed.
type cutter struct {
	mu     sync.Mutex
	random *rand.Rand
	armed  atomic.Bool
	away   atomic.Bool // connections are refused and broken
	cuts   atomic.Int64
}

func (c *cutter) chance(in int) bool {
	if !c.armed.Load() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(in) == 0
}

// through is pool, with connections that the cutter breaks.
func (c *cutter) through(t *testing.T, pool *pgxpool.Pool) *pgxpool.Pool {
	t.Helper()
	cfg := pool.Config()
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if c.away.Load() {
			return nil, errors.New("nobody there")
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &cuttable{Conn: conn, by: c}, nil
	}
	cut, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cut.Close)
	return cut
}

type cuttable struct {
	net.Conn
	by     *cutter
	silent atomic.Bool // answers do not arrive any more
}

var errCut = errors.New("cut")

func (c *cuttable) Write(p []byte) (int, error) {
	if c.by.away.Load() || c.by.chance(40) {
		c.by.cuts.Add(1)
		_ = c.Close()
		return 0, errCut
	}
	if c.by.chance(40) {
		c.by.cuts.Add(1)
		c.silent.Store(true)
	}
	return c.Conn.Write(p)
}

func (c *cuttable) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.silent.Load() || c.by.away.Load() { // Postgres did the work, but nobody learns of it
		_ = c.Close()
		return 0, errCut
	}
	return n, err
}

func TestExactlyOnceOverBadConnections(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(4000)
	log := newSource(events, 0)
	random := rand.New(rand.NewPCG(2, 2))
	log.size = func(int) int { return 1 << random.IntN(9) } // pipelined ones and ones with COPY
	bad := &cutter{random: rand.New(rand.NewPCG(3, 3))}
	e, _ := start(t, bad.through(t, pool), log, projections.Config{}, notes{name: "notes"})
	wait(t, e, "notes", events[0].Position)
	bad.armed.Store(true)
	wait(t, e, "notes", log.end())
	bad.armed.Store(false)
	t.Log(bad.cuts.Load(), "cuts")
	if bad.cuts.Load() < 5 {
		t.Errorf("only %d connections were cut", bad.cuts.Load())
	}
	compare(t, pool, "notes", events)
}

// The connection is lost after the rows were written and before the checkpoint,
// and at the commit.
func TestCrashBetweenRowsAndCommit(t *testing.T) {
	t.Parallel()
	for name, trigger := range map[string]string{
		"before the checkpoint": "CREATE TRIGGER crash AFTER INSERT ON notes.lines",
		"at the commit":         "CREATE CONSTRAINT TRIGGER crash AFTER INSERT ON notes.lines DEFERRABLE INITIALLY DEFERRED",
	} {
		for _, size := range []int{10, 400} { // pipelined, and with COPY
			t.Run(fmt.Sprint(name, " of ", size), func(t *testing.T) {
				t.Parallel()
				pool := projectionstest.Pool(t)
				events := history(900)
				log := newSource(events[:100:100], size)
				e, _ := start(t, pool, log, projections.Config{}, notes{name: "notes"})
				wait(t, e, "notes", log.end())
				// The sequence remembers what the crash rolls back.
				if _, err := pool.Exec(t.Context(), `
					CREATE SEQUENCE public.crashes;
					CREATE FUNCTION public.crash() RETURNS trigger LANGUAGE plpgsql AS $$
					BEGIN
						IF nextval('public.crashes') <= 3 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
						RETURN NULL;
					END $$;
					`+trigger+` FOR EACH ROW EXECUTE FUNCTION public.crash()`); err != nil {
					t.Fatal(err)
				}
				log.append(events[100:]...)
				wait(t, e, "notes", log.end())
				if n := count(t, pool, "SELECT last_value FROM public.crashes"); n <= 3 {
					t.Errorf("it crashed %d times", n)
				}
				compare(t, pool, "notes", events)
			})
		}
	}
}

func TestEngineSurvivesPostgresAway(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(300)
	log := newSource(events[:100:100], 10)
	net := &cutter{}
	net.away.Store(true)
	e, _ := start(t, net.through(t, pool), log, projections.Config{}, notes{name: "notes"})
	s := eventually(t, e, "notes", "degraded", inState(projections.Degraded))
	if s.Class != projections.Unreachable {
		t.Errorf("it is degraded for %q", s.Class)
	}
	net.away.Store(false)
	wait(t, e, "notes", log.end())
	eventually(t, e, "notes", "live", inState(projections.Live))

	net.away.Store(true)
	log.append(events[100:]...)
	eventually(t, e, "notes", "degraded", func(s projections.Status) bool {
		return s.State == projections.Degraded && s.Lag > 0
	})
	net.away.Store(false)
	wait(t, e, "notes", log.end())
	if s := eventually(t, e, "notes", "live", inState(projections.Live)); s.Lag != 0 || s.Class != "" {
		t.Errorf("it is well, with lag %v and class %q", s.Lag, s.Class)
	}
	compare(t, pool, "notes", events)
}

// A full disk is met again and again; it is told once, and once that it is over.
func TestTroubleIsToldOnce(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(100)
	log := newSource(events[:50:50], 50)
	var logged journal
	e, _ := start(t, pool, log, projections.Config{Log: slog.New(slog.NewTextHandler(&logged, nil))}, notes{name: "notes"})
	wait(t, e, "notes", log.end())
	eventually(t, e, "notes", "live", inState(projections.Live))
	if _, err := pool.Exec(t.Context(), `
		CREATE SEQUENCE public.tries;
		CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF nextval('public.tries') <= 4 THEN RAISE EXCEPTION USING ERRCODE = '53100'; END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER full_disk AFTER INSERT ON notes.lines FOR EACH ROW EXECUTE FUNCTION public.full()`); err != nil {
		t.Fatal(err)
	}
	log.append(events[50:]...)
	wait(t, e, "notes", log.end())
	eventually(t, e, "notes", "live", inState(projections.Live))
	compare(t, pool, "notes", events)
	text := logged.String()
	if degraded, live := strings.Count(text, "state=degraded"), strings.Count(text, "state=live"); degraded != 1 || live != 2 {
		t.Errorf("degraded is told %d times, live %d times:\n%s", degraded, live, text)
	}
}

// An engine ends also while it waits for Postgres.
func TestCloseWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	log := newSource(history(10), 5)
	net := &cutter{}
	net.away.Store(true)
	e, stop := start(t, net.through(t, pool), log, projections.Config{}, notes{name: "notes"})
	eventually(t, e, "notes", "degraded", inState(projections.Degraded))
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}

// Tables that are not in our books are not ours to drop.
func TestForeignSchemaIsLeftAlone(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	if _, err := pool.Exec(t.Context(), "CREATE SCHEMA notes; CREATE TABLE notes.precious (id int)"); err != nil {
		t.Fatal(err)
	}
	e, _ := start(t, pool, newSource(history(5), 1), projections.Config{}, notes{name: "notes"})
	s := eventually(t, e, "notes", "stopped", inState(projections.Stopped))
	if s.Class != projections.BadSchema {
		t.Errorf("it stopped for %q", s.Class)
	}
	if n := count(t, pool, "SELECT count(*) FROM notes.precious"); n != 0 {
		t.Error(n)
	}
}

func TestMigrateByManyAtOnce(t *testing.T) {
	t.Parallel()
	dsn := projectionstest.DSN(t)
	var servers sync.WaitGroup
	for range 4 {
		servers.Go(func() {
			pool, err := pgxpool.New(t.Context(), dsn)
			if err != nil {
				t.Error(err)
				return
			}
			defer pool.Close()
			if err := projections.Migrate(t.Context(), pool); err != nil {
				t.Error(err)
			}
		})
	}
	servers.Wait()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM crm.projections").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d projections, %v", n, err)
	}
}
