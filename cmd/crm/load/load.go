package load

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what to ask, how often and for how long.
type Options struct {
	Server   string        // base URL
	Key      string        // API key
	Clients  int           // workers, each with a connection of its own
	Duration time.Duration // that is counted
	Warmup   time.Duration // that is not
	Rate     int           // requests per second in all; 0 as many as possible
	Mix      Mix
	Seed     uint64
	Keyed    bool // every command brings an Idempotency-Key
}

// Mix gives each operation its weight.
type Mix map[string]int

// ParseMix reads "register=2,card=8".
func ParseMix(text string) (Mix, error) {
	mix := Mix{}
	for part := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(strings.TrimSpace(part), "=")
		weight, err := strconv.Atoi(number)
		if err != nil || weight < 1 {
			return nil, fmt.Errorf("%q is not an operation with a weight such as register=2", part)
		}
		if _, known := operations[name]; !known {
			return nil, fmt.Errorf("there is no operation %q; there are %s", name, strings.Join(Operations(), ", "))
		}
		mix[name] = weight
	}
	return mix, nil
}

// String is the mix as [ParseMix] reads it.
func (m Mix) String() string {
	var parts []string
	for _, name := range Operations() {
		if m[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", name, m[name]))
		}
	}
	return strings.Join(parts, ",")
}

// Run asks until the duration is over and reports on what was asked in it. It
// fails when the server cannot be reached at all.
func Run(ctx context.Context, o Options) (*Report, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = o.Clients
	defer transport.CloseIdleConnections()

	run := &run{Options: o}
	run.client.Transport = transport
	workers := make([]*worker, o.Clients)
	for i := range workers {
		workers[i] = &worker{run: run, rng: rand.New(rand.NewPCG(o.Seed, uint64(i))), name: fmt.Sprintf("%d-%d", o.Seed, i)}
		if err := workers[i].prepare(ctx); err != nil {
			return nil, fmt.Errorf("prepare: %w", err)
		}
	}
	run.from = time.Now()
	run.counted = run.from.Add(o.Warmup)
	ctx, cancel := context.WithDeadline(ctx, run.counted.Add(o.Duration))
	defer cancel()
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(func() { w.work(ctx) })
	}
	wg.Wait()
	return newReport(o, workers), nil
}

type run struct {
	Options
	client  http.Client
	from    time.Time
	counted time.Time
	slot    atomic.Int64
}

type worker struct {
	*run
	rng       *rand.Rand
	name      string
	customers []customer // oldest first
	deals     []*openDeal
	issued    int
	samples   map[string][]time.Duration
	failures  map[string]int
}

func (w *worker) work(ctx context.Context) {
	w.samples, w.failures = map[string][]time.Duration{}, map[string]int{}
	names := make([]string, 0, 100)
	for _, name := range Operations() {
		for range w.Mix[name] {
			names = append(names, name)
		}
	}
	for {
		due := time.Now()
		if w.Rate > 0 {
			due = w.from.Add(time.Duration(w.slot.Add(1)) * time.Second / time.Duration(w.Rate))
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return
		}
		name := names[w.rng.IntN(len(names))]
		took, err := operations[name](w, ctx)
		if ctx.Err() != nil {
			return // cut off by the end, not by the server
		}
		if w.Rate > 0 {
			took = max(took, time.Since(due))
		}
		if due.Before(w.counted) {
			continue
		}
		if err != nil {
			w.failures[err.Error()]++
			continue
		}
		w.samples[name] = append(w.samples[name], took)
	}
}

// Operations are the names of all operations, sorted.
func Operations() []string {
	return slices.Sorted(maps.Keys(operations))
}
