package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const (
	clientModule = "github.com/EventStore/EventStore-Client-Go/v4"

	// suiteFolder holds what of the suite is ours: the helpers that start a node,
	// and the table of what cannot run.
	suiteFolder = "testdata/clientsuite"

	// neverRun are the suite's tests that are not even tried: those of projections
	// wait for five minutes each and then start over, those of client certificates
	// panic without certificates.
	neverRun = "^(TestProjections|TestPlugins)$"
)

// TestClientSuite runs the test suite of the client that everybody uses against
// crm node, a fresh one for each of its tests. The suite is copied from the module
// cache to a folder of its own, where it is built with this program's versions of
// everything. A test that does not pass must be in the table with its reason, and
// one that passes must not.
func TestClientSuite(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and runs another module's tests")
	}
	table := readSuiteTable(t)
	dir := copySuite(t)
	if out, err := suiteCommand(t, dir, "list", "-mod=mod", "-deps", "-test", "./esdb").CombinedOutput(); err != nil {
		missing(t, "the client's test suite needs modules that are not here: %v\n%s", err, out)
	}
	results := runSuite(t, dir)
	leaves := suiteLeaves(t, filepath.Join(dir, "esdb"))

	used, passed := map[string]bool{}, 0
	ran := map[string]bool{}
	for _, r := range results {
		ran[r.path] = true
		row, listed := table[r.path]
		used[r.path] = true
		if r.outcome == "passes" {
			passed++
		}
		switch {
		case r.outcome == "passes" && listed:
			t.Errorf("%s passes: take it off the table in %s", r.path, suiteFolder)
		case r.outcome != "passes" && !listed:
			t.Errorf("%s %s, and is not in the table in %s:\n%s", r.path, r.outcome, suiteFolder, r.said)
		case listed && row != r.outcome:
			t.Errorf("%s %s; the table says that it %s", r.path, r.outcome, row)
		}
	}
	for _, leaf := range leaves {
		if ran[leaf] {
			continue
		}
		used[leaf] = true
		if table[leaf] != "does not run" {
			t.Errorf("%s does not run, and the table in %s does not say why", leaf, suiteFolder)
		}
	}
	for name := range table {
		if !used[name] {
			t.Errorf("%s is in the table in %s, and not in the suite", name, suiteFolder)
		}
	}
	t.Logf("%d tests of %s pass; %d were tried and do not, and the rest of the %d in the table was not tried",
		passed, clientModule, len(results)-passed, len(table))
}

// missing skips on a laptop and fails in CI, where everything must be.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// copySuite makes a module of the suite's files and our helpers.
func copySuite(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", clientModule).Output()
	if err != nil {
		missing(t, "the client's module: %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "esdb"), 0o700); err != nil {
		t.Fatal(err)
	}
	copyOf := func(from, to string, change func([]byte) []byte) {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), change(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	asIs := func(text []byte) []byte { return text }
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "esdb", "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		copyOf(file, filepath.Join("esdb", filepath.Base(file)), asIs)
	}
	copyOf(filepath.Join(suiteFolder, "containers_test.go"), filepath.Join("esdb", "containers_test.go"), asIs)
	copyOf("../../go.sum", "go.sum", asIs)
	copyOf("../../go.mod", "go.mod", func(text []byte) []byte {
		return bytes.Replace(text, []byte("module crm\n"), []byte("module clientsuite\n"), 1)
	})
	return dir
}

func suiteCommand(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CRM_NODE_PROGRAM="+self, "CRM_TEST_PROGRAM=1")
	// What a test that panics leaves running ends with the group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	})
	return cmd
}

// A suiteResult is what became of one test that has no tests in it.
type suiteResult struct {
	path    string // its name, without the function it is in
	outcome string // passes, fails or skips
	said    string
}

func runSuite(t *testing.T, dir string) []suiteResult {
	t.Helper()
	cmd := suiteCommand(t, dir, "test", "-mod=mod", "-vet=off", "-json", "-timeout", "2m", "-skip", neverRun, "./esdb")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output() // fails when any test does
	type event struct{ Action, Test, Output string }
	outcomes, said := map[string]string{}, map[string]string{}
	for line := range bytes.Lines(out) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		switch e.Action {
		case "output":
			said[e.Test] += e.Output
		case "pass", "fail", "skip":
			outcomes[e.Test] = map[string]string{"pass": "passes", "fail": "fails", "skip": "skips"}[e.Action]
		}
	}
	var results []suiteResult
	for name, outcome := range outcomes {
		if name == "" || slices.ContainsFunc(slices.Collect(maps.Keys(outcomes)), func(other string) bool { return strings.HasPrefix(other, name+"/") }) {
			continue // the package, or one that only holds others
		}
		path := name
		if _, inner, ok := strings.Cut(name, "/"); ok {
			path = inner
		}
		results = append(results, suiteResult{path, outcome, said[name]})
	}
	if len(results) == 0 {
		t.Fatalf("the suite does not run: %v\n%s%s", err, errs.Bytes(), said[""])
	}
	return results
}

// suiteLeaves are the names of all tests in the suite's source, by the groups they
// are in: what is handed to t.Run and runs no other, and the functions without.
func suiteLeaves(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var leaves []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		var walk func(n ast.Node, path string) (found bool)
		walk = func(n ast.Node, path string) (found bool) {
			ast.Inspect(n, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 2 {
					return true
				}
				of, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || of.Sel.Name != "Run" {
					return true
				}
				name, ok := call.Args[0].(*ast.BasicLit)
				if !ok {
					return true
				}
				text, err := strconv.Unquote(name.Value)
				if err != nil {
					t.Fatal(err)
				}
				found = true
				inner := strings.TrimPrefix(path+"/"+strings.ReplaceAll(text, " ", "_"), "/")
				if !walk(call.Args[1], inner) {
					leaves = append(leaves, inner)
				}
				return false
			})
			return found
		}
		walk(parsed, "")
	}
	if len(leaves) < 50 {
		t.Fatalf("only %d tests are in the suite's source", len(leaves))
	}
	return leaves
}

// readSuiteTable reads which tests of the suite do not pass, and how: a Markdown
// table of name, outcome and reason.
func readSuiteTable(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(suiteFolder, "cannot-run.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	table := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		cells := strings.Split(lines.Text(), "|")
		if len(cells) != 5 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue // prose, or the head
		}
		name := strings.Trim(cells[1], " `")
		if _, twice := table[name]; twice || strings.TrimSpace(cells[3]) == "" {
			t.Errorf("%s: listed twice, or without a reason", name)
		}
		table[name] = strings.TrimSpace(cells[2])
	}
	return table
}
