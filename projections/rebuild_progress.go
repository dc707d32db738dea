package projections

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"crm/domain"
)

// Task is what a [Rebuilder] is at work on.
type Task string

// The tasks.
const (
	Rebuilding Task = "rebuild"
	Verifying  Task = "verify"
	Diffing    Task = "diff"

	RollingBack Task = "rollback"
)

// Phase is how far one build has come.
type Phase string

// The phases; those of the second group are ends.
const (
	Reading   Phase = "reading"   // the log, from the start or from where it was left
	Indexing  Phase = "indexing"  // making indexes
	Following Phase = "following" // complete; following the log until the swap
	Comparing Phase = "comparing" // row by row

	Swapped  Phase = "swapped"  // it is what is read now
	Ready    Phase = "ready"    // complete, and kept beside
	Compared Phase = "compared" // and dropped
	Failed   Phase = "failed"
)

// ends reports whether nothing more comes after the phase.
func (p Phase) ends() bool { return p == Swapped || p == Ready || p == Compared || p == Failed }

// Progress is how far a task is.
//
// Who starts a task may give a function tell, which gets the progress each time a
// build comes to another phase, and in between each tenth of a second, less often
// while a batch takes long. Its calls come from several goroutines, but one after the
// other, each with what is later than the last one; the final one is over before the
// task returns. The work waits for it, maybe while it holds locks that others need:
// it must not block, nor wait for the task. It may end the task's context.
type Progress struct {
	Task   Task            `json:"task" enum:"rebuild,verify,diff,rollback"`
	Models []ModelProgress `json:"models" nullable:"false"`
	// Position is up to where in the log all have read that have not come to their
	// end, Target how far they are to read, as it is known now.
	Position string `json:"position"`
	Target   string `json:"target"`
	// Done is the part of the log that was read, 0 to 1.
	Done float64 `json:"done" minimum:"0" maximum:"1"`
	// Events is how many events were read, and PerSecond how many of late.
	Events    int64   `json:"events" doc:"Events of the log read by this run."`
	PerSecond float64 `json:"events_per_second" doc:"Over the last five seconds."`
	// LeftSeconds is how long reading may still take; nil while that is not known.
	LeftSeconds *float64 `json:"left_seconds,omitempty"`
}

// ModelProgress is how far one read model of a task is.
type ModelProgress struct {
	Name     string `json:"name"`
	Version  int    `json:"version"`
	Build    int64  `json:"build" doc:"Identity of its set of tables."`
	Phase    Phase  `json:"phase" enum:"reading,indexing,following,comparing,swapped,ready,compared,failed"`
	Position string `json:"position"`
	Events   int64  `json:"events" doc:"Events that its tables hold."`
	Parked   int    `json:"parked,omitempty" doc:"Streams that its tables stand still for."`
	// Trouble is why it is not getting on, for now.
	Trouble Class `json:"trouble,omitempty"`
	// Failure is why it failed: a refusal, or a class and a place; never a value.
	Failure string `json:"failure,omitempty"`
	// SwapSeconds is how long its writer was held up by the swap. Readers are not.
	SwapSeconds float64 `json:"swap_seconds,omitempty"`

	at, target domain.Position
}

// meter measures, over the last few seconds.
type meter struct {
	events  int64
	samples []sample // the oldest first
}

type sample struct {
	at       time.Time
	events   int64
	position domain.Position
}

// meterSpan is how far back the meter looks.
const meterSpan = 5 * time.Second

// note takes a sample, and forgets those of no more use.
func (m *meter) note(position domain.Position) {
	now := time.Now()
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) > meterSpan {
		m.samples = m.samples[1:]
	}
	m.samples = append(m.samples, sample{now, m.events, position})
}

// speed is in events and in units of position per second, zero while nothing is
// known.
func (m *meter) speed() (events, positions float64) {
	if len(m.samples) < 2 {
		return 0, 0
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	took := last.at.Sub(first.at).Seconds()
	if took <= 0 || last.position.Before(first.position) {
		return 0, 0
	}
	return float64(last.events-first.events) / took, float64(last.position.Commit-first.position.Commit) / took
}

// display is what a feed shows of itself. Courses that run at once write to it.
type display struct {
	tell func(Progress) // under mu; see Progress

	mu    sync.Mutex
	meter meter
	told  time.Time
	head  domain.Position // of the log, at an instant
	asked time.Time
}

// phase notes that a build has come to a phase, and tells. That it failed the log is
// told by who has asked for it, if nobody else is.
func (f *feed) phase(s *shadow, phase Phase) {
	f.show(s, func(p *ModelProgress) {
		p.Phase = phase
		if s.err != nil {
			p.Failure = reason(s.err)
		}
	})
	if phase != Failed {
		f.rebuilder.cfg.Log.LogAttrs(context.Background(), slog.LevelInfo, string(f.task)+": "+string(phase),
			slog.String("read_model", s.projection.Name()), slog.Int64("build", s.build.id))
	}
	f.report(true)
}

// swapped notes that a build has become what is read.
func (f *feed) swapped(s *shadow, took time.Duration) {
	f.show(s, func(p *ModelProgress) { p.SwapSeconds = took.Seconds() })
	f.phase(s, Swapped)
}

// reached notes how far a build is.
func (f *feed) reached(s *shadow) {
	c := s.builder.Checkpoint()
	f.show(s, func(p *ModelProgress) {
		p.at, p.Position, p.Events, p.Parked, p.Trouble = c.Position, c.Position.String(), c.Events, c.Parked, ""
		if s.bounded {
			p.target = s.goal
		}
	})
}

// read counts events that all have.
func (f *feed) read(events int) {
	f.display.mu.Lock()
	defer f.display.mu.Unlock()
	f.display.meter.events += int64(events)
}

// trouble notes that a build does not get on.
func (f *feed) trouble(s *shadow, class Class) {
	f.show(s, func(p *ModelProgress) { p.Trouble = class })
}

// reach is where the last of those is that are still at it, and the furthest that
// they are to come. What has failed holds nobody up: where none is at it any more, it
// is about those that got through, if there are any.
func reach(models []ModelProgress) (at, target domain.Position) {
	rest := models
	for _, over := range []func(Phase) bool{Phase.ends, func(p Phase) bool { return p == Failed }} {
		left := slices.DeleteFunc(slices.Clone(models), func(m ModelProgress) bool { return over(m.Phase) })
		if len(left) > 0 {
			rest = left
			break
		}
	}
	for i, m := range rest {
		if i == 0 || m.at.Before(at) {
			at = m.at
		}
		if target.Before(m.target) {
			target = m.target
		}
	}
	return at, target
}

func (f *feed) show(s *shadow, change func(*ModelProgress)) {
	f.display.mu.Lock()
	defer f.display.mu.Unlock()
	change(&s.shown)
}

// report tells the progress, if it is due or has to be told.
func (f *feed) report(now bool) {
	d := &f.display
	d.mu.Lock()
	defer d.mu.Unlock()
	if !now && time.Since(d.told) < beat {
		return
	}
	d.told = time.Now()
	p := Progress{Task: f.task, Done: 1}
	for _, s := range f.shadows {
		m := s.shown
		if m.target.IsZero() {
			m.target = d.head
		}
		p.Models = append(p.Models, m)
	}
	at, target := reach(p.Models)
	switch {
	case at.Before(target):
		p.Done = float64(at.Commit) / float64(target.Commit)
	case d.asked.IsZero() && target.IsZero(): // nobody knows yet
		p.Done = 0
	default:
		target = at
	}
	d.meter.note(at)
	p.Position, p.Target, p.Events = at.String(), target.String(), d.meter.events
	var speed float64
	p.PerSecond, speed = d.meter.speed()
	if speed > 0 {
		left := float64(target.Commit-at.Commit) / speed
		p.LeftSeconds = &left
	}
	d.tell(p)
}
