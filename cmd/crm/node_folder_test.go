package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"crm/eventstore/embedded"
)

// A data folder may have any name, and a path that is too long for a socket.
func TestADataFolderMayHaveAnyName(t *testing.T) {
	t.Parallel()
	to := startTarget(t)
	for _, name := range []string{"my data %41?#", strings.Repeat("long/", 30)} {
		data, backup := filepath.Join(t.TempDir(), name), filepath.Join(t.TempDir(), name)
		n := runNode(t, data)
		must(t, "node", "check", "--data", data)
		must(t, "node", "backup", "--data", data, backup)
		must(t, "node", "check", "--backup", backup)
		must(t, "node", "copy", "--data", data, "--to", to.url)

		socket := embedded.SocketAt(filepath.Join(data, "node.sock"))
		n.kill()
		runNode(t, data).stop(syscall.SIGTERM)
		if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the socket of the killed node is left: %v", name, err)
		}
		if made := filepath.Dir(socket); made != data {
			if _, err := os.Lstat(made); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: the folder made for it is left: %v", name, err)
			}
		}
	}
}

// A start of the node would remove it, or a loss of the folder would take both.
func TestABackupInsideTheStoreIsRefused(t *testing.T) {
	t.Parallel()
	data, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	n := runNode(t, data)
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{
		filepath.Join(data, "events", "backup"),
		filepath.Join(data, "events", "frozen", "backup"),
		filepath.Join(link, "events", "backup"),
	} {
		code, _, errs := runCommand(t, "node", "backup", "--data", data, target)
		if code != exitFailed || !strings.Contains(errs, "inside the event store") {
			t.Errorf("%s: exit code %d: %s", target, code, errs)
		}
		if _, err := os.Stat(target); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", target, err)
		}
	}
	n.stop(syscall.SIGTERM)
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/srv/crm.d/a-1_b%41": "/srv/crm.d/a-1_b%41",
		"/srv/my data":        "'/srv/my data'",
		"/srv/$HOME's":        `'/srv/$HOME'\''s'`,
	} {
		if got := shellWord(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
