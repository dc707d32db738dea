package nodebench

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"syscall"
	"time"
)

// A pace is how fast something went.
type pace struct {
	rate     float64       // per second
	p50, p99 time.Duration // of one call
	cpu      time.Duration // of this process, per unit of rate
}

// drive runs calls in so many goroutines for a while. Each call does units of
// work. The first error ends all.
func drive(ctx context.Context, goroutines int, lasting time.Duration, units int, worker func() func(context.Context) error) (pace, error) {
	ctx, cancel := context.WithTimeout(ctx, lasting+time.Minute) // what hangs ends
	defer cancel()
	took := make([][]time.Duration, goroutines)
	errs := make(chan error, goroutines)
	var running sync.WaitGroup
	began, used := time.Now(), cpuTime()
	for i := range goroutines {
		call := worker()
		running.Go(func() {
			for at := began; at.Sub(began) < lasting; {
				if err := call(ctx); err != nil {
					cancel()
					errs <- err
					return
				}
				now := time.Now()
				took[i] = append(took[i], now.Sub(at))
				at = now
			}
		})
	}
	running.Wait()
	elapsed, used := time.Since(began), cpuTime()-used
	select {
	case err := <-errs:
		return pace{}, err
	default:
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	done := len(all) * units
	return pace{
		rate: float64(done) / elapsed.Seconds(), cpu: used / time.Duration(done),
		p50: all[len(all)/2], p99: all[len(all)*99/100],
	}, nil
}

// once runs a call that does units of work.
func once(units int, call func() error) (pace, error) {
	began, used := time.Now(), cpuTime()
	if err := call(); err != nil {
		return pace{}, err
	}
	return pace{rate: float64(units) / time.Since(began).Seconds(), cpu: (cpuTime() - used) / time.Duration(units)}, nil
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // it cannot fail for oneself
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func median[T cmp.Ordered](of []T) T {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// medianOf gives the pace whose every figure is a median.
func medianOf(paces []pace) pace {
	pick := func(figure func(pace) float64) float64 {
		var figures []float64
		for _, p := range paces {
			figures = append(figures, figure(p))
		}
		return median(figures)
	}
	return pace{
		rate: pick(func(p pace) float64 { return p.rate }),
		p50:  time.Duration(pick(func(p pace) float64 { return float64(p.p50) })),
		p99:  time.Duration(pick(func(p pace) float64 { return float64(p.p99) })),
		cpu:  time.Duration(pick(func(p pace) float64 { return float64(p.cpu) })),
	}
}

// ratios gives, for each round, what the first pace is of the second.
func ratios(of, to []pace) []float64 {
	var rs []float64
	for i := range of {
		rs = append(rs, of[i].rate/to[i].rate)
	}
	return rs
}
