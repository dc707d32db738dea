package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"crm/eventstore/embedded"
	"crm/eventstore/witness"
)

// must runs a command that has to succeed, and gives what it printed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := runCommand(t, args...)
	if code != 0 {
		t.Fatalf("crm %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// TestANodeIsBackedUpWhileItIsWrittenTo backs up and checks a node under 8 writers,
// and restores what came of it: the log up to the manifest's position.
func TestANodeIsBackedUpWhileItIsWrittenTo(t *testing.T) {
	t.Parallel()
	data, backup, restored := t.TempDir(), filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "new", "data")
	journal := &witness.Journal{}
	writers := witness.NewWriters(journal, 8, 1, witness.Load{Batch: 20, Bytes: 2000})
	n, client := runNode(t, data), clientOf(t, data)
	during(t, func() {
		if out := must(t, "node", "check", "--data", data); !strings.HasSuffix(out, "\nok\n") {
			t.Errorf("check: %s", out)
		}
		must(t, "node", "backup", "--data", data, backup)
	}, func(ctx context.Context) error { return writers.Run(ctx, client) })
	settle(t, journal, writers, client)
	m, err := embedded.ReadManifest(backup)
	if err != nil {
		t.Fatal(err)
	}
	must(t, "node", "check", "--backup", backup)
	out := must(t, "node", "restore", "--data", restored, backup)
	if !strings.Contains(out, "Read models that are ahead") {
		t.Errorf("restore: %s", out)
	}
	code, _, errs := runCommand(t, "node", "restore", "--data", restored, backup)
	if code != exitFailed || !strings.Contains(errs, "never overwritten") {
		t.Errorf("restored again: exit code %d: %s", code, errs)
	}
	n.stop(syscall.SIGTERM)
	must(t, "node", "backup", "--data", data, filepath.Join(t.TempDir(), "stopped"))
	must(t, "node", "check", "--data", data)

	again := runNode(t, restored)
	copied := clientOf(t, restored)
	end, err := journal.HoldPrefix(t.Context(), copied)
	if err != nil || end != m.Position || end == 0 {
		t.Errorf("restored up to %d, the manifest says %d: %v", end, m.Position, err)
	}
	copied.Close()
	again.stop(syscall.SIGTERM)
}

// fill writes events until there are so many bytes.
func fill(t *testing.T, data string, bytes int64) *witness.Journal {
	t.Helper()
	journal, client := &witness.Journal{}, clientOf(t, data)
	writers := witness.NewWriters(journal, 8, 1, witness.Load{Batch: 8, Bytes: 50_000}) // within the limit of an append
	during(t, func() {
		eventually(t, "there is enough to copy", func() bool {
			size := int64(0)
			_ = filepath.WalkDir(filepath.Join(data, "events"), func(_ string, e os.DirEntry, _ error) error {
				if file, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".log") {
					size += file.Size()
				}
				return nil // files come and go
			})
			return size > bytes
		})
	}, func(ctx context.Context) error { return writers.Run(ctx, client) })
	if err := writers.Finish(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	client.Close()
	return journal
}

// whenever starts a command, waits until there is a file in dir, and then does
// what hurts. It gives the command's exit code, -1 when it was killed.
func whenever(t *testing.T, dir string, hurt func(*exec.Cmd), args ...string) int {
	t.Helper()
	cmd := command(t.Context(), t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its exit code is asked for below
	}()
	for entries, err := os.ReadDir(dir); len(entries) < 2; entries, err = os.ReadDir(dir) {
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		select {
		case <-ended: // it was faster
			hurt(cmd)
			return cmd.ProcessState.ExitCode()
		default:
		}
	}
	hurt(cmd)
	<-ended
	return cmd.ProcessState.ExitCode()
}

// TestABackupIsKilled kills what backs up, then the node that is backed up, then
// what restores. What is left is whole, or is not taken for it.
func TestABackupIsKilled(t *testing.T) {
	t.Parallel()
	data, dir := t.TempDir(), t.TempDir()
	n := runNode(t, data)
	journal := fill(t, data, 16<<20)
	killed := func(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

	first := filepath.Join(dir, "first")
	if code := whenever(t, filepath.Join(first, "events"), killed, "node", "backup", "--data", data, first); code == 0 {
		must(t, "node", "check", "--backup", first)
	} else if code, _, errs := runCommand(t, "node", "restore", "--data", filepath.Join(dir, "none"), first); code != exitFailed || !strings.Contains(errs, "not a whole backup") {
		t.Errorf("restored half a backup: exit code %d: %s", code, errs)
	}
	eventually(t, "the node drops the frozen files", func() bool {
		left, err := os.ReadDir(filepath.Join(data, "events", "frozen"))
		return err == nil && len(left) == 0
	})

	second := filepath.Join(dir, "second")
	code := whenever(t, filepath.Join(second, "events"), func(*exec.Cmd) { n.kill() }, "node", "backup", "--data", data, second)
	_, err := embedded.VerifyBackup(t.Context(), second, nil)
	if whole := err == nil; whole != (code == 0) {
		t.Errorf("exit code %d of a backup whose node was killed; it is whole: %t", code, whole)
	}
	n = runNode(t, data)
	if _, err := os.Stat(filepath.Join(data, "events", "frozen")); !errors.Is(err, os.ErrNotExist) {
		t.Error("frozen files are left of the killed node")
	}
	client := clientOf(t, data)
	if err := journal.Hold(t.Context(), client); err != nil {
		t.Error(err)
	}

	third, restored := filepath.Join(dir, "third"), filepath.Join(dir, "restored")
	must(t, "node", "backup", "--data", data, third)
	if code := whenever(t, filepath.Join(restored, "events.restoring"), killed, "node", "restore", "--data", restored, third); code != 0 {
		if _, err := os.Stat(filepath.Join(restored, "events")); !errors.Is(err, os.ErrNotExist) {
			t.Error("half a restore has the name of a whole one")
		}
		must(t, "node", "restore", "--data", restored, third)
	}
	must(t, "node", "check", "--data", restored)
	client.Close()
	n.stop(syscall.SIGTERM)
}

// A target that takes no more is an error of the command, and of nobody else.
func TestATargetThatIsFull(t *testing.T) {
	t.Parallel()
	data, target := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	n := runNode(t, data)
	journal := fill(t, data, 1<<20)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// No file of the command's may have more than 100 KiB.
	full := command(t.Context(), t)
	full.Path, full.Args = "/bin/bash", []string{"bash", "-c", `ulimit -f 100; exec "$0" "$@"`, self, "node", "backup", "--data", data, target}
	out, err := full.CombinedOutput()
	if full.ProcessState.ExitCode() != exitFailed || !strings.Contains(string(out), "file too large") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(target); !errors.Is(err, os.ErrNotExist) {
		t.Error("half a backup is left")
	}
	client := clientOf(t, data)
	if err := journal.Hold(t.Context(), client); err != nil {
		t.Error(err)
	}
	client.Close()
	must(t, "node", "backup", "--data", data, target)
	n.stop(syscall.SIGTERM)
}

// TestALossIsAccepted takes a store's end away, and goes on without.
func TestALossIsAccepted(t *testing.T) {
	t.Parallel()
	old, data := filepath.Join(t.TempDir(), "backup"), t.TempDir()
	events := filepath.Join(data, "events")
	n, client := runNode(t, data), clientOf(t, data)
	acknowledged := make(chan struct{}, 1)
	writers := witness.NewWriters(&witness.Journal{}, 1, 1, witness.Load{Batch: 1, Bytes: 100, After: func(int) {
		select {
		case acknowledged <- struct{}{}:
		default:
		}
	}})
	for _, backUp := range []bool{true, false} {
		during(t, func() {
			for range 10 {
				<-acknowledged
			}
		}, func(ctx context.Context) error { return writers.Run(ctx, client) })
		if backUp {
			must(t, "node", "backup", "--data", data, old)
		}
	}
	client.Close()
	n.stop(syscall.SIGTERM)
	if out := must(t, "node", "accept-loss", "--data", data, "--yes"); !strings.Contains(out, "nothing is lost") {
		t.Errorf("accepted no loss: %s", out)
	}

	floor, err := os.ReadFile(filepath.Join(events, "floor"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(events); err != nil {
		t.Fatal(err)
	}
	must(t, "node", "restore", "--data", data, old)
	if err := os.WriteFile(filepath.Join(events, "floor"), floor, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"node", "--data", data, "--listen", "127.0.0.1:0"},
		{"node", "check", "--data", data},
		{"node", "backup", "--data", data, filepath.Join(t.TempDir(), "b")},
	} {
		if code, _, errs := runCommand(t, args...); code != exitWentBack || !strings.Contains(errs, "went back") {
			t.Errorf("crm %s: exit code %d: %s", strings.Join(args, " "), code, errs)
		}
	}
	if code, out, errs := runCommand(t, "node", "accept-loss", "--data", data); code != exitFailed || !strings.Contains(out, "acknowledged up to") || !strings.Contains(errs, "--yes") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if code, _, _ := runCommand(t, "node", "check", "--data", data); code != exitWentBack {
		t.Errorf("not accepted, and still exit code %d", code)
	}
	if out := must(t, "node", "accept-loss", "--data", data, "--yes"); !strings.Contains(out, "Read models") {
		t.Errorf("%s", out)
	}
	must(t, "node", "check", "--data", data)
	runNode(t, data).stop(syscall.SIGTERM)
}

// A typing error never makes an event store.
func TestWhatIsNoEventStoreIsNotLookedAfter(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "typo")
	for _, args := range [][]string{
		{"node", "backup", "--data", empty, filepath.Join(t.TempDir(), "b")},
		{"node", "check", "--data", empty},
		{"node", "accept-loss", "--data", empty},
	} {
		if code, _, errs := runCommand(t, args...); code != exitUsage || !strings.Contains(errs, "no event store") {
			t.Errorf("crm %s: exit code %d: %s", strings.Join(args, " "), code, errs)
		}
	}
	if code, _, errs := runCommand(t, "node", "check", "--backup", empty); code != exitFailed || !strings.Contains(errs, "not a whole backup") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(empty); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder was made")
	}
}

// crm node serves, without a further word: its help says how, and what else.
func TestHelpOfNodeTellsBoth(t *testing.T) {
	t.Parallel()
	out := must(t, "node", "--help")
	for _, want := range []string{"--listen", "--data", "--log-level", "node backup", "node restore", "node check", "node accept-loss"} {
		if !strings.Contains(out, want) {
			t.Errorf("crm node --help lacks %q:\n%s", want, out)
		}
	}
}
