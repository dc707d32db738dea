package witness

import (
	"os"
	"path/filepath"
	"testing"

	"crm/eventstore/embedded"
)

// start serves an embedded node until the test ends, and returns a way to get
// clients of it.
func start(t *testing.T, cfg embedded.Config) func() *Client {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	n, err := embedded.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "w") //nolint:usetesting // whose folder may have too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	l, err := embedded.ListenUnix(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- n.Serve(l) }()
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return func() *Client {
		client, err := Dial("esdb://localhost:1?tls=false", embedded.Address(l))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
}
