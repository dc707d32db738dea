package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var (
	// ErrUnreachable is a node that was not reached, or left, or no longer leads.
	// The next call looks for one anew.
	ErrUnreachable = errors.New("wire: no node was reached")
	// ErrClosed is a call after Close.
	ErrClosed = errors.New("wire: closed")
)

// A Conn is a way to the log. It is safe for concurrent use.
type Conn struct {
	settings *esdb.Configuration
	searches chan struct{} // has room for one, who looks for a node

	mu      sync.Mutex
	closed  bool
	current *link
	links   map[*link]struct{} // current, and those that calls still use
	appends *appending         // the call that appends share; nil while there is none

	running sync.WaitGroup // what appends have started
}

// A link is a connection to one node.
type link struct {
	conn  *grpc.ClientConn
	calls int
}

// New makes a way to the log that settings name, and connects to nothing yet.
func New(settings *esdb.Configuration) *Conn {
	return &Conn{settings: settings, searches: make(chan struct{}, 1), links: map[*link]struct{}{}}
}

// Close ends all calls; they fail with [ErrClosed].
func (c *Conn) Close() error {
	defer c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.appends != nil {
		c.appends.cancel()
	}
	c.current = nil
	var errs []error
	for l := range c.links {
		errs = append(errs, l.conn.Close())
	}
	clear(c.links)
	return errors.Join(errs...)
}

// enter gives the connection for one call, which leaves it once.
func (c *Conn) enter(ctx context.Context) (*link, error) {
	if l, err := c.use(nil); l != nil || err != nil {
		return l, err
	}
	select {
	case c.searches <- struct{}{}:
		defer func() { <-c.searches }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l, err := c.use(nil); l != nil || err != nil { // found meanwhile
		return l, err
	}
	conn, err := Dial(ctx, c.settings)
	if err != nil {
		return nil, err
	}
	return c.use(&link{conn: conn})
}

// use counts a call on the current connection, or on found, which becomes it.
func (c *Conn) use(found *link) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed && found != nil:
		return nil, errors.Join(ErrClosed, found.conn.Close())
	case c.closed:
		return nil, ErrClosed
	case found != nil:
		c.current = found
		c.links[found] = struct{}{}
	case c.current == nil:
		return nil, nil
	}
	c.current.calls++
	return c.current, nil
}

// leave ends a call on l. With broke set, no other begins there. The last call
// closes a connection that is no longer used.
func (c *Conn) leave(l *link, broke bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.calls--
	if broke && c.current == l {
		c.current = nil
	}
	if _, open := c.links[l]; open && l.calls == 0 && c.current != l {
		delete(c.links, l)
		_ = l.conn.Close() // it was given up
	}
}

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// outgoing says in a call what the node must be.
func (c *Conn) outgoing(ctx context.Context) context.Context {
	if clustered(c.settings) && c.settings.NodePreference == esdb.NodePreferenceLeader {
		return metadata.AppendToOutgoingContext(ctx, "requires-leader", "true")
	}
	return ctx
}

// explain tells errors of a call apart by what can be done about them.
func (c *Conn) explain(err error, trailer metadata.MD) error {
	if c.isClosed() {
		return ErrClosed
	}
	exception := ""
	if values := trailer.Get("exception"); len(values) > 0 {
		exception = values[0]
	}
	switch code := status.Code(err); {
	case exception == "stream-deleted":
		return fmt.Errorf("%w (%w)", ErrStreamDeleted, err)
	case exception == "not-leader", code == codes.Unavailable:
		return fmt.Errorf("%w (%w)", ErrUnreachable, err)
	case code == codes.DeadlineExceeded: // the context's own is a moment behind
		return fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
	default:
		return err
	}
}
