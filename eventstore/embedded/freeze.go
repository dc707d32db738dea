package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// frozenFolder is where frozen stores live, inside the folder of the store so
// that tables are linked and not copied. What a killed process left there is
// removed at the next start.
const frozenFolder = "frozen"

// A Frozen is a store as it was at one moment, in files that nobody changes while
// the node goes on. It shares its tables with the store (they are never written
// twice) and so keeps them on disk: close it soon.
type Frozen struct {
	Dir      string // holds the files, and nothing else
	Position uint64 // is among them, as is everything before it

	release func() error
}

// Close removes the files.
func (f *Frozen) Close() error { return f.release() }

// Freeze makes a Frozen of the store. Appends wait while the log file, which is
// small then, is copied; that is a few syncs of the disk. It returns an error
// when the disk is full or fails meanwhile.
func (n *Node) Freeze(ctx context.Context) (*Frozen, error) {
	type answer struct {
		frozen *Frozen
		err    error
	}
	full := n.disk.full()
	select {
	case <-full:
		return nil, errFull
	default:
	}
	answered := make(chan answer, 1)
	go func() { // which a disk that fails, or is full, may keep
		f, err := n.freeze()
		answered <- answer{f, err}
	}()
	giveUp := func(err error) (*Frozen, error) {
		go func() {
			if a := <-answered; a.err == nil {
				_ = a.frozen.Close() // or else the next start does it
			}
		}()
		return nil, err
	}
	select {
	case a := <-answered:
		return a.frozen, a.err
	case <-n.failed:
		return giveUp(errBroken)
	case <-full:
		return giveUp(errFull)
	case <-ctx.Done():
		return giveUp(ctx.Err())
	}
}

func (n *Node) freeze() (_ *Frozen, err error) {
	n.storage.RLock() // so that Close waits
	defer n.storage.RUnlock()
	if n.closed || n.ctx.Err() != nil {
		return nil, errClosing
	}
	fs, parent := n.disk, n.disk.PathJoin(n.cfg.Dir, frozenFolder)
	if err := fs.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	dir := fs.PathJoin(parent, strconv.FormatUint(n.frozen.Add(1), 10))
	f := &Frozen{Dir: dir, release: func() error { return fs.RemoveAll(dir) }}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("embedded: freeze the store: %w", err), f.release())
		}
	}()
	// Most of what is in the log file goes to a table first, while appends go on.
	if err := n.db.Flush(); err != nil {
		return nil, err
	}
	// Pebble copies the log file from front to back. Were it written to meanwhile,
	// the copy could hold an end without what comes before it.
	n.writer.hold.Lock()
	defer n.writer.hold.Unlock()
	f.Position = n.horizon.position.Load()
	marks, err := readFloor(n.cfg.Dir, fs) // before the log is copied, which may only be ahead of it
	if err != nil {
		return nil, err
	}
	if err := n.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return nil, err
	}
	return f, errors.Join(writeFloor(dir, fs, marks), n.Err())
}

// writeFloor makes the floor file of a store that is not open, from its marks. The
// caller syncs the folder.
func writeFloor(dir string, fs vfs.FS, marks []mark) (err error) {
	f, err := fs.Create(fs.PathJoin(dir, floorFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for block, m := range marks {
		if _, err := f.WriteAt(append(m.encode(), make([]byte, floorBlock-markSize)...), int64(block)*floorBlock); err != nil {
			return err
		}
	}
	return f.Sync()
}

// thaw removes what frozen stores a process left behind.
func thaw(dir string, fs vfs.FS) error {
	return fs.RemoveAll(fs.PathJoin(dir, frozenFolder))
}

// openFrozen opens files that nobody changes, and changes nothing either: it
// neither locks the folder nor leaves a trace in it.
func openFrozen(dir string, cacheBytes int64) (*pebble.DB, error) {
	opts := pebbleOptions(sealed{vfs.Default}, nil, Config{CacheBytes: cacheBytes, MemTableBytes: minMemTable}, quiet{})
	opts.ReadOnly = true
	opts.ErrorIfNotExists = true
	db, err := openPebble(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("embedded: open %s: %w", dir, err)
	}
	return db, nil
}

// sealed is a file system that is only read.
type sealed struct{ vfs.FS }

// Lock implements vfs.FS.
func (sealed) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// quiet says nothing: what fails is returned by the call as well.
type quiet struct{}

// Infof implements pebble.Logger.
func (quiet) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (quiet) Errorf(string, ...any) {}

// Fatalf implements pebble.Logger. A store that is only read has nothing to lose
// by going on to the error.
func (quiet) Fatalf(string, ...any) {}
