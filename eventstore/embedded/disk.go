package embedded

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A disk stands between Pebble and the file system and keeps from Pebble what it
// cannot live with: after a failed write or sync of its log Pebble either goes on
// as if nothing were lost or panics.
//
// No space is a pause. A write that found none has done no harm; it is tried
// again until there is room, while full tells the handlers to refuse appends
// instead of letting callers wait.
//
// Any other failure is the end. What a failed sync left on disk nobody knows, and
// a second sync would not tell. The node is failed, and the call never returns:
// whatever waits for it waits until the process has ended.
//
// While a store is being opened no space is such a failure, too: nobody is there
// who could wait for it. Until arm is called, errors pass.
type disk struct {
	vfs.FS
	retry time.Duration
	fail  func(error)
	armed atomic.Bool
	open  atomic.Bool
	space *pause // calls wait for space
}

func newDisk(fs vfs.FS, retry time.Duration, fail func(error)) *disk {
	return &disk{FS: fs, retry: retry, fail: fail, space: newPause()}
}

func (d *disk) arm() { d.armed.Store(true) }

// opened says that the store is open.
func (d *disk) opened() { d.open.Store(true) }

// full returns a channel that is closed while a write waits for space.
func (d *disk) full() <-chan struct{} { return d.space.began() }

// try calls op, again and again while there is no space. It returns nil, an error
// that Pebble expects, or not at all.
func (d *disk) try(op func() error) error {
	err := op()
	if err == nil || !d.armed.Load() {
		return err
	}
	if noSpace(err) && d.open.Load() {
		d.space.enter()
		for noSpace(err) {
			time.Sleep(d.retry)
			err = op()
		}
		d.space.leave()
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrExist) {
		d.fail(err)
		select {}
	}
	return err
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func (d *disk) file(open func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	err := d.try(func() (err error) {
		f, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &diskFile{File: f, disk: d}, nil
}

// Create implements vfs.FS.
func (d *disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.settle(name); err != nil {
		return nil, err
	}
	return d.file(func() (vfs.File, error) { return d.FS.Create(name, category) })
}

// OpenReadWrite implements vfs.FS.
func (d *disk) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.file(func() (vfs.File, error) { return d.FS.OpenReadWrite(name, category, opts...) })
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file(func() (vfs.File, error) { return d.FS.ReuseForWrite(oldname, newname, category) })
}

// OpenDir implements vfs.FS.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	return d.file(func() (vfs.File, error) { return d.FS.OpenDir(name) })
}

// Link implements vfs.FS. That a file system has no links, or no more of them, is
// no failure: Pebble then copies.
func (d *disk) Link(oldname, newname string) error {
	var without error
	err := d.try(func() error {
		err := d.FS.Link(oldname, newname)
		for _, e := range []error{syscall.EPERM, syscall.ENOTSUP, syscall.EMLINK, syscall.ENOSYS} {
			if errors.Is(err, e) {
				without = err
				return nil
			}
		}
		return err
	})
	return errors.Join(err, without)
}

// Rename implements vfs.FS.
func (d *disk) Rename(oldname, newname string) error {
	return d.try(func() error { return d.FS.Rename(oldname, newname) })
}

// MkdirAll implements vfs.FS.
func (d *disk) MkdirAll(dir string, perm os.FileMode) error {
	return d.try(func() error { return d.FS.MkdirAll(dir, perm) })
}

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

type diskFile struct {
	vfs.File
	disk *disk
}

// Write implements vfs.File. What was written before the disk was full stays;
// only the rest is tried again.
func (f *diskFile) Write(p []byte) (int, error) {
	written := 0
	err := f.disk.try(func() error {
		n, err := f.File.Write(p[written:])
		written += n
		return err
	})
	return written, err
}

// WriteAt implements vfs.File.
func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	written := 0
	err := f.disk.try(func() error {
		n, err := f.File.WriteAt(p[written:], off+int64(written))
		written += n
		return err
	})
	return written, err
}

// Preallocate implements vfs.File. It only saves time, so a disk without room for
// it is no failure; the write that needs the room will say so.
func (f *diskFile) Preallocate(offset, length int64) error {
	if err := f.File.Preallocate(offset, length); !noSpace(err) {
		return err
	}
	return nil
}

// Sync implements vfs.File.
func (f *diskFile) Sync() error { return f.synced(f.File.Sync()) }

// SyncData implements vfs.File.
func (f *diskFile) SyncData() error { return f.synced(f.File.SyncData()) }

// SyncTo implements vfs.File.
func (f *diskFile) SyncTo(length int64) (fullSync bool, err error) {
	fullSync, err = f.File.SyncTo(length)
	return fullSync, f.synced(err)
}

// synced ends the node for any error of a sync, no space included: to sync again
// would report success for pages that the system has given up.
func (f *diskFile) synced(err error) error {
	if err != nil && f.disk.armed.Load() {
		f.disk.fail(err)
		select {}
	}
	return err
}
