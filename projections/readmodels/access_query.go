package readmodels

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/apikey"
	"crm/projections"
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

const apiKeysSQL = `
	SELECT k.key_id, k.name, k.role, k.scope_id, k.masked, k.expires_at, k.rate_limit, k.issued_at, k.issued_by, k.rotated_at,
	  k.former_until, k.revoked_at, k.revoked_by, k.revision, coalesce(e.name, '') AS scope_name, u.used_at
	FROM access.keys AS k
	LEFT JOIN catalog.employees AS e ON e.employee_id = k.scope_id
	LEFT JOIN crm.key_uses AS u ON u.key_id = k.key_id`

// Key is one API key, or apikey.ErrUnknown; [ErrParked] where its first event is parked.
func (m Access) Key(ctx context.Context, id domain.APIKeyID) (APIKey, error) {
	row, err := one[apiKeyRead](ctx, m.db, apikey.ErrUnknown, apiKeysSQL+` WHERE k.key_id = @id`, pgx.NamedArgs{"id": id.UUID})
	if err != nil {
		return APIKey{}, orParked(ctx, m.db, err, domain.APIKeyStream(id), "access.keys WHERE key_id", id.UUID)
	}
	return row.key(), nil
}

// Keys is a page of all API keys, also the revoked, by name. After nil it is the first
// page.
func (m Access) Keys(ctx context.Context, after *NameMark, limit int) (Page[APIKey, NameMark], error) {
	from := NameMark{}
	if after != nil {
		from = *after
	}
	rows, err := all[apiKeyRead](ctx, m.db,
		apiKeysSQL+` WHERE (k.name, k.key_id) > (@name, @id) ORDER BY k.name, k.key_id LIMIT @limit`,
		pgx.NamedArgs{"name": from.Name, "id": from.ID, "limit": limit + 1})
	if err != nil {
		return Page[APIKey, NameMark]{}, err
	}
	return pageOf(rows, limit, apiKeyRead.key, func(k APIKey) NameMark { return NameMark{k.Name, k.ID.UUID} }), nil
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

func (r apiKeyRead) key() APIKey {
	return APIKey{
		ID: domain.APIKeyID{UUID: r.KeyID}, State: r.state(), ScopeName: r.ScopeName,
		IssuedAt: r.IssuedAt.UTC(), IssuedBy: r.IssuedBy, RotatedAt: instant(r.RotatedAt),
		RevokedAt: instant(r.RevokedAt), RevokedBy: r.RevokedBy, LastUsedAt: instant(r.UsedAt), Revision: domain.Revision(r.Revision),
	}
}
