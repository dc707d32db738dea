package projections_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// rebuilder rebuilds from a source.
func rebuilder(pool *pgxpool.Pool, from *source, all ...projections.Projection) *projections.Rebuilder {
	return projections.NewRebuilder(pool, rebuildConfig(from), all...)
}

func rebuildConfig(from *source) projections.RebuildConfig {
	return projections.RebuildConfig{
		Subscribe: from.subscribe, BatchOf: projectionstest.BatchOf,
		Head: func(ctx context.Context) (at domain.Position, recorded time.Time, err error) {
			if _, grown := from.next(domain.Position{}); grown == nil { // it is not empty
				at, recorded, err = from.head(ctx)
			}
			return at, recorded, errors.Join(err, ctx.Err())
		},
	}
}

// built replays events into the tables of p that are read.
func built(t *testing.T, p projections.Projection, events []domain.Recorded) *pgxpool.Pool {
	t.Helper()
	pool := projectionstest.Pool(t)
	if err := projectionstest.Replay(t.Context(), pool, p, projectionstest.Batches(events, 100)...); err != nil {
		t.Fatal(err)
	}
	return pool
}

// builds are the builds of a read model: their versions by state.
func builds(t *testing.T, pool *pgxpool.Pool, name string) map[string][]int {
	t.Helper()
	all, err := projections.Builds(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]int{}
	for _, b := range all {
		if b.Name == name {
			found[b.State] = append(found[b.State], b.Version)
		}
	}
	return found
}

func wantBuilds(t *testing.T, pool *pgxpool.Pool, name string, want map[string][]int) {
	t.Helper()
	if diff := cmp.Diff(want, builds(t, pool, name)); diff != "" {
		t.Errorf("builds of %s (-want +got):\n%s", name, diff)
	}
}

// A rebuild makes the tables anew and puts them in the place of those that are
// read, whatever was wrong with them; those are kept. A name that is there twice counts
// once.
func TestRebuildReplacesWhatIsRead(t *testing.T) {
	t.Parallel()
	events := history(1000)
	p := notes{name: "notes"}
	pool := built(t, p, events[:900])
	exec(t, pool, "UPDATE notes.subjects SET sum = sum + 1")
	log := newSource(events, 64)
	var phases []projections.Phase
	var last projections.Progress
	err := rebuilder(pool, log, p).Rebuild(t.Context(), []string{"notes", "notes"}, false, func(now projections.Progress) {
		last = now
		if phase := now.Models[0].Phase; len(phases) == 0 || phases[len(phases)-1] != phase {
			phases = append(phases, phase)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	diffTables(t, pool, "notes", events)
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}, "retired": {1}})
	want := []projections.Phase{projections.Reading, projections.Indexing, projections.Following, projections.Swapped}
	if diff := cmp.Diff(want, phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	if last.Events != 1000 || last.Done != 1 || last.Position != log.end().String() || last.Target != last.Position || last.Models[0].SwapSeconds <= 0 {
		t.Errorf("at the end: %+v", last)
	}
}

// Who is told of a task is told one thing at a time, in order, and the last before it
// is over, however many builds are at work at once.
func TestProgressIsToldOneAtATime(t *testing.T) {
	t.Parallel()
	events := history(500)
	pool := projectionstest.Pool(t)
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	var all []projections.Projection
	for _, name := range []string{"one", "two", "three", "four"} {
		all = append(all, notes{name: name})
	}
	var telling, over atomic.Bool
	var last projections.Progress
	err := rebuilder(pool, newSource(events, 50), all...).Rebuild(t.Context(), nil, false, func(now projections.Progress) {
		if !telling.CompareAndSwap(false, true) {
			t.Error("told two things at once")
		}
		if over.Load() || now.Events < last.Events {
			t.Errorf("told late: %+v", now)
		}
		time.Sleep(time.Millisecond) // for others to come in between
		last = now
		telling.Store(false)
	})
	over.Store(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range last.Models {
		if m.Phase != projections.Swapped {
			t.Errorf("the last that was told of %s is %s", m.Name, m.Phase)
		}
	}
}

// A build whose leader is about to go is waited for without a word to the subscriber,
// who would call the subscription lost. That a rebuild failed is an error, and not a
// line in the log as well.
func TestRebuildComplainsOnce(t *testing.T) {
	t.Parallel()
	events := history(300)
	p := notes{name: "notes"}
	pool := built(t, p, events)
	id, _, err := projections.CreateBuild(t.Context(), pool, p)
	if err != nil {
		t.Fatal(err)
	}
	led, err := projections.OpenBuild(t.Context(), pool, p, id)
	if err != nil {
		t.Fatal(err)
	}
	log, lines := newSource(events, 50), &strings.Builder{}
	cfg := rebuildConfig(log)
	cfg.Log = slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var once sync.Once
	asked := 0
	cfg.Subscribe = func(name string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
		return log.subscribe(name, func(ctx context.Context) (domain.Position, error) {
			once.Do(func() { time.AfterFunc(300*time.Millisecond, led.Close) })
			at, err := checkpoint(ctx)
			if asked++; err != nil && ctx.Err() == nil {
				t.Errorf("the checkpoint: %v", err)
			}
			return at, err
		})
	}
	if err := projections.NewRebuilder(pool, cfg, p).Rebuild(t.Context(), nil, false, nil); err != nil {
		t.Fatal(err)
	}
	if asked == 0 {
		t.Error("nobody asked the checkpoint")
	}
	ill := notes{name: "notes", version: 2, apply: func(*projections.Writer, domain.Recorded) error { panic("no more") }}
	cfg.Parking.Max = -1
	if err := projections.NewRebuilder(pool, cfg, ill).Rebuild(t.Context(), nil, false, nil); class(err) != projections.Panicked {
		t.Errorf("it ended with %v", err)
	}
	if lines.Len() > 0 {
		t.Errorf("the log says\n%s", lines)
	}
}

// There may be nothing to replace, and nothing in the log.
func TestRebuildOfNothing(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"tables": 200, "tables and log": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := history(size)
			pool := projectionstest.Pool(t)
			if err := projections.Migrate(t.Context(), pool); err != nil {
				t.Fatal(err)
			}
			all := []projections.Projection{notes{name: "one"}, notes{name: "two"}}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := rebuilder(pool, newSource(events, 50), all...).Rebuild(ctx, nil, false, nil); err != nil {
				t.Fatal(err)
			}
			for _, p := range all {
				wantBuilds(t, pool, p.Name(), map[string][]int{"live": {1}})
				if size > 0 {
					diffTables(t, pool, p.Name(), events)
				} else if n := count(t, pool, "SELECT count(*) FROM "+p.Name()+".lines"); n != 0 {
					t.Errorf("%s has %d lines", p.Name(), n)
				}
			}
		})
	}
}

// While events keep coming, and readers keep asking, the swap is not noticed but
// by the one who wrote the old tables; it goes on with the new ones.
func TestRebuildUnderLoad(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(6000)
	log := newSource(events[:3000:3000], 500)
	p := notes{name: "notes"}
	e, _ := start(t, pool, log, projections.Config{Head: log.head}, p)
	wait(t, e, "notes", log.end())
	eventually(t, e, "notes", "live", inState(projections.Live))

	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	working.Go(func() { // some thousand events a second, for as long as it takes
		for at := 3000; at < len(events) && ctx.Err() == nil; at += 5 {
			log.append(events[at : at+5]...)
			time.Sleep(2 * time.Millisecond)
		}
	})
	var reads atomic.Int64
	var longest atomic.Int64
	for range 3 {
		working.Go(func() {
			for seen := int64(0); ctx.Err() == nil; reads.Add(1) {
				var sum int64
				began := time.Now()
				err := pool.QueryRow(context.WithoutCancel(ctx), "SELECT coalesce(sum(noted), 0) FROM notes.days").Scan(&sum)
				if took := int64(time.Since(began)); took > longest.Load() {
					longest.Store(took)
				}
				if err != nil || sum < seen {
					t.Errorf("a read saw %d after %d: %v", sum, seen, err)
					return
				}
				seen = sum
			}
		})
	}
	for round := range 5 {
		var swap float64
		cfg := rebuildConfig(log)
		cfg.Limits.Events = []int64{0, 100}[round%2]
		err := projections.NewRebuilder(pool, cfg, p).Rebuild(t.Context(), []string{"notes"}, false, func(now projections.Progress) {
			swap = now.Models[0].SwapSeconds
		})
		if err != nil {
			t.Fatalf("rebuild %d: %v", round, err)
		}
		t.Logf("the writer was held up for %.1f ms", 1000*swap)
	}
	stop()
	working.Wait()
	wait(t, e, "notes", log.end())
	diffTables(t, pool, "notes", log.events)
	t.Logf("%d reads, the longest took %s", reads.Load(), time.Duration(longest.Load()))
}
