package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/projections"
	"crm/projections/projectionstest"
)

// The folder's path is too long for a socket.
func TestAnalystsOfALaptop(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), strings.Repeat("a-rather-long-folder-name/", 5), "data")
	if code, _, errs := runCommand(t, "analyst-dsn", "--data", data); code != exitFailed || !strings.Contains(errs, "does not run") {
		t.Errorf("before crm up: exit code %d, %s", code, errs)
	}
	p := runUp(t, data)
	var made accepted
	p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`, &made)
	p.must(http.MethodGet, "/v1/customers/"+made.ID+"?min_position="+made.Position, "", nil)
	code, dsn, errs := runCommand(t, "analyst-dsn", "--data", data)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if code, again, errs := runCommand(t, "analyst-dsn", "--data", data); code != 0 || again != dsn {
		t.Errorf("the second time %s, exit code %d: %s; the first time %s", again, code, errs, dsn)
	}
	dsn = strings.TrimSpace(dsn)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var name, role string
	if err := conn.QueryRow(t.Context(), "SELECT name, current_user FROM customers.customers").Scan(&name, &role); err != nil || name != "Ada" || role != "crm_analyst" {
		t.Errorf("%s reads %q, %v", role, name, err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT * FROM crm.projections"); err == nil {
		t.Error("the engine's books can be read")
	}
	if psql, err := exec.LookPath("psql"); err == nil {
		out, err := exec.CommandContext(t.Context(), psql, "-At", "-c", "SELECT name FROM customers.customers", dsn).CombinedOutput()
		if err != nil || string(out) != "Ada\n" {
			t.Errorf("psql reads %q, %v", out, err)
		}
	}
	p.stop(syscall.SIGTERM)
}

func TestAnalystsOfAServer(t *testing.T) {
	t.Parallel()
	dsn := projectionstest.DSN(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	var role string
	if err := pool.QueryRow(t.Context(), "SELECT current_database() || '_analyst'").Scan(&role); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // roles are the whole cluster's
		for _, statement := range []string{"DROP OWNED BY ", "DROP ROLE "} {
			if _, err := pool.Exec(context.WithoutCancel(t.Context()), statement+role); err != nil {
				t.Error(err)
			}
		}
	})
	passwordOf := func(text string) (secret string) {
		t.Helper()
		cfg, err := pgx.ParseConfig(strings.TrimSpace(text))
		if err != nil || cfg.User != role {
			t.Fatalf("%s: %v", text, err)
		}
		return cfg.Password
	}

	code, first, errs := runCommand(t, "analyst-dsn", "--postgres", dsn)
	if code != 0 || len(passwordOf(first)) < 20 {
		t.Fatalf("exit code %d, %s%s", code, first, errs)
	}
	if code, out, errs := runCommand(t, "analyst-dsn", "--postgres", dsn); code != 0 || passwordOf(out) != "" || !strings.Contains(errs, "--password-file") {
		t.Errorf("an existing role: exit code %d, %s%s", code, out, errs)
	}
	if code, _, errs := runCommand(t, "analyst-dsn", "--postgres", dsn, "--guard-locks"); code != exitFailed || !strings.Contains(errs, "books") {
		t.Errorf("guards locks of no books: exit code %d, %s", code, errs)
	}
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runCommand(t, "analyst-dsn", "--postgres", dsn); code != 0 || strings.Count(errs, "--guard-locks") != 1 {
		t.Errorf("locks that are not guarded: exit code %d, %s", code, errs)
	}
	if code, _, errs := runCommand(t, "analyst-dsn", "--postgres", dsn, "--guard-locks"); code != 0 || strings.Contains(errs, "locks") {
		t.Errorf("guards locks: exit code %d, %s", code, errs)
	}
	file := filepath.Join(t.TempDir(), "password")
	var kept string
	for range 2 {
		code, out, errs := runCommand(t, "analyst-dsn", "--postgres", dsn, "--password-file", file)
		text, err := os.ReadFile(file)
		if kept = passwordOf(out); code != 0 || err != nil || kept == passwordOf(first) || kept != strings.TrimSpace(string(text)) {
			t.Errorf("exit code %d, %s%s; the file has %q, %v", code, out, errs, text, err)
		}
	}
	if mode := stat(t, file).Mode().Perm(); mode != 0o600 {
		t.Errorf("the file has mode %o", mode)
	}
	for _, wrong := range [][]string{
		{"--statement-timeout", "0s"}, {"--connections", "0"}, {"--password-file", filepath.Join(file, "none")},
	} {
		if code, _, _ := runCommand(t, append([]string{"analyst-dsn", "--postgres", dsn}, wrong...)...); code != exitUsage {
			t.Errorf("%v: exit code %d", wrong, code)
		}
	}
}

func TestAsRole(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://crm:secret@db:5433/crm?sslmode=verify-full&pool_max_conns=3": "postgres://a:p%40@db:5433/crm?sslmode=verify-full",
		"postgres:///crm?host=/run/a+b&user=crm&password=secret":                 "postgres:///crm?host=%2Frun%2Fa%20b&password=p%40&user=a",
		"postgresql://db/crm": "postgresql://a:p%40@db/crm",
		`host=/run user = crm password='it\'s secret' dbname=crm`:        `host=/run dbname=crm user='a' password='p@'`,
		`password=secret\ too host='a b' passfile=x statement_timeout=1`: `host='a b' statement_timeout=1 user='a' password='p@'`,
	} {
		got, err := asRole(dsn, "a", "p@")
		if err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", dsn, got, err, want)
		}
		if _, err := pgx.ParseConfig(got); err != nil {
			t.Error(err)
		}
		if strings.Contains(got, "secret") {
			t.Errorf("%s tells our password", got)
		}
		if without, _ := asRole(dsn, "a", ""); strings.Contains(without, "p@") || strings.Contains(without, "secret") {
			t.Errorf("without a password: %s", without)
		}
	}
	if _, err := asRole("postgres://crm:secret@db:port/", "a", "p"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error that keeps the password to itself", err)
	}
}
