package webhooks

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/webhook"
)

// maxWaiting is how many deliveries of an endpoint may wait before its replay does: a
// replay of years must not fill the disk sooner than the endpoint takes it.
const maxWaiting = 10_000

// replay is a stretch of the log that this server is to have delivered again.
type replay struct {
	ID             uuid.UUID `db:"replay_id"`
	Webhook        uuid.UUID `db:"webhook_id"`
	Commit         int64     `db:"position_commit"`
	Prepare        int64     `db:"position_prepare"`
	ThroughCommit  int64     `db:"through_commit"`
	ThroughPrepare int64     `db:"through_prepare"`
}

// addReplay notes that the log between what was asked and e is to be delivered again.
func addReplay(ctx context.Context, tx pgx.Tx, now time.Time, e *domain.Recorded, asked webhook.ReplayRequested, to domain.WebhookID) error {
	after, err := domain.ParsePosition(asked.After)
	if err != nil {
		return nil //nolint:nilerr // the decider refuses it; what was written by hand is not repaired by trying again
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO crm.webhook_replays (replay_id, webhook_id, position_commit, position_prepare, through_commit, through_prepare, made_at)
		VALUES (@id, @webhook, @commit, @prepare, @through_commit, @through_prepare, @now) ON CONFLICT DO NOTHING`,
		pgx.NamedArgs{
			"id": e.ID, "webhook": to.UUID, "commit": int64(after.Commit), "prepare": int64(after.Prepare),
			"through_commit": int64(e.Position.Commit), "through_prepare": int64(e.Position.Prepare), "now": now,
		})
	return err
}

// takeReplay takes the oldest replay that no server is at and whose endpoint is sent to.
func (b *Book) takeReplay(ctx context.Context, lease time.Duration) (replay, bool, error) {
	now := b.now()
	found, err := all[replay](ctx, b.db, `
		UPDATE crm.webhook_replays AS r SET taken_until = @until
		WHERE replay_id = (
		  SELECT replay_id FROM crm.webhook_replays AS o JOIN crm.webhooks AS w USING (webhook_id)
		  WHERE o.done_at IS NULL AND (o.taken_until IS NULL OR o.taken_until <= @now) AND w.status = 'active'
		  ORDER BY o.made_at LIMIT 1 FOR UPDATE OF o SKIP LOCKED)
		RETURNING replay_id, webhook_id, position_commit, position_prepare, through_commit, through_prepare`,
		pgx.NamedArgs{"now": now, "until": now.Add(lease)})
	if err != nil || len(found) == 0 {
		return replay{}, false, err
	}
	return found[0], true, nil
}

var errBusy = errors.New("webhooks: enough waits already")

// replayLease is how long a server may be silent about a replay before another takes it.
const replayLease = time.Minute

// replay makes the deliveries of one replay, as the endpoint is now, and reports whether
// there was one. An endpoint for which enough waits is gone on with later.
func (s *Sender) replay(ctx context.Context) (bool, error) {
	r, found, err := s.book.takeReplay(ctx, replayLease)
	if err != nil || !found {
		return false, err
	}
	to, err := s.book.Endpoint(ctx, domain.WebhookID{UUID: r.Webhook})
	if err != nil {
		return true, err
	}
	after := domain.Position{Commit: uint64(r.Commit), Prepare: uint64(r.Prepare)}
	through := domain.Position{Commit: uint64(r.ThroughCommit), Prepare: uint64(r.ThroughPrepare)}
	if !after.Before(through) {
		return true, s.book.noteReplay(ctx, r, through, nil, true)
	}
	err = s.cfg.Log.read(ctx, ReactorName+" replay", after, through, func(batch domain.Batch) error {
		if waiting, err := s.book.waiting(ctx, to.ID); err != nil || waiting >= maxWaiting {
			return errors.Join(err, errBusy)
		}
		var all []due
		for i := range batch.Events {
			e := &batch.Events[i]
			if e.Position.Before(through) && to.Details.Wants(e.Event.EventType()) {
				all = append(all, newDue(e, reference(s.cfg.Installation, e), to.ID, CauseReplay, r.ID))
			}
		}
		at, done := batch.Through, !batch.Through.Before(through)
		if done {
			at = through
		}
		defer s.Wake()
		return s.book.noteReplay(ctx, r, at, all, done)
	})
	if errors.Is(err, errBusy) {
		return false, s.book.leaveReplay(ctx, r)
	}
	return true, err
}

// noteReplay makes deliveries and notes how far the replay is with them.
func (b *Book) noteReplay(ctx context.Context, r replay, at domain.Position, deliveries []due, done bool) error {
	now := b.now()
	return pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
		if err := add(ctx, tx, now, deliveries); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			UPDATE crm.webhook_replays SET position_commit = @commit, position_prepare = @prepare, deliveries = deliveries + @made,
			  taken_until = CASE WHEN @done THEN NULL ELSE @until::timestamptz END, done_at = CASE WHEN @done THEN @now::timestamptz END
			WHERE replay_id = @id`,
			pgx.NamedArgs{
				"id": r.ID, "commit": int64(at.Commit), "prepare": int64(at.Prepare), "made": len(deliveries), "done": done,
				"now": now, "until": now.Add(replayLease),
			})
		return err
	})
}

// leaveReplay lets any server go on with a replay.
func (b *Book) leaveReplay(ctx context.Context, r replay) error {
	_, err := b.db.Exec(ctx, "UPDATE crm.webhook_replays SET taken_until = NULL WHERE replay_id = $1", r.ID)
	return err
}

// waiting counts what waits for an endpoint, to maxWaiting.
func (b *Book) waiting(ctx context.Context, id domain.WebhookID) (count int, err error) {
	err = b.db.QueryRow(ctx, `
		SELECT count(*) FROM (SELECT FROM crm.webhook_deliveries WHERE webhook_id = $1 AND state = 'due' LIMIT $2) AS waiting`,
		id.UUID, maxWaiting).Scan(&count)
	return count, err
}
