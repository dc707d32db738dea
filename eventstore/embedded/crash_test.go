package embedded

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crm/eventstore/faulttest"
)

// smallConfig makes a node that flushes and compacts tables after little data.
func smallConfig(fs vfs.FS) Config {
	return Config{
		Dir: "db", MemTableBytes: minMemTable, CacheBytes: 1 << 20, HeadCache: 8,
		CloseTimeout: time.Minute, StallAfter: time.Minute, // a busy machine is not a stuck disk
		fs: fs,
	}
}

// A gate lets a number of syncs pass and holds the next, for good or until opened:
// what was written by then is not on disk.
type gate struct {
	left atomic.Int64
	kind string        // of the file by the end of its name, "" for any
	held chan struct{} // closed when a sync is held
	open chan struct{}
}

func newGate(left int, kind string) *gate {
	g := &gate{kind: kind, held: make(chan struct{}), open: make(chan struct{})}
	g.left.Store(int64(left))
	return g
}

// pass holds the operation if it is a sync that has to wait.
func (g *gate) pass(o errorfs.Op) {
	if !isSync(o) || g.kind != "" && path.Ext(o.Path) != g.kind {
		return
	}
	if left := g.left.Add(-1); left == -1 {
		close(g.held)
		<-g.open
	} else if left < 0 {
		<-g.open
	}
}

func isSync(o errorfs.Op) bool {
	return o.Kind == errorfs.OpFileSync || o.Kind == errorfs.OpFileSyncData || o.Kind == errorfs.OpFileSyncTo
}

// TestACrashLosesNothingAcknowledged crashes a node at a random point of a random
// workload, with a random part of what was not synced on disk, and opens what is
// left: all that was acknowledged is there, byte for byte, all that readers were
// shown, whole appends or none, no gaps, every index, and the same answers. Half
// of the crashes are in a sync.
func TestACrashLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 2_000, Large: 50_000}, func(c *faulttest.Case) {
		r := &crashes{Case: c, fs: vfs.NewCrashableMem(), seen: &journal{}, work: newWorkload(c.Rand)}
		for round := range 1 + c.Rand.IntN(2) { // the second is the crash of a store that has been recovered
			kind := []string{".log", ".log", ".sst", ""}[c.Rand.IntN(4)]
			switch c.Rand.IntN(4) {
			case 0:
				r.crash(newGate(math.MaxInt, ""), false)
			case 1:
				r.crash(newGate(c.Rand.IntN(20), ""), round > 0)
			default:
				r.crash(newGate(c.Rand.IntN(60), kind), false)
			}
		}
	})
}

// TestACrashOfTheFirstSessionLosesNothing crashes a node between the moment it
// creates its store and the first time that it is opened again.
func TestACrashOfTheFirstSessionLosesNothing(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 200, Large: 2_000}, func(c *faulttest.Case) {
		r := &crashes{Case: c, fs: vfs.NewCrashableMem(), seen: &journal{}, work: newWorkload(c.Rand)}
		r.crash(newGate(c.Rand.IntN(60), ""), true)
	})
}

// crashes are those of one store.
type crashes struct {
	*faulttest.Case
	fs   *vfs.MemFS
	seen *journal
	work *workload
}

// howMany is how many a case does: mostly few, for then there are more cases,
// up to 5,000.
func howMany(rng *rand.Rand) int {
	most := 150.0
	if rng.IntN(40) == 0 {
		most = 5000
	}
	return int(math.Exp(rng.Float64() * math.Log(most)))
}

// crash opens the store, works on it, crashes it, and looks at what is left. The
// gate stands while the store is being opened, too, or only from then on.
func (r *crashes) crash(g *gate, opening bool) {
	r.Helper()
	var active atomic.Pointer[gate]
	if opening {
		active.Store(g)
	}
	fs := errorfs.Wrap(r.fs, errorfs.InjectorFunc(func(o errorfs.Op) error {
		if g := active.Load(); g != nil {
			g.pass(o)
		}
		return nil
	}))
	cfg := smallConfig(fs)
	cfg.Durability = Durability(r.Rand.IntN(2))
	type opened struct {
		node *Node
		err  error
	}
	result := make(chan opened, 1)
	go func() {
		n, err := Open(cfg)
		result <- opened{n, err}
	}()
	var n *Node
	stop := func() {}
	select {
	case <-g.held: // while the store was being created
	case o := <-result:
		if o.err != nil {
			r.Fatal(o.err)
		}
		n = o.node
		active.Store(g)
		if err := r.work.resume(n); err != nil {
			r.Fatal(err)
		}
		stop = r.seen.follow(r.Context(), n, r.work.streams[0])
		ops := r.work.ops(howMany(r.Rand))
		widest := 1 << r.Rand.IntN(8)
		answered, err := r.seen.play(r.Context(), n, ops, func() int { return 1 + r.Rand.IntN(widest) }, g.held)
		if err != nil && !errors.Is(err, errStopped) {
			r.Fatal(err)
		}
		// What is on its way when the power goes.
		for _, o := range ops[answered:min(len(ops), answered+r.Rand.IntN(widest))] {
			if err := n.queue(r.Context(), o.request()); err != nil {
				r.Fatal(err)
			}
		}
	}
	before := r.seen.asOf(n)
	after := r.powerOff(g)
	close(g.open)
	if n == nil {
		n = (<-result).node
	}
	stop()
	if err := n.Close(); err != nil {
		r.Fatal(err)
	}
	r.fs, r.seen = after, before
	r.look()
}

// powerOff is what may be on the disk afterwards: all that was synced, and of the
// rest any part.
func (r *crashes) powerOff(g *gate) *vfs.MemFS {
	r.Helper()
	files := r.files(r.fs)
	after := r.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 25 * r.Rand.IntN(5), RNG: r.Rand})
	select {
	case <-g.held:
		if g.kind != "" {
			return after
		}
	default:
		return after
	}
	// No sync ends now, so what is there and was not before was removed, and the
	// removal, which CrashClone always takes back, may be on disk as well.
	for name := range r.files(after) {
		if !files[name] && r.Rand.IntN(2) == 0 {
			if err := after.Remove(after.PathJoin("db", name)); err != nil {
				r.Fatal(err)
			}
		}
	}
	return after
}

func (r *crashes) files(fs vfs.FS) map[string]bool {
	r.Helper()
	names, err := fs.List("db")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.Fatal(err)
	}
	files := map[string]bool{}
	for _, name := range names {
		files[name] = true
	}
	return files
}

// look opens what a crash left.
func (r *crashes) look() {
	r.Helper()
	n, err := Open(smallConfig(r.fs))
	if err != nil {
		r.Fatalf("after the crash: %v", err)
	}
	r.seen.check(r.T, n)
	for range min(20, len(r.seen.told)) {
		r.seen.told[r.Rand.IntN(len(r.seen.told))].again(r.T, n)
	}
	checkAllOrNothing(r.T, r.work.made, checkWhole(r.T, n))
	if err := n.Close(); err != nil {
		r.Fatal(err)
	}
}
