package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"crm/cmd/crm/demo"
	"crm/commands"
	"crm/domain"
	"crm/eventstore"
	"crm/projections/postgres"
	"crm/projections/projectionstest"
)

// A fleet is several crm serve on one event store and one database, all of them
// processes.
type fleet struct {
	t        *testing.T
	dir      string
	node     *program
	address  string // of the node, the same after a restart
	keys     string
	dsn      string
	database *pgxpool.Pool
	cluster  *postgres.Cluster // one that may be killed; nil: the one that all tests share
	settings []string          // of the servers, beyond the usual
	client   http.Client

	filled map[domain.Stream]domain.Revision // by fill

	mu      sync.Mutex
	servers []*program
}

// startFleet starts a node and servers on an empty database. When the test fails,
// it logs what each of them said last.
func startFleet(t *testing.T, servers int, settings ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), dsn: projectionstest.DSN(t), settings: settings}
	f.start(servers)
	return f
}

// startMortalFleet starts one with a Postgres of its own, for killPostgres.
func startMortalFleet(t *testing.T, servers int) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir()}
	f.startPostgres()
	t.Cleanup(func() { _ = f.cluster.Stop(context.Background()) })
	if err := f.cluster.EnsureDatabase(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	f.dsn = f.cluster.DSN(database)
	f.start(servers)
	return f
}

func (f *fleet) start(servers int) {
	t := f.t
	t.Helper()
	f.address = quietAddress(t)
	f.keys = filepath.Join(f.dir, "keys")
	if err := os.WriteFile(f.keys, []byte("shop "+strings.Repeat("k", 40)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := pgxpool.ParseConfig(f.dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = 1 // so that the connection which ends all others ends none of ours
	if f.database, err = pgxpool.NewWithConfig(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.database.Close)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	// A stopped process accepts connections and answers nothing.
	f.client = http.Client{Transport: transport, Timeout: 10 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	t.Cleanup(func() {
		for i, p := range f.servers {
			if t.Failed() && p != nil {
				t.Logf("server %d:\n%s", i, lastLines(p.errs.String(), 40))
			}
		}
	})
	f.startNode()
	f.servers = make([]*program, servers)
	for i := range f.servers {
		f.startServer(i)
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

// quietAddress is a loopback address that nobody listens on, and whose port is
// none of those that the kernel gives to connections: those would take it while
// its owner is away.
func quietAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000))
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (f *fleet) startNode() {
	f.t.Helper()
	f.node = serving(f.t, "", "node", "--data", f.dir, "--listen", f.address)
}

// connection is the node's connection string.
func (f *fleet) connection() string { return "esdb://" + f.address + "?tls=false" }

// startPostgres starts the fleet's own Postgres, where the last one left it.
func (f *fleet) startPostgres() {
	f.t.Helper()
	var err error // without Durable it may lose what it said is committed
	if f.cluster, err = postgres.Start(f.t.Context(), postgres.Config{Dir: filepath.Join(f.dir, "postgres"), Durable: true}); err != nil {
		f.t.Fatal(err)
	}
}

// killPostgres is kill -9 for the fleet's own Postgres.
func (f *fleet) killPostgres() {
	f.t.Helper()
	if err := syscall.Kill(postmaster(f.t, f.dir), syscall.SIGKILL); err != nil {
		f.t.Fatal(err)
	}
	<-f.cluster.Done()
	_ = f.cluster.Stop(f.t.Context()) // it says how it ended
	f.database.Reset()
}

// startServer starts a server in place of the one that has ended.
func (f *fleet) startServer(i int) {
	f.t.Helper()
	p := serving(f.t, f.keys, append([]string{
		"serve", "--listen", "127.0.0.1:0", "--key-file", f.keys, "--connections", "6", "--log-level", "warn",
		"--eventstore", f.connection(), "--postgres", f.dsn,
	}, f.settings...)...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers[i] = p
}

// server is the one that has that place now.
func (f *fleet) server(i int) *program {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.servers[i]
}

// fill writes the story of a company of that many organisations, past the servers.
func (f *fleet) fill(organizations int) {
	f.t.Helper()
	store, err := eventstore.Open(f.t.Context(), eventstore.Config{ConnectionString: f.connection()})
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	for _, answer := range commands.New(store, commands.Config{}).DoAll(f.t.Context(), demo.Commands(demo.Config{Organizations: organizations})) {
		if answer.Err != nil {
			f.t.Fatal(answer.Err)
		}
	}
	f.filled = map[domain.Stream]domain.Revision{}
	for _, e := range f.log() {
		f.filled[e.Stream] = e.Revision
	}
}

// stop ends all, as one should, and checks that they do.
func (f *fleet) stop() {
	f.t.Helper()
	for _, p := range append(slices.Clone(f.servers), f.node) {
		p.stop(os.Interrupt)
	}
}

// send asks a server once.
func (f *fleet) send(ctx context.Context, p *program, method, path, key, body string) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := f.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}
