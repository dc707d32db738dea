package http

import (
	"container/list"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crm/domain"
)

// ErrOverloaded is more work than the server can do in time.
var ErrOverloaded = &domain.Error{
	Code: domain.Unavailable, Slug: "overloaded",
	Detail: "The server has more to do than it can answer in time. Nothing of this request was done.",
}

// gate lets a bounded number of requests work at once. The others wait a bounded
// time, and a bounded number of them: who cannot get in is told, and costs little,
// so that those inside are answered as fast as ever.
//
// Who came last goes in first. In an overload that is not over soon, first come first
// served has everybody wait as long as may be waited, and so answers only those who
// are about to give up; this way most wait hardly at all, and the unlucky are told.
type gate struct {
	patience time.Duration
	room     int // for those who wait

	mu      sync.Mutex
	free    int
	waiting *list.List // of *waiter, the one who came last in front
	held    int        // bytes of their requests

	counts gateCounts
}

type waiter struct {
	called chan bool // true: come in; false: go away
	bytes  int
}

// maxHeld is how much those who wait may hold together, in bytes of their bodies. More
// than the largest body.
const maxHeld = 64 << 20

type gateCounts struct {
	running, waiting prometheus.Gauge
	refused          prometheus.Counter
}

// newGate makes a gate for so many at once; eight times as many may wait: by the defaults
// all who may be connected, so that a crowd is held back by waiting, and not by refusals,
// which cost the server what it is short of.
func newGate(limit int, patience time.Duration, counts gateCounts) *gate {
	return &gate{patience: patience, room: 8 * limit, free: limit, waiting: list.New(), counts: counts}
}

// enter waits for a place and gives it, or [ErrOverloaded]. Who has got a place
// leaves it. The bytes are of the body that waits.
func (g *gate) enter(ctx context.Context, bytes int) (leave func(), err error) {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		g.counts.running.Inc()
		return g.leave, nil
	}
	w := &waiter{make(chan bool, 1), bytes}
	place := g.waiting.PushFront(w)
	g.held += bytes
	for g.waiting.Len() > g.room || g.held > maxHeld && g.waiting.Len() > 1 { // it has waited longest, and would be told soon anyway
		g.remove(g.waiting.Back()).called <- false
	}
	g.counts.waiting.Set(float64(g.waiting.Len()))
	g.mu.Unlock()

	late := time.NewTimer(g.patience)
	defer late.Stop()
	select {
	case in := <-w.called:
		return g.answer(in)
	case <-late.C:
		err = ErrOverloaded
	case <-ctx.Done():
		err = ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case in := <-w.called: // at the last moment
		return g.answer(in)
	default:
		g.remove(place)
		g.counts.waiting.Set(float64(g.waiting.Len()))
		g.counts.refused.Inc()
		return nil, err
	}
}

// remove takes one out of those who wait. The lock is held.
func (g *gate) remove(place *list.Element) *waiter {
	w := g.waiting.Remove(place).(*waiter)
	g.held -= w.bytes
	return w
}

func (g *gate) answer(in bool) (leave func(), err error) {
	if !in {
		g.counts.refused.Inc()
		return nil, ErrOverloaded
	}
	g.counts.running.Inc()
	return g.leave, nil
}

// leave gives the place to who came last, or back.
func (g *gate) leave() {
	g.counts.running.Dec()
	g.mu.Lock()
	defer g.mu.Unlock()
	if last := g.waiting.Front(); last != nil {
		g.remove(last).called <- true
		g.counts.waiting.Set(float64(g.waiting.Len()))
		return
	}
	g.free++
}

// within runs work behind the gate, or answers why it was not let in.
func (g *gate) within(w http.ResponseWriter, r *http.Request, bytes int, work func()) {
	leave, err := g.enter(r.Context(), bytes)
	if err != nil {
		fail(w, r, err)
		return
	}
	defer leave()
	work()
}

// admitted is a read behind the gate for reads. Where it answers with a stream, that is
// written after the place was given back: who follows keeps none.
func admitted[I, O any](s *Server, read func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		leave, err := s.reading.enter(ctx, 0)
		if err != nil {
			return nil, err
		}
		defer leave()
		return read(ctx, in)
	}
}

// gates are one for commands and one for reads, so that a report which everybody
// opens keeps no command out, nor an import the readers.
func (s *Server) gates() error {
	kinds := prometheus.Labels{}
	running := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "crm_http_admitted", Help: "Commands and reads at work."}, []string{"kind"})
	waiting := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "crm_http_waiting", Help: "Commands and reads that wait to be let in."}, []string{"kind"})
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "crm_http_overloaded_total", Help: "Commands and reads that were answered 503 overloaded, or whose caller left before they were let in."}, []string{"kind"})
	for _, c := range []prometheus.Collector{running, waiting, refused} {
		if err := s.cfg.Metrics.Register(c); err != nil {
			return err
		}
	}
	counts := func(kind string) gateCounts {
		kinds["kind"] = kind
		return gateCounts{running.With(kinds), waiting.With(kinds), refused.With(kinds)}
	}
	s.writing = newGate(s.cfg.CommandsAtOnce, s.cfg.Patience, counts("command"))
	s.reading = newGate(s.cfg.ReadsAtOnce, s.cfg.Patience, counts("read"))
	return nil
}
