package modelbench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/projections"
	"crm/projections/postgres"
)

// cluster is a Postgres whose work can be told.
type cluster struct {
	*postgres.Cluster
	admin      *pgx.Conn
	postmaster int // process id; 0 where Linux does not tell
	databases  int
}

func startCluster(ctx context.Context, cfg postgres.Config) (_ *cluster, err error) {
	c := &cluster{}
	if c.Cluster, err = postgres.Start(ctx, cfg); err != nil {
		return nil, err
	}
	if c.admin, err = pgx.Connect(ctx, c.DSN("postgres")); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	var pid int
	if err := c.admin.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return nil, err
	}
	if fields := stat(strconv.Itoa(pid)); fields != nil {
		c.postmaster, _ = strconv.Atoi(fields[parent])
	}
	return c, nil
}

func (c *cluster) stop(ctx context.Context) error {
	if c.admin != nil {
		_ = c.admin.Close(ctx)
	}
	return c.Stop(ctx)
}

// fresh is a new database with the engine's books in it; drop removes it.
func (c *cluster) fresh(ctx context.Context) (pool *pgxpool.Pool, drop func(), err error) {
	c.databases++
	name := "bench" + strconv.Itoa(c.databases)
	if _, err := c.admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, nil, err
	}
	if pool, err = pgxpool.New(ctx, c.DSN(name)); err != nil {
		return nil, nil, err
	}
	drop = func() {
		pool.Close()
		_, _ = c.admin.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)") // the folder goes anyway
		_, _ = c.admin.Exec(context.WithoutCancel(ctx), "CHECKPOINT")                          // not in the next measurement
	}
	if err := projections.Migrate(ctx, pool); err != nil {
		drop()
		return nil, nil, err
	}
	return pool, drop, nil
}

// time is what all processes of the cluster have computed, those that ended
// included; zero where Linux does not tell.
func (c *cluster) time() time.Duration {
	if c.postmaster == 0 {
		return 0
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	var ticks int64
	for _, p := range processes {
		fields := stat(filepath.Base(p))
		if fields == nil {
			continue
		}
		own := filepath.Base(p) == strconv.Itoa(c.postmaster)
		if own || fields[parent] == strconv.Itoa(c.postmaster) {
			for _, field := range fields[userTime:childrenEnd] {
				n, _ := strconv.ParseInt(field, 10, 64)
				ticks += n
			}
		}
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// Where what is in the fields of /proc/PID/stat behind the name, and the unit of
// times there (proc(5), USER_HZ).
const (
	parent, userTime, childrenEnd = 1, 11, 15
	ticksPerSecond                = 100
)

// stat is what Linux says of a process; nil where there is none.
func stat(pid string) []string {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold spaces
	if fields := strings.Fields(rest); len(fields) > childrenEnd {
		return fields
	}
	return nil
}

// programTime is what this process has computed.
func programTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
