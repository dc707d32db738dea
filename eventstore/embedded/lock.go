package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// lockDirectory takes the directory for this node. The lock is the operating
// system's, and goes with the process.
func lockDirectory(dir string, fs vfs.FS) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fs)
	switch {
	case err == nil:
		return lock, nil
	case errors.As(err, new(*os.PathError)): // no file to lock
		return nil, fmt.Errorf("embedded: lock %s: %w", dir, err)
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("%w: %s%s", ErrInUse, dir, holder(filepath.Join(dir, "LOCK")))
	default: // this very process has it
		return nil, fmt.Errorf("%w: %s: %w", ErrInUse, dir, err)
	}
}

// holder says which process has the lock, "" if that cannot be told. It must not
// be called for a lock of this process: to close any descriptor of the file gives
// such a lock away.
func holder(name string) string {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	spec := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &spec); err != nil || spec.Type == unix.F_UNLCK || spec.Pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (process %d)", spec.Pid)
}

// canonical is the one name of a directory, so that a node of this process cannot
// take it twice under two names.
func canonical(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}
