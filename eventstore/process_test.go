package eventstore

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"crm/eventstore/embedded"
)

// A nodeProcess is an embedded node in a process of its own, which is started
// again whenever it ends: what a container engine does for EventStoreDB. It is
// this test binary, and ends with it, however that ends.
type nodeProcess struct {
	socket string
	pid    string // file that names the process, once it serves
}

// residence is the variable that makes this binary a node: the folder to serve.
const residence = "CRM_EVENTSTORE_TEST_NODE"

func newNodeProcess(tb testing.TB) *nodeProcess {
	tb.Helper()
	dir := tb.TempDir()
	n := &nodeProcess{socket: filepath.Join(dir, "s"), pid: filepath.Join(dir, "pid")}
	ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), residence+"="+dir)
			cmd.Stderr = os.Stderr
			lifeline, err := cmd.StdinPipe()
			if err != nil {
				tb.Error(err)
				return
			}
			began := time.Now()
			_ = cmd.Run() // mostly it was killed
			_ = lifeline.Close()
			if ctx.Err() == nil && time.Since(began) < 10*time.Millisecond {
				tb.Error("the node does not start")
				return
			}
		}
	}()
	tb.Cleanup(func() {
		stop()
		<-ended
	})
	for waiting := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(n.pid); err == nil {
			return n
		}
		if time.Now().After(waiting) {
			tb.Fatal("the node does not start")
		}
	}
}

// restart is a command that kills the node and ends when another one serves. The
// node may have ended by another command meanwhile.
func (n *nodeProcess) restart() []string {
	const script = `
old=$(cat "$1")
kill -KILL "$old" 2>/dev/null
until new=$(cat "$1") && [ "$new" != "$old" ]; do sleep 0.02; done`
	return []string{"/bin/sh", "-c", script, "restart", n.pid}
}

// serveAsNode is the process: it serves until it is killed or its parent is gone.
func serveAsNode(dir string) int {
	err := func() error {
		n, err := embedded.Open(embedded.Config{Dir: filepath.Join(dir, "events")})
		if err != nil {
			return err
		}
		listener, err := embedded.ListenUnix(filepath.Join(dir, "s"))
		if err != nil {
			return err
		}
		next := filepath.Join(dir, "pid.new")
		if err := os.WriteFile(next, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return err
		}
		if err := os.Rename(next, filepath.Join(dir, "pid")); err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(1)
		}()
		return n.Serve(listener)
	}()
	_, _ = fmt.Fprintln(os.Stderr, "node:", err)
	return 1
}
