package http

import (
	"context"
	"time"

	"crm/projections"
)

// projectionCard is how a read model is.
type projectionCard struct {
	Name       string      `json:"name" example:"customers"`
	Version    int         `json:"version"`
	State      string      `json:"state" enum:"starting,building,live,degraded,stopped"`
	Position   string      `json:"position" doc:"Up to where in the log it shows everything."`
	Events     int64       `json:"events" doc:"How many events went into it."`
	RecordedAt *time.Time  `json:"recorded_at" doc:"When the store took the last of them."`
	LagSeconds float64     `json:"lag_seconds" doc:"How long the oldest event at hand has been waiting."`
	Trouble    string      `json:"trouble,omitempty" doc:"In a word, why it is degraded or stopped."`
	Stopped    *standstill `json:"stopped,omitempty" doc:"Where it stopped."`
}

type standstill struct {
	Position  string `json:"position,omitempty" doc:"Of the event that cannot be applied, or of the first of its batch."`
	EventType string `json:"event_type,omitempty"`
	Table     string `json:"table,omitempty"`
	Detail    string `json:"detail,omitempty" doc:"A code of Postgres, a place in the source, or names of columns; never a value."`
}

func (s *Server) projectionQueries() {
	serveQuery(s, query{"projection.list", "/projections", "projections", "How far each read model is", nil}, s.listProjections)
}

func (s *Server) listProjections(context.Context, *Freshness) (*plain[report[projectionCard]], error) {
	return reportOf(s.cfg.Status(), projectionOf), nil
}

func projectionOf(p projections.Status) projectionCard {
	card := projectionCard{
		Name: p.Name, Version: p.Version, State: string(p.State), Position: p.Position.String(), Events: p.Events,
		LagSeconds: p.Lag.Seconds(), Trouble: string(p.Class),
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
