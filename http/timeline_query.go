package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/projections/readmodels"
)

// entryCard is one event on a timeline.
type entryCard struct {
	Position   string                        `json:"position" doc:"Where in the log it stands." example:"184467"`
	Entity     entityCard                    `json:"entity"`
	EventID    uuid.UUID                     `json:"event_id" format:"uuid"`
	Revision   domain.Revision               `json:"revision" doc:"In the entity's stream."`
	Type       string                        `json:"type" example:"deal.won"`
	Summary    domain.Personal               `json:"summary" doc:"In a sentence; where the event knows both, from which to which value." example:"Lifecycle: lead → customer"`
	Data       payload                       `json:"data" doc:"The event's payload. Masked, it is the event's fields that are not personal."`
	Names      map[uuid.UUID]domain.Personal `json:"names,omitempty" doc:"Of what data names by id, an owner or a contact point for example, as it was called at the time asked about; an employee and a product as today." example:"{\"0190a5a0-0000-7000-8000-000000000003\":\"Grace Hopper\"}"`
	OccurredAt time.Time                     `json:"occurred_at" doc:"When it was true in the business."`
	RecordedAt time.Time                     `json:"recorded_at" doc:"When the store took it."`
	Actor      string                        `json:"actor"`
	OnBehalfOf string                        `json:"on_behalf_of,omitempty"`
	Reason     domain.Personal               `json:"reason,omitempty"`
	Source     *domain.Source                `json:"source,omitempty" doc:"What brought the command."`
}

type entityCard struct {
	Kind string          `json:"kind" enum:"customer,consent,interaction,deal"`
	ID   uuid.UUID       `json:"id" format:"uuid" doc:"The deal's for a deal, else the customer's."`
	Name domain.Personal `json:"name,omitempty" doc:"A deal's title."`
}

func (s *Server) listTimeline(ctx context.Context, in *customerPageInput) (*listed[entryCard], error) {
	a := in.ask(in.asOf())
	filter, err := a.read(ctx, readmodels.TimelineList)
	if err != nil {
		return nil, err
	}
	if err := checkFields[entryCard](a); err != nil {
		return nil, err
	}
	asked := a.question(ctx, "timeline", in.ID)
	after, err := markOf[readmodels.EntryMark](asked, in.Cursor)
	if err != nil {
		return nil, err
	}
	id := domain.CustomerID{UUID: in.ID}
	found, err := s.models(ctx).Timeline.Of(ctx, id, filter, in.asOf(), after, in.Limit)
	if err == nil && len(found.Items) == 0 {
		err = s.models(ctx).Customers.Exists(ctx, id, in.asOf())
	}
	if err != nil {
		return nil, err
	}
	return listOf(found.Items, pageAfter(asked, found.Next), entryOf), nil
}

func entryOf(e readmodels.Entry) entryCard {
	card := entryCard{
		Position: e.Position.String(), Entity: entityCard{e.EntityKind, e.EntityID, domain.Personal(e.EntityName)},
		EventID: e.EventID, Revision: e.Revision, Type: e.Type, Summary: domain.Personal(e.Summary), Data: payload{e.Type, e.Data},
		OccurredAt: e.OccurredAt, RecordedAt: e.RecordedAt, Actor: e.Actor, OnBehalfOf: e.OnBehalfOf, Reason: e.Reason,
	}
	for id, name := range e.Names {
		if card.Names == nil {
			card.Names = make(map[uuid.UUID]domain.Personal, len(e.Names))
		}
		card.Names[id] = domain.Personal(name)
	}
	if e.Source != (domain.Source{}) {
		card.Source = &e.Source
	}
	return card
}
