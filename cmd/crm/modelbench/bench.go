package modelbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"time"

	"crm/cmd/crm/chronicle"
	"crm/domain"
	"crm/projections/postgres"
)

// Parts are what can be measured, in the order in which it is.
var Parts = []string{"read", "timeline", "pair", "all", "copy", "live", "reads"}

// Options say what to measure, and where.
type Options struct {
	// Dir is the folder to work in. Needed.
	Dir string
	// Keep leaves the filled node in Dir for the next run.
	Keep bool
	// Chronicle is what the log holds.
	Chronicle chronicle.Config
	// Parts are of [Parts]. Needed.
	Parts []string
	// Batch is how many events a builder gets at once. Needed.
	Batch int
	// Rates are those at which events are appended, per second. Needed for live.
	Rates []int
	// Duration is how long events are appended at each rate. Needed for live.
	Duration time.Duration
	// Customers are the sizes at which reads are measured. Needed for reads.
	Customers []int
	// Profiles is a folder that gets a processor profile of each part. Default: none.
	Profiles string
	// Out gets the report, piece by piece. Needed.
	Out io.Writer
	// Progress gets what is being done. Needed.
	Progress io.Writer
}

type bench struct {
	Options
	log     *eventLog
	cluster *cluster
	head    domain.Position // where building ends
	events  int64           // up to there
}

// Run measures and prints. It takes minutes.
func Run(ctx context.Context, o Options) (err error) {
	b := &bench{Options: o}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	tables, err := os.MkdirTemp(o.Dir, "postgres-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tables)) }()
	b.print("%s, %d processors, %s %s/%s; %d events of %d customers and %d deals in batches of %d\n",
		time.Now().UTC().Format("2006-01-02 15:04 MST"), runtime.GOMAXPROCS(0), runtime.Version(), runtime.GOOS, runtime.GOARCH,
		o.Chronicle.Events, o.Chronicle.Customers, o.Chronicle.Deals, o.Batch)
	if b.cluster, err = startCluster(ctx, postgres.Config{Dir: tables, Durable: true}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.cluster.stop(context.WithoutCancel(ctx))) }()
	if b.log, err = openLog(ctx, filepath.Join(o.Dir, "node")); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, b.log.close())
		if !o.Keep {
			err = errors.Join(err, os.RemoveAll(filepath.Join(o.Dir, "node")))
		}
	}()
	if err := b.fill(ctx); err != nil {
		return fmt.Errorf("fill the node: %w", err)
	}
	parts := map[string]func(context.Context) error{
		"read": b.measureRead, "timeline": b.measureTimeline, "pair": b.measurePair, "all": b.measureAll,
		"copy": b.measureCopy, "live": b.measureLive, "reads": b.measureReads,
	}
	for _, part := range Parts {
		if measure := parts[part]; slices.Contains(o.Parts, part) {
			b.progress("%s", part)
			if err := b.profiled(part, func() error { return measure(ctx) }); err != nil {
				return fmt.Errorf("%s: %w", part, err)
			}
		}
	}
	return nil
}

// profiled does something and writes down where this process computed.
func (b *bench) profiled(part string, do func() error) (err error) {
	if b.Profiles == "" {
		return do()
	}
	file, err := os.Create(filepath.Join(b.Profiles, part+".pprof"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return do()
}

func (b *bench) print(format string, args ...any) { _, _ = fmt.Fprintf(b.Out, format, args...) }

func (b *bench) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(b.Progress, format+" …\n", args...)
}

// cost is what some events took.
type cost struct {
	clock, program, postgres time.Duration
}

// costOf is what do takes.
func (b *bench) costOf(do func() error) (cost, error) {
	program, backends, began := programTime(), b.cluster.time(), time.Now()
	err := do()
	return cost{time.Since(began), programTime() - program, b.cluster.time() - backends}, err
}

// row prints what so many of something took.
func (b *bench) row(what string, n int64, c cost, more string) {
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(max(1, n)) }
	b.print("%-42s %9.0f/s  %6.1f s  µs each: %5.2f here %5.2f Postgres  %s\n",
		what, float64(n)/c.clock.Seconds(), c.clock.Seconds(), each(c.program), each(c.postgres), more)
}
