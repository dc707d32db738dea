package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// TestMain lets the test binary be the program that is killed: asked by an
// environment variable, it runs a cluster, puts a row into it, says so, and waits
// for the end.
func TestMain(m *testing.M) {
	dir := os.Getenv("CRM_POSTGRES_TEST_VICTIM")
	if dir == "" {
		// In memory, where there is plenty: a cluster is a thousand files, and
		// making them is what costs.
		const memory, plenty = "/dev/shm", 4 << 30 // bytes
		var fs syscall.Statfs_t
		if os.Getenv("TMPDIR") == "" && syscall.Statfs(memory, &fs) == nil && fs.Bavail*uint64(fs.Bsize) > plenty {
			if err := os.Setenv("TMPDIR", memory); err != nil {
				panic(err)
			}
		}
		os.Exit(m.Run())
	}
	if err := victim(dir); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func victim(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := Start(ctx, Config{Dir: dir, Durable: true})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, c.DSN("postgres"))
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)"); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin) // until killed; should the test die first, until then
	return errors.Join(err, c.Stop(ctx))
}

func TestClusterKeepsItsRowsOverARestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	c := start(t, dir)
	if err := c.EnsureDatabase(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if err := c.EnsureDatabase(t.Context(), "crm"); err != nil {
		t.Fatal("a second time:", err)
	}
	if _, err := connect(t, c, "crm").Exec(t.Context(), "CREATE TABLE kept AS SELECT 42 AS n"); err != nil {
		t.Fatal(err)
	}
	stop(t, c)
	select {
	case <-c.Done():
	default:
		t.Error("Done is open after Stop")
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Error("stopping twice:", err)
	}

	if got := query[int](t, start(t, dir), "crm", "SELECT n FROM kept"); got != 42 {
		t.Errorf("n = %d after a restart", got)
	}
}

func TestClusterIsPrivateAndDurable(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	c := startWith(t, Config{Dir: dir, Durable: true})
	got := map[string]string{}
	for _, name := range []string{
		"listen_addresses", "data_checksums", "fsync", "full_page_writes", "synchronous_commit",
		"server_encoding", "lc_collate", "log_error_verbosity",
	} {
		got[name] = query[string](t, c, "postgres", "SELECT current_setting('"+name+"')")
	}
	want := map[string]string{
		"listen_addresses": "", "data_checksums": "on", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
		"server_encoding": "UTF8", "lc_collate": "C", "log_error_verbosity": "terse",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "data": 0o700, "postgres.log": 0o600, "lock": 0o600} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, fi.Mode().Perm(), want)
		}
	}
	hba, err := os.ReadFile(filepath.Join(dir, "data", "pg_hba.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(hba)) {
		if strings.HasPrefix(line, "host") && !strings.HasSuffix(strings.TrimSpace(line), "reject") {
			t.Errorf("the network is let in: %s", line)
		}
	}
	if group, err := syscall.Getpgid(c.server.process.Pid); err != nil || group == syscall.Getpgrp() {
		t.Errorf("the server is in our process group (%d, %v): Ctrl-C would reach it", group, err)
	}
}

func TestServerLogHoldsNoRow(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	c := start(t, dir)
	conn := connect(t, c, "postgres")
	if _, err := conn.Exec(t.Context(), "CREATE TABLE persons (mail text PRIMARY KEY); INSERT INTO persons VALUES ('secret@example.com')"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO persons VALUES ('secret@example.com')"); err == nil {
		t.Fatal("a duplicate was let in")
	}
	stop(t, c)
	log, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "duplicate key") {
		t.Error("the error is not in the log")
	}
	if strings.Contains(string(log), "secret@example.com") {
		t.Errorf("the row is in the log:\n%s", log)
	}
}

func TestSecondStartIsRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	start(t, dir)
	_, err := Start(t.Context(), Config{Dir: dir})
	inUse, ok := errors.AsType[*InUseError](err)
	if !ok || inUse.PID != os.Getpid() {
		t.Errorf("got %v, want an InUseError naming %d", err, os.Getpid())
	}
}

func TestStartAfterKill(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(t *testing.T, program *os.Process, postmaster int){
		"of the program": func(t *testing.T, program *os.Process, _ int) {
			t.Helper()
			signal(t, program.Pid, syscall.SIGKILL)
		},
		"of the postmaster, then the program": func(t *testing.T, program *os.Process, postmaster int) {
			t.Helper()
			signal(t, postmaster, syscall.SIGKILL)
			signal(t, program.Pid, syscall.SIGKILL)
		},
		"of the program, with a postmaster that is slow to go": func(t *testing.T, program *os.Process, postmaster int) {
			t.Helper()
			signal(t, postmaster, syscall.SIGSTOP)
			signal(t, program.Pid, syscall.SIGKILL)
			time.AfterFunc(200*time.Millisecond, func() { _ = syscall.Kill(postmaster, syscall.SIGCONT) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "pg")
			program := spawn(t, dir, nil)
			postmaster, err := readPID(filepath.Join(dir, "data", "postmaster.pid"))
			if err != nil || postmaster == 0 {
				t.Fatal("no postmaster.pid:", err)
			}
			if _, err := Start(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), strconv.Itoa(program.Process.Pid)) {
				t.Errorf("while the program lives: %v, want a refusal naming %d", err, program.Process.Pid)
			}
			kill(t, program.Process, postmaster)
			_ = program.Wait() // it was killed

			c := startWith(t, Config{Dir: dir, Durable: true})
			if got := query[int](t, c, "postgres", "SELECT n FROM kept"); got != 42 {
				t.Errorf("n = %d", got)
			}
			if isPostmaster(postmaster, filepath.Join(dir, "data")) {
				t.Error("the old postmaster still runs")
			}
		})
	}
}

// Where the kernel does not end the server with the program, the next start does.
func TestStartStopsAPostmasterLeftBehind(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	stop(t, start(t, dir))
	data, err := openData(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	bin, err := find(t.Context(), data.major)
	if err != nil {
		t.Fatal(err)
	}
	left, err := launch(t.Context(), bin, data, filepath.Join(dir, "other.log"), settings(false))
	if err != nil {
		t.Fatal(err)
	}

	c := start(t, dir)
	<-left.done
	if got := query[int](t, c, "postgres", "SELECT 42"); got != 42 {
		t.Errorf("got %d", got)
	}
}

func TestStartSparesAStranger(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	stop(t, start(t, dir))
	data, err := openData(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	// A process of the server's own user that was given the dead postmaster's id.
	stranger := exec.Command("sleep", "60")
	stranger.SysProcAttr = attributes(data.owner)
	stranger.Dir = "/"
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = stranger.Wait(); close(ended) }()
	t.Cleanup(func() { _ = stranger.Process.Kill(); <-ended })
	pidFile := fmt.Sprintf("%d\n%s\n1795336263\n5432\n.\n\n\nready   \n", stranger.Process.Pid, data.dir)
	if err := os.WriteFile(filepath.Join(data.dir, "postmaster.pid"), []byte(pidFile), 0o600); err != nil {
		t.Fatal(err)
	}

	start(t, dir)
	select {
	case <-ended:
		t.Error("the stranger was killed")
	default:
	}
}

func TestStartAfterInitdbWasKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	if err := os.MkdirAll(filepath.Join(dir, "data.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data.new", "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

func TestStartInAwkwardFolders(t *testing.T) {
	t.Parallel()
	for name, below := range map[string]string{
		"long":            strings.Repeat("long/", 30),
		"comma":           "a, b",
		"space and quote": "it's mine % 50",
		"not Latin":       "客户 & données",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := filepath.Join(t.TempDir(), "closed")
			if err := os.Mkdir(closed, 0o700); err != nil { // as /root is
				t.Fatal(err)
			}
			dir := filepath.Join(closed, below)
			c := start(t, dir)
			if got := query[int](t, c, "postgres", "SELECT 42"); got != 42 {
				t.Errorf("got %d", got)
			}
			host := c.host
			stop(t, c)
			if _, err := os.Lstat(host); !strings.HasPrefix(host, closed) && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is left behind: %v", host, err)
			}
			if fi, err := os.Stat(closed); err != nil || fi.Mode().Perm() != 0o700 {
				t.Errorf("the folder above was opened: %v, %v", fi.Mode(), err)
			}
		})
	}
}

func TestServerThatDiesIsNoticed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	c := start(t, dir)
	connect(t, c, "postgres") // its backend must not keep the next server out
	signal(t, c.server.process.Pid, syscall.SIGKILL)
	<-c.Done()
	if err := c.Stop(t.Context()); err == nil {
		t.Error("Stop says nothing of it")
	}
	start(t, dir)
}

func TestStopDoesNotWaitForeverForAClient(t *testing.T) {
	t.Parallel()
	c := start(t, filepath.Join(t.TempDir(), "pg"))
	conn := connect(t, c, "postgres")
	if _, err := conn.Exec(t.Context(), "BEGIN; CREATE TABLE unfinished (n int)"); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Stop(ended); err != nil {
		t.Error(err)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Config{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	start(t, dir) // nothing of the first try is in the way
}

func TestStartTellsWhyTheServerRefuses(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	stop(t, start(t, dir))
	conf := filepath.Join(dir, "data", "postgresql.conf")
	if err := os.WriteFile(conf, []byte("no_such_setting = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v, want the server's own words", err)
	}
}

// A folder that was restored from a copy belongs to root, all of it.
func TestRootsFolderIsGivenAway(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can own what it then gives away")
	}
	dir := filepath.Join(t.TempDir(), "pg")
	stop(t, start(t, dir))
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, 0, 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

// Root runs the server as another; everybody else runs it as themselves.
func TestUnprivilegedUserNeedsNobody(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("every other test shows it: this user is not root")
	}
	who, err := standIn("", false)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "pg")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
		t.Fatal(err)
	}
	for up := filepath.Dir(dir); up != filepath.Clean(os.TempDir()) && up != "/"; up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program := spawn(t, dir, who)
	signal(t, program.Process.Pid, syscall.SIGKILL)
	_ = program.Wait()

	if got := query[int](t, startWith(t, Config{Dir: dir, Durable: true}), "postgres", "SELECT n FROM kept"); got != 42 {
		t.Errorf("n = %d, read by root", got)
	}
}

func BenchmarkStart(b *testing.B) {
	for _, durable := range []bool{true, false} {
		b.Run(fmt.Sprintf("existing/durable=%t", durable), func(b *testing.B) {
			cfg := Config{Dir: filepath.Join(b.TempDir(), "pg"), Durable: durable}
			c, err := Start(b.Context(), cfg)
			if err != nil {
				b.Fatal(err)
			}
			if err := c.Stop(b.Context()); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				c, err := Start(b.Context(), cfg)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := c.Stop(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
		b.Run(fmt.Sprintf("new/durable=%t", durable), func(b *testing.B) {
			for b.Loop() {
				c, err := Start(b.Context(), Config{Dir: filepath.Join(b.TempDir(), "pg"), Durable: durable})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := c.Stop(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

func start(t *testing.T, dir string) *Cluster {
	t.Helper()
	return startWith(t, Config{Dir: dir})
}

func startWith(t *testing.T, cfg Config) *Cluster {
	t.Helper()
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	c, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop(context.WithoutCancel(t.Context())) }) // the test that minds stops it itself
	return c
}

func stop(t *testing.T, c *Cluster) {
	t.Helper()
	if err := c.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, c *Cluster, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// query returns the one value that sql selects.
func query[T any](t *testing.T, c *Cluster, database, sql string) T {
	t.Helper()
	conn := connect(t, c, database)
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func signal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

// spawn runs victim as a process of its own and returns when its cluster holds a row.
func spawn(t *testing.T, dir string, who *syscall.Credential) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if who != nil { // the folder it lies in may be closed to them
		content, err := os.ReadFile(self)
		if err != nil {
			t.Fatal(err)
		}
		self = filepath.Join(filepath.Dir(dir), "victim")
		if err := os.WriteFile(self, content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "CRM_POSTGRES_TEST_VICTIM="+dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || said != "ready\n" {
		t.Fatalf("the victim says %q, %v", said, err)
	}
	return cmd
}
