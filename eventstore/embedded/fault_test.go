package embedded

import (
	"errors"
	"math/rand/v2"
	"path"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crm/eventstore/faulttest"
)

// The calls that can fail, by what they are for.
var faultKinds = []struct {
	name string
	is   func(errorfs.Op) bool
	// bearable: nothing depends on the call, and nobody need be told.
	bearable bool
}{
	{name: "write", is: func(o errorfs.Op) bool { return o.Kind == errorfs.OpFileWrite || o.Kind == errorfs.OpFileWriteAt }},
	{name: "sync", is: func(o errorfs.Op) bool { return isSync(o) && !isFolder(o.Path) }},
	{name: "folder sync", is: func(o errorfs.Op) bool { return isSync(o) && isFolder(o.Path) }},
	{name: "create", is: func(o errorfs.Op) bool {
		return o.Kind == errorfs.OpCreate || o.Kind == errorfs.OpMkdirAll || o.Kind == errorfs.OpOpenDir
	}},
	{name: "rename", is: func(o errorfs.Op) bool {
		return o.Kind == errorfs.OpRename || o.Kind == errorfs.OpReuseForWrite || o.Kind == errorfs.OpLink
	}},
	{name: "remove", is: func(o errorfs.Op) bool { return o.Kind == errorfs.OpRemove }, bearable: true},
}

func isFolder(name string) bool {
	return path.Base(name) == "db" || name == "" || name == "." || name == "/"
}

// TestAnyFailedCallLosesNothing fails the n-th call of each kind, once or from
// then on, for every n until none fails: while the store is created, opened
// again, worked on or closed, in the log, a table, the manifest or the floor.
// What was acknowledged is there afterwards, both for a process that starts
// again and after a power cut, and whoever closes the node is told.
func TestAnyFailedCallLosesNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range faultKinds {
		for _, sticky := range []bool{false, true} {
			name := kind.name + " once"
			if sticky {
				name = kind.name + " from then on"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				faulttest.Run(t, faulttest.Sweep{Small: 400, Large: 5_000, Numbered: true, Workers: 4}, func(c *faulttest.Case) {
					(&failing{Case: c, is: kind.is, sticky: sticky, bearable: kind.bearable}).run()
				})
			})
		}
	}
}

// failing is a store on a disk whose n-th call fails, where n is the case's number.
type failing struct {
	*faulttest.Case
	is       func(errorfs.Op) bool
	sticky   bool
	bearable bool
	calls    atomic.Uint64
}

// fault fails the n-th call.
func (f *failing) fault(o errorfs.Op) error {
	if !f.is(o) {
		return nil
	}
	if n := f.calls.Add(1); n == f.Seed || f.sticky && n > f.Seed {
		return syscall.EIO
	}
	return nil
}

func (f *failing) run() {
	f.Helper()
	mem := vfs.NewCrashableMem()
	cfg := smallConfig(errorfs.Wrap(mem, errorfs.InjectorFunc(f.fault)))
	cfg.CloseTimeout = time.Millisecond // a failed node always takes it
	cfg.Durability = Durability(f.Seed % 2)
	rng := rand.New(rand.NewPCG(1, 0)) // the same calls in every case
	work, seen := newWorkload(rng), &journal{}
	for range 3 {
		n, err := Open(cfg)
		if err != nil {
			if f.calls.Load() < f.Seed {
				f.Fatal(err)
			}
			break
		}
		opened := f.calls.Load()
		if err := work.resume(n); err != nil {
			f.Fatal(err)
		}
		stop := seen.follow(f.Context(), n, work.streams[0])
		_, err = seen.play(f.Context(), n, work.ops(60), func() int { return 1 + rng.IntN(8) }, nil)
		stop()
		err = errors.Join(err, n.Close())
		fired := f.calls.Load() >= f.Seed
		if fired && opened < f.Seed && err == nil && !f.bearable || !fired && err != nil {
			f.Errorf("the %d. call failed: %v; the error is: %v", f.Seed, fired, err)
		}
		if err != nil {
			break
		}
	}
	if f.calls.Load() < f.Seed {
		f.Enough()
	}
	for what, percent := range map[string]int{"after a power cut": 0, "after a restart": 100} {
		n, err := Open(smallConfig(mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})))
		if err != nil {
			f.Fatalf("%s: %v", what, err)
		}
		seen.check(f.T, n)
		checkAllOrNothing(f.T, work.made, checkWhole(f.T, n))
		if err := n.Close(); err != nil {
			f.Fatal(err)
		}
	}
}
