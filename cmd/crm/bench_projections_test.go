package main

import (
	"os"
	"strings"
	"testing"
)

// Every part is measured, and nothing stays behind.
func TestBenchProjections(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, out, errs := runCommand(t, "bench", "projections", "--dir", dir, "--customers", "40", "--deals", "80", "--events", "600",
		"--batch", "100", "--rates", "50", "--duration", "200ms", "--sizes", "100")
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	for _, line := range []string{
		"read the log", "timeline", "customers and timeline", "all read models", "bare COPY", "live,    50 events/s", "card as of", "report funnel",
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
