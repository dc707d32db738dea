package embedded

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
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

// BenchmarkAppend appends single events through the client, each to a stream of its
// own. It is here to be profiled; crm bench node compares with Pebble alone.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(writers), func(b *testing.B) {
			s := start(b, Config{})
			spread(b, writers, func(_, _ int) error {
				_, err := s.client.AppendToStream(context.Background(), "deal-"+uuid.NewString(),
					esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, payload)
				return err
			})
			if groups := s.Stats().Groups; groups.Count > 0 {
				b.ReportMetric(groups.Sum/float64(groups.Count), "appends/group")
			}
		})
	}
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
