package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// payload is about what a CRM event weighs.
var payload = esdb.EventData{
	EventType: "deal.stage-changed", ContentType: esdb.ContentTypeJson,
	Data:     []byte(`{"from":"qualification","to":"proposal","probability":40,"amount":{"minor":1250000,"currency":"EUR"}}`),
	Metadata: []byte(`{"schema":1,"occurred_at":"2026-01-02T03:04:05Z","actor":"user-17","command":"change-stage"}`),
}

// spread runs work in n goroutines until b.N calls are made, and reports calls
// per second.
func spread(b *testing.B, n int, work func(writer, call int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	for w := range n {
		wg.Go(func() {
			for {
				call := int(next.Add(1))
				if call > b.N {
					return
				}
				if err := work(w, call); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/call")
}

// cpu is the processor time of this process, both sides of the connection. On a
// machine that is shared it is the steadier figure.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAppend compares durable appends of one event through the client with
// Pebble's own synced writes of the same four keys, in the same run.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("pebble/%d", writers), func(b *testing.B) {
			n, err := Open(Config{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = n.Close() })
			value := make([]byte, 350)
			spread(b, writers, func(_, call int) error {
				batch := n.db.NewBatch()
				position := uint64(call)
				id := uuid.New()
				return errors.Join(
					batch.Set(eventKey(position), value, nil),
					batch.Set(revisionKey(position, 0), number(position), nil),
					batch.Set(idKey(position, id), number(1), nil),
					batch.Set(nameKey(id.String()), number(position), nil),
					batch.Commit(pebble.Sync),
					batch.Close())
			})
		})
		b.Run(fmt.Sprintf("client/%d", writers), func(b *testing.B) {
			s := start(b, Config{})
			spread(b, writers, func(_, _ int) error {
				_, err := s.client.AppendToStream(context.Background(), "deal-"+uuid.NewString(),
					esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, payload)
				return err
			})
			if groups := s.Stats().Groups; groups > 0 {
				b.ReportMetric(float64(b.N)/float64(groups), "appends/group")
			}
		})
	}
}

// BenchmarkReadAll reads 200,000 events of $all forwards through the client.
func BenchmarkReadAll(b *testing.B) {
	const total = 200_000
	s := start(b, Config{})
	events := make([]esdb.EventData, 500)
	for i := range events {
		events[i] = payload
	}
	for i := range total / len(events) {
		if _, err := s.client.AppendToStream(context.Background(), fmt.Sprintf("deal-%d", i),
			esdb.AppendToStreamOptions{}, events...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := s.client.ReadAll(context.Background(), esdb.ReadAllOptions{From: esdb.Start{}}, 1<<40)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for {
			if _, err := r.Recv(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			n++
		}
		r.Close()
		if n != total {
			b.Fatalf("read %d events", n)
		}
	}
	b.ReportMetric(float64(total)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkReadStream reads streams of 100 events from 16 goroutines through the
// client.
func BenchmarkReadStream(b *testing.B) {
	s := start(b, Config{})
	const streams = 200
	events := make([]esdb.EventData, 100)
	for i := range events {
		events[i] = payload
	}
	for i := range streams {
		if _, err := s.client.AppendToStream(context.Background(), fmt.Sprintf("deal-%d", i),
			esdb.AppendToStreamOptions{}, events...); err != nil {
			b.Fatal(err)
		}
	}
	spread(b, 16, func(_, call int) error {
		got, err := s.readStream(context.Background(), fmt.Sprintf("deal-%d", call%streams), esdb.Start{}, esdb.Forwards)
		if err == nil && len(got) != len(events) {
			err = fmt.Errorf("read %d events", len(got))
		}
		return err
	})
}
