package eventstore

import (
	"context"
	"errors"
	"sync"
	"time"
)

// lanes run the calls to the client, a bounded number at once. The client's
// calls ignore their context while the node is away, so callers wait here, where
// they can leave. What they left behind keeps its lane until the node is back,
// and ends then by itself, its context being over.
type lanes struct {
	timeout time.Duration
	queue   chan run
	closing chan struct{}
	ended   chan struct{} // closed when no call runs and the client was ended
	once    sync.Once
	running sync.WaitGroup
}

// run is a call and where its answer goes.
type run struct {
	ctx  context.Context
	do   func(context.Context) error
	done chan error // with room for one
}

func newLanes(count int, timeout time.Duration) *lanes {
	l := &lanes{timeout: timeout, queue: make(chan run), closing: make(chan struct{}), ended: make(chan struct{})}
	for range count {
		l.running.Go(l.drive)
	}
	return l
}

// drive runs one call after the other. The goroutine is kept, because gRPC needs
// deep stacks and a new goroutine would have to grow its own each time.
func (l *lanes) drive() {
	for {
		select {
		case r := <-l.queue:
			r.done <- r.do(r.ctx)
		case <-l.closing:
			return
		}
	}
}

// call runs do and waits for it until ctx ends. What do writes may be read only
// when call returns its error.
func (l *lanes) call(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return l.wait(ctx, do)
}

// wait is call without the store's own time limit.
func (l *lanes) wait(ctx context.Context, do func(context.Context) error) error {
	r := run{ctx: ctx, do: do, done: make(chan error, 1)}
	select {
	case l.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closing:
		return errClosed
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close waits for the calls that run, then calls end. When they do not return,
// because the node is away, it leaves the waiting to a goroutine: ending the
// client under a call would make the call panic.
func (l *lanes) close(end func()) error {
	l.once.Do(func() {
		close(l.closing)
		go func() {
			defer close(l.ended)
			l.running.Wait()
			end()
		}()
	})
	select {
	case <-l.ended:
		return nil
	case <-time.After(patience):
		return errors.New("eventstore: close: the node is away, and its client cannot be ended before it is back")
	}
}
