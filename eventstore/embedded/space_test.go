package embedded

import (
	"errors"
	"path"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crm/eventstore/faulttest"
)

// A tightDisk is full from its n-th write on, until it is given room. The write
// that finds it full is done in part.
type tightDisk struct {
	vfs.FS
	left atomic.Int64 // writes until it is full
	part float64
}

func newTightDisk(fs vfs.FS, left int64, part float64) *tightDisk {
	d := &tightDisk{FS: fs, part: part}
	d.left.Store(left)
	return d
}

func (d *tightDisk) full() bool { return d.left.Load() < 0 }

func (d *tightDisk) giveRoom() { d.left.Store(1 << 40) }

// Create implements vfs.FS.
func (d *tightDisk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if d.left.Add(-1) < 0 {
		return nil, syscall.ENOSPC
	}
	f, err := d.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	return &tightFile{File: f, disk: d}, nil
}

// OpenReadWrite implements vfs.FS.
func (d *tightDisk) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, category, opts...)
	if err != nil {
		return nil, err
	}
	return &tightFile{File: f, disk: d}, nil
}

type tightFile struct {
	vfs.File
	disk *tightDisk
}

// fits is how much of p there is room for.
func (f *tightFile) fits(p []byte) ([]byte, error) {
	switch left := f.disk.left.Add(-1); {
	case left >= 0:
		return p, nil
	case left == -1:
		return p[:int(f.disk.part*float64(len(p)))], syscall.ENOSPC
	default:
		return nil, syscall.ENOSPC
	}
}

// Write implements vfs.File.
func (f *tightFile) Write(p []byte) (int, error) {
	p, full := f.fits(p)
	n, err := f.File.Write(p)
	return n, errors.Join(err, full)
}

// WriteAt implements vfs.File.
func (f *tightFile) WriteAt(p []byte, off int64) (int, error) {
	p, full := f.fits(p)
	n, err := f.File.WriteAt(p, off)
	return n, errors.Join(err, full)
}

// TestAFullDiskLosesNothing fills the disk at the n-th write, wherever that falls,
// and gives room again. In between appends are refused and reads go on; then
// everything goes on, without a restart.
func TestAFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 50, Large: 500}, func(c *faulttest.Case) {
		mem := vfs.NewCrashableMem()
		tight := newTightDisk(mem, int64(c.Rand.IntN(250)), c.Rand.Float64())
		cfg := smallConfig(tight)
		cfg.SpaceRetry, cfg.Durability = time.Millisecond, Durability(c.Rand.IntN(2))
		cfg.CloseTimeout = 50 * time.Millisecond // taken when the disk is full by then
		work, seen := newWorkload(c.Rand), &journal{}
		n, err := Open(cfg)
		if err != nil { // then there is no room for a store
			if !tight.full() || !noSpace(err) {
				c.Fatal(err)
			}
			return
		}
		stop := seen.follow(c.Context(), n, work.streams[0])
		ops := work.ops(100 + c.Rand.IntN(200))
		width := func() int { return 1 + c.Rand.IntN(8) }
		answered, err := seen.play(c.Context(), n, ops, width, nil)
		if errors.Is(err, errFull) {
			if s := n.Stats(); !s.DiskFull {
				c.Error("the figures do not say that the disk is full")
			}
			if _, err := seen.send(c.Context(), n, ops[answered]); !errors.Is(err, errFull) {
				c.Errorf("an append to a full disk: %v", err)
			}
			if end := n.horizon.position.Load(); uint64(len(shownLog(n))) != end {
				c.Errorf("the log, of %d events, cannot be read while the disk is full", end)
			}
			tight.giveRoom()
			for errors.Is(err, errFull) { // the writer notices at its own pace
				time.Sleep(cfg.SpaceRetry)
				var more int
				more, err = seen.play(c.Context(), n, ops[answered:], width, nil)
				answered += more
			}
		}
		if err != nil {
			c.Fatal(err)
		}
		stop()
		if err := n.Close(); err != nil && (!tight.full() || !errors.Is(err, errFull)) {
			c.Fatal(err)
		}
		again, err := Open(smallConfig(mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50 * c.Rand.IntN(3), RNG: c.Rand})))
		if err != nil {
			c.Fatal(err)
		}
		seen.check(c.T, again)
		checkAllOrNothing(c.T, work.made, checkWhole(c.T, again))
		if err := again.Close(); err != nil {
			c.Fatal(err)
		}
	})
}

// TestAStuckDiskLosesNothing has the n-th write or sync take its time, wherever
// that falls. Meanwhile appends are refused and reads go on; then everything goes
// on, without a restart.
func TestAStuckDiskLosesNothing(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 50, Large: 500, Workers: 8}, func(c *faulttest.Case) {
		mem := vfs.NewCrashableMem()
		var left atomic.Int64
		left.Store(int64(c.Rand.IntN(150)))
		var armed atomic.Bool
		free := make(chan struct{})
		stuck := make(chan string, 1) // the file
		cfg := smallConfig(errorfs.Wrap(mem, errorfs.InjectorFunc(func(o errorfs.Op) error {
			if armed.Load() && (isSync(o) || o.Kind == errorfs.OpFileWrite || o.Kind == errorfs.OpFileWriteAt) && left.Add(-1) == -1 {
				stuck <- o.Path
				<-free
			}
			return nil
		})))
		cfg.StallAfter, cfg.Durability = 50*time.Millisecond, Durability(c.Rand.IntN(2))
		work, seen := newWorkload(c.Rand), &journal{}
		n, err := Open(cfg)
		if err != nil {
			c.Fatal(err)
		}
		armed.Store(true)
		stop := seen.follow(c.Context(), n, work.streams[0])
		ops := work.ops(100 + c.Rand.IntN(100))
		width := func() int { return 1 + c.Rand.IntN(8) }
		answered, err := seen.play(c.Context(), n, ops, width, nil)
		for errors.Is(err, errStalled) {
			select {
			case name := <-stuck:
				_, err := seen.send(c.Context(), n, ops[answered])
				if path.Ext(name) == ".log" && !errors.Is(err, errStalled) {
					c.Errorf("an append to a stuck disk: %v", err)
				}
				if end := n.horizon.position.Load(); uint64(len(shownLog(n))) < end {
					c.Errorf("the log, of %d events, cannot be read while the disk is stuck", end)
				}
				close(free)
			case <-time.After(cfg.StallAfter / 4): // it goes on within StallAfter, or has only been slow
			}
			var more int
			more, err = seen.play(c.Context(), n, ops[answered:], width, nil)
			answered += more
		}
		select {
		case <-free:
		default: // nothing had to wait for what is stuck
			close(free)
		}
		if err != nil {
			c.Fatal(err)
		}
		stop()
		if err := n.Close(); err != nil {
			c.Fatal(err)
		}
		again, err := Open(smallConfig(mem.CrashClone(vfs.CrashCloneCfg{})))
		if err != nil {
			c.Fatal(err)
		}
		seen.check(c.T, again)
		checkAllOrNothing(c.T, work.made, checkWhole(c.T, again))
		if err := again.Close(); err != nil {
			c.Fatal(err)
		}
	})
}
