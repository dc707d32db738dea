package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/eventstore/faulttest"
)

// TestARebuildUnderLoadFailsNoRead rebuilds all read models while clerks write and
// readers read, and kills, stops and interrupts the process that does it again and
// again. What is read is never away, not even while one takes the place of the other;
// what a rebuild leaves behind is gone on with by the next; and all of it, the
// rollback as well, equals a fresh build.
func TestARebuildUnderLoadFailsNoRead(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 1, Large: 10, Workers: 1}, func(c *faulttest.Case) {
		f := startFleet(c.T, 2, "--wait-timeout", "1m")
		f.client.Timeout = 2 * time.Minute
		organizations, interruptions := 60, 3
		if faulttest.Large() {
			organizations, interruptions = 400, 12
		}
		f.fill(organizations)
		clerks := f.hire(c.Rand, 2, 20*time.Millisecond)
		load := []func(context.Context) error{f.reader(0), f.reader(1)}
		for _, clerk := range clerks {
			load = append(load, clerk.work)
		}
		during(c.T, func() {
			before := f.builds()
			for range interruptions {
				f.interruptRebuild(c.Rand)
			}
			f.mustProjections("rebuild")
			for name, build := range f.builds() {
				if build == before[name] {
					c.Errorf("%s is read from the same tables as before", name)
				}
			}
			f.mustProjections("verify")
			f.mustProjections("rollback", "customers")
			if build := f.builds()["customers"]; build == before["customers"] {
				c.Error("customers was not rolled back")
			}
			f.mustProjections("verify", "customers")
		}, load...)
		f.prove(clerks)
		f.mustProjections("verify")
		f.stop()
	})
}

// interruptRebuild starts a rebuild of all read models and ends it somewhere, in one
// way or another, if it has not ended before.
func (f *fleet) interruptRebuild(rng *rand.Rand) {
	f.t.Helper()
	cmd, said := f.projections("rebuild")
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	time.Sleep(time.Duration(50+rng.IntN(1500)) * time.Millisecond)
	way := []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGSTOP}[rng.IntN(3)]
	_ = cmd.Process.Signal(way) // it may be over
	if way == syscall.SIGSTOP {
		time.Sleep(soon(rng))
		_ = cmd.Process.Kill()
	}
	err := cmd.Wait()
	f.t.Logf("a rebuild was ended by %s: %v; %d builds are unfinished\n%s", way, err, f.unfinished(), lastLines(said.String(), 3))
}

// projections is crm projections, on the fleet's own.
func (f *fleet) projections(args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := command(f.t.Context(), f.t, append([]string{"projections", args[0], "--eventstore", f.connection(), "--postgres", f.dsn}, args[1:]...)...)
	said := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = said, said
	return cmd, said
}

// mustProjections is crm projections that has to succeed.
func (f *fleet) mustProjections(args ...string) {
	f.t.Helper()
	began := time.Now()
	cmd, said := f.projections(args...)
	if err := cmd.Run(); err != nil {
		f.t.Fatalf("crm projections %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	f.t.Logf("crm projections %s took %v", strings.Join(args, " "), time.Since(began).Round(time.Millisecond))
}

// builds are the identities of the tables that are read, by read model.
func (f *fleet) builds() map[string]int64 {
	f.t.Helper()
	builds := map[string]int64{}
	rows, err := f.database.Query(f.t.Context(), "SELECT name, build FROM crm.projections WHERE schema_name = name")
	if err != nil {
		f.t.Fatal(err)
	}
	var name string
	var build int64
	if _, err := pgx.ForEachRow(rows, []any{&name, &build}, func() error { builds[name] = build; return nil }); err != nil {
		f.t.Fatal(err)
	}
	return builds
}

// unfinished is how many builds beside have begun.
func (f *fleet) unfinished() (n int) {
	f.t.Helper()
	err := f.database.QueryRow(f.t.Context(),
		"SELECT count(*) FROM crm.projections WHERE schema_name <> name AND state IN ('building', 'ready')").Scan(&n)
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// reader asks one server for everything there is, over and over. It must never be
// without an answer.
func (f *fleet) reader(server int) func(context.Context) error {
	return func(ctx context.Context) error {
		var reads atomic.Int64
		defer func() { f.t.Logf("server %d answered %d reads", server, reads.Load()) }()
		for ctx.Err() == nil && !f.t.Failed() {
			for _, path := range []string{
				"/v1/customers?limit=5", "/v1/customers?q=person", "/v1/deals?limit=5", "/v1/pipelines",
				"/v1/pipelines/" + domain.DefaultPipeline.String() + "/board", "/v1/employees", "/v1/products",
				"/v1/reports/sales?by=owner", "/v1/reports/sources", "/v1/reports/consent-coverage",
			} {
				status, answer, err := f.send(ctx, f.server(server), http.MethodGet, path, "", "")
				if ctx.Err() != nil {
					return nil
				}
				if err != nil || status != http.StatusOK {
					return fmt.Errorf("server %d: %s: %d %s %w", server, path, status, answer, err)
				}
				reads.Add(1)
			}
		}
		return nil
	}
}
