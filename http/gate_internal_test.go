package http

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func testGate(limit int, patience time.Duration) *gate {
	return newGate(limit, patience, gateCounts{
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "running"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "waiting"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "refused"}),
	})
}

// Who came last goes in first; who waits too long, and who has waited longest when
// there is no more room, is told.
func TestAGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := testGate(1, time.Second)
		leave, err := g.enter(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		told, entered := make(chan int, 10), make(chan int, 10)
		for i := range 10 { // one more than there is room for, and the first is gone by then
			go func() {
				leave, err := g.enter(t.Context(), 0)
				if errors.Is(err, ErrOverloaded) {
					told <- i
					return
				}
				entered <- i
				leave()
			}()
			synctest.Wait()
		}
		if first, second := <-told, <-told; first != 0 || second != 1 {
			t.Errorf("%d and %d were told first", first, second)
		}
		time.Sleep(time.Second / 2)
		leave()
		for want := 9; want >= 2; want-- {
			if got := <-entered; got != want {
				t.Errorf("%d went in, want %d", got, want)
			}
		}
		synctest.Wait()
		if leave, err = g.enter(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := g.enter(t.Context(), 0); !errors.Is(err, ErrOverloaded) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.enter(ctx, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		leave()
		if g.free != 1 || g.waiting.Len() != 0 {
			t.Errorf("%d places, %d waiting", g.free, g.waiting.Len())
		}
	})
}

// Those who wait hold no more than is allowed together: who has waited longest gives way.
func TestAGateHoldsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := testGate(8, time.Second)
		for range 8 {
			if _, err := g.enter(t.Context(), maxHeld); err != nil {
				t.Fatal(err) // inside nothing is held by waiting
			}
		}
		told := make(chan int, 3)
		for i := range 3 {
			go func() {
				if _, err := g.enter(t.Context(), maxHeld/2); errors.Is(err, ErrOverloaded) {
					told <- i
				}
			}()
			synctest.Wait()
		}
		held := func() int {
			g.mu.Lock()
			defer g.mu.Unlock()
			return g.held
		}
		if len(told) != 1 || <-told != 0 || held() != maxHeld {
			t.Errorf("%d bytes are held", held())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(told) != 2 || held() != 0 || g.waiting.Len() != 0 {
			t.Errorf("%d bytes are held by nobody", held())
		}
	})
}
