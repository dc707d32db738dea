package projections_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// counted is a version of notes that counts what it applies.
func counted(version int, seen *atomic.Int64) notes {
	return notes{name: "notes", version: version, apply: func(*projections.Writer, domain.Recorded) error {
		seen.Add(1)
		return nil
	}}
}

// leads reports whether the engine's model is live.
func leads(s projections.Status) bool { return s.State == projections.Live }

// A new version is built beside while the old one serves, and is kept up by an old
// program; then it takes its place.
func TestNewVersionIsBuiltBeside(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(400)
	log := newSource(events[:300:300], 50)
	old, _ := start(t, pool, log, projections.Config{Head: log.head}, notes{name: "notes"})
	wait(t, old, "notes", log.end())

	reading, goOn := make(chan struct{}), make(chan struct{})
	var seen atomic.Int64
	next := notes{name: "notes", version: 2, apply: func(*projections.Writer, domain.Recorded) error {
		if seen.Add(1) == 100 {
			close(reading)
			<-goOn
		}
		return nil
	}}
	e, _ := start(t, pool, log, projections.Config{Head: log.head}, next)
	<-reading
	log.append(events[300:350]...)
	wait(t, old, "notes", log.end())
	wait(t, e, "notes", log.end()) // it tells how far the old tables are
	diffTables(t, pool, "notes", events[:350])
	eventually(t, e, "notes", "outdated", inState(projections.Outdated))
	for _, sees := range []*projections.Engine{e, old} {
		s := eventually(t, sees, "notes", "shown with its rebuild", func(s projections.Status) bool { return s.Rebuild != nil && s.Rebuild.Led && s.Rebuild.Leader != "" })
		if b := s.Rebuild; b.Version != 2 || b.State != "building" || b.Done == nil || s.RebuildFailed != "" {
			t.Errorf("the rebuild is shown as %+v", b)
		}
		if err := sees.Healthy(); err != nil { // what is read can be read
			t.Error(err)
		}
	}
	close(goOn)

	eventually(t, e, "notes", "live", leads)
	eventually(t, old, "notes", "replaced", func(s projections.Status) bool {
		return s.State == projections.Standby && s.Class == projections.Replaced
	})
	log.append(events[350:]...)
	wait(t, e, "notes", log.end())
	wait(t, old, "notes", log.end())
	diffTables(t, pool, "notes", events)
	eventually(t, e, "notes", "shown without a rebuild", func(s projections.Status) bool { return s.Rebuild == nil })
	wantBuilds(t, pool, "notes", map[string][]int{"live": {2}, "retired": {1}})
	if n := int(seen.Load()); n != handled(events) {
		t.Errorf("the new version saw %d events, want each of %d once", n, handled(events))
	}
}

// An outdated read model whose rebuild fails is not well, and does not keep others from
// theirs.
func TestFailedRenewalIsSeen(t *testing.T) {
	t.Parallel()
	events := history(300)
	bad := notes{name: "bad", version: 2, apply: func(*projections.Writer, domain.Recorded) error { panic("no more") }}
	pool := built(t, notes{name: "bad"}, events)
	log := newSource(events, 50)
	// Nothing can be made for this one: its schema is someone else's.
	exec(t, pool, "ALTER SEQUENCE crm.projections_build_seq RESTART 1000")
	for id := range 50 {
		exec(t, pool, fmt.Sprintf("CREATE SCHEMA taken__b%d", 1000+id))
	}
	if err := projectionstest.Replay(t.Context(), pool, notes{name: "taken"}, projectionstest.Batches(events, 100)...); err != nil {
		t.Fatal(err)
	}
	e, _ := start(t, pool, log, projections.Config{Head: log.head, Parking: projections.Parking{Max: -1}},
		notes{name: "taken", version: 2}, bad)
	eventually(t, e, "bad", "given up", func(s projections.Status) bool {
		return s.State == projections.Outdated && s.RebuildFailed != ""
	})
	if err := e.Healthy(); err == nil {
		t.Error("the engine says that it is well")
	}
}

// Of several servers that start with a new version one builds it, once.
func TestSeveralServersStartANewVersionAtOnce(t *testing.T) {
	t.Parallel()
	events := history(1500)
	pool := built(t, notes{name: "notes"}, events)
	log := newSource(events, 20)
	var seen atomic.Int64
	var engines []*projections.Engine
	for range 3 {
		e, _ := start(t, pool, log, projections.Config{Head: log.head}, counted(2, &seen))
		engines = append(engines, e)
	}
	for _, e := range engines {
		eventually(t, e, "notes", "at the new version", func(s projections.Status) bool {
			return s.State == projections.Live || s.State == projections.Standby
		})
	}
	wantBuilds(t, pool, "notes", map[string][]int{"live": {2}, "retired": {1}})
	diffTables(t, pool, "notes", events)
	if n := int(seen.Load()); n != handled(events) {
		t.Errorf("%d events were applied, want each of %d once", n, handled(events))
	}
}

// What a rebuild has left that did not come to its end, a server that starts goes
// on with; what is held it leaves.
func TestServerGoesOnWithARebuild(t *testing.T) {
	t.Parallel()
	for name, held := range map[string]bool{"meant to be read": false, "held": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := history(1000)
			pool := built(t, notes{name: "notes"}, events)
			log := newSource(events, 50)
			var seen atomic.Int64
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			interrupted := notes{name: "notes", apply: func(*projections.Writer, domain.Recorded) error {
				if seen.Add(1) == 500 {
					cancel()
				}
				return nil
			}}
			if err := rebuilder(pool, log, interrupted).Rebuild(ctx, nil, held, nil); !errors.Is(err, context.Canceled) {
				t.Fatalf("the rebuild ended with %v", err)
			}
			e, _ := start(t, pool, log, projections.Config{Head: log.head}, notes{name: "notes"})
			eventually(t, e, "notes", "live", leads)
			if held {
				wantBuilds(t, pool, "notes", map[string][]int{"live": {1}, "building": {1}})
				return
			}
			for deadline := time.Now().Add(patience); len(builds(t, pool, "notes")["retired"]) == 0; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("it did not come to its end: %v", builds(t, pool, "notes"))
				}
			}
			wantBuilds(t, pool, "notes", map[string][]int{"live": {1}, "retired": {1}})
			diffTables(t, pool, "notes", events)
		})
	}
}

// Where there are no tables and the log is long, all are built from one reading of
// it, and are there when they are complete.
func TestMissingTablesAreBuiltTogether(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	log := newSource(history(5100), 500)
	applied := 0
	watching := notes{name: "two", apply: func(*projections.Writer, domain.Recorded) error {
		if applied++; applied%500 == 0 && count(t, pool, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('one', 'two')") > 0 {
			t.Error("there are tables to be read before they are complete")
		}
		return nil
	}}
	e, _ := start(t, pool, log, projections.Config{Head: log.head}, notes{name: "one"}, watching)
	for _, name := range []string{"one", "two"} {
		eventually(t, e, name, "live", leads)
		diffTables(t, pool, name, log.events)
		wantBuilds(t, pool, name, map[string][]int{"live": {1}})
	}
}

// A server whose read models have no tables yet cannot be asked, and does not call
// itself healthy.
func TestNotHealthyBeforeTheFirstTables(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	log := newSource(history(5100), 500)
	goOn := make(chan struct{})
	slow := notes{name: "notes", apply: func(*projections.Writer, domain.Recorded) error { <-goOn; return nil }}
	e, _ := start(t, pool, log, projections.Config{Head: log.head}, slow)
	if e.Healthy() == nil {
		t.Error("healthy before it has looked")
	}
	eventually(t, e, "notes", "built for the first time", func(s projections.Status) bool {
		return s.NoTables && s.Rebuild != nil && s.Rebuild.Led
	})
	if err := e.Healthy(); err == nil || !strings.Contains(err.Error(), "notes has no tables") {
		t.Errorf("before its tables are there: %v", err)
	}
	close(goOn)
	eventually(t, e, "notes", "live", leads)
	if err := e.Healthy(); err != nil {
		t.Error(err)
	}
}

// A build that was retired goes when the next rebuild begins, or a day later.
func TestRetiredBuildsGo(t *testing.T) {
	t.Parallel()
	events := history(100)
	p := notes{name: "notes"}
	pool := built(t, p, events)
	log := newSource(events, 50)
	r := rebuilder(pool, log, p)
	for range 3 {
		if err := r.Rebuild(t.Context(), nil, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}, "retired": {1}})
	exec(t, pool, "UPDATE crm.projections SET retired_at = now() - interval '25 hours' WHERE state = 'retired'")
	e, _ := start(t, pool, log, projections.Config{Head: log.head}, p)
	eventually(t, e, "notes", "live", leads)
	for deadline := time.Now().Add(patience); len(builds(t, pool, "notes")["retired"]) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is still there")
		}
	}
}
