package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"crm/eventstore/embedded"
)

// Yesterday's event store, whole and with a floor of its own, is put under today's
// read models. It must not be served: what they show never happened there.
func TestYesterdaysStoreUnderTodaysReadModels(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	events, yesterday := filepath.Join(data, "events"), filepath.Join(t.TempDir(), "yesterday")
	var answer accepted
	p := runUp(t, data)
	p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`, &answer)
	p.stop(syscall.SIGTERM)
	if err := os.CopyFS(yesterday, os.DirFS(events)); err != nil {
		t.Fatal(err)
	}
	p = runUp(t, data)
	p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Grace"}`, &answer)
	p.must(http.MethodGet, "/v1/customers/"+answer.ID+"?min_position="+answer.Position, "", nil)
	p.stop(syscall.SIGTERM)
	if err := os.RemoveAll(events); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(events, os.DirFS(yesterday)); err != nil {
		t.Fatal(err)
	}
	// A race detector and other tests share the machine; what is promised is 5 s.
	began := time.Now()
	code, out, errs := runCommand(t, "up", "--data", data, "--listen", "127.0.0.1:0")
	t.Logf("%s: %s", time.Since(began), errs)
	if code != exitWentBack || strings.Contains(out, "ready") {
		t.Fatalf("exit code %d, want %d; it said %s", code, exitWentBack, out)
	}
	postgres := filepath.Join(data, "postgres")
	for _, word := range []string{"the event store went back", "Restore a newer backup", "remove " + postgres} {
		if !strings.Contains(errs, word) {
			t.Errorf("it does not say %q: %s", word, errs)
		}
	}
	// As it says: without the read models it starts, and makes them anew.
	if err := os.RemoveAll(postgres); err != nil {
		t.Fatal(err)
	}
	p = runUp(t, data)
	if status, _ := p.ask(http.MethodGet, "/v1/customers/"+answer.ID, "", nil); status != http.StatusNotFound {
		t.Errorf("what yesterday did not know yet: status %d", status)
	}
	p.stop(syscall.SIGTERM)
}

// An event store that does not reach its own floor is not served by anything, and
// the way on that is offered works.
func TestAnEventStoreBelowItsFloor(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for range 2 { // the floor is that of the second start
		p := runUp(t, data, "--durability", "paranoid")
		p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`, nil)
		p.kill()
	}
	if err := os.Remove(filepath.Join(data, "events", "floor")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"up", "--listen", "127.0.0.1:0"}, {"node", "--listen", "127.0.0.1:0"}} {
		code, out, errs := runCommand(t, append(args, "--data", data)...)
		if code != exitWentBack || out != "" {
			t.Fatalf("crm %s: exit code %d, want %d; it said %s %s", args[0], code, exitWentBack, out, errs)
		}
		for _, word := range []string{"the event store went back", "crm node restore", "crm node accept-loss --data " + data + " --yes"} {
			if !strings.Contains(errs, word) {
				t.Errorf("crm %s does not say %q: %s", args[0], word, errs)
			}
		}
	}
	if code, _, errs := runCommand(t, "node", "accept-loss", "--data", data, "--yes"); code != 0 {
		t.Fatalf("accept-loss: exit code %d: %s", code, errs)
	}
	runUp(t, data).stop(syscall.SIGTERM)
}

// A store that cannot be read at all has lost nothing that could be accepted, and is
// not called whole either.
func TestADamagedEventStoreIsNotALoss(t *testing.T) {
	t.Parallel()
	folder := dataFolder{Data: t.TempDir()}
	n, err := embedded.Open(embedded.Config{Dir: folder.events()})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	manifests, err := filepath.Glob(filepath.Join(folder.events(), "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, name := range manifests {
		if err := os.WriteFile(name, []byte("not a manifest"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := runCommand(t, "node", "accept-loss", "--data", folder.Data, "--yes")
	if code != exitFailed || out != "" || !strings.Contains(errs, "is damaged") {
		t.Errorf("exit code %d; it said %s %s", code, out, errs)
	}
}
