package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/consent"
	"crm/http/access"
	"crm/projections/readmodels"
)

// consentCard is one consent and the event it rests on.
type consentCard struct {
	Purpose        string             `json:"purpose" example:"newsletter"`
	Channel        consent.Channel    `json:"channel" example:"email"`
	Status         consent.Status     `json:"status" enum:"requested,granted,withdrawn,objected,expired" doc:"A grant whose time is over is expired."`
	Allowed        bool               `json:"allowed" doc:"Whether it permits, now or at as_of."`
	Confirmed      bool               `json:"confirmed" doc:"By double opt-in."`
	LegalBasis     consent.LegalBasis `json:"legal_basis,omitempty" example:"consent"`
	WordingVersion string             `json:"wording_version,omitempty"`
	WordingHash    string             `json:"wording_hash,omitempty"`
	CaptureSource  string             `json:"capture_source,omitempty"`
	ContactPoint   *uuid.UUID         `json:"contact_point,omitempty" format:"uuid"`
	Proof          domain.Personal    `json:"proof,omitempty"`
	ExpiresAt      *time.Time         `json:"expires_at,omitempty" doc:"It permits before this instant."`
	Since          time.Time          `json:"since" doc:"When the event it rests on occurred."`
	EventID        uuid.UUID          `json:"event_id" format:"uuid" doc:"The event it rests on."`
	Position       string             `json:"position" doc:"Of that event."`
	Revision       domain.Revision    `json:"revision" doc:"Of that event, in the stream of the customer's consents."`
}

// consentCheck answers: may we?
type consentCheck struct {
	Allowed  bool         `json:"allowed" doc:"True only where a consent was granted, its time is not over, and the answer is not degraded."`
	Status   string       `json:"status" enum:"none,requested,granted,withdrawn,objected,expired"`
	At       time.Time    `json:"at" doc:"The instant for which this holds."`
	Consent  *consentCard `json:"consent" doc:"What the answer rests on; null where the customer was never asked."`
	Degraded bool         `json:"degraded,omitempty" doc:"True while this is not all there is: a consent of the customer could not be shown, and newer ones wait behind it, among them perhaps a withdrawal."`
}

type consentCheckInput struct {
	Freshness
	Moment
	Customer uuid.UUID `query:"customer" format:"uuid" required:"true"`
	Purpose  string    `query:"purpose" pattern:"^[a-z0-9][a-z0-9_-]{0,63}$" required:"true"`
	Channel  string    `query:"channel" enum:"email,phone,sms,post,messaging,social,web" required:"true"`
}

func (s *Server) consentQueries() {
	serveNarrowed(s, query{
		"customer.consents", access.ConsentsRead, "/customers/{id}/consents", "customers", "A customer's consents", []string{"consents", "customers"},
	}, s.listConsents)
	s.describeList("/customers/{id}/consents", readmodels.ConsentList)
	serveNarrowed(s, query{
		"consent.check", access.ConsentsRead, "/consents/check", "consents", "May we? The answer and the event it rests on", []string{"consents", "customers"},
	}, s.checkConsent)
}

func (s *Server) listConsents(ctx context.Context, in *customerListingInput) (*listed[consentCard], error) {
	id, at := domain.CustomerID{UUID: in.ID}, s.instantOf(in.asOf())
	list, err := listFrom(ctx, readmodels.ConsentList, in.ask(in.asOf()), func(asked readmodels.Asked) (readmodels.Listed[readmodels.Consent], error) {
		return s.models(ctx).Consents.Of(ctx, id, asked, at)
	}, func(c readmodels.Consent) consentCard { return consentOf(c, at) }, in.ID)
	if err == nil && len(list.Body.Data) == 0 {
		err = s.models(ctx).Customers.Exists(ctx, id, in.asOf())
	}
	return list, err
}

func (s *Server) checkConsent(ctx context.Context, in *consentCheckInput) (*plain[consentCheck], error) {
	key := consent.Key{Purpose: in.Purpose, Channel: consent.Channel(in.Channel)}
	found, err := s.models(ctx).Consents.Lookup(ctx, domain.CustomerID{UUID: in.Customer}, key, in.asOf())
	if err != nil {
		return nil, err
	}
	degraded, err := s.models(ctx).Consents.Degraded(ctx, domain.CustomerID{UUID: in.Customer})
	if err != nil {
		return nil, err
	}
	at := s.instantOf(in.asOf())
	check := consentCheck{Status: "none", At: at, Degraded: degraded}
	if found != nil {
		card := consentOf(*found, at)
		check.Allowed, check.Status, check.Consent = card.Allowed && !degraded, string(card.Status), &card
	}
	return &plain[consentCheck]{check}, nil
}

// instantOf is the instant at which a grant's time must not be over: what we knew
// on some day is a question about what we knew, not about when.
func (s *Server) instantOf(asOf readmodels.AsOf) time.Time {
	if asOf.At.IsZero() {
		return s.cfg.Now().UTC()
	}
	return asOf.At
}

func consentOf(c readmodels.Consent, at time.Time) consentCard {
	evidence := c.Evidence
	card := consentCard{
		Purpose: c.Key.Purpose, Channel: c.Key.Channel, Status: c.StatusAt(at), Allowed: c.Permits(at), Confirmed: c.Confirmed,
		LegalBasis: evidence.LegalBasis, WordingVersion: evidence.WordingVersion, WordingHash: evidence.WordingHash,
		CaptureSource: evidence.CaptureSource, Proof: evidence.Proof,
		Since: c.Since, EventID: c.EventID, Position: c.Position.String(), Revision: c.Revision,
	}
	if !evidence.ContactPoint.IsZero() {
		card.ContactPoint = &evidence.ContactPoint.UUID
	}
	if !evidence.ExpiresAt.IsZero() {
		card.ExpiresAt = &evidence.ExpiresAt
	}
	return card
}
