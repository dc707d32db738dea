package webhooks

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// pruneAtOnce is how many deliveries one statement drops.
const pruneAtOnce = 5000

// prune drops deliveries that were done before the retention, those that long waited for
// whom is not sent to, all of removed endpoints, and secrets that are no longer in force.
func (b *Book) prune(ctx context.Context, retention time.Duration) error {
	now := b.now()
	args := pgx.NamedArgs{"now": now, "before": now.Add(-retention), "many": pruneAtOnce, "young": now.Add(-7 * 24 * time.Hour)}
	for _, statement := range []string{
		`DELETE FROM crm.webhook_deliveries WHERE delivery_id IN (
		  SELECT delivery_id FROM crm.webhook_deliveries WHERE state <> 'due' AND done_at < @before LIMIT @many)`,
		`DELETE FROM crm.webhook_deliveries WHERE delivery_id IN (
		  SELECT d.delivery_id FROM crm.webhooks AS w JOIN crm.webhook_deliveries AS d USING (webhook_id)
		  WHERE w.status = 'removed' OR w.status <> 'active' AND d.state = 'due' AND d.made_at < @before LIMIT @many)`,
		`DELETE FROM crm.webhook_replays AS r USING crm.webhooks AS w
		 WHERE w.webhook_id = r.webhook_id AND (w.status = 'removed' OR r.done_at < @before)`,
		// A young one may be about to come into force, where the reactor is behind.
		`DELETE FROM crm.webhook_secrets AS s WHERE made_at < @young AND NOT EXISTS (
		  SELECT FROM crm.webhooks AS w WHERE w.webhook_id = s.webhook_id AND w.status <> 'removed'
		    AND (w.secret = s.fingerprint OR w.previous_secret = s.fingerprint AND w.previous_until > @now))`,
	} {
		for {
			done, err := b.db.Exec(ctx, statement, args)
			if err != nil {
				return err
			}
			if done.RowsAffected() < pruneAtOnce {
				break
			}
		}
	}
	return nil
}

// backlog counts what is due to endpoints that are sent to, and tells since when the
// oldest of it is.
func (b *Book) backlog(ctx context.Context) (waiting int64, oldest time.Duration, err error) {
	now := b.now()
	var since *time.Time
	err = b.db.QueryRow(ctx, `
		SELECT coalesce(sum(d.count), 0)::bigint, min(d.since) FROM crm.webhooks AS w CROSS JOIN LATERAL (
		  SELECT count(*) AS count, min(due_at) AS since FROM crm.webhook_deliveries WHERE webhook_id = w.webhook_id AND state = 'due'
		) AS d WHERE w.status = 'active'`).Scan(&waiting, &since)
	if since != nil {
		oldest = max(now.Sub(*since), 0)
	}
	return waiting, oldest, err
}
