package readmodels

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/apikey"
	"crm/projections"
	"crm/projections/lists"
)

// APIKey is an API key as its history leaves it, without its secrets, and when it was
// last used.
type APIKey struct {
	ID domain.APIKeyID
	apikey.State
	ScopeName  string // of the employee
	IssuedAt   time.Time
	IssuedBy   string
	RotatedAt  time.Time // zero: never
	RevokedAt  time.Time // zero: it is not
	RevokedBy  string
	LastUsedAt time.Time // to the minute or so; zero: never
	Revision   domain.Revision
}

// KeyList is what API keys are filtered and sorted by: anything, as there are few.
var KeyList = lists.New(lists.List{
	Name: "keys", ID: "row.key_id", Default: "name",
	Fields: []lists.Field{
		{Name: "id", Type: lists.ID, Column: "row.key_id"},
		{Name: "name", Type: lists.Text, Column: "row.name", Order: "row.name"},
		{Name: "role", Type: lists.Text, Column: "row.role", Order: "row.role"},
		{Name: "scope", Type: lists.ID, Column: "row.scope_id", Absent: "row.scope_id IS NULL"},
		{Name: "masked", Type: lists.Truth, Column: "row.masked"},
		{Name: "expires_at", Type: lists.Instant, Column: "row.expires_at", Absent: "row.expires_at IS NULL", Order: "coalesce(row.expires_at, 'infinity'::timestamptz)", About: "never is last"},
		{Name: "issued_at", Type: lists.Instant, Column: "row.issued_at", Order: "row.issued_at"},
		{Name: "revoked_at", Type: lists.Instant, Column: "row.revoked_at", Absent: "row.revoked_at IS NULL", Order: "coalesce(row.revoked_at, 'infinity'::timestamptz)", About: "not yet is last"},
	},
})

const (
	keyColumns = `row.key_id, row.name, row.role, row.scope_id, row.masked, row.expires_at, row.rate_limit, row.issued_at, row.issued_by, row.rotated_at,
		row.former_until, row.revoked_at, row.revoked_by, row.revision, coalesce(e.name, '') AS scope_name, u.used_at`
	keyJoins = `
		LEFT JOIN catalog.employees AS e ON e.employee_id = row.scope_id
		LEFT JOIN crm.key_uses AS u ON u.key_id = row.key_id`
)

var keySource = source{columns: keyColumns, table: "access.keys", joins: func(AsOf) string { return keyJoins }}

// Key is one API key, or apikey.ErrUnknown; [ErrParked] where its first event is parked.
func (m Access) Key(ctx context.Context, id domain.APIKeyID) (APIKey, error) {
	row, err := one[apiKeyRead](ctx, m.db, apikey.ErrUnknown, `SELECT `+keyColumns+` FROM access.keys AS row `+keyJoins+` WHERE row.key_id = @id`, pgx.NamedArgs{"id": id.UUID})
	if err != nil {
		return APIKey{}, orParked(ctx, m.db, err, domain.APIKeyStream(id), "access.keys WHERE key_id", id.UUID)
	}
	return row.key(), nil
}

// Keys is a page of API keys, also the revoked.
func (m Access) Keys(ctx context.Context, a Asked) (Listed[APIKey], error) {
	return paged(ctx, m.db, keySource, a, unsure, apiKeyListed.item)
}

// Used notes when keys were last used. It is no fact of the log, and lost with the
// database.
func (m Access) Used(ctx context.Context, uses map[uuid.UUID]time.Time) error {
	ids, instants := make([]uuid.UUID, 0, len(uses)), make([]time.Time, 0, len(uses))
	for id, at := range uses {
		ids, instants = append(ids, id), append(instants, at)
	}
	return projections.Unavailable(pgx.BeginTxFunc(ctx, m.db, pgx.TxOptions{}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO crm.key_uses AS u (key_id, used_at)
			SELECT * FROM unnest(@ids::uuid[], @instants::timestamptz[]) AS used (key_id, used_at) ORDER BY 1
			ON CONFLICT (key_id) DO UPDATE SET used_at = excluded.used_at WHERE u.used_at < excluded.used_at`,
			pgx.NamedArgs{"ids": ids, "instants": instants})
		return err
	}))
}

type apiKeyRead struct {
	apiKeyRow
	ScopeName string     `db:"scope_name"`
	UsedAt    *time.Time `db:"used_at"`
}

type apiKeyListed struct {
	apiKeyRead
	placed
}

func (r apiKeyListed) item() APIKey { return r.key() }

func (r apiKeyRead) key() APIKey {
	return APIKey{
		ID: domain.APIKeyID{UUID: r.KeyID}, State: r.state(), ScopeName: r.ScopeName,
		IssuedAt: r.IssuedAt.UTC(), IssuedBy: r.IssuedBy, RotatedAt: instant(r.RotatedAt),
		RevokedAt: instant(r.RevokedAt), RevokedBy: r.RevokedBy, LastUsedAt: instant(r.UsedAt), Revision: domain.Revision(r.Revision),
	}
}
