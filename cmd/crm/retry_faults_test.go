package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"crm/domain"
	"crm/eventstore/faulttest"
)

// A sender sends one command after the other, each under a key, to things that nobody
// else touches, and knows what it was answered.
type sender struct {
	fleet    *fleet
	rng      *rand.Rand
	name     string
	customer string
	sent     []*attempt
	answered *atomic.Int64 // answers to all senders
}

// attempt is a command that was sent under its key, and its answer, once there was one.
type attempt struct {
	method, path, key, body string
	status                  int // 0: none yet
	answer                  string
}

// next is a command that nobody has sent. All but the last kind leave an event.
func (s *sender) next() *attempt {
	n := len(s.sent)
	a := &attempt{method: http.MethodPost, key: fmt.Sprintf("%s-%d", s.name, n)}
	if n == 0 {
		a.path, a.body = "/v1/customers", fmt.Sprintf(`{"kind":"person","name":"Ada %s","id":%q}`, s.name, s.customer)
		return a
	}
	switch s.rng.IntN(4) {
	case 0: // the server chooses the id
		a.path, a.body = "/v1/customers", fmt.Sprintf(`{"kind":"person","name":"Grace %s %d"}`, s.name, n)
	case 1:
		a.method, a.path, a.body = http.MethodPatch, "/v1/customers/"+s.customer, fmt.Sprintf(`{"job_title":"Title %d"}`, n)
	case 2:
		a.path, a.body = "/v1/customers/"+s.customer+"/interactions", fmt.Sprintf(`{"channel":"call","subject":"Call %d"}`, n)
	default:
		a.path, a.body = "/v1/customers/"+uuid.NewSHA1(uuid.Nil, []byte(a.key)).String()+"/archive", `{}`
	}
	return a
}

// requestID is what a problem tells of the request and not of the command.
var requestID = regexp.MustCompile(`,"request_id":"[^"]*"`)

// send sends it, and holds the answer to the one that there was before.
func (s *sender) send(ctx context.Context, a *attempt) (answered bool) {
	status, text, err := s.fleet.send(ctx, s.fleet.server(0), a.method, a.path, a.key, a.body)
	if err != nil {
		return false
	}
	answer := requestID.ReplaceAllString(string(text), "")
	switch {
	case status != http.StatusCreated && status != http.StatusOK && status != http.StatusNotFound:
		s.fleet.t.Errorf("%s %s under %s: %d %s", a.method, a.path, a.key, status, answer)
	case a.status != 0 && (a.status != status || a.answer != answer):
		s.fleet.t.Errorf("%s %s under %s was answered %d %s\nand is now %d %s", a.method, a.path, a.key, a.status, a.answer, status, answer)
	}
	a.status, a.answer = status, answer
	s.answered.Add(1)
	return true
}

// work sends commands until the server is away.
func (s *sender) work(ctx context.Context) error {
	for ctx.Err() == nil && !s.fleet.t.Failed() {
		a := s.next()
		s.sent = append(s.sent, a)
		if !s.send(ctx, a) {
			return nil
		}
	}
	return nil
}

// repeat sends all commands again, in another order.
func (s *sender) repeat() {
	for _, i := range s.rng.Perm(len(s.sent)) {
		if a := s.sent[i]; !s.send(s.fleet.t.Context(), a) {
			s.fleet.t.Errorf("%s %s under %s: no answer", a.method, a.path, a.key)
		}
	}
}

// stored is how many events the commands have left, by what was answered; every answer's
// must be in the log, where it says.
func (s *sender) stored(log map[string]domain.Recorded) (events int) {
	for _, a := range s.sent {
		if a.status/100 != 2 {
			continue
		}
		var told accepted
		if err := json.Unmarshal([]byte(a.answer), &told); err != nil {
			s.fleet.t.Errorf("%s: %v", a.answer, err)
			continue
		}
		if e, there := log[told.Position]; !there || e.Revision != domain.Revision(told.Revision) {
			s.fleet.t.Errorf("%s under %s was answered %s, which is not in the log", a.path, a.key, a.answer)
		}
		events += told.Events
	}
	return events
}

// TestARetryAfterAKillIsAnsweredAlike kills a server, and at times its event store, under
// clients who send commands with keys; at times all that it has noted of keys is gone
// too. Whatever they sent before they send again: what was answered is answered alike,
// what was not is done once, and nothing is 5xx. Commands that were stored and whose
// answer was lost are among them, or it goes on until there were some.
func TestARetryAfterAKillIsAnsweredAlike(t *testing.T) {
	t.Parallel()
	kills := 2
	if faulttest.Large() {
		kills = 20
	}
	faulttest.Run(t, faulttest.Sweep{Small: 1, Large: 10, Workers: 1}, func(c *faulttest.Case) {
		f := startFleet(c.T, 1)
		before, lost := len(f.log()), 0
		var answered atomic.Int64
		var senders []*sender
		var working []func(context.Context) error
		for i := range 16 {
			s := &sender{
				fleet: f, rng: rand.New(rand.NewPCG(c.Rand.Uint64(), 0)), answered: &answered,
				name: fmt.Sprintf("s%d", i), customer: uuid.NewSHA1(uuid.Nil, []byte{byte(i)}).String(),
			}
			senders, working = append(senders, s), append(working, s.work)
		}
		for round := 0; (round < kills || lost == 0) && round < 100; round++ {
			enough := answered.Load() + 200 + c.Rand.Int64N(200)
			during(c.T, func() {
				eventually(c.T, "commands are answered", func() bool { return answered.Load() > enough })
				f.server(0).kill()
				if round%4 == 1 {
					f.node.kill()
				}
			}, working...)
			if round%4 == 1 {
				f.startNode()
			}
			lost += f.left(before, senders)
			if round%2 == 0 {
				if _, err := f.database.Exec(c.Context(), "DELETE FROM crm.answers"); err != nil {
					c.Fatal(err)
				}
			}
			f.startServer(0)
			for range 2 {
				var again sync.WaitGroup
				for _, s := range senders {
					again.Go(s.repeat)
				}
				again.Wait()
			}
			if more := f.left(before, senders); more != 0 {
				c.Errorf("%d events are in the log of which nobody was told", more)
			}
			if c.Failed() {
				return
			}
		}
		c.Logf("%d answers; of %d events the answer was lost at first", answered.Load(), lost)
		f.stop()
	})
}

// left is how many events have come into the log since there were so many, beyond those
// that senders were told of; those must be where they were told.
func (f *fleet) left(since int, senders []*sender) int {
	f.t.Helper()
	log := f.log()
	at := map[string]domain.Recorded{}
	for _, e := range log {
		at[e.Position.String()] = e
	}
	told := 0
	for _, s := range senders {
		told += s.stored(at)
	}
	return len(log) - since - told
}
