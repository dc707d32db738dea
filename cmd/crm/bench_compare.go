package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"crm/cmd/crm/load"
	"crm/cmd/crm/load/plain"
	"crm/projections/postgres"
)

// benchCompare is `crm bench compare`.
type benchCompare struct {
	Dir      string        `type:"path" placeholder:"DIR" help:"Folder on the disk to measure; what is made there is gone afterwards. Default: the system's temporary folder."`
	Clients  []int         `default:"1,8,64" placeholder:"N,…" help:"Clients that ask at once, one measurement for each. Default ${default}."`
	Rounds   int           `default:"3" placeholder:"N" help:"How often everything is asked; medians are printed. Default ${default}."`
	Duration time.Duration `default:"5s" placeholder:"DURATION" help:"How long each measurement counts. Default ${default}."`
	Warmup   time.Duration `default:"1s" placeholder:"DURATION" help:"How long it asks before. Default ${default}."`
	Rate     int           `default:"1000" placeholder:"N" help:"Requests per second of the open loop at the end; 0 leaves it out. Default ${default}."`
	Seed     uint64        `default:"1" placeholder:"N" help:"Seed of the order of operations. Default ${default}."`
}

// Validate is called with what was parsed.
func (b *benchCompare) Validate() error {
	for _, clients := range b.Clients {
		if clients < 1 || clients > 1024 {
			return fmt.Errorf("--clients %d is not within 1 to 1024", clients)
		}
	}
	switch {
	case len(b.Clients) == 0:
		return errors.New("--clients names no number")
	case b.Rounds < 1 || b.Rounds > 100:
		return fmt.Errorf("--rounds %d is not within 1 to 100", b.Rounds)
	case b.Duration <= 0 || b.Duration > time.Minute || b.Warmup < 0 || b.Warmup > time.Minute:
		return errors.New("--duration is not within 1ns to 1m, or --warmup not within 0 to 1m")
	case b.Rate < 0:
		return fmt.Errorf("--rate %d is negative", b.Rate)
	}
	return nil
}

// Run starts both servers in folders of their own, measures and prints.
func (b *benchCompare) Run(ctx context.Context, std streams) (err error) {
	dir, err := os.MkdirTemp(b.Dir, "crm-compare-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ours, theirs := filepath.Join(dir, "crm"), filepath.Join(dir, "plain")
	first, err := startSubject(ctx, std.err, "crm", filepath.Join(ours, "admin.key"), "up", "--data", ours, "--listen", "127.0.0.1:0", "--log-level", "warn")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, first.stop()) }()
	second, err := startSubject(ctx, std.err, "plain", filepath.Join(theirs, "key"), "bench", "plain", "--data", theirs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, second.stop()) }()
	return load.Compare(ctx, load.Comparison{
		Subjects: [2]load.Subject{first.subject, second.subject},
		Clients:  b.Clients, Rounds: b.Rounds, Duration: b.Duration, Warmup: b.Warmup, Rate: b.Rate, Seed: b.Seed,
	}, std.out, std.err)
}

// subject is a server in a process of its own.
type subject struct {
	subject load.Subject
	process *exec.Cmd
}

// startSubject runs this program with arguments until it says that it is ready. Its
// key is then in a file.
func startSubject(ctx context.Context, errs io.Writer, name, keyFile string, arguments ...string) (*subject, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &subject{process: exec.CommandContext(ctx, self, arguments...)}
	s.process.Cancel = func() error { return s.process.Process.Signal(syscall.SIGTERM) }
	s.process.Stderr = errs
	said, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			go func() { _, _ = io.Copy(io.Discard, said) }() // ends with the process
			key, err := (&connection{KeyFile: keyFile}).key()
			if err != nil {
				return nil, errors.Join(err, s.stop())
			}
			s.subject = load.Subject{Name: name, Server: strings.Fields(url)[0], Key: key, Resident: func() (int64, error) { return resident(s.process.Process.Pid) }}
			return s, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%s does not become ready", name), s.stop())
}

func (s *subject) stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return s.process.Wait()
}

// resident is the memory of a process in bytes (proc(5)); 0 where Linux does not tell.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// benchPlain is `crm bench plain`.
type benchPlain struct {
	Data string `type:"path" required:"" placeholder:"DIR" help:"Folder of its private Postgres, and of its key."`
}

// Run serves until ctx ends.
func (b *benchPlain) Run(ctx context.Context, std streams) (err error) {
	cluster, err := postgres.Start(ctx, postgres.Config{Dir: b.Data, Durable: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop(context.WithoutCancel(ctx))) }()
	if err := cluster.EnsureDatabase(ctx, "plain"); err != nil {
		return err
	}
	cfg, err := pgxpool.ParseConfig(cluster.DSN("plain"))
	if err != nil {
		return err
	}
	cfg.MaxConns = int32(max(16, 8*runtime.NumCPU())) // as large as measured best
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	key := rand.Text()
	if err := os.WriteFile(filepath.Join(b.Data, "key"), []byte(key+"\n"), 0o600); err != nil {
		return err
	}
	server, err := plain.New(ctx, pool, key)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listening := &http.Server{Handler: server.Handler(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- listening.Serve(listener) }()
	_, _ = fmt.Fprintf(std.out, "ready http://%s\n", listener.Addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return listening.Close()
	}
}
