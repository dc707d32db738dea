package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// restoring is what is added to the name of a folder while it is filled.
const restoring = ".restoring"

// Restore makes a store in dir, which must not exist or be empty, of a backup. The
// files are copied beside it, held against the manifest, and checked as Check
// does; then the folder gets its name, in one step. What is killed before leaves a
// folder of another name, which the next Restore to the same place removes.
//
// The store is the same instance as the one that was backed up, and its floor is
// the backup's end.
func Restore(ctx context.Context, backup, dir string, progress func(Progress)) (_ Manifest, _ Report, err error) {
	m, err := ReadManifest(backup)
	if err != nil {
		return Manifest{}, Report{}, err
	}
	report, err := restore(ctx, m, backup, dir, progress)
	if err != nil {
		return Manifest{}, report, fmt.Errorf("embedded: restore %s to %s: %w", backup, dir, err)
	}
	return m, report, nil
}

func restore(ctx context.Context, m Manifest, backup, dir string, progress func(Progress)) (report Report, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return Report{}, err
	}
	if err := mustBeEmpty(dir); err != nil {
		return Report{}, err
	}
	temp := dir + restoring
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return Report{}, err
	}
	lock, err := lockDirectory(temp, vfs.Default)
	if err != nil {
		return Report{}, err // another restore is at it
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
		err = errors.Join(err, lock.Close())
	}()
	if err := removeLeftovers(temp); err != nil {
		return Report{}, err
	}
	if err := enoughSpace(temp, m.Bytes()); err != nil {
		return Report{}, err
	}
	err = m.eachFile(ctx, backup, progress, func(name string, from io.Reader) error {
		return writeSynced(filepath.Join(temp, name), from)
	})
	if err != nil {
		return Report{}, err
	}
	if report, err = Check(ctx, temp, CheckConfig{Progress: progress}); err != nil {
		return report, err
	}
	if report.Damages > 0 {
		return report, fmt.Errorf("the store in the backup is damaged: %s", report.Findings[0])
	}
	if err := m.sealFloor(temp); err != nil {
		return report, err
	}
	// Over an empty folder this works, over any other it fails.
	if err := os.Rename(temp, dir); err != nil {
		return report, err
	}
	parent := filepath.Dir(dir)
	return report, errors.Join(syncFolder(parent), syncFolder(filepath.Dir(parent)))
}

// sealFloor holds the store in dir against the manifest, and puts its floor where
// it ends.
func (m Manifest) sealFloor(dir string) (err error) {
	db, err := openFrozen(dir, minMemTable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	instance, err := instanceOf(db)
	if err != nil {
		return err
	}
	position, err := lastPosition(db)
	if err != nil {
		return err
	}
	last, err := lastEventHash(db, position)
	if err != nil {
		return err
	}
	if instance != m.Instance || position != m.Position || last != m.LastEvent {
		return fmt.Errorf("%w: the store is %s and ends at position %d with event %s; the manifest says %s, %d and %s",
			ErrNotABackup, instance, position, last, m.Instance, m.Position, m.LastEvent)
	}
	end, err := markAt(db, instance, position)
	if err != nil {
		return err
	}
	return errors.Join(writeFloor(dir, vfs.Default, []mark{end, end}), syncFolder(dir))
}

// lastEventHash is the hash of the stored event at position, "" at 0.
func lastEventHash(db pebble.Reader, position uint64) (string, error) {
	if position == 0 {
		return "", nil
	}
	value, closer, err := db.Get(eventKey(position))
	if err != nil {
		return "", fmt.Errorf("event at position %d: %w", position, err)
	}
	sum := sha256.Sum256(value)
	return hex.EncodeToString(sum[:]), closer.Close()
}

func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("the folder is not empty, it has %s: an event store is never overwritten", entries[0].Name())
	}
	return nil
}

// removeLeftovers empties the folder of a restore that was killed, but for the
// lock that was just taken.
func removeLeftovers(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != "LOCK" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
