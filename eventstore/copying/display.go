package copying

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// display says how far a run is: a bar on a terminal, a line every few seconds
// elsewhere.
type display struct {
	out      io.Writer
	terminal bool
	done     atomic.Uint64 // events

	mu      sync.Mutex
	doing   string
	total   uint64 // 0: not known
	began   time.Time
	first   uint64 // done when the stage began
	noted   time.Time
	bar     *progressbar.ProgressBar
	ending  chan struct{}
	running sync.WaitGroup
}

const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 3 * time.Second
	noteEvery = 10 * time.Second
)

func newDisplay(out io.Writer, terminal bool) *display {
	d := &display{out: out, terminal: terminal, ending: make(chan struct{})}
	every := lineEvery
	if d.terminal {
		every = barEvery
	}
	d.running.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				d.tell()
			case <-d.ending:
				return
			}
		}
	})
	return d
}

// stage begins another part of the work, of which some is done.
func (d *display) stage(doing string, done, total uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.finish()
	d.done.Store(done)
	d.doing, d.total, d.began, d.first = doing, total, time.Now(), done
	if d.terminal {
		of := int64(-1) // a spinner
		if total > 0 {
			of = int64(total)
		}
		d.bar = progressbar.NewOptions64(of, progressbar.OptionSetWriter(d.out), progressbar.OptionSetDescription(doing),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"),
			progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
}

func (d *display) tell() {
	d.mu.Lock()
	defer d.mu.Unlock()
	done := d.done.Load()
	switch {
	case d.bar != nil:
		_ = d.bar.Set64(int64(done)) // a bar that cannot be drawn stops nothing
	case d.doing != "" && d.total == 0:
		d.say("%s: %d events", d.doing, done)
	case d.doing != "" && done > d.first:
		rate := float64(done-d.first) / time.Since(d.began).Seconds()
		left := time.Duration(float64(d.total-min(done, d.total)) / rate * float64(time.Second))
		d.say("%s: %d of %d events (%.0f/s, %s left)", d.doing, done, d.total, rate, left.Round(time.Second))
	}
}

// note says what went wrong and is tried again, but not all the time.
func (d *display) note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.noted) < noteEvery {
		return
	}
	d.noted = time.Now()
	if d.bar != nil {
		_ = d.bar.Clear() // as above
	}
	d.say("trying again: %v", err)
}

func (d *display) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

func (d *display) finish() {
	if d.bar != nil {
		_ = d.bar.Finish() // as above
		d.bar = nil
	}
}

// close ends it; nothing is said afterwards.
func (d *display) close() {
	close(d.ending)
	d.running.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.finish()
}
