package main_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the module's folder, seen from here.
const root = "../.."

// A room is a folder with Go files. The arrows say which rooms of ours each may
// import; a room that is not listed takes the arrows of the nearest one above it.
// "x/..." stands for x and all below.
//
// Packages are read with go/parser and not with go list: a subprocess hides its
// inputs from the test cache, so that a fresh violation would pass as (cached).
var arrows = map[string][]string{
	"cmd/crm": {"cmd/crm/...", "http/...", "commands/...", "projections/...", "eventstore/...", "domain/..."},

	// Clients of the API: they know the words of the business at most, and no
	// room behind the API.
	"cmd/crm/importer": {"cmd/crm/importer/...", "http/importing", "domain"},
	"cmd/crm/load":     {"cmd/crm/load/...", "domain"},
	// It fills a server from within, before it is announced.
	"cmd/crm/demo": {"commands", "domain/..."},
	// They invent a log and measure what is made of it.
	"cmd/crm/chronicle": {"domain/..."},
	"cmd/crm/modelbench": {
		"cmd/crm/chronicle", "http", "http/access", "commands", "projections", "projections/postgres", "projections/readmodels",
		"eventstore", "eventstore/embedded", "domain/...",
	},

	// What files become, whoever carries it out.
	"http/importing": {"http/importing/...", "domain"},
	"http/imports":   {"http/importing", "commands/...", "projections/lists", "domain/..."},

	"http":        {"http/...", "commands/...", "projections", "projections/lists", "projections/readmodels", "domain/..."},
	"http/access": {"domain"},
	"commands":    {"commands/...", "domain/..."},

	"projections":                 {"projections", "domain/..."},
	"projections/postgres":        {},
	"projections/relay":           {"domain", "domain/cloudevents"}, // it knows brokers, and no database
	"projections/relay/natstest":  {},
	"projections/lists":           {"domain"},
	"projections/search":          {},
	"projections/readmodels":      {"projections", "projections/lists", "projections/search", "domain/..."}, // the engine knows none of them
	"projections/projectionstest": {"projections", "projections/postgres", "domain", "domain/readmodel"},    // databases, logs and replays

	"eventstore":           {"eventstore", "eventstore/wire", "eventstore/keyring", "eventstore/ledger", "domain/..."},
	"eventstore/wire":      {},                                         // it reads bytes
	"eventstore/nodebench": {"eventstore/embedded", "eventstore/wire"}, // it measures them
	"eventstore/embedded":  {},                                         // it stores bytes
	"eventstore/faulttest": {},
	"eventstore/mutation":  {},
	"eventstore/witness":   {}, // it knows the client, and no room of ours

	"domain": {"domain"}, // so an aggregate never imports a sibling
}

// What the tests of any room may use besides: the real things, and what is onlyForTests.
var arrowsOfTests = append([]string{"domain/...", "projections/postgres", "eventstore/embedded"}, onlyForTests...)

// What the tests of one room may use besides: imports are tried through the server that
// carries them out.
var arrowsOfTestsIn = map[string][]string{
	"http/imports": {"http", "http/access", "projections"},
}

// What no part of the program may use.
var onlyForTests = []string{
	"domain/domaintest", "projections/projectionstest", "http/importing/importingtest", "http/contracttest",
	"eventstore/conformance", "eventstore/faulttest", "eventstore/mutation", "eventstore/witness",
	"projections/relay/natstest",
}

func TestArrows(t *testing.T) {
	t.Parallel()
	for room, files := range rooms(t) {
		for _, f := range files {
			for _, imported := range f.imports {
				if to, ok := strings.CutPrefix(imported, "crm/"); ok && !allowed(room, to, f.test) {
					t.Errorf("%s imports %s, which %s may not know", f.name, imported, room)
				}
			}
		}
	}
}

func TestOnlyTheEventStoreSpeaksToTheLog(t *testing.T) {
	t.Parallel()
	for room, files := range rooms(t) {
		for _, f := range files {
			for _, imported := range f.imports {
				if strings.HasPrefix(imported, "github.com/EventStore/") && !within(room, "eventstore/...") {
					t.Errorf("%s imports %s", f.name, imported)
				}
			}
		}
	}
}

func TestEveryRoomSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	for room, files := range rooms(t) {
		if !slices.ContainsFunc(files, func(f source) bool { return f.documents && filepath.Base(f.name) == "doc.go" }) {
			t.Errorf("%s has no doc.go with a package comment", room)
		}
	}
}

func TestArrowsCanBeViolated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		test     bool
		want     bool
	}{
		{from: "domain/deal", to: "domain", want: true},
		{from: "domain/deal", to: "domain/customer", want: false},
		{from: "domain/deal", to: "domain/customer", test: true, want: true},
		{from: "domain", to: "domain/deal", want: false},
		{from: "commands", to: "domain/deal", want: true},
		{from: "commands", to: "eventstore", want: false},
		{from: "commands", to: "eventstore", test: true, want: false},
		{from: "projections", to: "projections/projectionstest", want: false},
		{from: "projections", to: "projections/projectionstest", test: true, want: true},
		{from: "projections/postgres", to: "domain", want: false},
		{from: "projections/readmodels", to: "projections", want: true},
		{from: "projections", to: "projections/readmodels", want: false},
		{from: "projections", to: "projections/readmodels", test: true, want: false},
		{from: "eventstore", to: "eventstore/embedded", want: false},
		{from: "eventstore", to: "eventstore/embedded", test: true, want: true},
		{from: "eventstore/embedded", to: "domain", want: false},
		{from: "http", to: "eventstore", want: false},
		{from: "http/console", to: "eventstore", want: false},
		{from: "http/importing", to: "domain", want: true},
		{from: "http/importing", to: "http", want: false},
		{from: "cmd/crm", to: "eventstore/embedded", want: true},
		{from: "cmd/crm", to: "eventstore/witness", want: false},
		{from: "cmd/crm", to: "eventstore/witness", test: true, want: true},
		{from: "strange", to: "domain", want: false},
	} {
		if got := allowed(c.from, c.to, c.test); got != c.want {
			t.Errorf("%s → %s (test: %t): %t", c.from, c.to, c.test, got)
		}
	}
}

func allowed(from, to string, test bool) bool {
	if from == to { // an external test package imports its own room
		return test
	}
	if test && slices.ContainsFunc(slices.Concat(arrowsOfTests, arrowsOfTestsIn[from]), func(p string) bool { return within(to, p) }) {
		return true
	}
	if !test && slices.Contains(onlyForTests, to) && !slices.Contains(onlyForTests, from) {
		return false
	}
	for room := from; room != "."; room = filepath.Dir(room) {
		if may, ok := arrows[room]; ok {
			return slices.ContainsFunc(may, func(p string) bool { return within(to, p) })
		}
	}
	return false // a new room at the top has to say what it may know
}

// within reports whether a room is meant by a pattern.
func within(room, pattern string) bool {
	if above, ok := strings.CutSuffix(pattern, "/..."); ok {
		return room == above || strings.HasPrefix(room, above+"/")
	}
	return room == pattern
}

type source struct {
	name      string
	test      bool
	documents bool // has a package comment
	imports   []string
}

// rooms reads every Go file of the module, by folder.
func rooms(t *testing.T) map[string][]source {
	t.Helper()
	found := map[string][]source{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		f, err := parse(path)
		if err != nil {
			return err
		}
		room, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		room = filepath.ToSlash(room)
		found[room] = append(found[room], f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []string{"cmd/crm", "domain", "projections/postgres"} {
		if len(found[room]) == 0 {
			t.Fatalf("%s was not found: is %s the module's folder?", room, root)
		}
	}
	return found
}

func parse(path string) (source, error) {
	// Read here, so that the test cache knows the file.
	text, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return source{}, fmt.Errorf("%s: %w", path, err)
	}
	f := source{name: path, test: strings.HasSuffix(path, "_test.go"), documents: file.Doc != nil}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, err
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}
