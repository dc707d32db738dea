package copying

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

// BenchmarkCopy copies 50,000 events that 64 writers left in 5,000 streams, one or
// two per append, from one durable node to another, both in this process.
func BenchmarkCopy(b *testing.B) {
	source := newNode(b)
	client := source.client(b)
	var writers sync.WaitGroup
	for i := range 64 {
		writers.Go(func() { fill(b, client, i) })
	}
	writers.Wait()
	for _, inFlight := range []int{256, 1} {
		b.Run(fmt.Sprint(inFlight, " in flight"), func(b *testing.B) {
			var events uint64
			var appending, all time.Duration
			for range b.N {
				target := newNode(b)
				began := time.Now()
				report, err := Run(b.Context(), Options{Source: source.config(), Target: target.config(), InFlight: inFlight})
				if err != nil {
					b.Fatal(err)
				}
				events += report.Appended
				appending += report.Appending
				all += time.Since(began)
			}
			b.ReportMetric(float64(events)/appending.Seconds(), "appended/s")
			b.ReportMetric(float64(events)/all.Seconds(), "verified/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func fill(b *testing.B, client *esdb.Client, writer int) {
	b.Helper()
	rng := rand.New(rand.NewPCG(uint64(writer), 0))
	next := make([]uint64, 80)
	for written := 0; written < 50_000/64; {
		stream := rng.IntN(len(next))
		events := make([]esdb.EventData, 1+rng.IntN(2))
		for i := range events {
			events[i] = esdb.EventData{
				EventID: uuid.New(), EventType: "customer.details_changed", ContentType: esdb.ContentTypeJson,
				Data:     []byte(`{"set":{"name":"Ελένη Παπαδοπούλου","language":"el","job_title":"Head of Purchasing"}}`),
				Metadata: []byte(`{"schema":1,"occurred_at":"2026-11-22T09:30:15.123456Z","actor":"key-1","source":{"application":"import","import":"x-education","row":"4711"},"command":{"name":"customer.change_details","id":"0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21","fingerprint":"5d41402abc4b2a76b9719d911017c592"}}`),
			}
		}
		options := esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}
		if next[stream] > 0 {
			options.ExpectedRevision = esdb.Revision(next[stream] - 1)
		}
		if _, err := client.AppendToStream(b.Context(), fmt.Sprintf("customer-%d-%d", writer, stream), options, events...); err != nil {
			b.Error(err)
			return
		}
		next[stream] += uint64(len(events))
		written += len(events)
	}
}
