package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// server is a postmaster that we started.
type server struct {
	process *os.Process
	log     *serverLog
	done    chan struct{} // closed when the process has been waited for
	err     error         // how it ended; to be read after done
}

// launch starts the postmaster and waits until it accepts connections. A process
// of an earlier server that was killed may still hold the shared memory for a
// moment: then it tries again.
func launch(ctx context.Context, bin binaries, d dataDir, logName string, args []string) (*server, error) {
	for deadline := time.Now().Add(10 * time.Second); ; {
		s, err := startServer(bin, d, logName, args)
		if err != nil {
			return nil, err
		}
		select {
		case <-s.log.ready:
			return s, nil
		case <-s.done:
			err = fmt.Errorf("it ended at once: %w; its log %s says:\n%s", s.ended(), logName, s.log.tail())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), s.stop(ctx))
		}
		if !strings.Contains(s.log.tail(), "is still in use") || time.Now().After(deadline) {
			return nil, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

func startServer(bin binaries, d dataDir, logName string, args []string) (*server, error) {
	log, err := openLog(logName)
	if err != nil {
		return nil, err
	}
	// Not CommandContext: the server lives until it is told to stop.
	cmd := exec.Command(filepath.Join(bin.dir, "postgres")) //nolint:noctx // as said above
	lent, err := d.lend(cmd)
	if err != nil {
		log.close()
		return nil, err
	}
	defer lent()
	cmd.Args = append(cmd.Args, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = 2 * time.Second // an orphaned backend may hold the pipe for a moment

	s := &server{log: log, done: make(chan struct{})}
	started := make(chan error)
	go s.keep(cmd, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return s, nil
}

// keep starts cmd and waits for its end on one thread of the operating system:
// the signal that the kernel sends to a child whose parent died is bound to the
// thread that made the child, not to the process (golang.org/issue/27505).
func (s *server) keep(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	s.process = cmd.Process
	started <- err
	if err == nil {
		s.err = cmd.Wait()
	}
	s.log.close()
	close(s.done)
}

// stop ends the server: fast while ctx lasts, then at once, then by force.
func (s *server) stop(ctx context.Context) error {
	select {
	case <-s.done:
		return fmt.Errorf("postgres had ended by itself: %w", s.ended())
	default:
	}
	// 5 s after SIGQUIT the postmaster kills its children itself.
	const immediate = 6 * time.Second
	_ = s.process.Signal(syscall.SIGINT) // fails only if it has ended meanwhile
	select {
	case <-s.done:
		return s.endedBadly()
	case <-ctx.Done():
	}
	_ = s.process.Signal(syscall.SIGQUIT)
	select {
	case <-s.done:
		return s.endedBadly()
	case <-time.After(immediate):
	}
	_ = s.process.Kill()
	<-s.done
	return errors.New("postgres did not stop and was killed")
}

// ended describes an end that nobody asked for.
func (s *server) ended() error {
	if s.err == nil {
		return errors.New("exit status 0")
	}
	return s.err
}

func (s *server) endedBadly() error {
	if s.err == nil || errors.Is(s.err, exec.ErrWaitDelay) {
		return nil
	}
	return fmt.Errorf("postgres: %w", s.err)
}
