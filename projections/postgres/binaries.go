package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version that pgx supports.
const oldest = 14

// binaries is an installed server.
type binaries struct {
	dir     string // holds initdb and postgres
	version string // as in "15.18"
	major   int
}

// NotFoundError says that the machine has no suitable PostgreSQL server.
type NotFoundError struct {
	Major int      // the version that made the folder and so must run it; 0 when any would do
	Found []string // servers that are there and do not suit, as "13.4 in /usr/lib/postgresql/13/bin"
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	version := ""
	if e.Major == 0 {
		fmt.Fprintf(&b, "no PostgreSQL server (%d or newer) found", oldest)
	} else {
		fmt.Fprintf(&b, "the folder was made by PostgreSQL %d, and no server of that version is found", e.Major)
		version = strconv.Itoa(e.Major)
	}
	if len(e.Found) > 0 {
		fmt.Fprintf(&b, " (only %s)", strings.Join(e.Found, ", "))
	}
	b.WriteString("; install it: ")
	if version == "" {
		b.WriteString("apt-get install postgresql (Debian, Ubuntu), dnf install postgresql-server (Fedora), brew install postgresql@17 (macOS)")
	} else {
		fmt.Fprintf(&b, "apt-get install postgresql-%[1]s (Debian, Ubuntu), dnf install postgresql%[1]s-server (Fedora), brew install postgresql@%[1]s (macOS)", version)
	}
	return b.String()
}

// find returns the newest server of the machine, or of the given major version if
// that is not 0.
func find(ctx context.Context, major int) (binaries, error) {
	found := installed(ctx, candidates(ctx))
	missing := &NotFoundError{Major: major}
	for _, b := range found {
		if b.major == major || (major == 0 && b.major >= oldest) {
			return b, nil
		}
		missing.Found = append(missing.Found, b.version+" in "+b.dir)
	}
	if err := ctx.Err(); err != nil {
		return binaries{}, fmt.Errorf("look for postgres: %w", err)
	}
	return binaries{}, missing
}

// candidates lists the folders in which a server may lie, in the order of
// preference among equals.
func candidates(ctx context.Context) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		// Followed to its end: beside a link in /usr/local/bin there are no
		// shared files.
		if program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres")); err == nil {
			dirs = append(dirs, filepath.Dir(program))
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
		"/usr/pgsql-*/bin",                  // the project's RPMs
		"/usr/lib/postgresql*/bin",          // SUSE
		"/usr/libexec/postgresql*",          // Alpine
		"/opt/homebrew/opt/postgresql*/bin", // Homebrew on Apple silicon
		"/usr/local/opt/postgresql*/bin",    // Homebrew on Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/local/pgsql/bin", // built from source
		"/usr/bin",             // Fedora, Arch
	} {
		matches, _ := filepath.Glob(pattern) // fails only for a malformed pattern
		dirs = append(dirs, matches...)
	}
	return dirs
}

// installed returns the servers in dirs, each once, newest first.
func installed(ctx context.Context, dirs []string) []binaries {
	var found []binaries
	seen := map[string]bool{}
	for _, dir := range dirs {
		if dir, err := filepath.EvalSymlinks(dir); err == nil && !seen[dir] {
			seen[dir] = true
			if b, err := inspect(ctx, dir); err == nil {
				found = append(found, b)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return compareVersions(b.version, a.version) })
	return found
}

// inspect asks the server in dir which version it is. A folder without initdb is
// a client's.
func inspect(ctx context.Context, dir string) (binaries, error) {
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return binaries{}, err
	}
	// postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
	_, rest, ok := strings.Cut(string(out), "(PostgreSQL) ")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return binaries{}, errors.New("unknown answer to --version")
	}
	b := binaries{dir: dir, version: fields[0], major: numbers(fields[0])[0]}
	return b, nil
}

// compareVersions orders "9.6", "15.18", "17beta1", "17.2".
func compareVersions(a, b string) int { return slices.Compare(numbers(a), numbers(b)) }

// numbers splits 15.18 into 15 and 18. What follows a number within a part
// (17beta1) counts below .0.
func numbers(version string) []int {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		digits := len(part) - len(strings.TrimLeft(part, "0123456789"))
		n, _ := strconv.Atoi(part[:digits]) // no digits: 0
		all = append(all, n)
		if digits < len(part) {
			all = append(all, -1)
			break
		}
	}
	return all
}

// environment is what the server's programs see: no PG variable and no locale of
// the caller.
func environment() []string {
	kept := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "PG") || strings.HasPrefix(v, "LC_") || strings.HasPrefix(v, "LANG")
	})
	return append(kept, "LC_ALL=C")
}
