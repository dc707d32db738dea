package nodebench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// Options say what to measure, and where.
type Options struct {
	// Dir is the folder in which everything is done, in one of its own that is gone
	// afterwards. Needed.
	Dir string
	// Events are the sizes at which starts and memory are measured; at the smallest
	// the reads are. Needed, each at least 1.
	Events []int
	// Rounds is how often each measurement is made. Needed.
	Rounds int
	// Duration is how long appends are counted, each time. Needed.
	Duration time.Duration
	// Command starts a process that serves the node of a data folder, prints "ready "
	// and its connection string, and ends by SIGTERM. Needed.
	Command func(ctx context.Context, data string) *exec.Cmd
	// Out gets the report, piece by piece. Needed.
	Out io.Writer
	// Progress gets what is being done. Default: nobody.
	Progress io.Writer
}

type bench struct {
	Options
	dir string // the data folder
}

var writers = []int{1, 8, 64}

// Run measures and prints. It takes minutes.
func Run(ctx context.Context, o Options) (err error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	dir, err := os.MkdirTemp(o.Dir, "bench-node-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o.Events = slices.Sorted(slices.Values(o.Events))
	b := &bench{Options: o, dir: filepath.Join(dir, "data")}
	if _, err := fmt.Fprintf(o.Out, "%s, %d processors, %s %s/%s; %d rounds of %s, medians; in %s\n",
		time.Now().UTC().Format("2006-01-02 15:04 MST"), runtime.GOMAXPROCS(0), runtime.Version(), runtime.GOOS, runtime.GOARCH,
		o.Rounds, o.Duration, o.Dir); err != nil {
		return err
	}
	if err := b.measureAppends(ctx, dir); err != nil {
		return fmt.Errorf("appends: %w", err)
	}
	for i, events := range b.Events {
		b.progress("filling the store with %d events", events)
		if err := os.MkdirAll(b.dir, 0o700); err != nil {
			return err
		}
		if err := fill(ctx, b.events(), events); err != nil {
			return fmt.Errorf("fill the store: %w", err)
		}
		if i == 0 {
			if err := b.measureReads(ctx, events); err != nil {
				return fmt.Errorf("reads: %w", err)
			}
		}
		b.progress("starting on %d events", events)
		f, err := b.measureProcess(ctx, events)
		if err != nil {
			return fmt.Errorf("a process of its own: %w", err)
		}
		if err := b.printFootprint(events, f); err != nil {
			return err
		}
	}
	return nil
}

// events is where the store is in the data folder.
func (b *bench) events() string { return filepath.Join(b.dir, "events") }

func (b *bench) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(b.Progress, format+" …\n", args...)
}

// measureAppends takes turns between the node and Pebble alone.
func (b *bench) measureAppends(ctx context.Context, dir string) error {
	fresh := func() (string, func(), error) {
		at, err := os.MkdirTemp(dir, "appends-")
		return filepath.Join(at, "events"), func() { _ = os.RemoveAll(at) }, err
	}
	ours, raw := make([][]pace, len(writers)), make([][]pace, len(writers))
	last := make([]shared, len(writers))
	var batches []pace
	for round := range b.Rounds {
		for i, n := range writers {
			b.progress("round %d of %d: %d writers", round+1, b.Rounds, n)
			at, remove, err := fresh()
			if err != nil {
				return err
			}
			p, with, err := b.appends(ctx, at, n)
			remove()
			if err != nil {
				return err
			}
			ours[i], last[i] = append(ours[i], p), with
			if at, remove, err = fresh(); err != nil {
				return err
			}
			p, err = b.rawAppends(ctx, at, n)
			remove()
			if err != nil {
				return err
			}
			raw[i] = append(raw[i], p)
		}
		at, remove, err := fresh()
		if err != nil {
			return err
		}
		p, err := b.batches(ctx, at)
		remove()
		if err != nil {
			return err
		}
		batches = append(batches, p)
	}
	return b.printAppends(ours, raw, last, batches)
}

// measureReads takes turns between the client, our reader and Pebble alone.
func (b *bench) measureReads(ctx context.Context, events int) error {
	var client, lean, raw []pace
	for round := range b.Rounds {
		b.progress("round %d of %d: reading %d events", round+1, b.Rounds, events)
		if err := b.readThroughNode(ctx, events, &client, &lean); err != nil {
			return err
		}
		p, err := once(events, func() error {
			n, err := rawScan(b.events())
			return counted(n, events, err)
		})
		if err != nil {
			return err
		}
		raw = append(raw, p)
	}
	return b.printReads(events, client, lean, raw)
}

func (b *bench) readThroughNode(ctx context.Context, events int, client, lean *[]pace) (err error) {
	s, err := open(b.events())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	p, err := once(events, func() error {
		n, err := readByWire(ctx, s.log)
		return counted(n, events, err)
	})
	if err != nil {
		return err
	}
	*lean = append(*lean, p)
	if p, err = once(events, func() error {
		n, err := s.readByClient(ctx)
		return counted(n, events, err)
	}); err != nil {
		return err
	}
	*client = append(*client, p)
	return nil
}
