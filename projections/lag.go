package projections

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"crm/domain"
)

// lookEvery is how often the log is asked where it ends.
const lookEvery = time.Second

// mark is where the log ended, and when that was seen.
type mark struct {
	position domain.Position
	at       time.Time
}

// lag is how far a model is behind the log. It is looked at once per lookEvery.
type lag struct {
	mu     sync.Mutex
	head   domain.Position
	ahead  []mark        // ends of the log that the model has not reached, the oldest first
	apart  time.Duration // of two of them, at least
	last   look
	still  time.Duration // for how long it has been standing still before the head
	perSec float64       // events, smoothed
	parked int           // streams
	beside *BuildStatus  // what is to be read next
}

// look is what was seen of a model the last time.
type look struct {
	position domain.Position
	events   int64
	build    int64
	at       time.Time
}

func (l *lag) park(streams int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parked = streams
}

func (l *lag) build(beside *BuildStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beside = beside
}

// manyMarks bounds lag.ahead: of more, every second one is forgotten.
const manyMarks = 240

// mark remembers when the log ended where.
func (l *lag) mark(head domain.Position, now time.Time) {
	if n := len(l.ahead); n == 0 {
		l.apart = 0
	} else if last := l.ahead[n-1]; !last.position.Before(head) || now.Sub(last.at) < l.apart {
		return
	}
	if l.ahead = append(l.ahead, mark{head, now}); len(l.ahead) <= manyMarks {
		return
	}
	l.apart = max(2*l.apart, 2*lookEvery)
	kept := l.ahead[:0]
	for i := 0; i < len(l.ahead); i += 2 {
		kept = append(kept, l.ahead[i])
	}
	l.ahead = kept
}

// see takes note of where the log ends, if that is known, and of how far the
// model is. A busy one does not stand still: it makes indexes.
func (l *lag) see(head domain.Position, known bool, c Checkpoint, busy bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known {
		if head.Before(l.head) { // the log went back
			l.ahead = nil
		}
		l.head = head
		l.mark(head, now)
	}
	reached := 0
	for reached < len(l.ahead) && !c.Position.Before(l.ahead[reached].position) {
		reached++
	}
	l.ahead = l.ahead[:copy(l.ahead, l.ahead[reached:])]
	seen := look{position: c.Position, events: c.Events, build: c.build, at: now}
	if l.last.build == seen.build && !l.last.at.IsZero() {
		const smooth = 0.2 // about the last five seconds
		if passed := now.Sub(l.last.at); passed > 0 {
			l.perSec += smooth * (float64(seen.events-l.last.events)/passed.Seconds() - l.perSec)
		}
	}
	switch {
	case len(l.ahead) == 0 || busy || l.last.at.IsZero() || seen.position != l.last.position:
		l.still = 0
	default:
		// Not more than we were awake for: a server that was paused looks at its
		// models again before it calls them stalled.
		l.still += min(now.Sub(l.last.at), 2*lookEvery)
	}
	l.last = seen
}

// tell completes a status. What stands still for stallAfter is stalled, unless it
// is meant to.
func (l *lag) tell(s *Status, stallAfter time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Head, s.Rate, s.Parked, s.Rebuild = l.head, max(l.perSec, 0), l.parked, l.beside
	for _, m := range l.ahead {
		if s.Position.Before(m.position) {
			s.Lag = now.Sub(m.at)
			break
		}
	}
	if s.Position.Before(s.Head) {
		s.LagPositions = s.Head.Commit - s.Position.Commit
	}
	s.Stalled = s.State != Outdated && l.still >= stallAfter && s.Position.Before(s.Head)
}

// watch looks every lookEvery how far the log is ahead, until ctx ends.
func (e *Engine) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		e.lookAround(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (e *Engine) lookAround(ctx context.Context) {
	var head domain.Position
	known := false
	if e.cfg.Head != nil {
		asking, cancel := context.WithTimeout(ctx, answer)
		defer cancel()
		position, _, err := e.cfg.Head(asking)
		head, known = position, err == nil
	}
	e.lookIntoBooks(ctx, head)
	for _, r := range e.reactors {
		r.lag.see(head, known, Checkpoint{Position: r.position()}, false, time.Now())
	}
	for _, m := range e.models {
		checkpoint, busy := m.progress.reached()
		m.lag.see(head, known, checkpoint, busy, time.Now())
		if s := m.status(); s.Stalled && s.Leads {
			m.resign(e.cfg.StallAfter)
		}
	}
}

// Healthy is nil unless a read model cannot be asked, or will not get on by itself:
//
//   - it has no tables: they were not looked for yet, or are being built for the first
//     time. Where it has tables it can be asked, while new ones are built beside too;
//   - it is stalled: it has been standing still for Config.StallAfter although the log
//     goes on;
//   - it is outdated and will not be rebuilt, as that has failed.
func (e *Engine) Healthy() error {
	for _, s := range e.Status() {
		switch {
		case s.RebuildFailed != "":
			return fmt.Errorf("read model %s is outdated, and its rebuild ended: %s", s.Name, s.RebuildFailed)
		case s.NoTables:
			return fmt.Errorf("read model %s has no tables yet: %s", s.Name, cmp.Or(string(s.Class), string(s.State)))
		case s.Stalled:
			return fmt.Errorf("read model %s is stalled: %s", s.Name, cmp.Or(string(s.Class), string(s.State)))
		}
	}
	return nil
}
