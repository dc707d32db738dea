package importing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBuiltinsAreValid(t *testing.T) {
	t.Parallel()
	if len(Builtins()) < 3 {
		t.Fatalf("built in: %v", Builtins())
	}
	for _, name := range Builtins() {
		p, _, err := Load(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if p.Name != name {
			t.Errorf("%s calls itself %s", name, p.Name)
		}
	}
}

const example = `name: m
maps: {m: {a: b}}
values:
  shared: {text: x}
files:
  - name: rows
    match: ["*.csv"]
    entity: row
    key: ${id}
    values:
      v: {column: c, map: m}
    commands:
      - command: deal.open
        body:
          title: ${v}
`

// Each slip in a mapping is one error that says where it is.
func TestMappingErrors(t *testing.T) {
	t.Parallel()
	if _, err := parse("m", []byte(example)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ from, to, want string }{
		{"name: m", "name: M m", "it is 1 to 64 of a-z"},
		{"files:", "filez:", `unknown field "filez"`},
		{"column: c", "colum: c", `unknown field "colum"`},
		{"column: c", "column: {x: c}", "a text is expected"},
		{"column: c, ", "", "neither a column nor a text"},
		{"map: m", "map: n", `line 11: value v: there is no map "n"`},
		{"map: m", "type: monney", `"monney" is not a type`},
		{"map: m", "type: money", "money needs a currency"},
		{"map: m", "type: money, currency: XXX", `"XXX" is not an ISO 4217`},
		{"map: m", "type: date, dates: 2006-01-02", "the date format"},
		{"map: m", "zone: Mars", "time zone"},
		{"{column: c, map: m}", "{text: \"${v}\"}", "v → v refer to each other in a circle"},
		{"{column: c, map: m}", "{text: \"${c\"}", "a ${ has no name or no }"},
		{"deal.open", "deal.opne", `line 13: no row can become a command "deal.opne"; it can become consent.confirm`},
		{"title: ${v}", "titel: ${v}", `has no member "titel"`},
		{"title: ${v}", "id: ${v}", "the id follows from entity and key"},
		{"key: ${id}", "", "a row needs both"},
		{"entity: row", "", "a row needs both"},
		{"match: [\"*.csv\"]", "match: \"[\"", "is not a pattern"},
		{"match: [\"*.csv\"]", "", "which files is it for"},
		{"- command: deal.open", "- command: deal.open\n        entity: x", "needs a key too"},
		{"- command: deal.open", "- command: deal.open\n        occurred_at: ${v}", "one value of type date or datetime"},
		{"files:", "once: [{command: product.define, entity: p, key: k, body: {name: \"${c}\"}}]\nfiles:", "there is no value c"},
		{"    match", "    format: xls\n    match", "is not one of csv, jsonl and vcard"},
		{"    match", "    encoding: utf-7000\n    match", "not the name of an encoding"},
		{"name: m\n", "name: m\nname: n\n", "already defined"},
		{"title: ${v}", "title: [", "sequence end token"},
	} {
		text := strings.Replace(example, test.from, test.to, 1)
		if text == example {
			t.Fatalf("the example has no %q", test.from)
		}
		if _, err := parse("m", []byte(text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v", test.to, err)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	if _, _, err := Load("no-such"); err == nil || !strings.Contains(err.Error(), "vcard") {
		t.Errorf("an unknown name: %v", err)
	}
	path := filepath.Join(t.TempDir(), "m.yaml")
	if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(path); err != nil {
		t.Error(err)
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "README.md", "x")
	write(t, dir, ".hidden.csv", "x")
	write(t, dir, "B.CSV.gz", "x")
	write(t, dir, "a.csv", "x")
	other := filepath.Join(dir, "README.md")
	p, err := parse("m", []byte(example+strings.Replace(example[strings.Index(example, "  - name"):], "name: rows", "name: again", 1)))
	if err != nil {
		t.Fatal(err)
	}
	found := func(p *Plan, paths []string, errors string) ([]job, []string, error) {
		files, left, err := p.Local(paths, errors)
		if err != nil {
			return nil, nil, err
		}
		jobs, err := p.pair(files)
		return jobs, left, err
	}
	jobs, left, err := found(p, []string{dir}, "")
	if err != nil || len(jobs) != 4 || len(left) != 1 {
		t.Fatalf("%v, left out %v, %v", jobs, left, err)
	}
	if filepath.Base(jobs[0].Name) != "B.CSV.gz" || jobs[1].section.Name != "rows" || jobs[2].section.Name != "again" {
		t.Errorf("the order is %v", jobs)
	}
	if jobs, _, err := found(p, []string{other}, ""); err != nil || len(jobs) != 2 {
		t.Errorf("a file by its name: %v, %v", jobs, err)
	}
	if _, _, err := found(p, []string{filepath.Join(dir, "none")}, ""); err == nil {
		t.Error("a file that is not there was taken")
	}
	rejected := write(t, dir, "rejected.csv", "x")
	if jobs, _, err := found(p, []string{dir}, rejected); err != nil || len(jobs) != 4 {
		t.Errorf("beside the errors file of an earlier run: %v, %v", jobs, err)
	}
	if _, _, err := found(p, []string{rejected}, rejected); err == nil {
		t.Error("a file to import would be overwritten")
	}
	sales, _, err := Load("crm-sales-opportunities")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := found(sales, []string{other}, ""); err == nil {
		t.Error("a file that nothing is for was taken")
	}
	if _, _, err := found(sales, []string{dir}, ""); err == nil {
		t.Error("a folder without a file was taken")
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
