package embedded

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A spaceFS turns a full disk into a pause. Pebble cannot go on after a failed write to its log, but a write that found
// no space has done no harm: it is tried again until there is room. Meanwhile full tells the handlers, which refuse
// appends instead of letting callers wait. A failed sync is another matter and is never tried again.
type spaceFS struct {
	vfs.FS
	retry time.Duration

	mu      sync.Mutex
	waiting int           // writes that wait for space
	isFull  chan struct{} // closed while waiting > 0
	ended   chan struct{} // closed by end
}

func newSpaceFS(fs vfs.FS, retry time.Duration) *spaceFS {
	return &spaceFS{FS: fs, retry: retry, isFull: make(chan struct{}), ended: make(chan struct{})}
}

// full returns a channel that is closed while a write waits for space.
func (s *spaceFS) full() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isFull
}

// end makes waiting writes fail, so that the node can be closed.
func (s *spaceFS) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ended:
	default:
		close(s.ended)
	}
}

// until calls op again and again while it finds no space.
func (s *spaceFS) until(op func() error) error {
	err := op()
	if !noSpace(err) {
		return err
	}
	s.enter()
	defer s.leave()
	for noSpace(err) {
		select {
		case <-s.ended:
			return err
		case <-time.After(s.retry):
			err = op()
		}
	}
	return err
}

func (s *spaceFS) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting++; s.waiting == 1 {
		close(s.isFull)
	}
}

func (s *spaceFS) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting--; s.waiting == 0 {
		s.isFull = make(chan struct{})
	}
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func (s *spaceFS) file(open func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	err := s.until(func() (err error) {
		f, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &spaceFile{File: f, space: s}, nil
}

// Create implements vfs.FS.
func (s *spaceFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return s.file(func() (vfs.File, error) { return s.FS.Create(name, category) })
}

// OpenReadWrite implements vfs.FS.
func (s *spaceFS) OpenReadWrite(
	name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption,
) (vfs.File, error) {
	return s.file(func() (vfs.File, error) { return s.FS.OpenReadWrite(name, category, opts...) })
}

// ReuseForWrite implements vfs.FS.
func (s *spaceFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return s.file(func() (vfs.File, error) { return s.FS.ReuseForWrite(oldname, newname, category) })
}

// Link implements vfs.FS.
func (s *spaceFS) Link(oldname, newname string) error {
	return s.until(func() error { return s.FS.Link(oldname, newname) })
}

// Rename implements vfs.FS.
func (s *spaceFS) Rename(oldname, newname string) error {
	return s.until(func() error { return s.FS.Rename(oldname, newname) })
}

// MkdirAll implements vfs.FS.
func (s *spaceFS) MkdirAll(dir string, perm os.FileMode) error {
	return s.until(func() error { return s.FS.MkdirAll(dir, perm) })
}

// Unwrap implements vfs.FS.
func (s *spaceFS) Unwrap() vfs.FS { return s.FS }

type spaceFile struct {
	vfs.File
	space *spaceFS
}

// Write implements vfs.File. What was written before the disk was full stays; only the rest is tried again.
func (f *spaceFile) Write(p []byte) (int, error) {
	written := 0
	err := f.space.until(func() error {
		n, err := f.File.Write(p[written:])
		written += n
		return err
	})
	return written, err
}

// WriteAt implements vfs.File.
func (f *spaceFile) WriteAt(p []byte, off int64) (int, error) {
	written := 0
	err := f.space.until(func() error {
		n, err := f.File.WriteAt(p[written:], off+int64(written))
		written += n
		return err
	})
	return written, err
}

// Preallocate implements vfs.File. It only saves time, so a disk without room for it is no failure; the write that
// needs the room will say so.
func (f *spaceFile) Preallocate(offset, length int64) error {
	if err := f.File.Preallocate(offset, length); !noSpace(err) {
		return err
	}
	return nil
}
