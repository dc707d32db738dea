package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"crm/eventstore/embedded"
	"crm/eventstore/wire"
)

var foreign = flag.String("esdb", "", "connection string of the server to examine; without it, an embedded node is")

// patience is how long an answer may take before it counts as none.
const patience = 20 * time.Second

// A server is what is examined, as one test sees it.
type server struct {
	// own tells that it is our node: that it can be restarted, and that what it
	// does beyond EventStoreDB is asked for.
	own        bool
	connection string
	client     *esdb.Client
	conn       *grpc.ClientConn // says what the client cannot
	raw        streamspb.StreamsClient
	prefix     string // of the names of the test's streams
	restart    func(t *testing.T) *server
}

// A node is an embedded node on a socket and a loopback port, as crm node serves it.
type node struct {
	*embedded.Node
	connection string
	served     [2]chan error
}

func startNode(dir string) (*node, error) {
	n, err := embedded.Open(embedded.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	socket, err := embedded.ListenUnix(filepath.Join(dir, "node.sock"))
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	port, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, socket.Close(), n.Close())
	}
	started := &node{Node: n, connection: fmt.Sprintf("esdb://%s?tls=false", port.Addr())}
	for i, l := range []net.Listener{socket, port} {
		started.served[i] = make(chan error, 1)
		go func() { started.served[i] <- n.Serve(l) }()
	}
	return started, nil
}

func (n *node) close() error { return errors.Join(n.Close(), <-n.served[0], <-n.served[1]) }

// resident is the node of all tests that restart nothing, so that each test finds
// data of others, as it does on a foreign server.
var resident struct {
	start func() (*node, error)
	dir   string
	node  *node
}

func TestMain(m *testing.M) {
	flag.Parse()
	resident.start = sync.OnceValues(func() (_ *node, err error) {
		if resident.dir, err = os.MkdirTemp("", "conformance"); err != nil {
			return nil, err
		}
		resident.node, err = startNode(resident.dir)
		return resident.node, err
	})
	code := m.Run()
	if resident.node != nil {
		if err := resident.node.close(); err != nil {
			log.Print(err)
			code = 1
		}
	}
	_ = os.RemoveAll(resident.dir)
	os.Exit(code)
}

// examine connects to the server that is examined.
func examine(t *testing.T) *server {
	t.Helper()
	if *foreign != "" {
		return connect(t, *foreign, false)
	}
	n, err := resident.start()
	if err != nil {
		t.Fatal(err)
	}
	return connect(t, n.connection, true)
}

// examineRestarting is examine for a test that restarts the server. A foreign
// server is not restarted: restart connects anew.
func examineRestarting(t *testing.T) *server {
	t.Helper()
	if *foreign != "" {
		t.Log("a foreign server is not restarted; its client connects anew")
		var again func(t *testing.T) *server
		again = func(t *testing.T) *server {
			t.Helper()
			s := connect(t, *foreign, false)
			s.restart = again
			return s
		}
		return again(t)
	}
	dir := t.TempDir()
	var n *node
	stop := func() error {
		if n == nil {
			return nil
		}
		defer func() { n = nil }()
		return n.close()
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	var start func(t *testing.T) *server
	start = func(t *testing.T) *server {
		t.Helper()
		err := stop()
		if err == nil {
			n, err = startNode(dir)
		}
		if err != nil {
			t.Fatal(err)
		}
		s := connect(t, n.connection, true)
		s.restart = start
		return s
	}
	return start(t)
}

func connect(t *testing.T, connection string, own bool) *server {
	t.Helper()
	settings, err := esdb.ParseConnectionString(connection)
	if err != nil {
		t.Fatal(err)
	}
	deadline := patience
	settings.DefaultDeadline = &deadline
	settings.Logger = func(esdb.LogLevel, string, ...any) {}
	s := &server{own: own, connection: connection, prefix: "conformance" + uuid.NewString()[:13]}
	if s.client, err = esdb.NewClient(settings); err != nil {
		t.Fatal(err)
	}
	if s.conn, err = wire.Dial(within(t), settings); err != nil {
		t.Fatal(err)
	}
	s.raw = streamspb.NewStreamsClient(s.conn)
	t.Cleanup(func() {
		_ = s.client.Close()
		_ = s.conn.Close()
	})
	return s
}

// within bounds what a test waits for, and asks a cluster to answer as its leader.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return metadata.AppendToOutgoingContext(ctx, "requires-leader", "true")
}

// stream gives the name of a stream of this test.
func (s *server) stream(name string) string { return s.prefix + "-" + name }
