package projectionstest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// TestMain lets the test binary be one that ends in some bad way while its
// cluster runs.
func TestMain(m *testing.M) {
	if os.Getenv("CRM_PROJECTIONSTEST_VICTIM") == "" {
		os.Exit(m.Run())
	}
	if _, err := shared(); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(3)
}

func TestEveryTestHasItsOwnDatabase(t *testing.T) {
	t.Parallel()
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			pool := Pool(t)
			if _, err := pool.Exec(t.Context(), "CREATE TABLE customers (name text)"); err != nil {
				t.Error(err)
			}
			var collation, lower string
			err := pool.QueryRow(t.Context(),
				"SELECT datcollate, lower('Ä') FROM pg_database WHERE datname = current_database()").Scan(&collation, &lower)
			if err != nil || collation != "C" || lower != "ä" {
				t.Errorf("collation %q, lower('Ä') = %q, %v", collation, lower, err)
			}
		})
	}
}

func TestDatabaseIsDroppedWithItsTest(t *testing.T) {
	t.Parallel()
	var pool *pgxpool.Pool
	t.Run("", func(t *testing.T) { pool = Pool(t) })
	cfg := pool.Config()
	again, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("%s: %v", cfg.ConnConfig.Database, err)
	}
}

func TestNothingStaysBehind(t *testing.T) {
	t.Parallel()
	if os.Getenv("CRM_TEST_POSTGRES") != "" {
		t.Skip("CRM_TEST_POSTGRES names a server, so no cluster is started")
	}
	Pool(t) // else we should skip
	for name, end := range map[string]func(*exec.Cmd, io.Closer) error{
		"killed": func(cmd *exec.Cmd, _ io.Closer) error { return cmd.Process.Kill() },
		"exit":   func(_ *exec.Cmd, stdin io.Closer) error { return stdin.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, self)
			cmd.Env = append(os.Environ(), "CRM_PROJECTIONSTEST_VICTIM=yes", "TMPDIR="+temp)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil || said != "ready\n" {
				t.Fatalf("the victim says %q, %v", said, err)
			}
			pids, err := filepath.Glob(filepath.Join(temp, "crm-test-pg-*", "data", "postmaster.pid"))
			if err != nil || len(pids) != 1 {
				t.Fatalf("its cluster: %v, %v", pids, err)
			}
			if err := end(cmd, stdin); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed, or ended with status 3

			// The guard is nobody's child, so there is nothing to wait for but
			// its work.
			for ctx.Err() == nil {
				left, err := filepath.Glob(filepath.Join(temp, "*"))
				if err != nil {
					t.Fatal(err)
				}
				if len(left) == 0 {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Error("the cluster's folder stays")
		})
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u:p@db:5433/old?sslmode=disable": "postgres://u:p@db:5433/new?sslmode=disable",
		"postgresql://db":             "postgresql://db/new",
		"host=/run user=u dbname=old": "host=/run user=u dbname=old dbname=new",
	} {
		if got, err := withDatabase(dsn, "new"); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", dsn, got, err, want)
		}
	}
	if _, err := withDatabase("postgres://u:secret@db:port/", "new"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error that keeps the password to itself", err)
	}
}

func BenchmarkDatabase(b *testing.B) {
	for b.Loop() {
		DSN(b)
	}
}
