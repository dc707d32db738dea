package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"syscall"
	"testing"
	"time"

	"crm/eventstore/faulttest"
)

// TestServersThatAreKilledAndStoppedWriteOnce hurts three servers on one database,
// their event store, their Postgres and their connections, at random and 200 times
// over, under clerks who work on. What comes out of it is every acknowledged event once, and
// read models that equal a fresh build row by row; and no read of an own write is
// ever answered without it.
func TestServersThatAreKilledAndStoppedWriteOnce(t *testing.T) {
	t.Parallel()
	cycles, apart := 6, 6
	switch {
	case faulttest.Large():
		cycles, apart = 200, 20
	case faulttest.Reduced():
		cycles, apart = 3, 3
	}
	faulttest.Run(t, faulttest.Sweep{Small: 1, Large: 1}, func(c *faulttest.Case) {
		f := startMortalFleet(c.T, 3)
		f.client.Timeout = 2 * time.Second // whom a stopped server keeps waiting asks another one the same
		clerks := f.hire(c.Rand, 4, 10*time.Millisecond)
		var work []func(context.Context) error
		for _, clerk := range clerks {
			work = append(work, clerk.work)
		}
		for done := 0; done < cycles; done += apart {
			during(c.T, func() {
				for range apart {
					f.hurt(c.Rand)
				}
			}, work...)
			f.prove(clerks)
		}
		f.stop()
	})
}

// hurt kills, stops or ends one to three servers at once, perhaps their node, their
// Postgres or their connections too, and brings all back after a while.
func (f *fleet) hurt(rng *rand.Rand) {
	f.t.Helper()
	var back []func()
	node := rng.IntN(8)
	switch node {
	case 0:
		f.node.kill()
		back = append(back, f.startNode)
	case 1:
		f.node.signal(syscall.SIGSTOP)
		back = append(back, func() { f.node.signal(syscall.SIGCONT) })
	}
	for _, i := range rng.Perm(len(f.servers))[:1+rng.IntN(len(f.servers))] {
		p := f.server(i)
		switch kind := rng.IntN(5); {
		case kind == 0 && node > 1: // without its node a server cannot end well
			p.signal(syscall.SIGTERM)
			back = append(back, func() { <-p.done; f.startServer(i) })
		case kind < 3:
			p.kill()
			back = append(back, func() { f.startServer(i) })
		default:
			p.signal(syscall.SIGSTOP)
			back = append(back, func() { p.signal(syscall.SIGCONT) })
		}
	}
	switch rng.IntN(8) {
	case 0, 1:
		f.disconnect(rng.Float64())
	case 2:
		f.killPostgres()
		back = append([]func(){f.startPostgres}, back...) // servers wait for it
	}
	time.Sleep(soon(rng))
	if faulttest.Large() && rng.IntN(5) == 0 {
		time.Sleep(5 * time.Second) // long enough for who is stopped to be replaced
	}
	for _, revive := range back {
		revive()
	}
	time.Sleep(soon(rng)) // for those who are back to meet what the others did
}

// disconnect ends a share of all connections to the database.
func (f *fleet) disconnect(share float64) {
	f.t.Helper()
	if _, err := f.database.Exec(f.t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() <= $1`, share); err != nil {
		f.t.Fatal(err)
	}
}

// TestAnotherServerTakesOver kills and stops each of three servers, and so whichever
// builds the read models. Each time another one goes on with them while the first
// is still down, and what the stopped one does when it wakes up changes nothing.
func TestAnotherServerTakesOver(t *testing.T) {
	t.Parallel()
	rounds := 1
	if faulttest.Large() {
		rounds = 10
	}
	f := startFleet(t, 3, "--wait-timeout", "1m")
	rng := rand.New(rand.NewPCG(1, 1))
	f.client.Timeout = 2 * time.Minute
	clerks := f.hire(rng, 1, 0)
	ada := clerks[0].customers[0]
	for round := range rounds {
		for i := range f.servers {
			p := f.server(i)
			kind, revive := "killed", func() { f.startServer(i) }
			if (round+i)%2 == 0 {
				kind, revive = "stopped", func() { p.signal(syscall.SIGCONT) }
				p.signal(syscall.SIGSTOP)
			} else {
				p.kill()
			}
			began := time.Now()
			for _, other := range []int{(i + 1) % 3, (i + 2) % 3} {
				clerks[0].only = f.server(other)
				revision, position := clerks[0].command("customer", ada, http.MethodPatch, "/v1/customers/"+ada, fmt.Sprintf(`"job_title":"%s %d"`, kind, clerks[0].issued))
				seen := clerks[0].reads.seen
				clerks[0].look(ada, revision, position)
				if clerks[0].reads.seen == seen {
					t.Fatalf("server %d is %s, and server %d shows nothing new within a minute", i, kind, other)
				}
			}
			t.Logf("server %d %s: others showed what they wrote after %v", i, kind, time.Since(began).Round(time.Millisecond))
			revive()
		}
	}
	f.prove(clerks)
	f.stop()
}
