package importing

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
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

// importInto runs the people mapping against the server.
func importInto(t *testing.T, a *api, file string, change ...func(*Options)) (Summary, string, error) {
	t.Helper()
	dir := t.TempDir()
	out := &bytes.Buffer{}
	o := Options{
		Mapping: write(t, dir, "people.yaml", people), Server: a.URL, Key: "key", Parallel: 4,
		Paths: []string{write(t, dir, "people.csv", "id,name,mail,boss,no_mail\n"+file)}, ErrorsFile: filepath.Join(dir, "errors.csv"), Out: out,
	}
	for _, f := range change {
		f(&o)
	}
	s, err := Run(t.Context(), o)
	return s, out.String(), err
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

func TestRunTwice(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const n = 1500
	s, out, err := importInto(t, a, manyPeople(n))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"pipeline.define": 1, "customer.register": n, "customer.add_contact_point": n, "customer.link_to_organization": n - 1, "consent.object": n / 2,
	}
	if diff := cmp.Diff(want, s.Commands); diff != "" || s.Rejected != 0 || s.Rows != n {
		t.Fatalf("%d rows, %d rejected %s\n%s", s.Rows, s.Rejected, diff, out)
	}
	events := a.events()
	s, _, err = importInto(t, a, manyPeople(n))
	if err != nil || a.events() != events || s.Rejected != 0 || s.Updated != 0 {
		t.Errorf("the second time %d events more, %+v, %v", a.events()-events, s, err)
	}
	if s.ErrorsFile != "" {
		t.Errorf("there is an errors file, %s", s.ErrorsFile)
	}
}

// A row that moved is the same row; one that changed is an update.
func TestRunChangedRows(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	if _, _, err := importInto(t, a, "1,Ann,a@x.org,,no\n2,Bob,b@x.org,,no\n3,Cy,,,no\n"); err != nil {
		t.Fatal(err)
	}
	events := a.events()
	s, out, err := importInto(t, a, "3,Cy,,,no\n2,Bob,b@x.org,,no\n1,Ann,a@x.org,,no\n")
	if err != nil || a.events() != events || s.Updated != 0 {
		t.Fatalf("moved rows: %d events, %v\n%s", a.events()-events, err, out)
	}
	s, out, err = importInto(t, a, "1,Anna,a@x.org,,yes\n2,Bob,bob@x.org,,no\n")
	if err != nil || s.Updated != 1 || s.Rejected != 0 || a.events() != events+3 {
		t.Fatalf("changed rows: %d updated, %d events, %v\n%s", s.Updated, a.events()-events, err, out)
	}
	if changed := a.of("customer.change_details"); len(changed) != 1 || changed[0].body["name"] != "Anna" {
		t.Errorf("changed: %v", changed)
	}
}

func TestRunRejects(t *testing.T) {
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
	s, out, err := importInto(t, a, "1,Ann,a@x.org,,no\n2,\"Bob,b@x.org,,no\n3,Cy,,,perhaps\n4,Refused,r@x.org,1,yes\n5,Eve,nowhere,1,yes\n,No key,,,\n6,F\x00,,,\n7,Gil,,99,no\n")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(s.ErrorsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range rows[1:] {
		reason, _, _ := strings.Cut(row[2], ";")
		got = append(got, row[1]+" "+reason)
		if filepath.Base(row[0]) != "people.csv" || row[3] == "" {
			t.Errorf("row %q", row)
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
		t.Errorf("%+v\n%s", s, out)
	}
	if mode, err := os.Stat(s.ErrorsFile); err != nil || mode.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", mode.Mode(), err)
	}
}

// Whatever goes wrong on the way, each command is carried out once.
func TestRunThroughFaults(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.before = func(w http.ResponseWriter, n int) bool {
		switch n % 7 {
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		case 3:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			return false
		}
		return true
	}
	a.after = func(_ http.ResponseWriter, n int) bool {
		if n%7 == 4 {
			panic(http.ErrAbortHandler) // carried out, and the answer lost
		}
		return false
	}
	failed := map[string]bool{}
	a.result = func(c asked) *Outcome {
		if c.Command == "customer.add_contact_point" && len(failed) < 5 && !failed[c.Key] {
			failed[c.Key] = true
			o := refuse(http.StatusServiceUnavailable, "event-store-unavailable", "Away.")
			return &o
		}
		return nil
	}
	s, out, err := importInto(t, a, manyPeople(1600), func(o *Options) {
		o.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	})
	if err != nil || s.Rejected != 0 || s.Retries == 0 || len(failed) != 5 {
		t.Fatalf("%+v, %v\n%s", s, err, out)
	}
	if n := len(a.of("customer.register")); n != 1600 {
		t.Errorf("%d customers", n)
	}
	if n := a.events(); n != 1+1600+1600+1599+800 {
		t.Errorf("%d events", n)
	}
}

// An import that was ended is completed by the next.
func TestRunEndedAndAgain(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a.before = func(w http.ResponseWriter, n int) bool {
		if n >= 5 {
			cancel()
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n >= 5
	}
	dir := t.TempDir()
	o := Options{
		Mapping: write(t, dir, "people.yaml", people), Server: a.URL, Key: "key",
		Paths: []string{write(t, dir, "people.csv", "id,name,mail,boss,no_mail\n"+manyPeople(1800))},
	}
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("ended with %v", err)
	}
	if n := len(a.of("customer.register")); n == 0 || n == 1800 {
		t.Fatalf("%d customers after the end", n)
	}
	a.mu.Lock()
	a.before = nil
	clear(a.busy)
	a.mu.Unlock()
	if s, err := Run(t.Context(), o); err != nil || s.Rejected != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	if n := a.events(); n != 1+1800+1800+1799+900 {
		t.Errorf("%d events", n)
	}
}

func TestRunErrors(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	if _, _, err := importInto(t, a, "1,Ann,,,no\n", func(o *Options) { o.Key = "wrong" }); err == nil || !strings.Contains(err.Error(), "API key") {
		t.Errorf("a wrong key: %v", err)
	}
	dir := t.TempDir()
	lacking := write(t, dir, "other.csv", "id,name\n1,Ann\n")
	if _, _, err := importInto(t, a, "", func(o *Options) { o.Paths = append(o.Paths, lacking) }); err == nil || !strings.Contains(err.Error(), `no column "boss"`) {
		t.Errorf("a file without the columns: %v", err)
	}
	broken := write(t, dir, "x.csv.gz", "\x1f\x8b\x08garbage")
	if _, _, err := importInto(t, a, "", func(o *Options) { o.Paths = []string{broken} }); err == nil {
		t.Error("a broken gzip file was read")
	}
	if a.events() != 0 {
		t.Error("something was sent")
	}
	a.before = func(w http.ResponseWriter, _ int) bool {
		w.WriteHeader(http.StatusNotFound)
		return true
	}
	if _, _, err := importInto(t, a, "1,Ann,,,no\n"); err == nil {
		t.Error("a server without the path was no error")
	}
}

// A request that the server refuses as a whole is halved until the one command
// that it does not take stands alone.
func TestRunRefusedRequests(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	p, err := parse("people", []byte(people))
	if err != nil {
		t.Fatal(err)
	}
	var commands []*Command
	for i := range 700 {
		rec := &record{columns: map[string]int{"id": 0, "name": 1}, cells: []string{fmt.Sprint(i), "x"}}
		made, problems := p.sections[0].commandsOf(p, rec, &row{})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		commands = append(commands, made...)
	}
	limited := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if len(body) > 20_000 || bytes.Contains(body, []byte(commands[7].Target.String())) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		a.serve(w, r)
	}))
	t.Cleanup(limited.Close)
	c := newClient(limited.URL, "key", 2, t.Logf)
	t.Cleanup(c.close)
	outcomes, err := c.Send(t.Context(), commands)
	if err != nil || len(outcomes) != len(commands) {
		t.Fatalf("%d outcomes, %v", len(outcomes), err)
	}
	for i, o := range outcomes {
		if o.refused() != (i == 7) {
			t.Errorf("command %d: %+v", i, o)
		}
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.Close()
	s, out, err := importInto(t, a, "1,Ann,a@x.org,,yes\n2,Bob\n3,Cy,,,perhaps\n", func(o *Options) { o.DryRun = true })
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"people.csv as rows: 3 rows, 2 rejected", "1 customer.register", "1 × rejected: the row has 2 fields where the header has 5",
		`{"command":"consent.object","target":"`, "rejected rows are in",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if s.Rejected != 2 || s.Commands["customer.register"] != 1 {
		t.Errorf("%+v", s)
	}
}

// A terminal gets a bar, which anything else would have to scroll past.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	for _, terminal := range []bool{true, false} {
		a := newAPI(t)
		a.before = func(http.ResponseWriter, int) bool {
			time.Sleep(3 * barEvery) // or the import is over before a bar is due
			return false
		}
		_, out, err := importInto(t, a, manyPeople(10), func(o *Options) { o.Terminal = terminal })
		if err != nil || !strings.Contains(out, "10 rows in") {
			t.Errorf("%v\n%s", err, out)
		}
		if drawn := strings.Contains(out, "\r") && strings.Contains(out, "rows, 0 rejected   "); drawn != terminal {
			t.Errorf("terminal %t, a bar is drawn: %t\n%q", terminal, drawn, out)
		}
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for try := range 100 {
		if d := backoff(try); d < 50*time.Millisecond || d > 5*time.Second {
			t.Errorf("try %d waits %s", try, d)
		}
	}
	if d := retryAfter("3600"); d != 30*time.Second {
		t.Errorf("an hour is %s", d)
	}
	if d := retryAfter("soon"); d != 0 {
		t.Errorf("soon is %s", d)
	}
}
