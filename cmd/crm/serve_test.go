package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"crm/eventstore/embedded"
	"crm/projections/postgres"
)

// server is an event store that listens on TCP, as EventStoreDB does.
type server struct {
	node    *embedded.Node
	address string
	served  chan error
}

func startServer(t *testing.T, dir, address string) *server {
	t.Helper()
	node, err := embedded.Open(embedded.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{node: node, address: listener.Addr().String(), served: make(chan error, 1)}
	go func() { s.served <- node.Serve(listener) }()
	return s
}

func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.node.Close(); err != nil {
		t.Error(err)
	}
	if err := <-s.served; err != nil {
		t.Error(err)
	}
}

// `crm serve` does against servers what `crm up` does in a folder, and bears that
// either of them goes away: 503 with Retry-After, no hang, and all is well again
// when it is back.
func TestServeAgainstServersThatComeAndGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	events := startServer(t, filepath.Join(dir, "events"), "127.0.0.1:0")
	config := postgres.Config{Dir: filepath.Join(dir, "postgres")}
	cluster, err := postgres.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.EnsureDatabase(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte("# who may\nshop "+strings.Repeat("k", 40)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serving(t, keys, "serve", "--listen", "127.0.0.1:0", "--key-file", keys, "--wait-timeout", "1s",
		"--eventstore", "esdb://"+events.address+"?tls=false", "--postgres", cluster.DSN("crm"))
	var ada accepted
	p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`, &ada)
	p.must(http.MethodGet, "/v1/customers/"+ada.ID+"?min_position="+ada.Position, "", nil)

	// away checks that path answers 503 now.
	away := func(method, path, body string) {
		t.Helper()
		status, header, answer, err := p.try(method, path, body)
		if err != nil {
			t.Fatal(err)
		}
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %d, Retry-After %q: %s", method, path, status, header.Get("Retry-After"), answer)
		}
	}
	events.stop(t)
	away(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Grace"}`)
	away(http.MethodPatch, "/v1/customers/"+ada.ID, `{"job_title":"Countess"}`)
	away(http.MethodGet, "/health/ready", "")
	p.must(http.MethodGet, "/v1/customers/"+ada.ID, "", nil)
	events = startServer(t, filepath.Join(dir, "events"), events.address)
	eventually(t, "commands are taken again", func() bool {
		status, _, _, err := p.try(http.MethodPatch, "/v1/customers/"+ada.ID, `{"job_title":"Countess"}`)
		return err == nil && status == http.StatusOK
	})

	if err := cluster.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Grace"}`, &ada)
	away(http.MethodGet, "/v1/customers/"+ada.ID, "")
	away(http.MethodGet, "/health/ready", "")
	if cluster, err = postgres.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was taken meanwhile is visible", func() bool {
		status, _, _, err := p.try(http.MethodGet, "/v1/customers/"+ada.ID, "")
		return err == nil && status == http.StatusOK
	})
	p.stop(syscall.SIGTERM)
	if err := cluster.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	events.stop(t)
}

// A wrong setting is one line and exit code 2.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("shop secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	strange := filepath.Join(dir, "strange") // a role that there is not
	if err := os.WriteFile(strange, []byte("shop "+strings.Repeat("k", 40)+" root\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	slip := filepath.Join(dir, "slip.yaml")
	if err := os.WriteFile(slip, []byte("name: m\nfiles:\n  - name: f\n    colour: red\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	production := []string{"serve", "--key-file", short, "--eventstore", "esdb://localhost:2113?tls=false", "--postgres", "postgres://crm@localhost/crm"}
	for _, args := range [][]string{
		{},
		{"fly"},
		{"up", "--listen", "8080"},
		{"up", "--listen", "127.0.0.1:65536"},
		{"up", "--listen", "127.0.0.1:"},
		{"up", "--data", ""},
		{"up", "--connections", "0"},
		{"up", "--connections", "many"},
		{"up", "--phone-region", "Germany"},
		{"up", "--wait-timeout", "1"},
		{"up", "--rate-limit", "-1"},
		{"up", "--max-connections", "0"},
		{"up", "--trusted-proxies", "nginx"},
		{"up", "--oidc-issuer", "http://login.example", "--oidc-audience", "crm", "--oidc-grant", "staff=reader"},
		{"up", "--oidc-issuer", "https://login.example", "--oidc-grant", "staff=reader"},
		{"up", "--oidc-audience", "crm"},
		{"up", "--log-level", "loud"},
		{"serve"},
		production, // the key is too short
		append(production, "--eventstore", "http://localhost"),
		append(production, "--eventstore", "esdb://admin:changeit@localhost:2113"),
		append(production, "--postgres", "mysql://localhost"),
		append(production, "--key-file", filepath.Join(dir, "missing")),
		append(production, "--key-file", strange),
		{"import", "file.csv"},
		{"import", "--mapping", "vcard", "--server", "localhost:8080", "file.vcf"},
		{"import", "--mapping", "vcard", "--key-file", short, "file.vcf"}, // a line of crm serve's
		{"import", "--dry-run", "--mapping", "nobody's", "."},
		{"import", "--dry-run", "--mapping", slip, "."},
		{"bench", "http", "--server", "here"},
		{"health", "--server", "here"},
		{"bench", "http", "--mix", "dance=1"},
		{"bench", "http", "--clients", "0"},
	} {
		code, out, errs := runCommand(t, args...)
		if code != exitUsage || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "crm: ") || out != "" {
			t.Errorf("crm %s: exit code %d, %q, %q", strings.Join(args, " "), code, out, errs)
		}
	}
}

func TestTakenPortIsOneLine(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	code, _, errs := runCommand(t, "up", "--data", filepath.Join(t.TempDir(), "data"), "--log-level", "error", "--listen", taken.Addr().String())
	if code != exitFailed || !strings.Contains(errs, "address already in use") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// Every setting is a flag and a variable, and help tells its default.
func TestHelpTellsEverySetting(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{{"up"}, {"serve"}, {"import"}, {"bench", "http"}, {"health"}} {
		code, out, _ := runCommand(t, append(command, "--help")...)
		if code != 0 {
			t.Errorf("crm %s --help: exit code %d", command, code)
		}
		flat := strings.Join(strings.Fields(out), " ")
		if unset := strings.Contains(flat, "${"); unset {
			t.Errorf("crm %s --help shows a variable: %s", command, out)
		}
		var of reflect.Type
		switch command[0] {
		case "up":
			of = reflect.TypeFor[up]()
		case "serve":
			of = reflect.TypeFor[serve]()
		default:
			continue
		}
		for _, field := range reflect.VisibleFields(of) {
			variable := field.Tag.Get("env")
			if variable == "" {
				continue
			}
			want := "($" + variable + ")"
			if fallback := field.Tag.Get("default"); fallback != "" {
				want = "Default " + fallback + " " + want
			}
			if !strings.Contains(flat, want) {
				t.Errorf("crm %s --help does not say %q", command, want)
			}
		}
	}
}
