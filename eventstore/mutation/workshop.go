package mutation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// inside is set for the tests of a mutant: they may not make mutants.
const inside = "CRM_INSIDE_MUTANT"

// A workshop is a temporary folder in which test binaries are built and run.
type workshop struct {
	root   string // of the module
	folder string // short: tests in it make unix sockets, whose paths end at 108 bytes
}

func newWorkshop(root string) (*workshop, error) {
	folder, err := os.MkdirTemp("", "mut")
	return &workshop{root: root, folder: folder}, err
}

func (w *workshop) close() { _ = os.RemoveAll(w.folder) }

// build returns the test binary of a package, made from the sources as they are
// but for the files in changed, by path.
func (w *workshop) build(ctx context.Context, pkg string, changed map[string]string) (string, error) {
	replace := map[string]string{}
	for file, text := range changed {
		replace[file] = filepath.Join(w.folder, fmt.Sprint(len(replace))+".go")
		if err := os.WriteFile(replace[file], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	listed, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay, binary := filepath.Join(w.folder, "overlay.json"), filepath.Join(w.folder, "test")
	if err := os.WriteFile(overlay, listed, 0o600); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "-overlay", overlay,
		"-race=false", "-cover=false", "-ldflags=-s -w", pkg)
	build.Dir = w.root
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go test -c %s: %w\n%s", pkg, err, output)
	}
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("%s has no tests: %w", pkg, err)
	}
	return binary, nil
}

type result struct {
	passed bool
	red    []string // names of the tests that failed
	output string
}

var failures = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// run runs the tests of a binary that match, in the package's own folder. Its
// error is for a run that tells nothing.
func (w *workshop) run(ctx context.Context, binary, pkg, test string) (result, error) {
	tmp, err := os.MkdirTemp(w.folder, "t")
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, bound+10*time.Second)
	defer cancel()
	var output bytes.Buffer
	tests := exec.CommandContext(ctx, binary, "-test.run", test, "-test.failfast", "-test.timeout", bound.String())
	tests.Dir = filepath.Join(w.root, pkg)
	tests.Env = append(slices.DeleteFunc(os.Environ(), notForMutants), "TMPDIR="+tmp, inside+"=1")
	tests.Stdout, tests.Stderr = &output, &output
	tests.WaitDelay = 5 * time.Second // what a test has started may hold the pipe
	err = tests.Run()
	r := result{passed: err == nil, output: output.String()}
	for _, match := range failures.FindAllStringSubmatch(r.output, -1) {
		r.red = append(r.red, match[1])
	}
	if ctx.Err() != nil {
		return result{}, fmt.Errorf("%s %s ran for more than %s\n%s", pkg, test, bound, r.output)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return result{}, fmt.Errorf("%s %s: %w", pkg, test, err)
	}
	return r, nil
}

// notForMutants tells the settings that would make a mutant's test another one.
func notForMutants(setting string) bool {
	name, _, _ := strings.Cut(setting, "=")
	return slices.Contains([]string{"TMPDIR", "CRM_FAULTS", "CRM_FAULTS_BUDGET", "CRM_SEED", "GOCOVERDIR"}, name)
}
