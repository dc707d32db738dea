package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/apikey"
	"crm/http/access"
	"crm/projections/readmodels"
)

// keyCard is an API key, less its secret.
type keyCard struct {
	ID          uuid.UUID       `json:"id" format:"uuid"`
	Name        string          `json:"name" doc:"The actor of all that is asked with it." example:"web-shop"`
	Status      string          `json:"status" enum:"active,expired,revoked"`
	Role        apikey.Role     `json:"role" enum:"reader,sales,marketing,service,analyst,auditor,admin"`
	Scope       *namedPerson    `json:"scope" doc:"The employee to whose customers and deals it is confined; null: all."`
	Masked      bool            `json:"masked" doc:"Personal data is hidden also where the role would see it."`
	ExpiresAt   *time.Time      `json:"expires_at" doc:"null: never."`
	RateLimit   int             `json:"rate_limit,omitempty" doc:"Requests a second. Absent: what the installation grants every key."`
	IssuedAt    time.Time       `json:"issued_at"`
	IssuedBy    string          `json:"issued_by" doc:"The actor."`
	RotatedAt   *time.Time      `json:"rotated_at" doc:"When it got its present secret; null: when it was issued."`
	FormerUntil *time.Time      `json:"former_until" doc:"Until when the secret before that is good; null: it is not."`
	RevokedAt   *time.Time      `json:"revoked_at"`
	RevokedBy   string          `json:"revoked_by,omitempty" doc:"The actor."`
	LastUsedAt  *time.Time      `json:"last_used_at" doc:"To the minute; null: never."`
	Revision    domain.Revision `json:"revision" doc:"The same as ETag."`
}

func (s *Server) keyQueries() {
	models := []string{"access", "catalog"}
	serveQuery(s, query{"apikey.list", access.KeysRead, "/keys", "keys", "All API keys, also the revoked, by name; never their secrets", models}, s.listKeys)
	s.describeList("/keys", readmodels.KeyList)
	serveQuery(s, query{"apikey.card", access.KeysRead, "/keys/{id}", "keys", "An API key, without its secret", models}, s.showKey)
}

func (s *Server) listKeys(ctx context.Context, in *Listing) (*listed[keyCard], error) {
	return listFrom(ctx, readmodels.KeyList, in.ask(readmodels.AsOf{}), func(asked readmodels.Asked) (readmodels.Listed[readmodels.APIKey], error) {
		return s.cfg.Models.Access.Keys(ctx, asked)
	}, s.keyOf)
}

func (s *Server) showKey(ctx context.Context, in *Identified) (*tagged[keyCard], error) {
	key, err := s.cfg.Models.Access.Key(ctx, domain.APIKeyID{UUID: in.ID})
	if err != nil {
		return nil, err
	}
	return &tagged[keyCard]{ETag: etag(key.Revision), Body: s.keyOf(key)}, nil
}

func (s *Server) keyOf(k readmodels.APIKey) keyCard {
	status, now := "active", s.cfg.Now()
	switch {
	case k.Revoked:
		status = "revoked"
	case !k.Live(now):
		status = "expired"
	}
	former := k.FormerUntil
	if !now.Before(former) || status != "active" {
		former = time.Time{}
	}
	return keyCard{
		ID: k.ID.UUID, Name: k.Name, Status: status, Role: k.Terms.Role, Scope: namingPerson(k.Terms.Scope, k.ScopeName), Masked: k.Terms.Masked,
		ExpiresAt: instantOrNull(k.Terms.ExpiresAt), RateLimit: k.Terms.RateLimit, IssuedAt: k.IssuedAt, IssuedBy: k.IssuedBy,
		RotatedAt: instantOrNull(k.RotatedAt), FormerUntil: instantOrNull(former), RevokedAt: instantOrNull(k.RevokedAt), RevokedBy: k.RevokedBy,
		LastUsedAt: instantOrNull(k.LastUsedAt), Revision: k.Revision,
	}
}
