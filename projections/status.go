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
	Standby  State = "standby"  // another server writes its tables, and this one would if that ended
	Outdated State = "outdated" // its tables are of an older version: they are read as they stand, until new ones take their place
	Degraded State = "degraded" // it keeps trying: Postgres does not serve
	Stopped  State = "stopped"  // it met something that trying again does not help
)

// States are all of them.
var States = []State{Starting, Building, Live, Standby, Outdated, Degraded, Stopped}

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
	// Head is where the log ended when it was last asked, each second; zero where
	// nobody says.
	Head domain.Position
	// Lag is for how long the tables have not held everything up to the end of the
	// log; zero when they do.
	Lag time.Duration
	// LagPositions is how far the end of the log is ahead, in the unit of its
	// positions: bytes on EventStoreDB, events on the embedded store.
	LagPositions uint64
	// Rate is how many events a second went into the tables lately.
	Rate float64
	// Parked is how many streams it leaves out since one of their events could not
	// be applied.
	Parked int
	// Stalled is a model that stands still although the log goes on.
	Stalled bool
	// NoTables is a model that cannot be asked: its tables are being built for the
	// first time, or were not looked for yet.
	NoTables bool
	// Rebuild is the build that is to be read next, as Postgres has had it within the
	// last second, whoever works on it; nil while there is none.
	Rebuild *BuildStatus
	// RebuildFailed is why the tables are of an older version and will stay so: their
	// rebuild has failed or was cancelled, and is not tried again. A class and a place,
	// or a refusal; "" while there is nothing of that kind.
	RebuildFailed string
	// Leads reports whether this engine writes the tables.
	Leads bool
	// Leader is the host and process that writes the tables, or did last.
	Leader string
	// Class says why it is degraded or stopped, or is empty; a standby for a newer
	// version of the program says [Replaced].
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
	s := m.progress.status()
	s.Name, s.Version = m.projection.Name(), m.projection.Version()
	if err := m.engine.rebuilder.whyNot(s.Name); err != nil && s.State == Outdated {
		s.RebuildFailed = reason(err)
	}
	m.lag.tell(&s, m.engine.cfg.StallAfter, time.Now())
	return s
}

func (p *progress) status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{
		State: p.state(), Position: p.checkpoint.Position, Events: p.checkpoint.Events, RecordedAt: p.checkpoint.RecordedAt,
		NoTables: p.checkpoint.build == 0,
		Leads:    p.leads, Leader: p.leader, Class: p.trouble, Failure: p.failure,
	}
	if p.failure != nil {
		s.Class = p.failure.Class
	}
	return s
}

func (p *progress) state() State {
	switch {
	case p.failure != nil:
		return Stopped
	case p.trouble != "" && p.trouble != Replaced:
		return Degraded
	case !p.started:
		return Starting
	case p.older:
		return Outdated
	case p.standby:
		return Standby
	case !p.checkpoint.live:
		return Building
	default:
		return Live
	}
}
