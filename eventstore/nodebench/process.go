package nodebench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"crm/eventstore/wire"
)

// A footprint is what a node's own process takes, in bytes.
type footprint struct {
	start         time.Duration // from the command to the ready line
	started, read int64         // resident after the start, and after all of $all was read
	written, peak int64         // after appends on top of that, and the most at any time
}

// measureProcess starts a node by itself on a store of so many events, reads all of
// it and appends for a while.
func (b *bench) measureProcess(ctx context.Context, events int) (f footprint, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	command := b.Command(ctx, b.dir)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		return f, err
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		return f, err
	}
	defer func() {
		cancel()
		if e := command.Wait(); e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, fmt.Errorf("the node's process: %w", e))
		}
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	f.start = time.Since(began)
	if err != nil {
		return f, fmt.Errorf("the node's process did not get ready: %w", err)
	}
	settings, err := esdb.ParseConnectionString(strings.TrimSpace(strings.TrimPrefix(line, "ready ")))
	if err != nil {
		return f, err
	}
	if f.started, err = memory(command, "VmRSS"); err != nil {
		return f, err
	}
	log := wire.New(settings)
	defer func() { err = errors.Join(err, log.Close()) }()
	n, err := readByWire(ctx, log)
	if err := counted(n, events, err); err != nil {
		return f, err
	}
	if f.read, err = memory(command, "VmRSS"); err != nil {
		return f, err
	}
	settings.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(settings)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	if _, err := drive(ctx, 64, b.Duration, 1, func() func(context.Context) error {
		return (&storyteller{client: client}).append
	}); err != nil {
		return f, err
	}
	if f.written, err = memory(command, "VmRSS"); err != nil {
		return f, err
	}
	f.peak, err = memory(command, "VmHWM")
	return f, err
}

// memory is what Linux says of a process, in bytes; 0 where there is no such word.
func memory(command *exec.Cmd, what string) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(command.Process.Pid) + "/status")
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, what+":"); found {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, err
}
