package http

import (
	"context"
	"time"

	"crm/http/access"
	"crm/projections"
)

// projectionCard is how a read model is, as this server sees it.
type projectionCard struct {
	Name            string      `json:"name" example:"customers"`
	Version         int         `json:"version" doc:"Of the program that answers."`
	State           string      `json:"state" enum:"starting,building,live,standby,outdated,degraded,stopped" doc:"standby: another server writes it; outdated: a newer version is being built, or waits to be."`
	Leads           bool        `json:"leads" doc:"Whether this server is the one that writes it."`
	Leader          string      `json:"leader,omitempty" doc:"Host and process of the server that writes it, or did last." example:"crm-1 4711"`
	Position        string      `json:"position" doc:"Up to where in the log it shows everything."`
	Head            string      `json:"head,omitempty" doc:"Where the log ended when it was last asked, each second."`
	LagPositions    uint64      `json:"lag_positions" doc:"How far the end of the log is ahead: in bytes of it on EventStoreDB, in events on the embedded event store."`
	LagSeconds      float64     `json:"lag_seconds" doc:"For how long it has not shown everything up to the end of the log; 0 when it does."`
	Stalled         bool        `json:"stalled" doc:"It stands still although the log goes on."`
	Events          int64       `json:"events" doc:"How many events went into it."`
	EventsPerSecond float64     `json:"events_per_second" doc:"How many went into it a second, lately."`
	RecordedAt      *time.Time  `json:"recorded_at" doc:"When the store took the last of them."`
	Parked          int         `json:"parked" doc:"How many streams it leaves out since one of their events could not be applied."`
	Trouble         string      `json:"trouble,omitempty" doc:"In a word, why it is degraded or stopped."`
	Stopped         *standstill `json:"stopped,omitempty" doc:"Where it stopped."`

	Rebuild       *projections.BuildStatus `json:"rebuild,omitempty" doc:"The tables that are to be read next, as they were within the last second, whichever server fills them; absent while nothing is rebuilt."`
	RebuildFailed string                   `json:"rebuild_failed,omitempty" doc:"In a few words, why an outdated read model stays so: its rebuild failed or was cancelled. Rebuild it to try again."`
}

type standstill struct {
	Position  string `json:"position,omitempty" doc:"Of the event that cannot be applied, or of the first of its batch."`
	EventType string `json:"event_type,omitempty"`
	Table     string `json:"table,omitempty"`
	Detail    string `json:"detail,omitempty" doc:"A code of Postgres, a place in the source, or names of columns; never a value."`
}

// reactorCard is how a reactor is, as this server sees it.
type reactorCard struct {
	Name         string     `json:"name" example:"welcome-mail"`
	State        string     `json:"state" enum:"starting,running,failing,standby" doc:"starting: nobody is known to run it; standby: another server runs it, and tells how it fares."`
	Leads        bool       `json:"leads" doc:"Whether this server is the one that runs it."`
	Leader       string     `json:"leader,omitempty" doc:"Host and process of the server that runs it." example:"crm-1 4711"`
	Position     string     `json:"position" doc:"Up to where in the log it has met everything."`
	Head         string     `json:"head,omitempty" doc:"Where the log ended when it was last asked, each second."`
	LagPositions uint64     `json:"lag_positions" doc:"How far the end of the log is ahead: in bytes of it on EventStoreDB, in events on the embedded event store."`
	LagSeconds   float64    `json:"lag_seconds" doc:"For how long it has not met everything up to the end of the log; 0 when it has."`
	FailingSince *time.Time `json:"failing_since,omitempty" doc:"Since when it has been failing with the event after its position. It is tried again and again, and nothing later is met before."`
	Failures     int64      `json:"failures" doc:"How often it has failed on this server since that started."`
}

func (s *Server) projectionQueries() {
	serveQuery(s, query{"reactor.list", access.ProjectionsRead, "/reactors", "projections", "How far each reactor is, which does things outside of the database because of events", nil}, s.listReactors)
	serveQuery(s, query{"projection.list", access.ProjectionsRead, "/projections", "projections", "How far each read model is", nil}, s.listProjections)
	s.parkedQueries()
	s.jobQueries()
}

func (s *Server) listProjections(context.Context, *Freshness) (*plain[report[projectionCard]], error) {
	return reportOf(s.cfg.Status(), projectionOf), nil
}

func projectionOf(p projections.Status) projectionCard {
	card := projectionCard{
		Name: p.Name, Version: p.Version, State: string(p.State), Leads: p.Leads, Leader: p.Leader,
		Position: p.Position.String(), LagPositions: p.LagPositions, LagSeconds: p.Lag.Seconds(), Stalled: p.Stalled,
		Events: p.Events, EventsPerSecond: p.Rate, Parked: p.Parked, Trouble: string(p.Class),
		Rebuild: p.Rebuild, RebuildFailed: p.RebuildFailed,
	}
	if !p.Head.IsZero() {
		card.Head = p.Head.String()
	}
	if !p.RecordedAt.IsZero() {
		at := p.RecordedAt.UTC()
		card.RecordedAt = &at
	}
	if f := p.Failure; f != nil {
		card.Stopped = &standstill{EventType: f.EventType, Table: f.Table, Detail: f.Detail}
		if !f.Position.IsZero() {
			card.Stopped.Position = f.Position.String()
		}
	}
	return card
}

func (s *Server) listReactors(context.Context, *Freshness) (*plain[report[reactorCard]], error) {
	return reportOf(s.cfg.Reactions(), reactorOf), nil
}

func reactorOf(r projections.Reaction) reactorCard {
	card := reactorCard{
		Name: r.Name, State: string(r.State), Leads: r.Leads, Leader: r.Leader, Position: r.Position.String(),
		LagPositions: r.LagPositions, LagSeconds: r.Lag.Seconds(), Failures: r.Failures,
	}
	if !r.Head.IsZero() {
		card.Head = r.Head.String()
	}
	if !r.Failing.IsZero() {
		at := r.Failing.UTC()
		card.FailingSince = &at
	}
	return card
}
