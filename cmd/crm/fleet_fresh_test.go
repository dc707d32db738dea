package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/eventstore/faulttest"
)

// TestReadsThroughAnotherServerShowTheWrite writes through one server and reads
// through another at once, 10,000 times. No answer is from before the write.
func TestReadsThroughAnotherServerShowTheWrite(t *testing.T) {
	t.Parallel()
	pairs, workers := 1000, 8
	switch {
	case faulttest.Large():
		pairs = 10_000
	case faulttest.Reduced():
		pairs = 400
	}
	f := startFleet(t, 2, "--wait-timeout", "1m")
	clerks := f.hire(rand.New(rand.NewPCG(2, 2)), workers, 0)
	var mu sync.Mutex
	var waits []time.Duration
	var working sync.WaitGroup
	for _, c := range clerks {
		c.backdates = 0 // a timeline's newest entry is then the last one written
		c.openDeal()    // the first one is closed
		working.Go(func() {
			for i := 0; i < pairs/workers && !t.Failed(); i++ {
				wait := c.writeAndRead(f.server(i%2), f.server(1-i%2), i/2)
				mu.Lock()
				waits = append(waits, wait)
				mu.Unlock()
			}
		})
	}
	working.Wait()
	if looked := lookedOf(clerks); looked.seen != pairs {
		t.Fatalf("%d of %d reads showed the write; %d got no answer", looked.seen, pairs, looked.away)
	}
	slices.Sort(waits)
	t.Logf("%d pairs: from the acknowledgement to the answer that shows it p50 %v, p99 %v, at most %v", pairs,
		waits[len(waits)/2].Round(10*time.Microsecond), waits[len(waits)*99/100].Round(10*time.Microsecond), waits[len(waits)-1].Round(10*time.Microsecond))
	f.prove(clerks)
	f.stop()
}

// writeAndRead changes something through one server, then asks another for it, and
// gives how long the answer took.
func (c *clerk) writeAndRead(writer, reader *program, turn int) time.Duration {
	customer, deal := c.customers[0], c.deals[len(c.deals)-1].id
	var path, position string
	var shows func(answer []byte) bool
	showsRevision := func(revision int64) func([]byte) bool {
		return func(answer []byte) bool {
			var card struct{ Revision int64 }
			return json.Unmarshal(answer, &card) == nil && card.Revision >= revision
		}
	}
	c.only = writer
	var revision int64
	switch turn % 4 {
	case 0:
		path = "/v1/customers/" + customer
		revision, position = c.command("customer", customer, http.MethodPatch, path, fmt.Sprintf(`"job_title":"Title %d"`, c.issued))
		shows = showsRevision(revision)
	case 1:
		path = "/v1/deals/" + deal
		revision, position = c.command("deal", deal, http.MethodPost, path+"/amount", fmt.Sprintf(`"amount":{"minor":%d,"currency":"EUR"}`, 100+c.issued))
		shows = showsRevision(revision)
	case 2:
		path = "/v1/consents/check?purpose=newsletter&channel=email&customer=" + customer
		revision, position = c.grantConsent(customer)
		shows = func(answer []byte) bool {
			var check struct{ Consent struct{ Revision int64 } }
			return json.Unmarshal(answer, &check) == nil && check.Consent.Revision >= revision
		}
	default:
		path = "/v1/customers/" + customer + "/timeline?limit=1"
		_, position = c.logInteraction(customer)
		shows = func(answer []byte) bool {
			var timeline struct{ Data []struct{ Position string } }
			return json.Unmarshal(answer, &timeline) == nil && len(timeline.Data) == 1 && timeline.Data[0].Position == position
		}
	}
	c.only = reader
	began := time.Now()
	c.read(path, position, shows)
	return time.Since(began)
}

// TestAFeedThatStopsShows stops what feeds the read models in two ways: the event
// store answers nothing, or one read model's table is locked. Every server says that
// it is not ready, the one that builds that model and the one that does not, within
// half a minute; and is ready again when the way is free.
func TestAFeedThatStopsShows(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 2)
	clerks := f.hire(rand.New(rand.NewPCG(3, 3)), 1, 0)
	ada := clerks[0].customers[0]
	ready := func(part string, want bool) {
		t.Helper()
		for i := range f.servers {
			began := time.Now()
			for f.ready(i, part) != want {
				if time.Since(began) > 30*time.Second {
					t.Fatalf("server %d: %s is ready: %t for half a minute", i, part, !want)
				}
				time.Sleep(50 * time.Millisecond)
			}
			t.Logf("server %d: %s is ready: %t after %v", i, part, want, time.Since(began).Round(time.Millisecond))
		}
	}
	ready("", true)

	f.node.signal(syscall.SIGSTOP)
	ready("", false)
	f.node.signal(syscall.SIGCONT)
	ready("", true)

	lock, err := pgx.Connect(t.Context(), f.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close(context.Background()) })
	if _, err := lock.Exec(t.Context(), "BEGIN; LOCK TABLE consents.consents IN EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	clerks[0].grantConsent(ada)
	ready("read_models", false)
	if _, err := lock.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	ready("", true)
	f.prove(clerks)
	f.stop()
}

// ready reports whether a server, or only that part of it, says that it is ready.
func (f *fleet) ready(i int, part string) bool {
	f.t.Helper()
	status, answer, err := f.send(f.t.Context(), f.server(i), http.MethodGet, "/health/ready", "", "")
	if err != nil {
		f.t.Fatal(err)
	}
	if part == "" {
		return status == http.StatusOK
	}
	var said struct{ Parts map[string]string }
	if err := json.Unmarshal(answer, &said); err != nil {
		f.t.Fatalf("%s: %v", answer, err)
	}
	if said.Parts[part] == "" {
		f.t.Fatalf("it does not say how %s is: %s", part, answer)
	}
	return said.Parts[part] == "ready"
}
