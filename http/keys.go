package http

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/apikey"
	"crm/http/access"
	"crm/http/credentials"
)

// KeyTermsInput mirrors apikey.Terms.
type KeyTermsInput struct {
	Scope     domain.EmployeeID `json:"scope,omitzero" format:"uuid" doc:"The employee to whose customers and deals the key is confined. Default: all. Not for admin."`
	Masked    bool              `json:"masked,omitempty" doc:"Hides personal data also where the role would see it. Not for admin."`
	ExpiresAt time.Time         `json:"expires_at,omitzero" doc:"From when on the key lets nobody in. Default: never." example:"2027-11-22T00:00:00Z"`
	RateLimit int               `json:"rate_limit,omitempty" minimum:"1" maximum:"1000000" doc:"How many requests a second are answered. Default: what the installation grants every key."`
}

func (in KeyTermsInput) terms(role apikey.Role) apikey.Terms {
	if !in.ExpiresAt.IsZero() {
		in.ExpiresAt = in.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	return apikey.Terms{Role: role, Scope: in.Scope, Masked: in.Masked, ExpiresAt: in.ExpiresAt, RateLimit: in.RateLimit}
}

type (
	issueKeyBody struct {
		Name string      `json:"name" minLength:"1" maxLength:"64" pattern:"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$" doc:"The actor of all that is asked with the key, for ever: never a person's name. A name is taken once." example:"web-shop"`
		Role apikey.Role `json:"role" enum:"reader,sales,marketing,service,analyst,auditor,admin" doc:"What the key may do."`
		KeyTermsInput
		Envelope // with a reason, which is needed
	}
	rotateKeyBody struct {
		FormerUntil time.Time `json:"former_until,omitzero" doc:"Until when the former secret stays good, 30 days at most. Default: it ends at once." example:"2026-11-23T00:00:00Z"`
		Envelope
	}
	keyTermsBody struct {
		Role apikey.Role `json:"role,omitempty" enum:"reader,sales,marketing,service,analyst,auditor,admin"`
		KeyTermsInput
		Envelope // with a reason, which is needed
	}
)

// chosen makes the key's id: that of its name.
func (b *issueKeyBody) chosen() uuid.UUID { return apikey.ID(b.Name).UUID }

var keyCommands = []*command{
	describe("apikey.issue", access.KeysManage, http.MethodPost, "/keys", "Issue an API key, which is shown once; takes a reason",
		func(s *Server, at *place, b *issueKeyBody) (domain.Command, error) {
			if _, taken := s.fileKeys()[b.Name]; taken {
				return nil, apikey.ErrAlreadyIssued.At("/name", "A key in the server's key file has this name. Take another.")
			}
			at.secret = credentials.New(apikey.ID(b.Name))
			return apikey.Issue{Name: b.Name, Terms: b.terms(b.Role), Secret: at.secret.Digest(), Now: s.cfg.Now()}, nil
		}).withSecret(),
	describe("apikey.rotate", access.KeysManage, http.MethodPost, "/keys/{id}/rotate", "Give an API key another secret, which is shown once",
		func(s *Server, at *place, b *rotateKeyBody) (domain.Command, error) {
			at.secret = credentials.New(domain.APIKeyID{UUID: at.target})
			if !b.FormerUntil.IsZero() {
				b.FormerUntil = b.FormerUntil.UTC().Truncate(time.Microsecond)
			}
			return apikey.Rotate{Secret: at.secret.Digest(), FormerUntil: b.FormerUntil, Now: s.cfg.Now()}, nil
		}).withSecret(),
	describe("apikey.change_terms", access.KeysManage, http.MethodPatch, "/keys/{id}", "Change what an API key may do (merge patch; null clears); takes a reason",
		func(s *Server, at *place, b *keyTermsBody) (domain.Command, error) {
			set := b.terms(b.Role)
			return apikey.ChangeTerms{
				Patch: domain.Patch[apikey.Terms]{Set: set, Clear: cleared(at, apikey.TermFields, set)}, Now: s.cfg.Now(),
			}, nil
		}),
	describe("apikey.revoke", access.KeysManage, http.MethodPost, "/keys/{id}/revoke", "Revoke an API key at once and for ever; takes a reason",
		func(_ *Server, _ *place, _ *nothing) (domain.Command, error) { return apikey.Revoke{}, nil }),
}

// secretReceipt is the answer to a command that makes a secret.
type secretReceipt struct {
	ReceiptBody
	Key  string `json:"key,omitempty" doc:"The API key: Authorization: Bearer KEY. It is shown in the first answer and nowhere else, since nobody keeps it." example:"crm_…"`
	Note string `json:"note,omitempty" doc:"Why there is no key: the request was answered before."`
}

// shownBefore says why a retry holds no key.
const shownBefore = "This request was carried out before, and the key was shown in its first answer only. If that was lost, rotate the key."

// reveal is the receipt of a command that makes a secret, with the secret if it is
// the one that was stored. A retry has made another one, which is good for nothing.
func (s *Server) reveal(ctx context.Context, a *ask, receipt ReceiptBody) (any, error) {
	if a.command.signing {
		return s.revealSigning(ctx, a, receipt)
	}
	key, err := s.cfg.Commands.APIKeyNow(ctx, a.secret.ID)
	if err != nil {
		return nil, err
	}
	if !a.secret.Opens(key.Secret, "") {
		return secretReceipt{ReceiptBody: receipt, Note: shownBefore}, nil
	}
	return secretReceipt{ReceiptBody: receipt, Key: a.secret.Reveal()}, nil
}
