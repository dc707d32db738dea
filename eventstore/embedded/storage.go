package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

// storeFormat is the version of the key layout and of the records. A node refuses
// to open any other.
const storeFormat = 1

var errDamaged = errors.New("embedded: stored data is damaged")

// ErrInUse is returned by Open when another process, or another node of this one,
// has the directory open.
var ErrInUse = errors.New("embedded: the data directory is in use by another process")

// takeFolder creates the folder of cfg if need be and locks it. It gives
// cfg.Dir the one name that the folder has.
func takeFolder(cfg *Config, fs vfs.FS) (*pebble.Lock, error) {
	if err := fs.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded: create %s: %w", cfg.Dir, err)
	}
	if cfg.fs == vfs.Default {
		dir, err := canonical(cfg.Dir)
		if err != nil {
			return nil, fmt.Errorf("embedded: %w", err)
		}
		cfg.Dir = dir
	}
	return lockDirectory(cfg.Dir, fs)
}

// openStorage opens the database in dir, creating it if need be, and leaves it
// with a log file whose damage is noticed.
//
// A new Pebble store begins its first log file in an old encoding, whatever
// format is asked for: a flipped bit in the middle of that file silently drops
// all that follows. A second opening writes the current encoding. So every
// session writes a record, looks at how it was encoded, and opens again if it has
// to.
func openStorage(dir string, fs vfs.FS, lock *pebble.Lock, cfg Config, logger pebble.Logger) (*pebble.DB, error) {
	for range 2 {
		db, err := openPebble(dir, pebbleOptions(fs, lock, cfg, logger))
		if err != nil {
			return nil, fmt.Errorf("embedded: open %s: %w", dir, err)
		}
		strict, err := beginSession(db, dir, fs)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("embedded: open %s: %w", dir, err), db.Close())
		}
		if strict {
			return db, nil
		}
		if err := db.Close(); err != nil {
			return nil, fmt.Errorf("embedded: close %s after creating it: %w", dir, err)
		}
	}
	return nil, fmt.Errorf("embedded: open %s: the log file is written in an encoding that hides damage", dir)
}

// openPebble opens the database. Pebble panics when a disk fails while it raises
// the format of a new store.
func openPebble(dir string, opts *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("pebble: %v", p)
		}
	}()
	orphan, err := orphanIn(dir, opts.FS)
	if err != nil {
		return nil, err
	}
	if orphan != "" {
		return nil, fmt.Errorf("%w: %s is there, and no marker.manifest file that says what it belongs to; nothing was changed. Put the missing files back, or restore a backup",
			errDamaged, orphan)
	}
	return pebble.Open(dir, opts)
}

// orphanIn names a file with events in a folder that holds no database, "" when
// there is none: the folder was copied without the small file that a database
// begins with. Pebble would make a new, empty one and remove the old one's files.
func orphanIn(dir string, fs vfs.FS) (string, error) {
	database, err := pebble.Peek(dir, fs)
	if errors.Is(err, os.ErrNotExist) || err == nil && database.Exists {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	names, err := fs.List(dir)
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	for _, name := range names {
		// Of a creation that was killed there is neither.
		if ext := path.Ext(name); ext == ".sst" || ext == ".log" {
			return name, nil
		}
	}
	return "", nil
}

func pebbleOptions(fs vfs.FS, lock *pebble.Lock, cfg Config, logger pebble.Logger) *pebble.Options {
	opts := &pebble.Options{
		FS:                          fs,
		Lock:                        lock,
		Logger:                      logger,
		FormatMajorVersion:          pebble.FormatNewest,
		CacheSize:                   cfg.CacheBytes,
		MemTableSize:                uint64(cfg.MemTableBytes),
		MemTableStopWritesThreshold: 4,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // "is this stream new?" without reading a block
	}
	opts.EnsureDefaults()
	return opts
}

// beginSession writes the session's first record and reports whether the log file
// holding it is in the encoding that tells damage from a torn end.
func beginSession(db *pebble.DB, dir string, fs vfs.FS) (strict bool, err error) {
	session, err := readNumber(db, storeKey("session"))
	if err != nil {
		return false, err
	}
	batch := db.NewBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	if session == 0 {
		instance := uuid.New()
		if err := errors.Join(
			batch.Set(storeKey("format"), number(storeFormat), nil),
			batch.Set(storeKey("instance"), instance[:], nil),
		); err != nil {
			return false, err
		}
	} else if format, err := readNumber(db, storeKey("format")); err != nil {
		return false, err
	} else if format != storeFormat {
		return false, fmt.Errorf("the store has format %d, this program reads format %d", format, storeFormat)
	}
	if err := errors.Join(
		batch.Set(storeKey("session"), number(session+1), nil),
		batch.Commit(pebble.Sync),
	); err != nil {
		return false, err
	}
	encoding, err := logEncoding(dir, fs)
	const walSync = 9 // the first of the encodings that record how far the file was synced
	return encoding >= walSync, err
}

// logEncoding reads the encoding of the first chunk of the newest log file: the
// byte after its CRC and length.
func logEncoding(dir string, fs vfs.FS) (byte, error) {
	names, err := fs.List(dir)
	if err != nil {
		return 0, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return path.Ext(name) != ".log" })
	if len(names) == 0 {
		return 0, errors.New("no log file")
	}
	// File numbers are padded, but may outgrow the padding.
	newest := slices.MaxFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	f, err := fs.Open(fs.PathJoin(dir, newest))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	var header [7]byte
	if _, err := io.ReadFull(f, header[:]); err != nil {
		return 0, fmt.Errorf("read %s: %w", newest, err)
	}
	return header[6], nil
}

// readNumber reads a stored number, 0 when there is none.
func readNumber(db pebble.Reader, key []byte) (uint64, error) {
	value, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := numberOf(value)
	return n, errors.Join(err, closer.Close())
}

// instanceOf reads the store's identity: random, and new when a loss was accepted.
// It is zero in a database that no session has begun in.
func instanceOf(db pebble.Reader) (id uuid.UUID, err error) {
	value, closer, err := db.Get(storeKey("instance"))
	if errors.Is(err, pebble.ErrNotFound) {
		return uuid.Nil, nil
	}
	if err != nil {
		return uuid.Nil, err
	}
	if copy(id[:], value) != len(id) {
		err = errDamaged
	}
	return id, errors.Join(err, closer.Close())
}

// lastPosition is where the log ends, 0 when it is empty.
func lastPosition(db pebble.Reader) (position uint64, err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: eventKey(0), UpperBound: []byte{eventPrefix + 1}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		return 0, it.Error()
	}
	position, ok := positionOf(it.Key())
	if !ok {
		return 0, errDamaged
	}
	return position, nil
}

// A pebbleLogger hands Pebble's messages on. Fatalf must not return to business
// as usual: Pebble would carry on after a failed sync and acknowledge what it
// lost. It fails the node, which from then on acknowledges nothing.
type pebbleLogger struct {
	log  *slog.Logger
	fail func(error)
}

// Infof implements pebble.Logger.
func (l pebbleLogger) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("pebble", slog.String("detail", fmt.Sprintf(format, args...)))
	}
}

// Errorf implements pebble.Logger.
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Warn("pebble", slog.String("detail", fmt.Sprintf(format, args...)))
}

// Fatalf implements pebble.Logger.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	text, trace, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	if trace != "" {
		l.log.Debug("pebble", slog.String("detail", trace))
	}
	l.fail(fmt.Errorf("pebble: %s", text))
}
