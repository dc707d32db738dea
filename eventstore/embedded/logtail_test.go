package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"crm/eventstore/faulttest"
)

// A killed is a store as kill -9 leaves it, and what it held.
type killed struct {
	fs    *vfs.MemFS
	name  string // of its log file
	log   []byte // which is far from empty
	told  [][]byte
	floor int
}

// killStore makes a store with a log file of a few hundred KiB and a floor somewhere.
func killStore(seed uint64) (killed, error) {
	rng := rand.New(rand.NewPCG(seed, 0))
	fs := vfs.NewCrashableMem()
	cfg := smallConfig(fs)
	cfg.MemTableBytes = 8 << 20 // nothing is flushed
	paranoid := seed%3 == 0
	if paranoid {
		cfg.Durability = Paranoid
	}
	n, err := Open(cfg)
	if err != nil {
		return killed{}, err
	}
	w := newWorkload(rng)
	w.largest = 3000
	j := &journal{}
	width := func() int { return 1 + rng.IntN(20) }
	raised := 0
	for len(w.made) < 300 {
		if _, err := j.play(n.ctx, n, w.ops(50), width, nil); err != nil {
			return killed{}, err
		}
		if !paranoid && raised == 0 && len(w.made) > rng.IntN(600) {
			for raised = int(n.horizon.position.Load()); n.floor.position.Load() < uint64(raised); runtime.Gosched() {
				select {
				case n.floor.due <- struct{}{}:
				default:
				}
			}
		}
	}
	k := killed{floor: int(n.floor.position.Load()), told: shownLog(n), fs: fs.CrashClone(vfs.CrashCloneCfg{})}
	if err := n.Close(); err != nil {
		return killed{}, err
	}
	names, err := k.fs.List("db")
	if err != nil {
		return killed{}, err
	}
	for _, name := range names {
		if path.Ext(name) == ".log" && name > k.name {
			k.name = name
		}
	}
	f, err := k.fs.Open(path.Join("db", k.name))
	if err != nil {
		return killed{}, err
	}
	if k.log, err = io.ReadAll(f); err == nil && len(k.log) < 96<<10 {
		err = fmt.Errorf("the log file has only %d bytes", len(k.log))
	}
	return k, errors.Join(err, f.Close())
}

// damage changes the last 64 KiB of a log file. It says how.
func damage(rng *rand.Rand, log []byte) ([]byte, string) {
	log = slices.Clone(log)
	const tail = 64 << 10
	start := len(log) - tail
	at := start + rng.IntN(tail)
	part := log[at:min(at+512, len(log))]
	switch rng.IntN(5) {
	case 0:
		bit := rng.IntN(8)
		log[at] ^= 1 << bit
		return log, fmt.Sprintf("bit %d of byte %d flipped", bit, at)
	case 1:
		return log[:at], fmt.Sprintf("cut at %d", at)
	case 2:
		clear(part)
		return log, fmt.Sprintf("%d zeros at %d", len(part), at)
	case 3:
		for i := range part {
			part[i] = byte(rng.Uint32())
		}
		return log, fmt.Sprintf("%d bytes of garbage at %d", len(part), at)
	default:
		size := []int{512, 4 << 10, 32 << 10}[rng.IntN(3)]
		at -= at % size
		n := copy(log[at:], slices.Clone(log[at-size:at]))
		return log, fmt.Sprintf("%d bytes at %d are those in front of them", n, at)
	}
}

// TestADamagedLogIsRefusedOrAPrefix damages the end of the log file of a killed
// store. Where Pebble cannot tell that from a torn end, what is left is the log
// up to some event, not below the floor; else the store does not open.
func TestADamagedLogIsRefusedOrAPrefix(t *testing.T) {
	t.Parallel()
	const stores = 6
	var made [stores]func() (killed, error)
	for i := range made {
		made[i] = sync.OnceValues(func() (killed, error) { return killStore(uint64(i)) })
	}
	var refused, wentBack, shorter, whole atomic.Int64
	faulttest.Run(t, faulttest.Sweep{Small: 500, Large: 20_000}, func(c *faulttest.Case) {
		k, err := made[c.Rand.IntN(stores)]()
		if err != nil {
			c.Fatal(err)
		}
		fs := k.fs.CrashClone(vfs.CrashCloneCfg{})
		log, what := damage(c.Rand, k.log)
		if err := overwrite(fs, path.Join("db", k.name), log); err != nil {
			c.Fatal(err)
		}
		cfg := smallConfig(fs)
		cfg.MemTableBytes = 8 << 20
		n, err := Open(cfg)
		if errors.Is(err, ErrWentBack) {
			wentBack.Add(1)
			return
		}
		if err != nil {
			refused.Add(1)
			return
		}
		left := len(checkWhole(c.T, n))
		if left < k.floor {
			c.Errorf("%s: opened with %d events, the floor is %d", what, left, k.floor)
		}
		if left > len(k.told) || !slices.EqualFunc(shownLog(n), k.told[:left], bytes.Equal) {
			c.Errorf("%s: the %d events left are not the first of %d", what, left, len(k.told))
		}
		if left == len(k.told) {
			whole.Add(1)
		} else {
			shorter.Add(1)
		}
		if c.Rand.IntN(4) > 0 {
			if err := n.Close(); err != nil {
				c.Fatal(err)
			}
			return
		}
		// What is left is a store like any other.
		j := &journal{}
		if err := j.write(c.Context(), n, uuid.NewString(), -1, nil); err != nil {
			c.Error(err)
		}
		if err := n.Close(); err != nil {
			c.Fatal(err)
		}
		if n, err = Open(cfg); err != nil {
			c.Fatal(err)
		}
		j.check(c.T, n)
		if err := n.Close(); err != nil {
			c.Fatal(err)
		}
	})
	t.Logf("%d refused, %d below their floor, %d shorter, %d whole", refused.Load(), wentBack.Load(), shorter.Load(), whole.Load())
	all := refused.Load() + wentBack.Load() + shorter.Load() + whole.Load()
	if all > 100 && (refused.Load() == 0 || wentBack.Load() == 0 || shorter.Load() == 0) {
		t.Error("one of the outcomes never came: the damage is not what it should be")
	}
}

func overwrite(fs vfs.FS, name string, data []byte) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
