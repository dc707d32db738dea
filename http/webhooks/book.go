package webhooks

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/domain/webhook"
	"crm/projections"
)

// A Book is the tables of webhooks in Postgres (crm.webhook…): who wants to hear of
// what, what is to be delivered to them, and how that went.
type Book struct {
	db  *pgxpool.Pool
	now func() time.Time
}

// NewBook is the book in a database. Now is its clock; default time.Now. Of several
// servers on a database the clocks may differ by some seconds.
func NewBook(db *pgxpool.Pool, now func() time.Time) *Book {
	if now == nil {
		now = time.Now
	}
	return &Book{db: db, now: func() time.Time { return now().UTC().Truncate(time.Microsecond) }}
}

// Endpoint is a webhook as the book has it.
type Endpoint struct {
	ID domain.WebhookID
	webhook.State
	RegisteredAt time.Time
	ChangedAt    time.Time
	Position     uint64 // of its last event in the log
	Revision     domain.Revision
	// FailingSince is since when every attempt has failed; zero when the last did not.
	FailingSince time.Time
	Failures     int       // in a row
	DeliveredAt  time.Time // of the last success; zero: never
}

const endpointColumns = `webhook_id, status, reason, url, categories, types, description, secret, previous_secret, previous_until,
	registered_at, changed_at, position_commit, revision, failing_since, failures, delivered_at`

type endpointRow struct {
	WebhookID      uuid.UUID           `db:"webhook_id"`
	Status         webhook.Status      `db:"status"`
	Reason         webhook.Reason      `db:"reason"`
	URL            string              `db:"url"`
	Categories     []string            `db:"categories"`
	Types          []string            `db:"types"`
	Description    string              `db:"description"`
	Secret         webhook.Fingerprint `db:"secret"`
	PreviousSecret webhook.Fingerprint `db:"previous_secret"`
	PreviousUntil  *time.Time          `db:"previous_until"`
	RegisteredAt   time.Time           `db:"registered_at"`
	ChangedAt      time.Time           `db:"changed_at"`
	PositionCommit int64               `db:"position_commit"`
	Revision       int64               `db:"revision"`
	FailingSince   *time.Time          `db:"failing_since"`
	Failures       int                 `db:"failures"`
	DeliveredAt    *time.Time          `db:"delivered_at"`
}

func (r endpointRow) endpoint() Endpoint {
	return Endpoint{
		ID: domain.WebhookID{UUID: r.WebhookID},
		State: webhook.State{
			Status: r.Status, Reason: r.Reason,
			Details: webhook.Details{URL: r.URL, Categories: r.Categories, Types: r.Types, Description: r.Description},
			Secret:  r.Secret, Previous: r.PreviousSecret, PreviousUntil: instant(r.PreviousUntil),
		},
		RegisteredAt: r.RegisteredAt.UTC(), ChangedAt: r.ChangedAt.UTC(), Position: uint64(r.PositionCommit), Revision: domain.Revision(r.Revision),
		FailingSince: instant(r.FailingSince), Failures: r.Failures, DeliveredAt: instant(r.DeliveredAt),
	}
}

// instant is the column of an instant that may not be.
func instant(column *time.Time) time.Time {
	if column == nil {
		return time.Time{}
	}
	return column.UTC()
}

func nullable(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// asker is a pool or a transaction.
type asker interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func all[R any](ctx context.Context, db asker, sql string, args pgx.NamedArgs) ([]R, error) {
	rows, err := db.Query(ctx, sql, args)
	if err != nil {
		return nil, projections.Unavailable(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[R])
	return found, projections.Unavailable(err)
}

// Endpoints is a page of the endpoints that were not removed, by when they were
// registered. After nil it is the first page; next is nil on the last.
func (b *Book) Endpoints(ctx context.Context, after *Mark, limit int) (page []Endpoint, next *Mark, err error) {
	where, args := "status <> 'removed'", pgx.NamedArgs{"limit": limit + 1}
	if after != nil {
		where += " AND (registered_at, webhook_id) > (@at, @id)"
		args["at"], args["id"] = after.At, after.ID
	}
	page, err = endpoints(ctx, b.db, where+" ORDER BY registered_at, webhook_id LIMIT @limit", args)
	if err != nil {
		return nil, nil, err
	}
	if len(page) > limit {
		page = page[:limit]
		next = &Mark{page[limit-1].RegisteredAt, page[limit-1].ID.UUID}
	}
	return page, next, nil
}

// everyEndpoint are all endpoints that were not removed.
func everyEndpoint(ctx context.Context, db asker) ([]Endpoint, error) {
	return endpoints(ctx, db, "status <> 'removed' ORDER BY registered_at, webhook_id", nil)
}

func endpoints(ctx context.Context, db asker, where string, args pgx.NamedArgs) ([]Endpoint, error) {
	rows, err := all[endpointRow](ctx, db, "SELECT "+endpointColumns+" FROM crm.webhooks WHERE "+where, args)
	if err != nil {
		return nil, err
	}
	found := make([]Endpoint, len(rows))
	for i, row := range rows {
		found[i] = row.endpoint()
	}
	return found, nil
}

// Endpoint is one endpoint, or webhook.ErrUnknown, also where it was removed.
func (b *Book) Endpoint(ctx context.Context, id domain.WebhookID) (Endpoint, error) {
	found, err := endpoints(ctx, b.db, "webhook_id = @id AND status <> 'removed'", pgx.NamedArgs{"id": id.UUID})
	if err != nil {
		return Endpoint{}, err
	}
	if len(found) == 0 {
		return Endpoint{}, webhook.ErrUnknown
	}
	return found[0], nil
}

// put writes an endpoint as its stream leaves it, unless a later one stands there.
func put(ctx context.Context, tx pgx.Tx, e Endpoint) error {
	d := e.Details
	_, err := tx.Exec(ctx, `
		INSERT INTO crm.webhooks (webhook_id, status, reason, url, categories, types, description, secret, previous_secret,
		  previous_until, registered_at, changed_at, position_commit, revision)
		VALUES (@id, @status, @reason, @url, coalesce(@categories::text[], '{}'), coalesce(@types::text[], '{}'), @description,
		  @secret, @previous, @until, @registered_at, @changed_at, @position, @revision)
		ON CONFLICT (webhook_id) DO UPDATE SET
		  status = excluded.status, reason = excluded.reason, url = excluded.url, categories = excluded.categories, types = excluded.types,
		  description = excluded.description, secret = excluded.secret, previous_secret = excluded.previous_secret,
		  previous_until = excluded.previous_until, changed_at = excluded.changed_at, position_commit = excluded.position_commit,
		  revision = excluded.revision,
		  -- Who is sent to again, or elsewhere, begins anew.
		  failing_since = CASE WHEN excluded.status = webhooks.status AND excluded.url = webhooks.url THEN webhooks.failing_since END,
		  failures = CASE WHEN excluded.status = webhooks.status AND excluded.url = webhooks.url THEN webhooks.failures ELSE 0 END
		WHERE excluded.revision > webhooks.revision`,
		pgx.NamedArgs{
			"id": e.ID.UUID, "status": e.Status, "reason": e.Reason, "url": d.URL, "categories": d.Categories, "types": d.Types,
			"description": d.Description, "secret": e.Secret, "previous": e.Previous, "until": nullable(e.PreviousUntil),
			"registered_at": e.RegisteredAt, "changed_at": e.ChangedAt, "position": int64(e.Position), "revision": int64(e.Revision),
		})
	return err
}

// Keep puts a secret of a webhook aside, before it is in force: a webhook without one
// could not be sent to.
func (b *Book) Keep(ctx context.Context, id domain.WebhookID, s Secret) error {
	_, err := b.db.Exec(ctx, "INSERT INTO crm.webhook_secrets (webhook_id, fingerprint, secret, made_at) VALUES (@id, @fingerprint, @secret, @now)",
		pgx.NamedArgs{"id": id.UUID, "fingerprint": s.Fingerprint(), "secret": s.key, "now": b.now()})
	return projections.Unavailable(err)
}

// Forget drops a secret that did not come into force.
func (b *Book) Forget(ctx context.Context, id domain.WebhookID, s Secret) error {
	_, err := b.db.Exec(ctx, "DELETE FROM crm.webhook_secrets WHERE webhook_id = @id AND fingerprint = @fingerprint",
		pgx.NamedArgs{"id": id.UUID, "fingerprint": s.Fingerprint()})
	return projections.Unavailable(err)
}
