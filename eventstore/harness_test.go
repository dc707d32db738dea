package eventstore

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"crm/eventstore/embedded"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The client forgets its old connection when it looks for the node anew.
		goleak.IgnoreAnyFunction("google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run"),
		goleak.IgnoreAnyFunction("google.golang.org/grpc.(*addrConn).resetTransportAndUnlock"),
		// Watermill's universal suite leaves what no test reads any more.
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe.func2"),
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe.func3"),
	)
}

// node is an embedded node that can be stopped and started again in place.
type node struct {
	dir, socket string
	running     *embedded.Node
	served      chan error
}

func newNode(t testing.TB) *node {
	t.Helper()
	sockets, err := os.MkdirTemp("", "es") // a test's own folder may have too long a name
	if err != nil {
		t.Fatal(err)
	}
	n := &node{dir: t.TempDir(), socket: filepath.Join(sockets, "s")}
	n.start(t)
	t.Cleanup(func() {
		n.stop(t)
		_ = os.RemoveAll(sockets)
	})
	return n
}

func (n *node) start(t testing.TB) {
	t.Helper()
	running, err := embedded.Open(embedded.Config{Dir: n.dir})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := embedded.ListenUnix(n.socket)
	if err != nil {
		t.Fatal(err)
	}
	n.running, n.served = running, make(chan error, 1)
	go func(served chan<- error) { served <- running.Serve(listener) }(n.served)
}

func (n *node) stop(t testing.TB) {
	t.Helper()
	if n.running == nil {
		return
	}
	if err := n.running.Close(); err != nil {
		t.Error(err)
	}
	if err := <-n.served; err != nil {
		t.Error(err)
	}
	n.running = nil
}

// open connects to the node until the test ends.
func (n *node) open(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{UnixSocket: n.socket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newStore(t testing.TB) *Store {
	t.Helper()
	return newNode(t).open(t)
}
