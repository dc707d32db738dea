package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/eventstore/faulttest"
)

// TestARebuildUnderLoadFailsNoRead rebuilds all read models while clerks write and
// readers read, and kills, stops and interrupts the process that does it again and
// again, in the end a server. What is read is never away, not even while one build
// takes the place of another; what a rebuild leaves behind is gone on with by the
// next; and all of it, the rollback as well, equals a fresh build.
func TestARebuildUnderLoadFailsNoRead(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 1, Large: 10, Workers: 1}, func(c *faulttest.Case) {
		f := startFleet(c.T, 3, "--wait-timeout", "1m")
		f.client.Timeout = 2 * time.Minute
		organizations, interruptions := 60, 3
		if faulttest.Large() {
			organizations, interruptions = 400, 12
		}
		f.fill(organizations)
		clerks := f.hire(c.Rand, 2, 20*time.Millisecond)
		log := f.log()
		f.followed(log[len(log)-1].Position)
		load := []func(context.Context) error{f.reader(0, clerks[0]), f.reader(1, clerks[1])}
		for _, clerk := range clerks {
			load = append(load, clerk.work)
		}
		during(c.T, func() {
			before := f.builds()
			for range interruptions {
				f.interruptRebuild(c.Rand)
			}
			f.mustProjections("rebuild")
			rebuilt := f.builds()
			for name, build := range rebuilt {
				if build == before[name] {
					c.Errorf("%s is read from the same tables as before", name)
				}
			}
			f.mustProjections("verify")
			f.mustProjections("rollback", "customers")
			if f.builds()["customers"] == rebuilt["customers"] {
				c.Error("customers was not rolled back")
			}
			f.mustProjections("verify", "customers")
			f.crashRebuildingServer(c.Rand, 2)
		}, load...)
		f.prove(clerks)
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
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	eventually(f.t, "the rebuild tells of itself, or ends", func() bool { return said.String() != "" || len(ended) > 0 })
	time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
	way := []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGSTOP}[rng.IntN(3)]
	_ = cmd.Process.Signal(way) // it may be over
	if way == syscall.SIGSTOP {
		time.Sleep(soon(rng))
		_ = cmd.Process.Kill()
	}
	err := <-ended
	f.t.Logf("a rebuild was ended by %s: %v; %d builds are unfinished\n%s", way, err, f.unfinished(), lastLines(said.String(), 3))
}

// crashRebuildingServer has a server rebuild all read models and kills it somewhere
// on the way. The next start of a server goes on with what it has left.
func (f *fleet) crashRebuildingServer(rng *rand.Rand, i int) {
	f.t.Helper()
	key := filepath.Join(f.dir, "client.key")
	if err := os.WriteFile(key, []byte(f.server(i).key), 0o600); err != nil {
		f.t.Fatal(err)
	}
	cmd := command(f.t.Context(), f.t, "projections", "rebuild", "--server", f.server(i).url, "--key-file", key)
	said := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	eventually(f.t, "the server begins to rebuild, or is done", func() bool { return f.unfinished() > 0 || len(ended) > 0 })
	time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
	f.server(i).kill()
	err := <-ended // nil when it was done before its server went away
	f.t.Logf("a server that rebuilt was killed; %d builds are unfinished; its client ended with %v\n%s", f.unfinished(), err, lastLines(said.String(), 3))
	f.startServer(i)
	eventually(f.t, "what it has left is finished", func() bool { return f.unfinished() == 0 })
}

// projections is crm projections, on the fleet's own.
func (f *fleet) projections(args ...string) (*exec.Cmd, *lockedBuffer) {
	cmd := command(f.t.Context(), f.t, append([]string{"projections", args[0], "--eventstore", f.connection(), "--postgres", f.dsn}, args[1:]...)...)
	said := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	return cmd, said
}

// mustProjections is crm projections that has to succeed.
func (f *fleet) mustProjections(args ...string) {
	f.t.Helper()
	began := time.Now()
	cmd, said := f.projections(args...)
	if err := cmd.Run(); err != nil {
		f.t.Fatalf("crm projections %s: %v\n%s", strings.Join(args, " "), err, said.String())
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
func (f *fleet) reader(server int, of *clerk) func(context.Context) error {
	customer, deal := of.customers[0], of.deals[0].id
	paths := []string{
		"/v1/customers?limit=5", "/v1/customers?limit=5&q=person", "/v1/customers/" + customer,
		"/v1/customers/" + customer + "/timeline", "/v1/customers/" + customer + "/consents",
		"/v1/deals?limit=5", "/v1/deals/" + deal, "/v1/employees", "/v1/products",
		"/v1/pipelines", "/v1/pipelines/" + domain.DefaultPipeline.String() + "/board",
		"/v1/consents/check?purpose=newsletter&channel=email&customer=" + customer,
		"/v1/reports/sales", "/v1/reports/sources", "/v1/reports/consent-coverage", "/v1/reports/funnel",
		"/v1/reports/stage-durations", "/v1/reports/forecast", "/v1/reports/owners", "/v1/reports/churn",
	}
	soon := "as_of=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) // a past that shows what is now
	for _, path := range []string{"/v1/customers/" + customer + "?", "/v1/deals?limit=5&", "/v1/reports/sales?"} {
		paths = append(paths, path+soon)
	}
	return func(ctx context.Context) error {
		reads := 0
		defer func() { f.t.Logf("server %d answered %d reads", server, reads) }()
		for ; ctx.Err() == nil && !f.t.Failed(); reads++ {
			path := paths[reads%len(paths)]
			status, answer, err := f.send(ctx, f.server(server), http.MethodGet, path, "", "")
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				return fmt.Errorf("server %d: %s: %w", server, path, err)
			case status != http.StatusOK:
				return fmt.Errorf("server %d: %s: %d %s", server, path, status, answer)
			}
		}
		return nil
	}
}
