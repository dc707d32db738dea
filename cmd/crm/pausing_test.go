package main

import (
	"context"
	"syscall"
	"testing"
	"time"

	"crm/eventstore/faulttest"
	"crm/eventstore/witness"
)

// TestAStoppedProcessLosesNothing stops the node's process, with SIGSTOP, under
// writers whose calls then run out of time: what they send again meets, when the
// process goes on, what they had sent before.
func TestAStoppedProcessLosesNothing(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 10, Large: 100, Workers: 5}, func(c *faulttest.Case) {
		journal := &witness.Journal{}
		writers := witness.NewWriters(journal, 8, c.Seed, witness.Load{
			Batch: 20, Bytes: 500, Timeout: 200 * time.Millisecond, Pause: time.Millisecond,
		})
		watchers := witness.EverySort(journal)
		data := c.TempDir()
		n, client := runNode(c.T, data), clientOf(c.T, data)
		clients := []func(context.Context) error{func(ctx context.Context) error { return writers.Run(ctx, client) }}
		for _, w := range watchers {
			clients = append(clients, func(ctx context.Context) error { return w.Run(ctx, client) })
		}
		stopped := 300*time.Millisecond + time.Duration(c.Rand.Int64N(int64(700*time.Millisecond)))
		if faulttest.Large() {
			stopped = time.Second + time.Duration(c.Rand.Int64N(int64(29*time.Second)))
		}
		during(c.T, func() {
			time.Sleep(100 * time.Millisecond)
			n.signal(syscall.SIGSTOP)
			time.Sleep(stopped)
			n.signal(syscall.SIGCONT)
			time.Sleep(100 * time.Millisecond)
		}, clients...)
		settle(c.T, journal, writers, client)
		finish(c.T, journal, watchers, client)
		client.Close()
		n.stop(syscall.SIGTERM)
		c.Logf("%d events, stopped for %v", journal.Log().Len(), stopped)
	})
}

func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}
