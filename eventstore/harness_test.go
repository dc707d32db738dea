package eventstore

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"go.uber.org/goleak"

	"crm/eventstore/embedded"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(residence); dir != "" {
		os.Exit(serveAsNode(dir))
	}
	goleak.VerifyTestMain(m,
		// The client forgets its old connection when it looks for the node anew.
		goleak.IgnoreAnyFunction("google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run"),
		goleak.IgnoreAnyFunction("google.golang.org/grpc.(*addrConn).resetTransportAndUnlock"),
		// Watermill's universal suite leaves what no test reads any more.
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe.func2"),
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe.func3"),
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/pubsub/tests.TestReconnect.func2"),
	)
}

// node is an embedded node that can be stopped and started again in place.
type node struct {
	dir, socket string
	address     string // as the node names it
	running     *embedded.Node
	served      chan error
}

func newNode(tb testing.TB) *node {
	tb.Helper()
	n := &node{dir: tb.TempDir(), socket: filepath.Join(tb.TempDir(), "s")}
	n.start(tb)
	tb.Cleanup(func() { n.stop(tb) })
	return n
}

func (n *node) start(tb testing.TB) {
	tb.Helper()
	running, err := embedded.Open(embedded.Config{Dir: n.dir})
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := embedded.ListenUnix(n.socket)
	if err != nil {
		tb.Fatal(err)
	}
	n.running, n.served, n.address = running, make(chan error, 1), embedded.Address(listener)
	go func(served chan<- error) { served <- running.Serve(listener) }(n.served)
}

func (n *node) stop(tb testing.TB) {
	tb.Helper()
	if n.running == nil {
		return
	}
	if err := n.running.Close(); err != nil {
		tb.Error(err)
	}
	if err := <-n.served; err != nil {
		tb.Error(err)
	}
	n.running = nil
}

// operator is another client of the node: the one that operators have.
func (n *node) operator(tb testing.TB) *esdb.Client {
	tb.Helper()
	return operatorAt(tb, n.socket)
}

func operatorAt(tb testing.TB, socket string) *esdb.Client {
	tb.Helper()
	settings, err := Config{UnixSocket: socket}.settings()
	if err != nil {
		tb.Fatal(err)
	}
	client, err := esdb.NewClient(settings)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() }) // it never fails
	return client
}

// open connects to the node until the test ends.
func (n *node) open(tb testing.TB) *Store {
	tb.Helper()
	return openAt(tb, n.socket)
}

func openAt(tb testing.TB, socket string) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), Config{UnixSocket: socket})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func newStore(tb testing.TB) *Store {
	tb.Helper()
	return newNode(tb).open(tb)
}
