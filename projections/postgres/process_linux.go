package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lendByFile says that a child can reach a folder by an open file, past closed
// folders above it.
const lendByFile = true

// attributes of the server's processes: a process group of their own, another
// user if need be, and an end (immediate shutdown) when we die.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: owner, Pdeathsig: syscall.SIGQUIT}
}

// isPostmaster reports whether pid is a living server whose working directory is
// data. A zombie has none, and a stranger's can not be seen, which is right: it
// can not be ours.
func isPostmaster(pid int, data string) bool {
	proc := fmt.Sprintf("/proc/%d/", pid)
	program, err := os.Readlink(proc + "exe")
	if err != nil || !strings.HasPrefix(filepath.Base(program), "postgres") {
		return false
	}
	cwd, err := os.Stat(proc + "cwd")
	if err != nil {
		return false
	}
	want, err := os.Stat(data)
	return err == nil && os.SameFile(cwd, want)
}
