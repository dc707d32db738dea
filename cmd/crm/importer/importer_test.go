package importer

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/http/importing"
)

// Two files of the same name are two on the server, and the mapping still knows what
// they are.
func TestNames(t *testing.T) {
	t.Parallel()
	got := names([]importing.File{{Name: "/a/people.csv"}, {Name: "/b/people.csv"}, {Name: "/b/other.csv"}, {Name: "/c/people.csv"}})
	if diff := cmp.Diff([]string{"people.csv", "2/people.csv", "other.csv", "3/people.csv"}, got); diff != "" {
		t.Error(diff)
	}
}

// What the server says of rejected rows is written down with the files' names here; an
// answer that was cut off leaves nothing.
func TestRejects(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rejected.csv")
	r, err := newRejects(path)
	if err != nil {
		t.Fatal(err)
	}
	r.named([]importing.File{{Name: "/a/people.csv"}}, []string{"people.csv"})
	if err := r.fetch(strings.NewReader("file,line,reason,row\npeople.csv,3,No.,\"cut off")); err == nil {
		t.Error("half an answer was taken")
	}
	if err := r.fetch(strings.NewReader("file,line,reason,row\npeople.csv,2,No name.,\"1,\"\n")); err != nil {
		t.Fatal(err)
	}
	if written, err := r.close(); err != nil || written != path {
		t.Fatal(written, err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"file", "line", "reason", "row"}, {"/a/people.csv", "2", "No name.", "1,"}}, rows); diff != "" {
		t.Error(diff)
	}
	if mode, err := os.Stat(path); err != nil || mode.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", mode.Mode(), err)
	}
	if len(r.first) != 1 || r.first[0] != "/a/people.csv:2: No name." {
		t.Errorf("the report would say %q", r.first)
	}
}

// A dry run asks no server.
func TestDryRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "cards.vcf")
	if err := os.WriteFile(file, []byte("BEGIN:VCARD\nVERSION:3.0\nUID:1\nFN:Ada\nEND:VCARD\nBEGIN:VCARD\nVERSION:3.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := &strings.Builder{}
	s, err := Run(t.Context(), Options{Mapping: "vcard", Server: "http://127.0.0.1:1", Paths: []string{file}, DryRun: true, ErrorsFile: filepath.Join(dir, "rejected.csv"), Out: out})
	if err != nil || s.Rows != 2 || s.Rejected != 1 || s.Commands["customer.register"] != 1 {
		t.Fatalf("%+v, %v\n%s", s, err, out)
	}
	for _, want := range []string{"cards.vcf as cards: 2 rows, 1 rejected", "1 customer.register", `{"command":"customer.register"`, "rejected rows are in"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	if d := retryAfter("3600"); d != 30*time.Second {
		t.Errorf("an hour is %s", d)
	}
	if d := retryAfter("soon"); d != 0 {
		t.Errorf("soon is %s", d)
	}
}
