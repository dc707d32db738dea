package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Superuser is the role that owns a private cluster.
const Superuser = "crm"

// Config says where a cluster lies and how much it may be trusted with.
type Config struct {
	// Dir is the folder that holds everything of the cluster. It is made when missing.
	Dir string
	// Durable makes a commit wait for the disk. False (no fsync at all) is for tests.
	Durable bool
	// Log receives one line per change of state. Nil discards.
	Log *slog.Logger
}

// Cluster is a running private PostgreSQL server.
type Cluster struct {
	server *server
	host   string // the folder in which a client finds the socket
	log    *slog.Logger
	undo   []func() // what Start acquired, in that order
	stop   sync.Once
	err    error // of Stop
}

// Start starts the cluster in cfg.Dir, creating it first if need be, and returns
// when it accepts connections. ctx bounds the start and nothing after it; crash
// recovery may take long after a busy hour. It returns *NotFoundError without
// suitable binaries, and *InUseError when another process runs the cluster.
func Start(ctx context.Context, cfg Config) (_ *Cluster, err error) {
	begin := time.Now()
	c := &Cluster{log: cfg.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if err != nil {
			c.release()
		}
	}()

	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("postgres folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("postgres folder: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	c.undo = append(c.undo, unlock)

	data, bin, err := c.prepare(ctx, dir, cfg.Durable)
	if err != nil {
		return nil, err
	}
	host, forget, err := socketDir(data.dir)
	if err != nil {
		return nil, err
	}
	c.host = host
	c.undo = append(c.undo, forget)

	c.server, err = launch(ctx, bin, data, filepath.Join(dir, "postgres.log"), settings(cfg.Durable))
	if err != nil {
		return nil, fmt.Errorf("start postgres %s in %s: %w", bin.version, dir, err)
	}
	if err := c.reach(ctx); err != nil {
		return nil, errors.Join(err, c.server.stop(ctx))
	}
	c.log.LogAttrs(ctx, slog.LevelInfo, "postgres is ready",
		slog.String("version", bin.version), slog.Duration("took", time.Since(begin)))
	return c, nil
}

// prepare leaves a cluster that no server runs on, made now if there was none.
func (c *Cluster) prepare(ctx context.Context, dir string, durable bool) (dataDir, binaries, error) {
	data, err := openData(filepath.Join(dir, "data"))
	if err != nil {
		return data, binaries{}, err
	}
	bin, err := find(ctx, data.major)
	if err != nil {
		return data, bin, err
	}
	if data.major == 0 {
		if err := initialize(ctx, bin, data, durable); err != nil {
			return data, bin, err
		}
		c.log.LogAttrs(ctx, slog.LevelInfo, "postgres cluster created", slog.String("version", bin.version))
		return data, bin, nil
	}
	stopped, err := stopLeftover(ctx, data.dir)
	if err != nil {
		return data, bin, err
	}
	if stopped != 0 {
		c.log.LogAttrs(ctx, slog.LevelWarn, "postgres of an earlier run stopped", slog.Int("pid", stopped))
	}
	return data, bin, nil
}

// reach proves that a client finds the server.
func (c *Cluster) reach(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("reach postgres: %w", err)
	}
	return conn.Close(ctx)
}

// DSN is the connection string of a database for Superuser.
func (c *Cluster) DSN(database string) string { return dsn(c.host, database) }

// DSN is the connection string of a database for Superuser in the cluster that
// another process runs, or would run, in dir. That one runs there is found out by
// connecting.
func DSN(dir, database string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("postgres folder: %w", err)
	}
	data := filepath.Join(dir, "data")
	if reachable(data) {
		return dsn(data, database), nil
	}
	short, err := ownTemp(data)
	if err != nil {
		return "", fmt.Errorf("socket folder: %w", err)
	}
	return dsn(filepath.Join(short, "pg"), database), nil
}

func dsn(host, database string) string {
	query := url.Values{"host": {host}, "port": {port}, "user": {Superuser}, "sslmode": {"disable"}}.Encode()
	query = strings.ReplaceAll(query, "+", "%20") // as in RFC 3986 and libpq, for which + is a plus
	u := url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: query}
	return u.String()
}

// EnsureDatabase creates an empty database unless there is one of that name.
func (c *Cluster) EnsureDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, c.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE template0")
	const duplicateDatabase = "42P04"
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == duplicateDatabase {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// Done is closed when the server has ended, whether asked to or not.
func (c *Cluster) Done() <-chan struct{} { return c.server.done }

// Stop ends the server: open transactions are rolled back and memory is written
// to disk. When ctx ends first, it stops without writing (what was committed is
// safe, the next start replays it), which takes at most 7 s more. Stopping twice
// is harmless. It returns an error when the server had ended by itself or did not
// end cleanly.
func (c *Cluster) Stop(ctx context.Context) error {
	c.stop.Do(func() {
		begin := time.Now()
		c.err = c.server.stop(ctx)
		c.release()
		c.log.LogAttrs(ctx, slog.LevelInfo, "postgres has stopped", slog.Duration("took", time.Since(begin)))
	})
	return c.err
}

func (c *Cluster) release() {
	for _, undo := range slices.Backward(c.undo) {
		undo()
	}
	c.undo = nil
}

// settings are fixed on the command line: they belong to the program's version,
// not to the folder.
func settings(durable bool) []string {
	all := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": ".",
		"unix_socket_permissions": "0700",
		"port":                    port,
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"jit":                     "off", // our statements are short; compiling them costs more than it saves

		// The log: to us, in English, because launch reads it; no rows or
		// statements, which may be personal.
		"log_destination":         "stderr",
		"logging_collector":       "off",
		"lc_messages":             "C",
		"log_min_messages":        "warning",
		"log_line_prefix":         "%m [%p] ",
		"log_checkpoints":         "off",
		"log_statement":           "none",
		"log_min_error_statement": "panic",
		"log_error_verbosity":     "terse",

		// One server, no standby: what a new table or index holds need not pass
		// through the WAL.
		"wal_level":       "minimal",
		"max_wal_senders": "0",
	}
	own := map[string]string{
		"fsync":                        "on",
		"full_page_writes":             "on",
		"synchronous_commit":           "on",
		"shared_buffers":               "256MB",
		"effective_cache_size":         "2GB",
		"maintenance_work_mem":         "128MB",
		"work_mem":                     "16MB",
		"max_connections":              "100",
		"max_wal_size":                 "1GB", // bounds what a start after a crash has to replay
		"checkpoint_completion_target": "0.9",
	}
	if !durable {
		own = map[string]string{
			"fsync":              "off",
			"full_page_writes":   "off",
			"synchronous_commit": "off",
			"shared_buffers":     "64MB",
			"max_connections":    "200",
			"max_wal_size":       "512MB",
			// In the folder, so that it goes with it even after kill -9.
			"dynamic_shared_memory_type": "mmap",
		}
	}
	var args []string
	for _, group := range []map[string]string{all, own} {
		for name, value := range group {
			args = append(args, "-c", name+"="+value)
		}
	}
	return args
}

// port names the socket; nothing listens on a network.
const port = "5432"

// socketDir returns the name under which a client reaches the socket in data, and
// what to do when the server is gone.
func socketDir(data string) (host string, forget func(), err error) {
	if reachable(data) {
		return data, func() {}, nil
	}
	short, err := privateTemp(data)
	if err != nil {
		return "", nil, fmt.Errorf("socket folder: %w", err)
	}
	link := filepath.Join(short, "pg")
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", nil, fmt.Errorf("socket folder: %w", err)
	}
	if err := os.Symlink(data, link); err != nil {
		return "", nil, fmt.Errorf("socket folder: %w", err)
	}
	return link, func() { _ = os.RemoveAll(short) }, nil
}

// reachable reports whether a client can name the socket in data.
func reachable(data string) bool {
	const longest = 100 // bytes; sun_path has 104 on BSD and macOS, 108 on Linux
	return len(filepath.Join(data, ".s.PGSQL."+port)) <= longest && !strings.Contains(data, ",")
}
