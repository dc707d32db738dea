package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say what to ask, how often and for how long.
type Options struct {
	Server   string        // base URL
	Key      string        // API key
	TLS      *tls.Config   // of https; nil for Go's own
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

// Run gathers a crew, lets it ask until the duration is over, and reports on what
// was asked in it. It fails when the server cannot be reached at all.
func Run(ctx context.Context, o Options) (*Report, error) {
	c, err := gather(ctx, o, 1)
	if err != nil {
		return nil, err
	}
	defer c.dismiss()
	return c.run(ctx, o), nil
}

// crew is the workers, who keep their customers and deals from one run to the next.
type crew struct{ workers []*worker }

// preparing is how many workers get ready at once: nothing is measured then, and a
// crowd of them would be refused.
const preparing = 16

// gather makes a crew of o.Clients, each with so many customers and deals of its own.
func gather(ctx context.Context, o Options, each int) (*crew, error) {
	c := &crew{}
	for i := range o.Clients {
		conn, err := newLine(o.Server, o.Key, o.TLS)
		if err != nil {
			c.dismiss()
			return nil, err
		}
		rng := rand.New(rand.NewPCG(o.Seed, uint64(i))) // a count; and nothing is secret
		c.workers = append(c.workers, &worker{line: conn, rng: rng, name: fmt.Sprintf("%d-%d", o.Seed, i)})
	}
	var work errgroup.Group
	work.SetLimit(preparing)
	for _, w := range c.workers {
		work.Go(func() error { return w.prepare(ctx, each) })
	}
	if err := work.Wait(); err != nil {
		c.dismiss()
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return c, nil
}

func (c *crew) dismiss() {
	for _, w := range c.workers {
		w.line.close()
	}
}

// run lets everybody ask what o says.
func (c *crew) run(ctx context.Context, o Options) *Report {
	run := &run{Options: o, from: time.Now()}
	run.counted = run.from.Add(o.Warmup)
	ctx, cancel := context.WithDeadline(ctx, run.counted.Add(o.Duration))
	defer cancel()
	var wg sync.WaitGroup
	for _, w := range c.workers {
		w.run = run
		wg.Go(func() { w.work(ctx) })
	}
	wg.Wait()
	return newReport(o, c.workers)
}

// run is what all workers do at the same time.
type run struct {
	Options
	from    time.Time
	counted time.Time
	slot    atomic.Int64
}

type worker struct {
	*run
	line      *line
	rng       *rand.Rand
	name      string
	customers []customer // oldest first
	deals     []*openDeal
	issued    int
	samples   map[string][]time.Duration
	failures  map[string]int
	told      *tally // nil: nothing is kept of single answers
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
		if time.Now().Before(w.counted) {
			continue // by the clock: who lags behind what is due lags in the warm-up too
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
