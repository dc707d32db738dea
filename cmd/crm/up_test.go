package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestUpStopsInOrderAndLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := runUp(t, data)
		if mode := stat(t, filepath.Join(data, "admin.key")).Mode().Perm(); mode != 0o600 {
			t.Errorf("admin.key has mode %o", mode)
		}
		server := postmaster(t, data)
		// timeout(1) and others send it twice; that is no order to drop everything.
		if err := p.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
		p.stop(signal)
		if alive(server) {
			t.Errorf("after %s Postgres (process %d) still runs", signal, server)
		}
	}
}

func stat(t *testing.T, name string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestSecondUpOnAFolderIsRefused(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := runUp(t, data)
	code, _, errs := runCommand(t, "up", "--data", data, "--listen", "127.0.0.1:0")
	if code != exitFailed || !strings.Contains(errs, fmt.Sprint(p.cmd.Process.Pid)) {
		t.Errorf("exit code %d; the error should name process %d: %s", code, p.cmd.Process.Pid, errs)
	}
	p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`, nil)
	p.stop(syscall.SIGTERM)
}

// What was acknowledged before kill -9 is there after it, also in a folder whose
// path is too long for a socket.
func TestKillNineLosesNothing(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), strings.Repeat("a-rather-long-folder-name/", 5), "data")
	var ids []string
	var answer accepted
	for round := range 3 {
		p := runUp(t, data)
		for _, id := range ids {
			p.must(http.MethodGet, "/v1/customers/"+id+"?min_position="+answer.Position, "", nil)
		}
		for i := range 20 {
			p.must(http.MethodPost, "/v1/customers", fmt.Sprintf(`{"kind":"person","name":"Person %d-%d"}`, round, i), &answer)
			ids = append(ids, answer.ID)
		}
		p.kill()
	}
	p := runUp(t, data)
	for _, id := range ids {
		p.must(http.MethodGet, "/v1/customers/"+id, "", nil)
	}
	p.stop(syscall.SIGTERM)
}

// While Postgres is away commands are taken and reads answer 503; it comes back by
// itself, and so do the reads.
func TestPostgresDies(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := runUp(t, data)
	var answer accepted
	p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`, &answer)
	p.must(http.MethodGet, "/v1/customers/"+answer.ID+"?min_position="+answer.Position, "", nil)

	before := postmaster(t, data)
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	visible := func() bool {
		status, header, body, err := p.try(http.MethodGet, "/v1/customers/"+answer.ID+"?min_position="+answer.Position, "")
		if err != nil {
			t.Fatal(err)
		}
		if status == http.StatusServiceUnavailable && header.Get("Retry-After") == "" {
			t.Errorf("503 without Retry-After: %s", body)
		}
		if status != http.StatusOK && status != http.StatusServiceUnavailable {
			t.Errorf("status %d: %s", status, body)
		}
		return status == http.StatusOK && strings.Contains(string(body), "Countess")
	}
	p.must(http.MethodPatch, "/v1/customers/"+answer.ID, `{"job_title":"Countess"}`, &answer)
	// Its children outlive a killed postmaster for a moment, so reads may still be
	// answered before the new one has come.
	eventually(t, "Postgres is started again", func() bool {
		after := postmaster(t, data)
		return after != 0 && after != before
	})
	eventually(t, "the change is visible", visible)
	p.stop(syscall.SIGTERM)
}

func TestDemoTwiceIsTheSame(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	count := func() (events int64) {
		p := runUp(t, data, "--demo")
		defer p.stop(syscall.SIGTERM)
		head := p.position()
		eventually(t, "the read models have caught up", func() bool {
			var models struct {
				Data []struct {
					Position string
					Events   int64
				}
			}
			p.must(http.MethodGet, "/v1/projections", "", &models)
			events = 0
			for _, model := range models.Data {
				if model.Position != head {
					return false
				}
				events += model.Events
			}
			return true
		})
		return events
	}
	if first, second := count(), count(); first != second || first < 1000 {
		t.Errorf("the demo left %d events, and %d after the second start", first, second)
	}
}
