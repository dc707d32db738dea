package importer

import (
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress says how far an import is: a bar on a terminal, a line every few
// seconds elsewhere.
type progress struct {
	run     *run
	bar     *progressbar.ProgressBar // nil off a terminal
	started time.Time
	stop    chan struct{}
	stopped chan struct{}

	mu    sync.Mutex // of what follows, and of lines among themselves
	noted time.Time  // when the last note was made
}

const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 3 * time.Second
	noteEvery = 10 * time.Second
)

func newProgress(r *run) *progress {
	p := &progress{run: r, started: time.Now(), stop: make(chan struct{}), stopped: make(chan struct{})}
	every := lineEvery
	if r.options.Terminal {
		every = barEvery
		total := int64(0) // once to be sent, and once to be read there
		for _, f := range r.files {
			total += 2 * f.Size
		}
		p.bar = progressbar.NewOptions64(max(total, 1),
			progressbar.OptionSetWriter(r.options.Out), progressbar.OptionShowBytes(true),
			progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	go p.loop(every)
	return p
}

func (p *progress) loop(every time.Duration) {
	defer close(p.stopped)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.tell()
		case <-p.stop:
			return
		}
	}
}

func (p *progress) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	rows, rejected, bytes := 0, 0, p.run.sent.Load()
	if now := p.run.known.Load(); now != nil {
		rows, rejected, bytes = now.Progress.Rows, now.Progress.Rejected, bytes+min(now.Progress.Bytes, now.Progress.BytesOf)
	}
	if p.bar != nil {
		p.bar.Describe(fmt.Sprintf("%d rows, %d rejected", rows, rejected))
		_ = p.bar.Set64(bytes) // a bar that cannot be drawn stops nothing
		return
	}
	rate := float64(rows) / time.Since(p.started).Seconds()
	p.run.say("%d rows read (%.0f rows/s), %d rejected", rows, rate, rejected)
}

// note says something out of turn, but the like of it only every ten seconds.
func (p *progress) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.noted) < noteEvery {
		return
	}
	p.noted = time.Now()
	if p.bar != nil {
		_ = p.bar.Clear() // as above
	}
	p.run.say(format, args...)
}

// close ends it; nothing is said afterwards.
func (p *progress) close() {
	close(p.stop)
	<-p.stopped
	if p.bar != nil {
		_ = p.bar.Finish() // as above
	}
}
