//go:build !linux

package postgres

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lendByFile says that a child can reach a folder by an open file, past closed
// folders above it.
const lendByFile = false

// attributes of the server's processes: a process group of their own, another
// user if need be.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: owner}
}

// isPostmaster reports whether pid is a living server that was started on data.
func isPostmaster(pid int, data string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	args := string(out) + " "
	return err == nil && strings.Contains(args, "/postgres ") && strings.Contains(args, " -D "+data+" ")
}
