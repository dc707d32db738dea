package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Imports are listed, shown, undone, and brought again, by their run's id.
func TestImportTools(t *testing.T) {
	t.Parallel()
	dir, data := t.TempDir(), t.TempDir()
	p := runUp(t, data)
	to := []string{"--server", p.url, "--key-file", filepath.Join(data, "admin.key")}
	crm := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := runCommand(t, append(append([]string{"import"}, args...), to...)...)
		if code != want {
			t.Fatalf("crm import %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
		}
		return out + errs
	}
	cards := filepath.Join(dir, "cards.vcf")
	if err := os.WriteFile(cards, []byte("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:Ada Lovelace\r\nEND:VCARD\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bring := func() string {
		t.Helper()
		out := crm(0, "--mapping", "vcard", "--errors", filepath.Join(dir, "rejected.csv"), cards)
		_, after, found := strings.Cut(out, "crm import undo ")
		if !found {
			t.Fatalf("crm import does not tell how to undo it: %s", out)
		}
		return strings.Fields(after)[0]
	}
	first := bring()
	for _, want := range []string{"finished", "1, of which 0 rejected", "cards.vcf"} {
		if out := crm(0, "show", first); !strings.Contains(out, want) {
			t.Errorf("show misses %q: %s", want, out)
		}
	}
	crm(exitUsage, "undo", first) // it takes a reason
	if out := crm(0, "undo", first, "--reason", "a test"); !strings.Contains(out, "1 put away") {
		t.Errorf("undo: %s", out)
	}
	if out := crm(exitFailed, "resume", first); !strings.Contains(out, "bring") {
		t.Errorf("resume of an undone import: %s", out)
	}
	second := bring()
	if out := crm(0, "undo", second, "--reason", "another"); !strings.Contains(out, "1 restored") {
		t.Errorf("undo of what came again: %s", out)
	}
	if out := crm(exitFailed, "cancel", second); !strings.Contains(out, "undone") {
		t.Errorf("cancel of an undone import: %s", out)
	}
	list := crm(0, "list")
	if lines := strings.Split(strings.TrimSpace(list), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[1], second) || !strings.HasPrefix(lines[2], first) {
		t.Errorf("list: %s", list)
	}
}
