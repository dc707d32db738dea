package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/webhook"
	"crm/http/access"
	"crm/http/webhooks"
)

// webhookCard is an endpoint that is told of events.
type webhookCard struct {
	ID            uuid.UUID           `json:"id" format:"uuid"`
	URL           string              `json:"url"`
	Categories    []string            `json:"categories" nullable:"false"`
	Types         []string            `json:"types" nullable:"false"`
	Description   string              `json:"description,omitempty"`
	Status        webhook.Status      `json:"status" enum:"active,paused,disabled" doc:"Only to an active one is sent. For a paused one what happens waits, for a disabled one it is not kept."`
	Reason        webhook.Reason      `json:"reason,omitempty" enum:"gone,failing" doc:"Why it is disabled: it answered 410, or took nothing for three days."`
	Secret        webhook.Fingerprint `json:"secret" doc:"Fingerprint of the secret in force: the first 16 hexadecimal digits of its SHA-256."`
	PreviousUntil *time.Time          `json:"previous_until" doc:"Until when the former secret is in force, too."`
	RegisteredAt  time.Time           `json:"registered_at"`
	ChangedAt     time.Time           `json:"changed_at" doc:"When the latest change occurred."`
	FailingSince  *time.Time          `json:"failing_since" doc:"Since when every attempt has failed."`
	Failures      int                 `json:"failures" doc:"Attempts in a row that failed."`
	DeliveredAt   *time.Time          `json:"delivered_at" doc:"When it took something last."`
	Position      string              `json:"position" doc:"Where in the log it was changed last. What happened after a webhook was disabled is sent by a replay from here."`
	Revision      domain.Revision     `json:"revision" doc:"The same as ETag."`
}

// deliveryCard is one event for one endpoint, and what came of it.
type deliveryCard struct {
	ID        uuid.UUID      `json:"id" format:"uuid"`
	EventID   uuid.UUID      `json:"event_id" format:"uuid" doc:"The same as webhook-id."`
	EventType string         `json:"event_type" example:"deal.won"`
	Position  string         `json:"position" doc:"Of the event in the log."`
	Cause     webhooks.Cause `json:"cause" enum:"event,ping,replay"`
	State     webhooks.State `json:"state" enum:"due,delivered,failed"`
	MadeAt    time.Time      `json:"made_at"`
	DueAt     *time.Time     `json:"due_at" doc:"When it is tried next."`
	DoneAt    *time.Time     `json:"done_at" doc:"When it was delivered or given up."`
	Begun     int            `json:"begun" doc:"How many attempts were begun. One that is not told below is under way, or was cut short by the end of a server."`
	Attempts  []attemptCard  `json:"attempts" nullable:"false"`
}

// attemptCard is one request of a delivery.
type attemptCard struct {
	Number  int              `json:"number"`
	At      time.Time        `json:"at"`
	Took    float64          `json:"took" doc:"Seconds."`
	Status  int              `json:"status,omitempty" doc:"Of the answer; absent where there was none."`
	Outcome webhooks.Outcome `json:"outcome" enum:"delivered,refused,timed_out,unreachable,unresolved,untrusted,forbidden,unsigned"`
}

// DeliveriesOf is which deliveries are meant.
type DeliveriesOf struct {
	Paging
	ID    uuid.UUID      `path:"id" format:"uuid"`
	State webhooks.State `query:"state" enum:"due,delivered,failed" doc:"Only those in this state."`
}

// DeliveryOf is which delivery is meant.
type DeliveryOf struct {
	Identified
	Delivery uuid.UUID `path:"delivery" format:"uuid"`
}

func (s *Server) webhookQueries() {
	own := []string{webhooks.ReactorName}
	serveQuery(s, query{"webhook.list", access.WebhooksManage, "/webhooks", "webhooks", "All webhooks, the oldest first", own}, s.listWebhooks)
	serveQuery(s, query{"webhook.card", access.WebhooksManage, "/webhooks/{id}", "webhooks", "A webhook, and how it fares", own}, s.showWebhook)
	serveQuery(s, query{"webhook.deliveries", access.WebhooksManage, "/webhooks/{id}/deliveries", "webhooks", "What was sent to a webhook and is to be, newest first", own}, s.listDeliveries)
	serveQuery(s, query{"webhook.delivery", access.WebhooksManage, "/webhooks/{id}/deliveries/{delivery}", "webhooks", "A delivery and its attempts", own}, s.showDelivery)
}

func (s *Server) listWebhooks(ctx context.Context, in *Paging) (*listed[webhookCard], error) {
	sender, err := s.webhooks()
	if err != nil {
		return nil, err
	}
	after, err := markOf[webhooks.Mark]("webhooks", in.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := sender.Book().Endpoints(ctx, after, in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(found, pageAfter("webhooks", next), webhookOf), nil
}

func (s *Server) showWebhook(ctx context.Context, in *Identified) (*tagged[webhookCard], error) {
	sender, err := s.webhooks()
	if err != nil {
		return nil, err
	}
	e, err := sender.Book().Endpoint(ctx, domain.WebhookID{UUID: in.ID})
	if err != nil {
		return nil, err
	}
	return &tagged[webhookCard]{ETag: etag(e.Revision), Body: webhookOf(e)}, nil
}

func (s *Server) listDeliveries(ctx context.Context, in *DeliveriesOf) (*listed[deliveryCard], error) {
	sender, err := s.webhooks()
	if err != nil {
		return nil, err
	}
	id := domain.WebhookID{UUID: in.ID}
	asked := question("deliveries", id, in.State)
	after, err := markOf[webhooks.Mark](asked, in.Cursor)
	if err != nil {
		return nil, err
	}
	if _, err := sender.Book().Endpoint(ctx, id); err != nil {
		return nil, err
	}
	found, next, err := sender.Book().Deliveries(ctx, id, in.State, after, in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(found, pageAfter(asked, next), deliveryOf), nil
}

func (s *Server) showDelivery(ctx context.Context, in *DeliveryOf) (*plain[deliveryCard], error) {
	sender, err := s.webhooks()
	if err != nil {
		return nil, err
	}
	d, err := sender.Book().Delivery(ctx, domain.WebhookID{UUID: in.ID}, in.Delivery)
	if err != nil {
		return nil, err
	}
	return &plain[deliveryCard]{deliveryOf(d)}, nil
}

func webhookOf(e webhooks.Endpoint) webhookCard {
	return webhookCard{
		ID: e.ID.UUID, URL: e.Details.URL, Categories: e.Details.Categories, Types: e.Details.Types, Description: e.Details.Description,
		Status: e.Status, Reason: e.Reason, Secret: e.Secret, PreviousUntil: instantOrNull(e.PreviousUntil),
		RegisteredAt: e.RegisteredAt, ChangedAt: e.ChangedAt, FailingSince: instantOrNull(e.FailingSince), Failures: e.Failures,
		DeliveredAt: instantOrNull(e.DeliveredAt), Position: domain.Position{Commit: e.Position, Prepare: e.Position}.String(), Revision: e.Revision,
	}
}

func deliveryOf(d webhooks.Delivery) deliveryCard {
	card := deliveryCard{
		ID: d.ID, EventID: d.EventID, EventType: d.EventType, Position: d.Position.String(), Cause: d.Cause, State: d.State,
		MadeAt: d.MadeAt, DoneAt: instantOrNull(d.DoneAt), Begun: d.Begun,
		Attempts: each(d.Attempts, func(a webhooks.Attempt) attemptCard {
			return attemptCard{Number: a.Number, At: a.At, Took: a.Took.Seconds(), Status: a.Status, Outcome: a.Outcome}
		}),
	}
	if d.State == webhooks.StateDue {
		card.DueAt = &d.DueAt
	}
	return card
}
