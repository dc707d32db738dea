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
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// copyBuffer is how much is copied at a time.
const copyBuffer = 1 << 20

// Backup copies a frozen store to the folder target, which must not exist or be
// empty, nor be inside the store's folder, and returns the manifest it wrote there. Every file is on disk before the
// manifest is. When it fails it removes what it wrote; when it is killed, what it
// wrote has no manifest, and Restore refuses it.
//
// The copies are bytes of their own, on the same file system too. A backup of
// links would be damaged together with its original.
func Backup(ctx context.Context, from *Frozen, target string, progress func(Progress)) (_ Manifest, err error) {
	m, err := describe(from)
	if err != nil {
		return Manifest{}, err
	}
	entries, err := os.ReadDir(from.Dir)
	if err != nil {
		return Manifest{}, fmt.Errorf("embedded: back up: %w", err)
	}
	for _, e := range entries {
		file, err := e.Info()
		if err != nil {
			return Manifest{}, fmt.Errorf("embedded: back up: %w", err)
		}
		m.Files = append(m.Files, FileSeal{Name: e.Name(), Size: file.Size()})
	}
	undo, err := emptyFolder(target)
	if err != nil {
		return Manifest{}, fmt.Errorf("embedded: back up to %s: %w", target, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("embedded: back up to %s: %w", target, err), undo())
		}
	}()
	if err := mustBeOutside(target, filepath.Dir(filepath.Dir(from.Dir))); err != nil {
		return Manifest{}, err
	}
	if err := enoughSpace(target, m.Bytes()); err != nil {
		return Manifest{}, err
	}
	dir := filepath.Join(target, eventsFolder)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return Manifest{}, err
	}
	meter := newMeter(ctx, "copying", m.Bytes(), progress)
	for i := range m.Files {
		if err := copySealed(from.Dir, dir, &m.Files[i], meter); err != nil {
			return Manifest{}, err
		}
	}
	if err := errors.Join(syncFolder(dir), syncFolder(target)); err != nil {
		return Manifest{}, err
	}
	return m, writeManifest(target, m)
}

// describe says all of a frozen store but its files.
func describe(from *Frozen) (_ Manifest, err error) {
	db, err := openFrozen(from.Dir, minMemTable)
	if err != nil {
		return Manifest{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	m := Manifest{Format: backupFormat, Taken: time.Now().UTC().Truncate(time.Second)}
	if m.Instance, err = instanceOf(db); err != nil {
		return Manifest{}, err
	}
	if m.Position, err = lastPosition(db); err != nil {
		return Manifest{}, err
	}
	if m.Position < from.Position {
		return Manifest{}, fmt.Errorf("embedded: the frozen store ends at position %d, before %d: %w", m.Position, from.Position, errDamaged)
	}
	m.Events = m.Position // positions are counted from 1 and have no gaps
	m.LastEvent, err = lastEventHash(db, m.Position)
	return m, err
}

// copySealed copies one file and notes what it was.
func copySealed(from, to string, f *FileSeal, meter *meter) error {
	in, err := os.Open(filepath.Join(from, f.Name))
	if err != nil {
		return err
	}
	defer in.Close()
	hash, size := sha256.New(), &counter{}
	if err := writeSynced(filepath.Join(to, f.Name), io.TeeReader(meter.reader(in), io.MultiWriter(hash, size))); err != nil {
		return err
	}
	if size.bytes != f.Size {
		return fmt.Errorf("%s has %d bytes, had %d", in.Name(), size.bytes, f.Size)
	}
	f.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return nil
}

// writeSynced writes a new file, and returns when it is on disk.
func writeSynced(name string, from io.Reader) (err error) {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	// Not the file itself: io.Copy would hand it the job, past the reader's hash
	// in a buffer of 32 KiB.
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, from, make([]byte, copyBuffer)); err != nil {
		return err
	}
	return out.Sync()
}

// writeManifest makes a backup of what is in target: it appears at once, or not.
func writeManifest(target string, m Manifest) (err error) {
	text, err := m.encode()
	if err != nil {
		return err
	}
	name := filepath.Join(target, manifestName)
	out, err := os.OpenFile(name+".tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return err
	}
	return errors.Join(syncFolder(target), syncFolder(filepath.Dir(filepath.Clean(target))))
}

// emptyFolder makes dir, unless it is there and empty. undo takes back the folder,
// if it was made, and all that is in it.
func emptyFolder(dir string) (undo func() error, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
			return nil, err
		}
		return func() error { return os.RemoveAll(dir) }, os.Mkdir(dir, 0o700)
	case err != nil:
		return nil, err
	case len(entries) > 0:
		return nil, fmt.Errorf("the folder is not empty, it has %s", entries[0].Name())
	}
	return func() error {
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
		return err
	}, nil
}

// mustBeOutside refuses a target in the store's folder, where the next start may
// remove it, and where it is lost together with the store.
func mustBeOutside(target, store string) error {
	target, err := canonical(target)
	if err != nil {
		return err
	}
	if store, err = canonical(store); err != nil {
		return err
	}
	if strings.HasPrefix(target+string(filepath.Separator), store+string(filepath.Separator)) {
		return fmt.Errorf("the folder is inside the event store's own, %s", store)
	}
	return nil
}

// enoughSpace refuses to begin what cannot end: to fill a disk that the store may
// be on as well would stop its appends.
func enoughSpace(dir string, bytes uint64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return nil //nolint:nilerr // then writing will tell
	}
	const margin = 64 << 20 // for what the store writes meanwhile
	if free := s.Bavail * uint64(s.Bsize); free < bytes+margin {
		return fmt.Errorf("%w: %d MiB are needed, %d MiB are free", unix.ENOSPC, (bytes+margin)>>20, free>>20)
	}
	return nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
