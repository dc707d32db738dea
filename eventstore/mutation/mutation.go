package mutation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Mutant is one mistake in the program, and the test that has to notice it.
type Mutant struct {
	Name    string // what is wrong, as a subtest's name
	File    string // to be changed, from the module's root: eventstore/embedded/read.go
	Old     string // occurs exactly once in File
	New     string // stands there instead
	Package string // whose test notices, from the module's root: ./eventstore/conformance
	Test    string // that test, as for go test -run
}

// bound is how long one run of a test may take; a mutant that hangs is not
// caught, it has to be noticed.
const bound = 2 * time.Minute

// atWork holds a token for every binary being built or run.
var atWork = make(chan struct{}, 2)

// Run makes every mutant a parallel subtest of t, which fails unless the mutant's
// test passes on the program as it is and fails on the mutant.
func Run(t *testing.T, mutants ...Mutant) {
	t.Helper()
	if os.Getenv(inside) != "" {
		t.Fatal("a mutant's test matches the test that makes the mutants: narrow Mutant.Test")
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	was := &original{root: root}
	t.Cleanup(was.close) // after all mutants
	for _, m := range mutants {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			red, err := m.try(t.Context(), was)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("caught by %s", strings.Join(red, ", "))
		})
	}
}

// Applies demands that every mutant's change can be made, without building it: so
// that those which are tried rarely do not rot.
func Applies(t *testing.T, mutants ...Mutant) {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		if _, _, err := m.change(root); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

// change returns the path of the file to change, and what it is changed to.
func (m Mutant) change(root string) (file, changed string, err error) {
	file = filepath.Join(root, m.File)
	text, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	if n := strings.Count(string(text), m.Old); n != 1 || m.Old == m.New {
		return "", "", fmt.Errorf("the text to change occurs %d times in %s, and has to be there once and to change:\n%s", n, m.File, m.Old)
	}
	return file, strings.Replace(string(text), m.Old, m.New, 1), nil
}

// try returns the names of the tests that noticed the mutant.
func (m Mutant) try(ctx context.Context, was *original) ([]string, error) {
	file, changed, err := m.change(was.root)
	if err != nil {
		return nil, err
	}
	// The binaries are built by another process: looking at the folders here lets
	// the test cache know what this test depends on.
	for _, folder := range []string{filepath.Dir(file), filepath.Join(was.root, m.Package)} {
		if _, err := os.ReadDir(folder); err != nil {
			return nil, err
		}
	}
	if err := was.passes(m.Package, m.Test); err != nil {
		return nil, err
	}

	atWork <- struct{}{}
	defer func() { <-atWork }()
	w, err := newWorkshop(was.root)
	if err != nil {
		return nil, err
	}
	defer w.close()
	binary, err := w.build(ctx, m.Package, map[string]string{file: changed})
	if err != nil {
		return nil, fmt.Errorf("the mutant does not compile: %w", err)
	}
	result, err := w.run(ctx, binary, m.Package, m.Test)
	switch {
	case err != nil:
		return nil, err
	case result.passed:
		return nil, fmt.Errorf("not noticed: %s %s passes although %s says\n%s\ninstead of\n%s", m.Package, m.Test, m.File, m.New, m.Old)
	case len(result.red) == 0:
		return nil, fmt.Errorf("the test ended without failing:\n%s", result.output)
	}
	return result.red, nil
}

// An original is the program as it is. Each package's binary is built once, and
// each test run once, whatever the number of mutants.
type original struct {
	root     string
	binaries sync.Map // of func() (*built, error), by package
	tests    sync.Map // of func() error, by package and test
}

// A built is a test binary, in the workshop where it was made.
type built struct {
	*workshop
	binary string
}

// passes tells why a test does not pass. The answer is every mutant's, so it does
// not end with the context of one.
func (o *original) passes(pkg, test string) error {
	once, _ := o.tests.LoadOrStore(pkg+" "+test, sync.OnceValue(func() error { return o.run(pkg, test) }))
	return once.(func() error)()
}

func (o *original) run(pkg, test string) error {
	atWork <- struct{}{}
	defer func() { <-atWork }()
	b, err := o.built(pkg)
	if err != nil {
		return err
	}
	result, err := b.run(context.Background(), b.binary, pkg, test)
	switch {
	case err != nil:
		return err
	case !result.passed:
		return fmt.Errorf("%s %s fails on the program as it is:\n%s", pkg, test, result.output)
	case strings.Contains(result.output, "no tests to run"):
		return fmt.Errorf("%s has no test that matches %s", pkg, test)
	}
	return nil
}

func (o *original) built(pkg string) (*built, error) {
	once, _ := o.binaries.LoadOrStore(pkg, sync.OnceValues(func() (*built, error) {
		w, err := newWorkshop(o.root)
		if err != nil {
			return nil, err
		}
		binary, err := w.build(context.Background(), pkg, nil)
		if err != nil {
			w.close()
		}
		return &built{workshop: w, binary: binary}, err
	}))
	return once.(func() (*built, error))()
}

func (o *original) close() {
	o.binaries.Range(func(_, once any) bool {
		if b, err := once.(func() (*built, error))(); err == nil {
			b.close()
		}
		return true
	})
}

// moduleRoot is the nearest folder above that has a go.mod.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			return "", errors.New("mutants are made from sources: no go.mod in this folder or above")
		}
		folder = above
	}
}
