package http

import (
	"net/http"
	"time"

	"crm/domain"
	"crm/domain/consent"
	"crm/http/access"
)

// EvidenceInput mirrors consent.Evidence.
type EvidenceInput struct {
	LegalBasis     consent.LegalBasis    `json:"legal_basis,omitempty" enum:"consent,contract,legal_obligation,vital_interest,public_task,legitimate_interest" default:"consent" doc:"GDPR Art. 6(1)."`
	WordingVersion string                `json:"wording_version,omitempty" maxLength:"500"`
	WordingHash    string                `json:"wording_hash,omitempty" pattern:"^[0-9a-fA-F]{0,128}$" doc:"Of the text shown."`
	CaptureSource  string                `json:"capture_source,omitempty" maxLength:"500" example:"web form"`
	ContactPoint   domain.ContactPointID `json:"contact_point,omitzero" format:"uuid"`
	Proof          domain.Personal       `json:"proof,omitempty" maxLength:"100000"`
	ExpiresAt      time.Time             `json:"expires_at,omitzero" doc:"Until when it holds."`
}

func (e EvidenceInput) evidence() consent.Evidence {
	evidence := consent.Evidence(e)
	if !evidence.ExpiresAt.IsZero() {
		evidence.ExpiresAt = evidence.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	return evidence
}

type (
	grantConsentBody struct {
		Purpose string          `json:"purpose" pattern:"^[a-z0-9][a-z0-9_-]{0,63}$" example:"newsletter"`
		Channel consent.Channel `json:"channel" enum:"email,phone,sms,post,messaging,social,web"`
		EvidenceInput
		Envelope
	}
	requestConsentBody struct {
		EvidenceInput
		Envelope
	}
	confirmConsentBody struct {
		Proof domain.Personal `json:"proof,omitempty" maxLength:"100000" doc:"What shows the customer's yes."`
		Envelope
	}
)

var consentCommands = []*command{
	describe("consent.grant", access.ConsentsWrite, http.MethodPost, "/customers/{id}/consents", "Record a consent, or another legal basis, given at once",
		func(_ *Server, at *place, b *grantConsentBody) (domain.Command, error) {
			key := consent.Key{Purpose: b.Purpose, Channel: b.Channel}
			at.part = key.String()
			return consent.Grant{Key: key, Evidence: b.evidence()}, nil
		}),
	describe("consent.request", access.ConsentsWrite, http.MethodPost, "/customers/{id}/consents/{part}/request", "Ask for a consent, which then waits to be confirmed (double opt-in)",
		func(_ *Server, at *place, b *requestConsentBody) (domain.Command, error) {
			key, err := at.consent()
			return consent.Request{Key: key, Evidence: b.evidence()}, err
		}),
	describe("consent.confirm", access.ConsentsWrite, http.MethodPost, "/customers/{id}/consents/{part}/confirm", "Confirm a requested consent",
		func(_ *Server, at *place, b *confirmConsentBody) (domain.Command, error) {
			key, err := at.consent()
			return consent.Confirm{Key: key, Proof: b.Proof}, err
		}),
	describe("consent.withdraw", access.ConsentsWrite, http.MethodPost, "/customers/{id}/consents/{part}/withdraw", "Withdraw a consent",
		func(_ *Server, at *place, _ *nothing) (domain.Command, error) {
			key, err := at.consent()
			return consent.Withdraw{Key: key}, err
		}),
	describe("consent.object", access.ConsentsWrite, http.MethodPost, "/customers/{id}/consents/{part}/object", "Record an objection",
		func(_ *Server, at *place, _ *nothing) (domain.Command, error) {
			key, err := at.consent()
			return consent.Object{Key: key}, err
		}),
	describe("consent.expire", access.ConsentsWrite, http.MethodPost, "/customers/{id}/consents/{part}/expire", "End a consent whose time is over",
		func(_ *Server, at *place, _ *nothing) (domain.Command, error) {
			key, err := at.consent()
			return consent.Expire{Key: key}, err
		}),
}

// consent reads the part as purpose:channel.
func (at *place) consent() (consent.Key, error) {
	key, err := consent.ParseKey(at.part)
	if err != nil {
		return key, &parameterFault{"part", "A consent is named by its purpose and channel, as in newsletter:email."}
	}
	return key, nil
}
