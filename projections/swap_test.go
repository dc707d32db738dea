package projections_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/projections"
)

// A cancelled rebuild ends wherever it runs, and leaves nothing.
func TestCancel(t *testing.T) {
	t.Parallel()
	inWindows(t, cancelled)
}

func cancelled(t *testing.T, limits projections.BulkLimits) {
	t.Helper()
	events := history(500)
	pool := built(t, notes{name: "notes"}, events)
	before := read(t, pool, "notes")
	purpose := func() (is string) {
		if err := pool.QueryRow(t.Context(), "SELECT purpose FROM crm.projections WHERE state = 'building'").Scan(&is); err != nil {
			t.Fatal(err)
		}
		return is
	}
	atWork, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := notes{name: "notes", apply: func(_ *projections.Writer, e domain.Recorded) error {
		if e.Position == events[260].Position { // of many windows, in the third
			once.Do(func() { close(atWork); <-goOn })
		}
		return nil
	}}
	ended := make(chan error, 1)
	log := newSource(events, 50)
	go func() { ended <- within(limits, pool, log, slow).Rebuild(t.Context(), nil, true, nil) }()
	<-atWork
	elsewhere := rebuilder(pool, log, notes{name: "notes"})
	if err := elsewhere.Rebuild(t.Context(), nil, false, nil); !errors.Is(err, projections.ErrRebuilding) {
		t.Errorf("a second rebuild: %v", err)
	}
	if is := purpose(); is != "hold" {
		t.Errorf("a rebuild that was refused has made it one to %s", is)
	}
	if n, err := elsewhere.Cancel(t.Context(), "notes"); n != 1 || err != nil {
		t.Fatalf("cancelled %d: %v", n, err)
	}
	close(goOn)
	if err := <-ended; !errors.Is(err, projections.ErrCancelled) {
		t.Errorf("the rebuild ended with %v", err)
	}
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}})
	if diff := cmp.Diff(before, read(t, pool, "notes")); diff != "" {
		t.Errorf("what is read has changed (-want +got):\n%s", diff)
	}
	if n := count(t, pool, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'notes\\_\\_%'"); n != 0 {
		t.Errorf("%d schemas are left", n)
	}
}

// A build that is held beside takes nobody's place, and so leaves what a rollback
// would read again.
func TestHeldBuildLeavesTheRetiredOne(t *testing.T) {
	t.Parallel()
	events := history(300)
	pool := built(t, notes{name: "notes"}, events)
	r := rebuilder(pool, newSource(events, 50), notes{name: "notes"})
	for _, keep := range []bool{false, true} {
		if err := r.Rebuild(t.Context(), nil, keep, nil); err != nil {
			t.Fatal(err)
		}
	}
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}, "retired": {1}, "ready": {1}})
	if _, err := r.Rollback(t.Context(), "notes", nil); err != nil {
		t.Error(err)
	}
}

// A rollback puts the former tables back, which have caught up before; another one
// undoes it.
func TestRollback(t *testing.T) {
	t.Parallel()
	events := history(600)
	pool := built(t, notes{name: "notes"}, events[:300])
	log := newSource(events, 50)
	p := notes{name: "notes"}
	r := rebuilder(pool, log, p)
	if _, err := r.Rollback(t.Context(), "notes", nil); !errors.Is(err, projections.ErrNothingRetired) {
		t.Errorf("a rollback to nothing: %v", err)
	}
	if err := r.Rebuild(t.Context(), nil, false, nil); err != nil {
		t.Fatal(err)
	}
	e, stop := start(t, pool, log, projections.Config{Head: log.head}, p)
	eventually(t, e, "notes", "live", leads)
	exec(t, pool, "UPDATE notes.subjects SET sum = sum + 1")
	stop()
	if version, err := r.Rollback(t.Context(), "notes", nil); version != 1 || err != nil {
		t.Fatalf("version %d is read: %v", version, err)
	}
	diffTables(t, pool, "notes", events)
	e, _ = start(t, pool, log, projections.Config{Head: log.head}, p)
	eventually(t, e, "notes", "live", leads)
	wait(t, e, "notes", log.end())
	diffTables(t, pool, "notes", events)

	// Under a running engine too.
	if _, err := r.Rollback(t.Context(), "notes", nil); err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(expected(events), read(t, pool, "notes")) {
		t.Error("the second rollback did not bring back the tables that were spoilt")
	}
	more := history(610)
	log.append(more[600:]...)
	wait(t, e, "notes", log.end())
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}, "retired": {1}})
}

// A rollback that is interrupted leaves what it found, and the next one goes on with it.
func TestRollbackInterrupted(t *testing.T) {
	t.Parallel()
	events := history(600)
	pool := built(t, notes{name: "notes"}, events[:300])
	log := newSource(events, 50)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen atomic.Int64
	p := notes{name: "notes", apply: func(*projections.Writer, domain.Recorded) error {
		if seen.Add(1) == int64(handled(events))+100 {
			cancel()
		}
		return nil
	}}
	r := rebuilder(pool, log, p)
	if err := r.Rebuild(t.Context(), nil, false, nil); err != nil {
		t.Fatal(err)
	}
	now := read(t, pool, "notes")
	if _, err := r.Rollback(ctx, "notes", nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("the rollback ended with %v", err)
	}
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}, "retired": {1}})
	if diff := cmp.Diff(now, read(t, pool, "notes")); diff != "" {
		t.Errorf("what is read has changed (-want +got):\n%s", diff)
	}
	before := count(t, pool, "SELECT build FROM crm.projections WHERE state = 'retired'")
	if _, err := r.Rollback(t.Context(), "notes", nil); err != nil {
		t.Fatal(err)
	}
	if after := count(t, pool, "SELECT build FROM crm.projections WHERE state = 'live'"); after != before {
		t.Errorf("build %d is read, want %d", after, before)
	}
	diffTables(t, pool, "notes", events)
}

// What is read, what was read before, and a rollback that is on its way to it are not
// cancelled; a build that is held beside is.
func TestCancelLeavesWhatIsKept(t *testing.T) {
	t.Parallel()
	events := history(400)
	pool := built(t, notes{name: "notes"}, events[:300])
	var armed atomic.Bool
	reading, goOn := make(chan struct{}), make(chan struct{})
	r := rebuilder(pool, newSource(events, 50), notes{name: "notes", apply: func(*projections.Writer, domain.Recorded) error {
		if armed.CompareAndSwap(true, false) {
			reading <- struct{}{}
			<-goOn
		}
		return nil
	}})
	cancels := func(what string, want int) {
		t.Helper()
		if dropped, err := r.Cancel(t.Context(), "notes"); dropped != want || err != nil {
			t.Errorf("%s: %d builds were dropped, %v; want %d", what, dropped, err, want)
		}
	}
	cancels("nothing was begun", 0)
	if err := r.Rebuild(t.Context(), nil, false, nil); err != nil {
		t.Fatal(err)
	}
	cancels("one is retired", 0)
	ended := make(chan error, 1)
	armed.Store(true)
	go func() { _, err := r.Rollback(t.Context(), "notes", nil); ended <- err }()
	<-reading
	cancels("one is rolled back to", 0)
	goOn <- struct{}{}
	if err := <-ended; err != nil {
		t.Errorf("the rollback ended with %v", err)
	}
	diffTables(t, pool, "notes", events)
	if err := r.Rebuild(t.Context(), nil, true, nil); err != nil {
		t.Fatal(err)
	}
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}, "retired": {1}, "ready": {1}})
	cancels("one is held", 1)
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}, "retired": {1}})
	if _, err := r.Cancel(t.Context(), "other"); !errors.Is(err, projections.ErrUnknownModel) {
		t.Errorf("a strange name: %v", err)
	}
}
