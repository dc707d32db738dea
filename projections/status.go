package projections

import (
	"time"

	"crm/domain"
)

// State is what a read model is up to.
type State string

// The states.
const (
	Starting State = "starting" // it has not found its tables yet
	Building State = "building" // its first catch-up: tables are incomplete, indexes missing
	Live     State = "live"     // it follows the log
	Degraded State = "degraded" // it keeps trying: Postgres does not serve
	Stopped  State = "stopped"  // it met something that trying again does not help
)

// States are all of them.
var States = []State{Starting, Building, Live, Degraded, Stopped}

// Status is how a read model is.
type Status struct {
	Name    string
	Version int
	State   State
	// Position is up to where in the log the tables hold everything.
	Position domain.Position
	// Events is how many events went into the tables.
	Events int64
	// RecordedAt is when the store took the last of them; zero before the first.
	RecordedAt time.Time
	// Lag is how long the oldest event at hand has been waiting; zero when there
	// is none. Events that the store has not handed out are not known here.
	Lag time.Duration
	// Class says why it is degraded or stopped, or is empty.
	Class Class
	// Failure is what stopped it, or nil.
	Failure *Failure
}

// Status tells of each read model, in the order they were given.
func (e *Engine) Status() []Status {
	all := make([]Status, len(e.models))
	for i, m := range e.models {
		all[i] = m.status()
	}
	return all
}

func (m *model) status() Status {
	p := &m.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{
		Name: m.projection.Name(), Version: m.projection.Version(), State: p.state(),
		Position: p.checkpoint.Position, Events: p.checkpoint.Events, RecordedAt: p.checkpoint.RecordedAt,
		Class: p.trouble, Failure: p.failure,
	}
	if p.failure != nil {
		s.Class = p.failure.Class
	}
	if !p.oldest.IsZero() {
		s.Lag = max(time.Since(p.oldest), 0)
	}
	return s
}

func (p *progress) state() State {
	switch {
	case p.failure != nil:
		return Stopped
	case p.trouble != "":
		return Degraded
	case !p.started:
		return Starting
	case !p.checkpoint.live:
		return Building
	default:
		return Live
	}
}
