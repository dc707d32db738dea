package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// The README names every setting of the servers, and none that there is not. With
// -update its table is written anew.
func TestTheREADMENamesEverySetting(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const head, foot = "| setting | environment | default | of | what it is |\n|---|---|---|---|---|\n", "\n\n"
	before, rest, found := strings.Cut(string(text), head)
	written, after, ended := strings.Cut(rest, foot)
	if !found || !ended {
		t.Fatal("the README has no table of settings")
	}
	rows := settingRows(t)
	diff := cmp.Diff(rows, strings.Split(written, "\n"))
	if diff == "" {
		return
	}
	if !*update {
		t.Fatalf("go test ./cmd/crm -run EverySetting -update writes it (-want +got):\n%s", diff)
	}
	whole := before + head + strings.Join(rows, "\n") + foot + after
	if err := os.WriteFile(path, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
}

// settingRows are a line for each setting, those of both servers first.
func settingRows(t *testing.T) []string {
	t.Helper()
	parser, err := kong.New(&cli{}, kong.Vars{"operations": "", "mappings": ""})
	if err != nil {
		t.Fatal(err)
	}
	of, flags := map[string]string{}, map[string]*kong.Flag{}
	var names []string
	for _, command := range parser.Model.Children {
		if command.Name != "up" && command.Name != "serve" {
			continue
		}
		for _, flag := range command.Flags {
			if flags[flag.Name] == nil {
				names = append(names, flag.Name)
			}
			flags[flag.Name] = flag
			of[flag.Name] = strings.TrimPrefix(of[flag.Name]+", "+command.Name, ", ")
		}
	}
	var rows []string
	for _, owner := range []string{"up, serve", "up", "serve"} {
		for _, name := range names {
			if of[name] != owner {
				continue
			}
			flag := flags[name]
			if len(flag.Envs) != 1 {
				t.Errorf("--%s has no environment variable", name)
				continue
			}
			// A sentence says what it is; crm … --help has the rest.
			what, _, _ := strings.Cut(flag.Help, ". ")
			fallback := flag.Default
			switch {
			case flag.Required:
				fallback = "needed"
			case flag.IsBool():
				fallback = "no"
			}
			rows = append(rows, fmt.Sprintf("| `--%s` | `%s` | %s | %s | %s |", name, flag.Envs[0], fallback, owner,
				strings.ReplaceAll(strings.TrimSuffix(what, "."), "|", `\|`)))
		}
	}
	return rows
}
