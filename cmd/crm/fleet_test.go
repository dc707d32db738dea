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
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

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
	settings []string // of the servers, beyond the usual
	client   http.Client

	mu      sync.Mutex
	servers []*program
}

// startFleet starts a node and servers on an empty database. When the test fails
// it says what each of them said last.
func startFleet(t *testing.T, servers int, settings ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), address: quietAddress(t), dsn: projectionstest.DSN(t), settings: settings}
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
	f.startNode()
	f.servers = make([]*program, servers)
	for i := range f.servers {
		f.startServer(i)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for i, p := range f.servers {
				t.Logf("server %d:\n%s", i, lastLines(p.errs.String(), 40))
			}
		}
	})
	return f
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
