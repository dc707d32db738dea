package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// dataDir is what the server works on.
type dataDir struct {
	dir   string
	major int                 // the version that made it; 0 when there is none yet
	owner *syscall.Credential // whom the server runs as; nil: whom we run as
}

// openData finds out what is in dir, which need not exist.
func openData(dir string) (dataDir, error) {
	d := dataDir{dir: dir}
	version, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			return d, fmt.Errorf("%s is there but holds no PostgreSQL cluster (PG_VERSION is missing)", dir)
		}
	case err != nil:
		return d, fmt.Errorf("postgres data: %w", err)
	default:
		d.major, err = strconv.Atoi(strings.TrimSpace(string(version)))
		if err != nil {
			return d, fmt.Errorf("postgres data: PG_VERSION in %s: %w", dir, err)
		}
	}
	if os.Geteuid() == 0 {
		d.owner, err = standIn(dir, d.major != 0)
		if err != nil {
			return d, fmt.Errorf("postgres data: %w", err)
		}
	}
	return d, nil
}

// initialize makes the cluster beside its place and moves it there whole.
func initialize(ctx context.Context, bin binaries, d dataDir, durable bool) error {
	half := dataDir{dir: d.dir + ".new", owner: d.owner}
	if err := os.RemoveAll(half.dir); err != nil {
		return fmt.Errorf("create postgres cluster: %w", err)
	}
	if err := os.Mkdir(half.dir, 0o700); err != nil {
		return fmt.Errorf("create postgres cluster: %w", err)
	}
	if err := half.giveAway(); err != nil {
		return fmt.Errorf("create postgres cluster: %w", err)
	}
	if err := half.initdb(ctx, bin, durable); err != nil {
		return fmt.Errorf("create postgres cluster: %w", err)
	}
	if err := os.Rename(half.dir, d.dir); err != nil {
		return fmt.Errorf("create postgres cluster: %w", err)
	}
	if durable {
		return syncDir(filepath.Dir(d.dir))
	}
	return nil
}

func (d dataDir) initdb(ctx context.Context, bin binaries, durable bool) error {
	// No machine has all of these names for the same thing; the last is
	// everywhere but knows ASCII only.
	var err error
	for _, ctype := range []string{"C.UTF-8", "C.utf8", "en_US.UTF-8", "C"} {
		args := []string{
			"--username=" + Superuser, "--auth-local=trust", "--auth-host=reject", "--data-checksums",
			"--encoding=UTF8", "--lc-collate=C", "--lc-ctype=" + ctype, "--no-instructions",
		}
		if !durable {
			args = append(args, "--no-sync")
		}
		var said []byte
		said, err = d.run(ctx, filepath.Join(bin.dir, "initdb"), args)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(said))
		if !bytes.Contains(said, []byte("invalid locale")) {
			break
		}
	}
	return err
}

// run runs a program of the server to its end and returns what it said.
func (d dataDir) run(ctx context.Context, program string, args []string) ([]byte, error) {
	runtime.LockOSThread() // see server.keep
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, program)
	lent, err := d.lend(cmd)
	if err != nil {
		return nil, err
	}
	defer lent()
	cmd.Args = append(cmd.Args, args...)
	return cmd.CombinedOutput()
}

// lend prepares cmd to work on d as its owner, with -D as the first argument. The
// caller calls lent when cmd has started or failed to.
func (d dataDir) lend(cmd *exec.Cmd) (lent func(), err error) {
	cmd.Env = environment()
	cmd.Dir = "/" // ours may be closed to the owner
	cmd.SysProcAttr = attributes(d.owner)
	lent = func() {}
	name := d.dir
	if d.owner != nil && lendByFile {
		f, err := os.Open(d.dir)
		if err != nil {
			return nil, err
		}
		cmd.ExtraFiles = []*os.File{f}
		name = "/proc/self/fd/3"
		lent = func() { _ = f.Close() }
	}
	cmd.Args = append(cmd.Args, "-D", name)
	return lent, nil
}

// giveAway makes all of d belong to its owner.
func (d dataDir) giveAway() error {
	if d.owner == nil {
		return nil
	}
	root, err := os.OpenRoot(d.dir) // the owner must not lead us out by a link made meanwhile
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, int(d.owner.Uid), int(d.owner.Gid))
	})
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
