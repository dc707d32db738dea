package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A CheckConfig says how to check. The zero value works.
type CheckConfig struct {
	// Permanent are the prefixes of streams whose history may not be shortened, as
	// in Config.
	Permanent []string
	// Progress is told now and then how far the check is. Default: nobody is.
	Progress func(Progress)
}

// A Report is what Check found.
type Report struct {
	Position uint64 // of the last event
	Events   uint64
	Streams  uint64
	Bytes    uint64 // of tables, all of which were read
	Took     time.Duration
	Damages  uint64    // how many
	Findings []Finding // the first of them
	Loss     Loss      // that the floor knows of
}

// EventsPerSecond is how fast the check was.
func (r Report) EventsPerSecond() float64 {
	return float64(r.Events) / max(r.Took.Seconds(), 1e-9)
}

// A Finding is one damage.
type Finding struct {
	Position uint64 // of the event it is about; 0 when it is about none
	Stream   string // likewise; "" when it is about none
	What     string
}

// String is the finding in one line.
func (f Finding) String() string {
	switch {
	case f.Stream != "" && f.Position != 0:
		return fmt.Sprintf("position %d, stream %s: %s", f.Position, f.Stream, f.What)
	case f.Stream != "":
		return fmt.Sprintf("stream %s: %s", f.Stream, f.What)
	case f.Position != 0:
		return fmt.Sprintf("position %d: %s", f.Position, f.What)
	default:
		return f.What
	}
}

const (
	findingsKept = 20
	checkCache   = 16 << 20
)

// Check reads all of a store that nobody changes meanwhile: a frozen one, a
// backup's, or one that it keeps from being opened. It verifies every checksum,
// that positions and revisions have no gaps and agree, that every event is where both
// indexes say and no index says more, that every stream has one name, that
// permanent streams are whole, and that the floor is held. It changes nothing, and
// its memory does not grow with the store.
//
// An error means that the check could not be made, not that it found something;
// a store that cannot be opened at all is a damage.
func Check(ctx context.Context, dir string, cfg CheckConfig) (_ Report, err error) {
	began := time.Now()
	v := &verifier{ctx: ctx, cfg: cfg}
	db, err := openFrozen(dir, checkCache)
	switch {
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		marks, unread := readFloor(dir, vfs.Default)
		if v.report.Loss, _ = lossOf(nil, marks); v.report.Loss.What == "" {
			return v.report, errors.Join(err, unread)
		}
		return v.end(began), nil
	case err != nil:
		v.find(0, "", "it cannot be opened: %v", err)
		return v.end(began), ctx.Err()
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	v.db = db
	for _, pass := range append([]func() error{v.floor(dir), v.tables(dir)}, v.passes()...) {
		if err := pass(); err != nil {
			if ctx.Err() != nil {
				return v.end(began), ctx.Err()
			}
			v.find(0, "", "%v", err) // what cannot be read is damaged
		}
	}
	return v.end(began), nil
}

// CheckBackup is VerifyBackup, then Check of the store in the backup.
func CheckBackup(ctx context.Context, backup string, cfg CheckConfig) (Report, error) {
	m, err := VerifyBackup(ctx, backup, cfg.Progress)
	if err != nil {
		return Report{}, err
	}
	report, err := Check(ctx, filepath.Join(backup, eventsFolder), cfg)
	if err == nil && report.Damages == 0 && report.Position != m.Position {
		err = fmt.Errorf("embedded: %w: it ends at position %d, the manifest says %d", ErrNotABackup, report.Position, m.Position)
	}
	return report, err
}

// Exists reports whether dir holds a store, in whatever state: a floor without a
// database is what is left of one.
func Exists(dir string) (bool, error) {
	if _, err := os.Stat(filepath.Join(dir, floorFile)); err == nil {
		return true, nil
	}
	desc, err := pebble.Peek(dir, vfs.Default)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("embedded: look at %s: %w", dir, err)
	}
	if desc.Exists {
		return true, nil
	}
	orphan, err := orphanIn(dir, vfs.Default)
	return orphan != "", err
}

// CheckStopped is Check for a store that no node has open. It returns
// ErrInUse when one has.
func CheckStopped(ctx context.Context, dir string, cfg CheckConfig) (_ Report, err error) {
	dir, err = canonical(dir)
	if err != nil {
		return Report{}, fmt.Errorf("embedded: %w", err)
	}
	lock, err := lockDirectory(dir, vfs.Default)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return Check(ctx, dir, cfg)
}

// A verifier is one run of Check.
type verifier struct {
	ctx    context.Context //nolint:containedctx // it lives as long as one call
	cfg    CheckConfig
	db     *pebble.DB
	report Report

	named      idSet  // stream ids that have a name
	superseded uint64 // events whose id was used again later in their stream
	inStreams  uint64 // entries of the index by revision
	inIDs      uint64 // entries of the index by event id
	newest     int64  // created of the event before, in ticks
}

// passes are the parts of a check that look at what is stored and not at files. Each
// builds on those before.
func (v *verifier) passes() []func() error {
	return []func() error{v.log, v.names, v.streams, v.ids, v.strays}
}

func (v *verifier) end(began time.Time) Report {
	v.report.Took = time.Since(began)
	return v.report
}

func (v *verifier) find(position uint64, stream, format string, args ...any) {
	if v.report.Damages++; len(v.report.Findings) < findingsKept {
		v.report.Findings = append(v.report.Findings, Finding{position, stream, fmt.Sprintf(format, args...)})
	}
}

// floor holds the store against its floor.
func (v *verifier) floor(dir string) func() error {
	return func() error {
		marks, err := readFloor(dir, vfs.Default)
		if err != nil {
			return err
		}
		v.report.Loss, err = lossOf(v.db, marks)
		return err
	}
}

// tables verifies the checksum of every block of every table. The passes read
// most of them as well, but not the filters.
func (v *verifier) tables(dir string) func() error {
	return func() error {
		levels, err := v.db.SSTables()
		if err != nil {
			return err
		}
		for _, level := range levels {
			for _, t := range level {
				v.report.Bytes += t.Size
			}
		}
		meter := newMeter(v.ctx, "verifying checksums", v.report.Bytes, v.cfg.Progress)
		for _, level := range levels {
			for _, t := range level {
				name := fmt.Sprintf("%06d.sst", uint64(t.FileNum))
				if err := verifyTable(v.ctx, vfs.Default.PathJoin(dir, name)); err != nil {
					v.find(0, "", "%s: %v", name, err)
				}
				if err := meter.add(t.Size); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func verifyTable(ctx context.Context, name string) (err error) {
	file, err := vfs.Default.Open(name)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	opts := pebbleOptions(vfs.Default, nil, Config{MemTableBytes: minMemTable}, quiet{})
	r, err := sstable.NewReader(ctx, readable, opts.MakeReaderOptions())
	if err != nil {
		return err // which closed the file
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.ValidateBlockChecksums()
}

// scan calls each with every key of one kind, in order.
func (v *verifier) scan(prefix byte, doing string, each func(key, value []byte) error) (err error) {
	it, err := v.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	meter := newMeter(v.ctx, doing, v.report.Position, v.cfg.Progress)
	for ok := it.First(); ok; ok = it.Next() {
		if err := each(it.Key(), it.Value()); err != nil {
			return err
		}
		if err := meter.add(1); err != nil {
			return err
		}
	}
	return it.Error()
}

// streams reads the index by revision: within each stream the revisions count from
// 0, in the order of the log, and only a tombstone may follow far behind.
func (v *verifier) streams() error {
	last, next, before := uint64(0), int64(0), uint64(0)
	return v.scan(revisionPrefix, "revisions", func(key, value []byte) error {
		v.inStreams++
		stream, revision, ok := revisionOf(key)
		if !ok {
			v.find(0, "", "%q is no key of a revision", key)
			return nil
		}
		position, ok := wholeNumber(value)
		if !ok {
			v.find(0, "", "revision %d of stream number %d has no position", revision, stream)
			return nil
		}
		if stream != last {
			last, next, before = stream, 0, 0
			v.report.Streams++
			if !v.named.has(stream) {
				v.find(position, v.nameAt(position), "the stream, number %d, has no name", stream)
			}
		}
		if revision != next && revision != deletedRevision {
			v.find(position, v.nameAt(position), "revision %d is missing, the next is %d", next, revision)
		}
		if position <= before {
			v.find(position, v.nameAt(position), "revision %d is not behind what the stream has at position %d", revision, before)
		}
		before = position
		if next = revision; next != math.MaxInt64 {
			next++
		}
		return nil
	})
}

// wholeNumber is numberOf for who goes on after a damage.
func wholeNumber(value []byte) (uint64, bool) {
	n, err := numberOf(value)
	return n, err == nil
}

// wholeRecord is parseRecord for who goes on after a damage.
func wholeRecord(value []byte) (record, bool) {
	r, err := parseRecord(value, true)
	return r, err == nil
}

// nameAt is the stream of the event at position, for a finding.
func (v *verifier) nameAt(position uint64) string {
	value, closer, err := v.db.Get(eventKey(position))
	if err != nil {
		return ""
	}
	defer closer.Close()
	r, _ := wholeRecord(value)
	return string(r.stream)
}
