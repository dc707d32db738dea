package embedded

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// TestCloseLeavesNothingBehind closes a node with subscriptions open, a read half
// done and writers at work.
//
// It is not parallel: then only its own goroutines can be new.
func TestCloseLeavesNothingBehind(t *testing.T) { //nolint:paralleltest // see above
	before := goleak.IgnoreCurrent()
	n, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := ListenUnix(filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- n.Serve(l) }()
	s := &service{Node: n, address: Address(l)}
	s.client = newClient(t, s.address)
	s.append(t, "a", esdb.Any{}, eventsOf("x", 2000)...)
	sub := s.followAll(t, esdb.SubscribeToAllOptions{From: esdb.Start{}})
	read, err := s.client.ReadAll(t.Context(), esdb.ReadAllOptions{From: esdb.Start{}}, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read.Recv(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	wg := (&journal{}).run(ctx, n, 4, func() []byte { return nil })
	if err := reach(ctx, n, 2100); err != nil {
		t.Fatal(err)
	}
	cancel()
	wg.Wait()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	read.Close()
	_ = sub.Close()
	_ = s.client.Close()
	goleak.VerifyNone(t, before)
	if _, err := os.Stat(l.Addr().String()); err == nil {
		t.Error("the socket is still there")
	}
}

// TestCloseDoesNotWaitForAFreezeThatTheDiskKeeps: a freeze is at work when the node
// is closed, and then the disk fails it. Nobody would end Close but Close.
func TestCloseDoesNotWaitForAFreezeThatTheDiskKeeps(t *testing.T) {
	t.Parallel()
	var armed atomic.Bool
	stuck, free := make(chan struct{}), make(chan struct{})
	cfg := smallConfig(errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(o errorfs.Op) error {
		if o.Kind != errorfs.OpCreate || !armed.CompareAndSwap(true, false) {
			return nil
		}
		close(stuck)
		<-free
		return syscall.EIO
	})))
	cfg.CloseTimeout = 50 * time.Millisecond
	n, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&journal{}).write(t.Context(), n, "a", -1, nil); err != nil {
		t.Fatal(err)
	}
	armed.Store(true)
	frozen := make(chan error, 1)
	go func() {
		_, err := n.Freeze(t.Context())
		frozen <- err
	}()
	<-stuck
	closed := make(chan error, 1)
	go func() { closed <- n.Close() }()
	n.workers.Wait() // now Close waits for the freeze
	close(free)
	if err := <-frozen; !errors.Is(err, errBroken) {
		t.Errorf("the freeze: %v", err)
	}
	if err := <-closed; !errors.Is(err, syscall.EIO) {
		t.Errorf("closed with %v", err)
	}
}

func TestSockets(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "n") //nolint:usetesting // whose folder may have too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", st.Mode(), err)
	}
	if _, err := ListenUnix(path); err == nil {
		t.Error("a socket that is answered was taken over")
	}
	// A killed process leaves its socket behind.
	l.(*unixListener).Listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = ListenUnix(path)
	if err != nil {
		t.Fatalf("a socket left behind: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(dir, strings.Repeat("long/", 30), "s")
	l, err = ListenUnix(long)
	if err != nil {
		t.Fatal(err)
	}
	got := l.Addr().String()
	if st, err := os.Stat(filepath.Dir(got)); err != nil || st.Mode().Perm() != 0o700 || len(got) > longestSocketPath {
		t.Errorf("socket at %s, %v, %v", got, st.Mode(), err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(got)); err == nil {
		t.Error("the socket's folder is still there")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(path); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}

// TestDiscovery connects over TCP as a cluster client does: it asks for the
// members first.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	n, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, n)
	// The address that gossip names is the first that was served; this node is
	// asked at its second.
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- n.Serve(l) }()
	conn, err := grpc.NewClient(Address(l), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	cluster, err := gossip.NewGossipClient(conn).Read(t.Context(), &shared.Empty{})
	if err != nil || len(cluster.GetMembers()) != 1 || !cluster.GetMembers()[0].GetIsAlive() {
		t.Fatalf("gossip %v, %v", cluster, err)
	}
	version, err := s.client.GetServerVersion()
	if err != nil || version.Major != 24 || version.Minor != 10 {
		t.Errorf("version %+v, %v", version, err)
	}
	s.stop(t)
	if err := <-served; err != nil {
		t.Error(err)
	}

	n, err = Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { served <- n.Serve(l) }()
	cfg, err := esdb.ParseConnectionString("esdb+discover://" + l.Addr().String() + "?tls=false")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Logger = func(esdb.LogLevel, string, ...any) {}
	client, err := esdb.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s = &service{Node: n, client: client}
	s.append(t, "a", esdb.NoStream{}, event("x"))
	s.stop(t)
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestConfigsAreChecked(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{
		{},
		{Dir: "x", MaxAppendBytes: -1},
		{Dir: "x", MaxAppendBytes: 17 << 20},
		{Dir: "x", MemTableBytes: 1},
		{Dir: "x", HeadCache: -1},
	} {
		if n, err := Open(cfg); err == nil {
			t.Errorf("opened with %+v", cfg)
			_ = n.Close()
		}
	}
}
