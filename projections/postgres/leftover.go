package postgres

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopLeftover stops the postmaster of an earlier run, if one still works on
// data, and clears away its lock files when that process is gone. It returns the
// id of the process it stopped, or 0.
//
// Postgres itself takes a reused process id for a living postmaster (in a
// container the ids are the same after every start), and a zombie that nobody
// waits for, and refuses to start. A backend that outlived its postmaster is not
// seen here; the shared memory, whose key comes from the folder's inode, makes
// the server refuse, and launch tries again.
func stopLeftover(ctx context.Context, data string) (int, error) {
	const folderLock, socketLock = "postmaster.pid", ".s.PGSQL." + port + ".lock"
	pid, err := readPID(filepath.Join(data, folderLock))
	if err != nil {
		return 0, err
	}
	alive := pid > 1 && isPostmaster(pid, data)
	if alive {
		if err := stopForeign(ctx, pid, data); err != nil {
			return 0, err
		}
	}
	for _, name := range []string{socketLock, folderLock} {
		if err := os.Remove(filepath.Join(data, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, fmt.Errorf("stale lock: %w", err)
		}
	}
	if !alive {
		return 0, nil
	}
	return pid, nil
}

// readPID returns the first line of a postmaster.pid; 0 when there is no file or
// no number.
func readPID(name string) (int, error) {
	content, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("postmaster.pid: %w", err)
	}
	line, _ := bufio.NewReader(bytes.NewReader(content)).ReadString('\n')
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	return pid, nil
}

// stopForeign ends a postmaster that is not our child: fast, and at once if that
// takes 5 s.
func stopForeign(ctx context.Context, pid int, data string) error {
	const patience, limit = 5 * time.Second, 20 * time.Second
	begin := time.Now()
	for signal := syscall.SIGINT; ; {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the postgres of an earlier run, process %d: %w", pid, err)
		}
		for next := time.Now().Add(patience); time.Now().Before(next); {
			if !isPostmaster(pid, data) {
				return nil
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
				return fmt.Errorf("stop the postgres of an earlier run, process %d: %w", pid, ctx.Err())
			}
		}
		if time.Since(begin) > limit {
			return fmt.Errorf("the postgres of an earlier run, process %d, does not stop", pid)
		}
		signal = syscall.SIGQUIT
	}
}
