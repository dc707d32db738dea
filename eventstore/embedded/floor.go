package embedded

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

// The floor is a file beside the database that says how far the log was durable
// when it was written. Pebble cannot know that: it takes damage in the last
// 32 KiB of its newest log file for the torn end of a killed process, and an
// older copy of the folder for the store itself. A store that does not reach its
// floor lost events that were acknowledged, and is not opened.
//
//	block 0                                     block 1
//	┌────────────────────────────────────────┐  ┌─────────────┐
//	│ magic 8 │ instance 16 │ position 8 │    │  │ the same,   │
//	│ hash of the event there 28 │ CRC-32C 4 │  │ one older   │
//	└────────────────────────────────────────┘  └─────────────┘
//
// The two marks are written in turn, each in place in a block of its own, so that
// one is whole whatever happens to the other. In place, because that changes
// neither the file's size nor a directory: a sync of it costs one write, and a
// full disk has room for it.
//
// A mark is written only of what is durable already. A crash at any moment leaves
// the floor at or below the log's end.
type floor struct {
	file     vfs.File
	pulse    *pulse
	db       pebble.Reader
	instance uuid.UUID
	next     int           // the block to be written
	position atomic.Uint64 // of the newest mark
	durable  atomic.Uint64 // where follow is to raise it; 0 until something is appended
	due      chan struct{} // enough has happened not to wait
	stop     chan struct{} // closed: nothing more will happen
}

const (
	floorFile   = "floor"
	floorBlock  = 4096
	floorBlocks = 2

	floorAge    = time.Second // at the latest so long after the log has grown
	floorEvents = 1000        // or so many events later
)

// A Durability says how soon the floor follows the log. Events are on disk
// before they are acknowledged in any case; the floor is what notices when a
// disk has lost them afterwards.
type Durability uint8

const (
	// Normal writes the floor within a second or 1,000 events: damage to what is
	// younger passes for a torn end.
	Normal Durability = iota
	// Paranoid writes it before anything is acknowledged, for a second sync per
	// group of appends. No loss goes unnoticed.
	Paranoid
)

// ErrWentBack is wrapped by what Open returns for a store that lacks events that
// it had acknowledged: it was damaged, or is a copy from before. Nothing in the
// folder was changed. A backup brings the events back; AcceptLoss goes on without.
var ErrWentBack = errors.New("the event store went back")

// A Loss is the difference between a floor and the store above it. The zero value
// is none.
type Loss struct {
	// What was found, in words; empty when nothing is missing.
	What string
	// Promised is the last position that the floor knows to have been
	// acknowledged; 0 when there is no floor to ask.
	Promised uint64
	// Found is the last position in the store. The events after it, up to
	// Promised, are missing. Where Found is not before Promised, the store holds
	// other events than were acknowledged, and from where on cannot be told.
	Found uint64
}

func (l Loss) err(dir string) error {
	if l.What == "" {
		return nil
	}
	return fmt.Errorf("%w: %s: %s", ErrWentBack, dir, l.What)
}

// A mark is one promise: the event at position, in the store of that instance,
// was durable.
type mark struct {
	instance uuid.UUID
	position uint64
	hash     [28]byte // SHA-256 of the stored event, cut; zeros at position 0
	block    int      // it was read from
}

const markSize = 64

var (
	markMagic  = [8]byte{'E', 'F', 'L', 'O', 'O', 'R', 0, 1} // the last is the version
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func (m mark) encode() []byte {
	b := append(make([]byte, 0, markSize), markMagic[:]...)
	b = append(b, m.instance[:]...)
	b = binary.BigEndian.AppendUint64(b, m.position)
	b = append(b, m.hash[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeMark reports false for what is no whole mark.
func decodeMark(b []byte) (m mark, ok bool) {
	if len(b) < markSize || !bytes.HasPrefix(b, markMagic[:]) ||
		crc32.Checksum(b[:markSize-4], castagnoli) != binary.BigEndian.Uint32(b[markSize-4:]) {
		return mark{}, false
	}
	copy(m.instance[:], b[8:])
	m.position = binary.BigEndian.Uint64(b[24:])
	copy(m.hash[:], b[32:])
	return m, true
}

// markAt is the mark for a position that is durable.
func markAt(db pebble.Reader, instance uuid.UUID, position uint64) (mark, error) {
	m := mark{instance: instance, position: position}
	if position == 0 {
		return m, nil
	}
	value, closer, err := db.Get(eventKey(position))
	if err != nil {
		return mark{}, fmt.Errorf("event at position %d: %w", position, err)
	}
	hash := sha256.Sum256(value)
	copy(m.hash[:], hash[:])
	return m, closer.Close()
}

// readFloor reads the marks that are whole, the newest first. A folder without a
// floor has none.
func readFloor(dir string, fs vfs.FS) (_ []mark, err error) {
	f, err := fs.Open(fs.PathJoin(dir, floorFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var marks []mark
	for block := range int64(floorBlocks) {
		b := make([]byte, markSize)
		if _, err := f.ReadAt(b, block*floorBlock); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read the floor: %w", err)
		}
		if m, ok := decodeMark(b); ok {
			m.block = int(block)
			marks = append(marks, m)
		}
	}
	slices.SortFunc(marks, func(x, y mark) int { return cmp.Compare(y.position, x.position) })
	return marks, nil
}

// lossOf holds the store against its floor. db is nil where there is a floor and
// no database.
func lossOf(db pebble.Reader, marks []mark) (Loss, error) {
	var loss Loss
	if len(marks) > 0 {
		loss.Promised = marks[0].position
	}
	if db == nil {
		if len(marks) > 0 {
			loss.What = fmt.Sprintf("%d events were acknowledged, and there is no database", loss.Promised)
		}
		return loss, nil
	}
	kept, err := readNumber(db, storeKey("floor"))
	if err != nil {
		return loss, err
	}
	instance, err := instanceOf(db)
	if err != nil {
		return loss, err
	}
	if loss.Found, err = lastPosition(db); err != nil {
		return loss, err
	}
	if len(marks) == 0 && kept != 0 {
		loss.What = fmt.Sprintf("its floor file is missing or damaged, so that nobody can tell whether position %d is where it ended", loss.Found)
		return loss, nil
	}
	for _, m := range marks {
		switch {
		case m.instance != instance:
			loss.What = fmt.Sprintf("the floor there is of another store (%s), which reached position %d; this one (%s) ends at %d",
				m.instance, m.position, instance, loss.Found)
		case m.position > loss.Found:
			loss.What = fmt.Sprintf("the log ends at position %d, but was acknowledged up to %d at least", loss.Found, m.position)
		default:
			stored, err := markAt(db, instance, m.position)
			if err != nil {
				return loss, err
			}
			if stored.hash == m.hash {
				continue
			}
			loss.What = fmt.Sprintf("the event at position %d is not the one that was acknowledged there", m.position)
		}
		return loss, nil
	}
	return loss, nil
}

// checkFloor looks at a store before it is opened for good, and changes nothing:
// that opening throws away whatever follows a damaged place.
func checkFloor(dir string, fs vfs.FS, lock *pebble.Lock, cfg Config, logger pebble.Logger) (marks []mark, loss Loss, err error) {
	if marks, err = readFloor(dir, fs); err != nil {
		return nil, Loss{}, fmt.Errorf("embedded: open %s: %w", dir, err)
	}
	unflushed, err := logBytes(dir, fs)
	if err != nil {
		return nil, Loss{}, fmt.Errorf("embedded: open %s: %w", dir, err)
	}
	opts := pebbleOptions(fs, lock, cfg, logger)
	opts.ReadOnly = true
	db, err := openPebble(dir, opts)
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		loss, err = lossOf(nil, marks)
		return marks, loss, err
	}
	if err != nil {
		return nil, Loss{}, fmt.Errorf("embedded: open %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkNoHole(db, unflushed); err != nil {
		return nil, Loss{}, fmt.Errorf("embedded: open %s: %w", dir, err)
	}
	if loss, err = lossOf(db, marks); err != nil {
		return nil, Loss{}, fmt.Errorf("embedded: hold %s against its floor: %w", dir, err)
	}
	return marks, loss, nil
}

// openFloor opens the floor of a store that reaches it, by these marks, and
// raises it to position, where the store ends. A store without marks gets a new
// floor, and remembers that from then on it must have one.
func openFloor(dir string, fs vfs.FS, db *pebble.DB, marks []mark, position uint64, p *pulse) (_ *floor, err error) {
	f := &floor{db: db, pulse: p, due: make(chan struct{}, 1), stop: make(chan struct{})}
	if f.instance, err = instanceOf(db); err != nil {
		return nil, err
	}
	if f.file, err = fs.OpenReadWrite(fs.PathJoin(dir, floorFile), vfs.WriteCategoryUnspecified); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.file.Close())
		}
	}()
	if len(marks) > 0 {
		f.next = (marks[0].block + 1) % floorBlocks
		f.position.Store(marks[0].position)
	}
	if len(marks) == floorBlocks {
		return f, f.raise(position)
	}
	for range floorBlocks { // the broken one first
		if err := f.write(position); err != nil {
			return nil, err
		}
	}
	folder, err := fs.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return nil, err
	}
	return f, db.Set(storeKey("floor"), number(1), pebble.Sync)
}

// raise brings the floor up to position, which is durable, and does nothing when
// it is there. One goroutine writes: the finisher of a paranoid node, or follow.
func (f *floor) raise(position uint64) error {
	if position <= f.position.Load() {
		return nil
	}
	return f.write(position)
}

// write puts a mark into the block whose turn it is.
func (f *floor) write(position uint64) error {
	m, err := markAt(f.db, f.instance, position)
	if err != nil {
		return err
	}
	f.pulse.begun.Add(1)
	defer f.pulse.done.Add(1)
	block := append(m.encode(), make([]byte, floorBlock-markSize)...)
	if _, err := f.file.WriteAt(block, int64(f.next)*floorBlock); err != nil {
		return fmt.Errorf("write the floor: %w", err)
	}
	if err := f.file.SyncData(); err != nil {
		return fmt.Errorf("sync the floor: %w", err)
	}
	f.next = (f.next + 1) % floorBlocks
	f.position.Store(position)
	return nil
}

// moved says up to where the log is durable; follow will see to it.
func (f *floor) moved(position uint64) error {
	f.durable.Store(position)
	if position-f.position.Load() >= floorEvents {
		select {
		case f.due <- struct{}{}:
		default: // it knows
		}
	}
	return nil
}

// follow is the goroutine that raises the floor to what moved says, until stop is
// closed. Where raise is called instead of moved it has nothing to do.
func (f *floor) follow() error {
	tick := time.NewTicker(floorAge)
	defer tick.Stop()
	for ending := false; !ending; {
		select {
		case <-tick.C:
		case <-f.due:
		case <-f.stop:
			ending = true
		}
		if err := f.raise(f.durable.Load()); err != nil {
			return err
		}
	}
	return nil
}

// AcceptLoss makes a store that Open refuses with ErrWentBack one that opens,
// with what it has: the floor is put where the store ends. It is the operator's
// decision, never the program's. It returns what is missing; for a store that
// lacks nothing that is the zero value, and nothing is changed.
//
// The store becomes another instance, for it has another history from here on:
// what was derived from the events that are missing has to be derived anew.
func AcceptLoss(cfg Config) (loss Loss, err error) {
	if err := cfg.setDefaults(); err != nil {
		return Loss{}, err
	}
	d := newDisk(cfg.fs, cfg.SpaceRetry, nil) // never armed: errors pass
	lock, err := takeFolder(&cfg, d)
	if err != nil {
		return Loss{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	var failure error // Pebble may fail and not say so; it does not while nobody writes
	logger := pebbleLogger{log: cfg.Log, fail: func(err error) { failure = err }}
	if _, loss, err = checkFloor(cfg.Dir, d, lock, cfg, logger); err != nil || loss.What == "" {
		return Loss{}, err
	}
	db, err := openStorage(cfg.Dir, d, lock, cfg, logger)
	if err != nil {
		return Loss{}, err
	}
	defer func() { err = errors.Join(err, db.Close(), failure) }()
	instance := uuid.New()
	if err := db.Set(storeKey("instance"), instance[:], pebble.Sync); err != nil {
		return Loss{}, fmt.Errorf("embedded: name the new history of %s: %w", cfg.Dir, err)
	}
	f, err := openFloor(cfg.Dir, d, db, nil, loss.Found, &pulse{})
	if err != nil {
		return Loss{}, fmt.Errorf("embedded: make the floor of %s: %w", cfg.Dir, err)
	}
	cfg.Log.Warn("a loss was accepted", slog.String("dir", cfg.Dir), slog.String("detail", loss.What))
	return loss, f.file.Close()
}
