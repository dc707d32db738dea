package main

import (
	"os"
	"strings"
	"testing"
)

// Everything is measured, and nothing stays behind.
func TestBenchNode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, out, errs := runCommand(t, "bench", "node", "--dir", dir, "--events", "3000,2000", "--rounds", "1", "--duration", "50ms")
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	for _, line := range []string{
		"1 writing, client and node", "64 writing, raw Pebble", "500 events per append", "our reader", "raw Pebble, opening included",
		"$all from the start, 2000 events", "a process of its own, 3000 events", "resident after the start",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("nothing is said of %q\n%s", line, out)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
