package importing

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const people = `
name: people
values: {pipeline: {text: p, ref: pipeline}}
once:
  - {command: pipeline.define, entity: pipeline, key: p, body: {name: P, stages: [{id: a, name: A, probability: 1, category: pipeline}]}}
files:
  - name: rows
    match: "*.csv"
    entity: person
    key: ${id}
    values:
      boss: {column: boss, ref: person}
      no_mail: {column: no_mail, type: boolean}
    commands:
      - command: customer.register
        body: {kind: person, name: "${name}"}
      - command: customer.add_contact_point
        body: {kind: email, value: "${mail}"}
      - command: customer.link_to_organization
        body: {organization: "${boss}", relation: member_of}
      - command: consent.object
        when: {no_mail: ["true"]}
        part: marketing:email
`

// importInto imports a file by the people mapping.
func importInto(t *testing.T, a *api, file string, change ...func(*Work)) (tried, error) {
	t.Helper()
	dir := t.TempDir()
	return a.importFiles(t.Context(), write(t, dir, "people.yaml", people), []string{write(t, dir, "people.csv", "id,name,mail,boss,no_mail\n"+file)}, change...)
}

func manyPeople(n int) string {
	var file strings.Builder
	for i := range n {
		boss := ""
		if i > 0 {
			boss = fmt.Sprint(i - 1 - (i-1)%10)
		}
		fmt.Fprintf(&file, "%d,Name %d,%d@x.org,%s,%s\n", i, i, i, boss, []string{"yes", "no"}[i%2])
	}
	return file.String()
}

// What stands in the files is asked once, and the second time changes nothing.
func TestTwice(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const n = 1500
	s, err := importInto(t, a, manyPeople(n))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"pipeline.define": 1, "customer.register": n, "customer.add_contact_point": n, "customer.link_to_organization": n - 1, "consent.object": n / 2,
	}
	if diff := cmp.Diff(want, s.Commands); diff != "" || s.Rejected != 0 || s.Rows != n {
		t.Fatalf("%d rows, %d rejected %s", s.Rows, s.Rejected, diff)
	}
	events := a.events()
	s, err = importInto(t, a, manyPeople(n))
	if err != nil || a.events() != events || s.Rejected != 0 || s.Updated != 0 {
		t.Errorf("the second time %d events more, %d rejected, %d updated, %v", a.events()-events, s.Rejected, s.Updated, err)
	}
}

// A row that moved is the same row; one that changed is an update.
func TestChangedRows(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	if _, err := importInto(t, a, "1,Ann,a@x.org,,no\n2,Bob,b@x.org,,no\n3,Cy,,,no\n"); err != nil {
		t.Fatal(err)
	}
	events := a.events()
	s, err := importInto(t, a, "3,Cy,,,no\n2,Bob,b@x.org,,no\n1,Ann,a@x.org,,no\n")
	if err != nil || a.events() != events || s.Updated != 0 {
		t.Fatalf("moved rows: %d events, %v", a.events()-events, err)
	}
	s, err = importInto(t, a, "1,Anna,a@x.org,,yes\n2,Bob,bob@x.org,,no\n")
	if err != nil || s.Updated != 1 || s.Rejected != 0 || a.events() != events+3 {
		t.Fatalf("changed rows: %d updated, %d events, %v", s.Updated, a.events()-events, err)
	}
	if changed := a.of("customer.change_details"); len(changed) != 1 || changed[0].body["name"] != "Anna" {
		t.Errorf("changed: %v", changed)
	}
}

func TestRejects(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.result = func(c asked) *Outcome {
		if c.Command == "customer.register" && bytes.Contains(c.Body, []byte("Refused")) {
			o := refuse(http.StatusUnprocessableEntity, "invalid-value", "Nobody is called so.")
			o.Problem.Errors = []Fault{{Pointer: "/body/name", Detail: "Nobody is called so."}}
			return &o
		}
		return nil
	}
	s, err := importInto(t, a, "1,Ann,a@x.org,,no\n2,\"Bob,b@x.org,,no\n3,Cy,,,perhaps\n4,Refused,r@x.org,1,yes\n5,Eve,nowhere,1,yes\n,No key,,,\n6,F\x00,,,\n7,Gil,,99,no\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range s.Results {
		for _, reason := range r.Reasons {
			reason, _, _ = strings.Cut(reason, ";")
			got = append(got, fmt.Sprint(r.Line, " ", reason))
			if filepath.Base(r.Name) != "people.csv" || len(r.Raw) == 0 || r.Outcome != Rejected {
				t.Errorf("row %+v", r)
			}
		}
	}
	want := []string{
		"3 a quote opens a field here that is not closed as it should be",
		"4 no_mail: \"perhaps\" is neither yes, true, y, t, 1, on nor no, false, n, f, 0, off",
		"5 customer.register: Nobody is called so. (/name: \"Refused\")", // and nothing of what it refers to
		"6 customer.add_contact_point: That is no e-mail address.",
		"7 the row has no key: ${id} is blank",
		"8 the line holds a NUL byte",
		"9 customer.link_to_organization: There is no such customer.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s.Rejected != len(want) || s.Rows != 8 || len(a.of("customer.register")) != 3 {
		t.Errorf("%d rejected of %d", s.Rejected, s.Rows)
	}
}

// An import that was ended goes on after the last row that was told of, and what it
// sends twice is carried out once. Every row is told of once in all.
func TestEndedAndAgain(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	away := errors.New("away")
	a.before = func(n int) error {
		if n >= 5 {
			return away
		}
		return nil
	}
	first, err := importInto(t, a, manyPeople(1800))
	if !errors.Is(err, away) {
		t.Fatalf("ended with %v", err)
	}
	if n := len(a.of("customer.register")); n == 0 || n == 1800 {
		t.Fatalf("%d customers after the end", n)
	}
	a.mu.Lock()
	a.before = nil
	clear(a.busy)
	a.mu.Unlock()
	second, err := importInto(t, a, manyPeople(1800), func(w *Work) { w.Done = int64(len(first.Results)) })
	if err != nil || second.Rejected != 0 {
		t.Fatalf("%d rejected, %v", second.Rejected, err)
	}
	for i, r := range append(first.Results, second.Results...) {
		if r.Number != int64(i) {
			t.Fatalf("the %d. row that is told of is %d", i, r.Number)
		}
	}
	if n := len(first.Results) + len(second.Results); n != 1801 || len(first.Results) == 0 {
		t.Errorf("%d rows were told of, %d before the end", n, len(first.Results))
	}
	if n := a.events(); n != 1+1800+1800+1799+900 {
		t.Errorf("%d events", n)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	dir := t.TempDir()
	mapping := write(t, dir, "people.yaml", people)
	for name, text := range map[string]string{"other.csv": "id,name\n1,Ann\n", "x.csv.gz": "\x1f\x8b\x08garbage", "empty.csv": ""} {
		_, err := a.importFiles(t.Context(), mapping, []string{write(t, dir, name, text)})
		if bad, ok := errors.AsType[*FileError](err); !ok || filepath.Base(bad.Name) != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a.requests != 0 {
		t.Error("something was sent")
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	p, err := Parse("people", []byte(people))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files, _, err := p.Local([]string{write(t, dir, "people.csv", "id,name,mail,boss,no_mail\n1,Ann,a@x.org,,yes\n2,Bob\n3,Cy,,,perhaps\n")}, "")
	if err != nil {
		t.Fatal(err)
	}
	rejected := 0
	all, err := p.DryRun(t.Context(), files, func(Result) error { rejected++; return nil })
	if err != nil || len(all) != 2 || rejected != 2 {
		t.Fatalf("%+v, %d rejected, %v", all, rejected, err)
	}
	once, rows := all[0], all[1]
	if once.File != "" || once.Commands["pipeline.define"] != 1 || once.Rows != 0 {
		t.Errorf("once: %+v", once)
	}
	if rows.Rows != 3 || rows.Rejected != 2 || rows.Commands["customer.register"] != 1 || len(rows.Reasons) != 2 ||
		len(rows.Examples) != 1 || !strings.Contains(strings.Join(rows.Examples[0], ""), `{"command":"consent.object","target":"`) {
		t.Errorf("rows: %+v", rows)
	}
}

// Read again, the rows have the numbers that they had when they were imported.
func TestRecords(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	s, err := importInto(t, a, "1,Ann,a@x.org,,no\n2,\"Bob,b@x.org,,no\n3,Cy,,\n4,Di,,,no\n")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("people", []byte(people))
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := p.Local([]string{write(t, t.TempDir(), "people.csv", "id,name,mail,boss,no_mail\n1,Ann,a@x.org,,no\n2,\"Bob,b@x.org,,no\n3,Cy,,\n4,Di,,,no\n")}, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	i := 0
	if err := p.Records(t.Context(), files, func(r Record) error {
		if want := s.Results[i]; r.Number != want.Number || r.Line != want.Line || !bytes.Equal(r.Raw, want.Raw) {
			t.Errorf("record %+v was %+v", r, want)
		}
		got = append(got, strings.Join(r.Cells, "|"))
		i++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "1|Ann|a@x.org||no", "", "", "4|Di|||no"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for try := range 100 {
		if d := Backoff(try); d < 50*time.Millisecond || d > 5*time.Second {
			t.Errorf("try %d waits %s", try, d)
		}
	}
}
