package mutation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const lamp = "./eventstore/mutation/testdata/lamp"

func mutant(old, changed, test string) Mutant {
	return Mutant{
		Name: "lamp", File: "eventstore/mutation/testdata/lamp/lamp.go", Old: old, New: changed,
		Package: lamp, Test: test,
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	m := mutant("l.on = !l.on", "_ = !l.on", "^TestPress$")
	m.Name = "a lamp that stays dark"
	Run(t, m)
}

func TestAMutantCountsOnlyWhenATestNoticesIt(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	was := &original{root: root}
	t.Cleanup(was.close)
	for _, c := range []struct {
		name string
		m    Mutant
		want string // in the error; none: caught
	}{
		{"caught", mutant("!l.on", "l.on", "^TestPress$"), ""},
		{"not noticed", mutant(`"green"`, `"blue"`, "^TestPress$"), "not noticed"},
		{"does not compile", mutant(`"green"`, `green`, "^TestPress$"), "does not compile"},
		{"no longer there", mutant(`"yellow"`, `"blue"`, "^TestPress$"), "occurs 0 times"},
		{"there twice", mutant("l.on", "l.off", "^TestPress$"), "occurs 2 times"},
		{"changes nothing", mutant(`"green"`, `"green"`, "^TestPress$"), "has to be there once and to change"},
		{"red as it is", mutant(`"green"`, `"blue"`, "^TestIsRed$"), "fails on the program as it is"},
		{"no such test", mutant(`"green"`, `"blue"`, "^TestBright$"), "no test that matches"},
		{"panics in the test", mutant("l.on = !l.on", `panic("gone")`, "^TestPress$"), ""},
		{"dies without a word", mutant("l.on = !l.on", `func() { var none chan int; go close(none); <-none }()`, "^TestPress$"), "ended without failing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			red, err := c.m.try(t.Context(), was)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "":
				if diff := cmp.Diff([]string{"TestPress"}, red); diff != "" {
					t.Error(diff)
				}
			case err == nil || !strings.Contains(err.Error(), c.want):
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}
