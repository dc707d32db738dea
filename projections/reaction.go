package projections

import (
	"time"

	"crm/domain"
)

// ReactionState is what a reactor is up to.
type ReactionState string

// The states of a reactor.
const (
	ReactionStarting ReactionState = "starting" // nobody is known to run it
	ReactionRunning  ReactionState = "running"  // this engine runs it
	ReactionFailing  ReactionState = "failing"  // likewise, and it does not get past an event
	ReactionStandby  ReactionState = "standby"  // another server runs it; how it fares that one tells
)

// ReactionStates are all of them.
var ReactionStates = []ReactionState{ReactionStarting, ReactionRunning, ReactionFailing, ReactionStandby}

// Reaction is how a reactor is, as this engine sees it.
type Reaction struct {
	Name  string
	State ReactionState
	// Leads reports whether this engine runs it.
	Leads bool
	// Leader is the host and process that runs it; empty when the last one has signed
	// off.
	Leader string
	// Position is up to where in the log it has met everything. Where another server
	// runs it, it is as Postgres has had it within the last second.
	Position domain.Position
	// Head, Lag and LagPositions are as in [Status].
	Head         domain.Position
	Lag          time.Duration
	LagPositions uint64
	// Failing is since when it has failed with the event after Position; zero when it
	// does not, or does not here.
	Failing time.Time
	// Failures is how often it has failed here since the start of the program.
	Failures int64
}

// Reactions tells of each reactor, in the order they were given.
func (e *Engine) Reactions() []Reaction {
	all := make([]Reaction, len(e.reactors))
	for i, r := range e.reactors {
		all[i] = r.status()
	}
	return all
}

func (r *reacting) status() Reaction {
	s, _ := r.place()
	r.mu.Lock()
	now, booked := r.shown, r.booked
	r.mu.Unlock()
	switch now.Leads = s != nil; {
	case !now.Leads:
		now.State, now.Leader, now.Position, now.Failing = ReactionStandby, booked.leader, booked.position, time.Time{}
		if booked.leader == "" {
			now.State = ReactionStarting
		}
	case now.Failing.IsZero():
		now.State, now.Leader = ReactionRunning, self()
	default:
		now.State, now.Leader = ReactionFailing, self()
	}
	behind := Status{Position: now.Position}
	r.lag.tell(&behind, 0, time.Now())
	now.Head, now.Lag, now.LagPositions = behind.Head, behind.Lag, behind.LagPositions
	return now
}

// position is up to where in the log the reactor has met everything, as far as is
// known here.
func (r *reacting) position() domain.Position {
	s, at := r.place()
	r.mu.Lock()
	defer r.mu.Unlock()
	if s == nil {
		return r.booked.position
	}
	return at
}

// read takes note of what whoever runs the reactor has written down.
func (r *reacting) read(is booked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.booked = is
}
