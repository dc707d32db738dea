package embedded

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A pause is a state that comes and goes while callers wait for something else.
type pause struct {
	mu    sync.Mutex
	depth int
	on    chan struct{} // closed while depth > 0
}

func newPause() *pause { return &pause{on: make(chan struct{})} }

// began returns a channel that is closed while the pause lasts.
func (p *pause) began() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.on
}

func (p *pause) active() bool {
	select {
	case <-p.began():
		return true
	default:
		return false
	}
}

func (p *pause) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.depth++; p.depth == 1 {
		close(p.on)
	}
}

func (p *pause) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.depth--; p.depth == 0 {
		p.on = make(chan struct{})
	}
}

// A pulse counts what was given to the disk and what the disk was done with. While
// the first is ahead and the second stands still, the disk does not answer.
type pulse struct{ begun, done atomic.Uint64 }

// stallLooks is how often the pulse is felt within StallAfter.
const stallLooks = 4

// watchDisk refuses appends while the disk does not answer, until unwatch is closed.
// Callers then know where they stand within seconds, and can ask elsewhere or
// later; what they had sent is in the queue, and may yet be written. Time is
// counted in looks, so that a process that was stopped does not blame the disk.
func (n *Node) watchDisk() {
	tick := time.NewTicker(n.cfg.StallAfter / stallLooks)
	defer tick.Stop()
	seen, still := uint64(0), 0
	for {
		select {
		case <-n.unwatch:
			return
		case <-tick.C:
		}
		done := n.writer.pulse.done.Load()
		idle := n.writer.pulse.begun.Load() == done
		switch {
		case idle || done != seen || n.disk.space.active():
			if still >= stallLooks {
				n.stall.leave()
				n.cfg.Log.Info("the event store's disk answers again")
			}
			seen, still = done, 0
		case still < stallLooks:
			if still++; still == stallLooks {
				n.stall.enter()
				n.cfg.Log.Warn("the event store's disk does not answer", slog.Duration("took", n.cfg.StallAfter))
			}
		}
	}
}
