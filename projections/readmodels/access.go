package readmodels

import (
	_ "embed"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/apikey"
	"crm/projections"
)

// Access is the read model of who may ask: the API keys. Who is let in is not asked
// here but of the log, since a read model may be behind.
type Access struct{ db projections.Querier }

//go:embed access.sql
var accessSQL string

// Name is the read model's name and the schema of its tables.
func (Access) Name() string { return "access" }

// Version changes with the tables or what is written into them.
func (Access) Version() int { return 1 }

// Schema is its tables and indexes.
func (Access) Schema() projections.Schema { return projections.ParseSchema(accessSQL) }

// Handles are all events of API keys.
func (Access) Handles() []string {
	return typesOf[apikey.Event](apikey.Issued{}, apikey.Rotated{}, apikey.TermsChanged{}, apikey.Revoked{})
}

var apiKeys = projections.NewKeyed[uuid.UUID, apiKeyRow]("keys", "key_id")

// Apply folds one event.
func (Access) Apply(w *projections.Writer, e domain.Recorded) error {
	id, err := subject(e)
	if err != nil {
		return err
	}
	event, ok := e.Event.(apikey.Event)
	if !ok {
		return nil
	}
	apiKeys.Update(w, id, func(row *apiKeyRow) {
		row.take(apikey.Decider.Evolve(row.state(), event))
		switch event.(type) {
		case apikey.TermsChanged: // when is in the history
		case apikey.Issued:
			row.IssuedAt, row.IssuedBy = e.RecordedAt, e.Meta.Actor
		case apikey.Rotated:
			row.RotatedAt = &e.RecordedAt
		case apikey.Revoked:
			row.RevokedAt, row.RevokedBy = &e.RecordedAt, e.Meta.Actor
		}
		row.Revision = int64(e.Revision)
	})
	return nil
}

// apiKeyRow is a key's state in columns, less its secrets.
type apiKeyRow struct {
	KeyID       uuid.UUID          `db:"key_id"`
	Name        string             `db:"name"`
	Role        apikey.Role        `db:"role"`
	ScopeID     *domain.EmployeeID `db:"scope_id"`
	Masked      bool               `db:"masked"`
	ExpiresAt   *time.Time         `db:"expires_at"`
	RateLimit   int64              `db:"rate_limit"`
	IssuedAt    time.Time          `db:"issued_at"`
	IssuedBy    string             `db:"issued_by"`
	RotatedAt   *time.Time         `db:"rotated_at"`
	FormerUntil *time.Time         `db:"former_until"`
	RevokedAt   *time.Time         `db:"revoked_at"`
	RevokedBy   string             `db:"revoked_by"`
	Revision    int64              `db:"revision"`
}

func (r *apiKeyRow) state() apikey.State {
	return apikey.State{
		Name: r.Name, Revoked: r.RevokedAt != nil, FormerUntil: instant(r.FormerUntil),
		Terms: apikey.Terms{
			Role: r.Role, Scope: known(r.ScopeID), Masked: r.Masked, ExpiresAt: instant(r.ExpiresAt), RateLimit: int(r.RateLimit),
		},
	}
}

func (r *apiKeyRow) take(s apikey.State) {
	r.Name, r.Role, r.ScopeID, r.Masked, r.RateLimit = s.Name, s.Terms.Role, nullable(s.Terms.Scope), s.Terms.Masked, int64(s.Terms.RateLimit)
	r.ExpiresAt, r.FormerUntil = nullableInstant(s.Terms.ExpiresAt), nullableInstant(s.FormerUntil)
}

// nullableInstant is the column of an instant that may be none.
func nullableInstant(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// instant is what such a column holds.
func instant(column *time.Time) time.Time {
	if column == nil {
		return time.Time{}
	}
	return column.UTC()
}
