package main

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"crm/eventstore/faulttest"
	"crm/eventstore/witness"
)

// runNode starts `crm node` in a folder.
func runNode(t *testing.T, data string) *program {
	t.Helper()
	return serving(t, "", "node", "--data", data, "--listen", "127.0.0.1:0")
}

// tryNode is runNode in a folder that may be refused, for a reason that is told
// in a line of the program's.
func tryNode(t *testing.T, data string) (p *program, refusal string) {
	t.Helper()
	p, _ = launch(t, "node", "--data", data, "--listen", "127.0.0.1:0")
	if p.url != "" {
		return p, ""
	}
	<-p.done
	lines := strings.Split(strings.TrimSpace(p.errs.String()), "\n")
	refusal = lines[len(lines)-1]
	if code := p.cmd.ProcessState.ExitCode(); code != exitFailed && code != exitWentBack || !strings.HasPrefix(refusal, "crm: ") {
		t.Fatalf("exit code %d: %s", code, p.errs)
	}
	return nil, refusal
}

// clientOf connects to the node of a folder, whether or not it is there yet.
func clientOf(t *testing.T, data string) *witness.Client {
	t.Helper()
	client, err := witness.Dial("esdb://localhost:1?tls=false", "unix:"+filepath.Join(data, "node.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// settle holds a node that was started again to what it had told, and has the
// writers send again what is in doubt.
func settle(t *testing.T, j *witness.Journal, w *witness.Writers, client *witness.Client) {
	t.Helper()
	if err := j.Hold(t.Context(), client); err != nil {
		t.Errorf("started again: %v", err)
	}
	if err := w.Finish(t.Context(), client); err != nil {
		t.Errorf("sent again: %v", err)
	}
	if err := j.Hold(t.Context(), client); err != nil {
		t.Errorf("after what was in doubt was sent again: %v", err)
	}
	if t.Failed() {
		t.FailNow() // what follows would only repeat it
	}
}

// during runs some clients of a node side by side while the node is hurt, and ends
// them then. What they return must be nil: they fail only for what cannot be.
func during(t *testing.T, hurt func(), clients ...func(ctx context.Context) error) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var wg sync.WaitGroup
	for _, run := range clients {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	hurt()
	end()
	wg.Wait()
}

// soon is 20 ms or more, uniformly up to 2 s, or 400 ms in small runs.
func soon(rng *rand.Rand) time.Duration {
	limit := 400 * time.Millisecond
	if faulttest.Large() {
		limit = 2 * time.Second
	}
	return 20*time.Millisecond + time.Duration(rng.Int64N(int64(limit-20*time.Millisecond)))
}

// TestAKilledNodeKeepsItsWord kills the node five times under 8 or 64 writers and
// under watchers. Started again it has every event that it acknowledged or showed,
// where it was and as it was, and of an append in doubt that is sent again one
// copy; and the watchers go on where they were.
func TestAKilledNodeKeepsItsWord(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 10, Large: 400}, func(c *faulttest.Case) {
		journal := &witness.Journal{}
		writers := witness.NewWriters(journal, []int{8, 64}[c.Rand.IntN(2)], c.Seed, witness.Load{Batch: 20, Bytes: 2000})
		watchers := witness.EverySort(journal)
		data, doubtful := c.TempDir(), 0
		client := clientOf(c.T, data)
		clients := []func(context.Context) error{func(ctx context.Context) error { return writers.Run(ctx, client) }}
		for _, w := range watchers {
			clients = append(clients, func(ctx context.Context) error { return w.Run(ctx, client) })
		}
		for range 5 {
			n := runNode(c.T, data)
			settle(c.T, journal, writers, client)
			during(c.T, func() {
				time.Sleep(soon(c.Rand))
				n.kill()
			}, clients...)
			doubtful += writers.InDoubt()
		}
		n := runNode(c.T, data)
		settle(c.T, journal, writers, client)
		finish(c.T, journal, watchers, client)
		client.Close()
		n.stop(syscall.SIGTERM)
		c.Logf("%d events; %d appends were in doubt", journal.Log().Len(), doubtful)
	})
}

// finish holds a node to all that it ever told, and its watchers to all that it
// has. The writers must rest.
func finish(t *testing.T, j *witness.Journal, watchers []*witness.Watcher, client *witness.Client) {
	t.Helper()
	if err := j.HoldWhole(t.Context(), client); err != nil {
		t.Error(err)
	}
	for _, w := range watchers {
		if err := w.Finish(t.Context(), client, j.Log()); err != nil {
			t.Error(err)
		}
	}
}

// TestAnswersOfAKilledNodeAreLinearizable kills the node under clients that
// compete for streams. Whatever was in flight may have been done or not; all
// answers before and after agree with one order for each stream.
func TestAnswersOfAKilledNodeAreLinearizable(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 1, Large: 20}, func(c *faulttest.Case) {
		history := witness.NewHistory(50)
		data := c.TempDir()
		client := clientOf(c.T, data)
		var clients []func(context.Context) error
		for i := range 8 {
			contender := history.Contender(i, c.Seed)
			clients = append(clients, func(ctx context.Context) error { return contender.Run(ctx, client, 2000) })
		}
		for range 6 {
			n := runNode(c.T, data)
			during(c.T, func() {
				time.Sleep(soon(c.Rand))
				n.kill()
			}, clients...)
		}
		all, unknown := history.Len()
		c.Logf("%d operations, the end of %d is unknown", all, unknown)
		if err := history.Check(time.Minute); err != nil {
			c.Error(err)
		}
	})
}
