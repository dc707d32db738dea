package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var inTheLog = regexp.MustCompile(`acknowledged in the overload: [1-9]`)

// Every operation is one that the server takes, in the closed and in the open loop.
func TestBenchHTTP(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := runUp(t, data, "--commands-at-once", "8")
	for _, rate := range []string{"0", "200"} {
		code, out, errs := runCommand(t, "bench", "http", "--server", p.url, "--key-file", filepath.Join(data, "admin.key"),
			"--clients", "4", "--duration", "1s", "--warmup", "100ms", "--rate", rate, "--seed", "1"+rate,
			"--mix", "register=1,patch=1,interaction=1,consent=1,open=1,stage=1,visible=1,card=1,list=1,timeline=1,board=1")
		if code != 0 || strings.Contains(out, "failed") {
			t.Errorf("rate %s: exit code %d\n%s%s", rate, code, out, errs)
		}
		for _, operation := range []string{"register", "patch", "interaction", "consent", "open", "stage", "visible", "card", "list", "timeline", "board"} {
			if !strings.Contains(out, " "+operation+" ") {
				t.Errorf("rate %s: nothing is said of %s\n%s", rate, operation, out)
			}
		}
	}
	// More than may work and wait at once.
	code, out, errs := runCommand(t, "bench", "overload", "--server", p.url, "--key-file", filepath.Join(data, "admin.key"),
		"--clients", "8", "--crowd", "120", "--rounds", "1", "--duration", "500ms", "--warmup", "100ms", "--seed", "7")
	if code != 0 || !strings.Contains(out, "POST: 503 /problems/overloaded") || !strings.Contains(out, "; 0 of ") || !inTheLog.MatchString(out) {
		t.Errorf("overload: exit code %d\n%s%s", code, out, errs)
	}
	p.stop(syscall.SIGTERM)
}
