package eventstore

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"crm/domain"
)

// BenchmarkAppend stores one event per call, durably, each in a stream of its own.
func BenchmarkAppend(b *testing.B) {
	s := newStore(b)
	b.Run("1 writer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			appended(b, s, newStream(), domain.NoStream, proposed("x"))
		}
	})
	b.Run("64 writers", func(b *testing.B) {
		b.ReportAllocs()
		inParallel(b, 64)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if _, err := s.Append(b.Context(), newStream(), domain.NoStream, proposed("x")); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// inParallel makes RunParallel run so many goroutines, or one per processor where that
// is more.
func inParallel(b *testing.B, goroutines int) {
	b.Helper()
	b.SetParallelism(max(1, goroutines/runtime.GOMAXPROCS(0)))
}

// BenchmarkLoad reads and decodes 100 events.
func BenchmarkLoad(b *testing.B) {
	s := newStore(b)
	stream := newStream()
	appended(b, s, stream, domain.NoStream, proposed(make([]string, 100)...))
	load := func() {
		if events, err := s.Load(b.Context(), stream, domain.NoStream); err != nil || len(events) != 100 {
			b.Errorf("%d events, %v", len(events), err)
		}
	}
	b.Run("1 client", func(b *testing.B) {
		for b.Loop() {
			load()
		}
	})
	b.Run("16 clients", func(b *testing.B) {
		inParallel(b, 16)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				load()
			}
		})
	})
}

// BenchmarkSubscriber reads the log from its start, as a rebuild does.
func BenchmarkSubscriber(b *testing.B) {
	s := newStore(b)
	const events = 100_000
	for range events / 1000 {
		appended(b, s, newStream(), domain.NoStream, proposed(make([]string, 1000)...))
	}
	var messages atomic.Int64
	before := cpuTime(b)
	b.ResetTimer()
	for range b.N {
		subscriber := NewSubscriber(s, SubscriberConfig{})
		incoming, err := subscriber.Subscribe(b.Context(), All)
		if err != nil {
			b.Fatal(err)
		}
		drain(incoming, events, &messages)
		_ = subscriber.Close()
	}
	b.ReportMetric(float64(b.N)*events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.N)*events/float64(messages.Load()), "events/message")
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N)/events, "cpu-ns/event")
}

// cpuTime is what this process has used, the node in it included. On a busy
// machine it says more than the rate.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func drain(incoming <-chan *message.Message, events int, messages *atomic.Int64) {
	for events > 0 {
		msg := <-incoming
		batch, _ := BatchOf(msg.Context())
		events -= len(batch.Events)
		messages.Add(1)
		msg.Ack()
	}
}
