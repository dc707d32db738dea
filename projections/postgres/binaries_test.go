package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersionsAreOrdered(t *testing.T) {
	t.Parallel()
	want := []string{"9.6.24", "14.0", "15.9", "15.18", "17beta1", "17.0", "17.2", "18"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareVersions)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNewestServerIsFoundOnceAndClientsAreNot(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	older, newer, client := fakeServer(t, root, "14.3"), fakeServer(t, root, "16.1"), fakeServer(t, root, "17.0")
	if err := os.Remove(filepath.Join(client, "initdb")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(root, "link")
	if err := os.Symlink(newer, link); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range installed(t.Context(), []string{older, filepath.Join(root, "nothing"), link, client, newer}) {
		got = append(got, b.dir+" "+b.version)
	}
	if diff := cmp.Diff([]string{newer + " 16.1", older + " 14.3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// fakeServer installs a server that knows nothing but its version.
func fakeServer(t *testing.T, root, version string) string {
	t.Helper()
	dir := filepath.Join(root, version, "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + " (of a test)'\n"
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFolderOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: dir})
	missing, ok := errors.AsType[*NotFoundError](err)
	if !ok {
		t.Fatalf("got %v, want a NotFoundError", err)
	}
	if missing.Major != 8 || len(missing.Found) == 0 || !strings.Contains(err.Error(), "apt-get install postgresql-8") {
		t.Errorf("it does not help: %v", err)
	}
}
