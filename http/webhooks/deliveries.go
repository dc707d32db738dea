package webhooks

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/cloudevents"
)

// Cause is why there is a delivery.
type Cause string

// The causes.
const (
	CauseEvent  Cause = "event"  // it happened
	CausePing   Cause = "ping"   // somebody wants to see whether it arrives
	CauseReplay Cause = "replay" // somebody wants it to be sent again
)

// due is a delivery to be made.
type due struct {
	id      uuid.UUID
	webhook domain.WebhookID
	event   *domain.Recorded
	payload []byte
	cause   Cause
}

// newDue names a delivery by all that makes it one, so that it is made once however
// often its event is met. Replay is the event that asked for it, else zero.
func newDue(e *domain.Recorded, payload []byte, to domain.WebhookID, cause Cause, replay uuid.UUID) due {
	name := append(append([]byte(nil), e.ID[:]...), replay[:]...)
	return due{id: uuid.NewSHA1(to.UUID, name), webhook: to, event: e, payload: payload, cause: cause}
}

// reference is what is sent of an event: which it is, and nothing of what it holds.
func reference(installation string, e *domain.Recorded) []byte {
	event := cloudevents.Of(installation, e).Reference()
	return event.AppendJSON(nil)
}

// add writes deliveries that are due at once. Those that are there stay as they are.
func add(ctx context.Context, tx pgx.Tx, now time.Time, all []due) error {
	if len(all) == 0 {
		return nil
	}
	n := len(all)
	ids, webhooks, events := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]uuid.UUID, n)
	types, payloads, causes := make([]string, n), make([]string, n), make([]string, n)
	commits, prepares := make([]int64, n), make([]int64, n)
	for i, d := range all {
		ids[i], webhooks[i], events[i] = d.id, d.webhook.UUID, d.event.ID
		types[i], payloads[i], causes[i] = d.event.Event.EventType(), string(d.payload), string(d.cause)
		commits[i], prepares[i] = int64(d.event.Position.Commit), int64(d.event.Position.Prepare)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO crm.webhook_deliveries (delivery_id, webhook_id, event_id, event_type, position_commit, position_prepare,
		  payload, cause, state, made_at, due_at)
		SELECT *, 'due', @now, @now
		FROM unnest(@ids::uuid[], @webhooks::uuid[], @events::uuid[], @types::text[], @commits::bigint[], @prepares::bigint[],
		  @payloads::text[], @causes::text[])
		ON CONFLICT (delivery_id) DO NOTHING`,
		pgx.NamedArgs{
			"ids": ids, "webhooks": webhooks, "events": events, "types": types, "commits": commits, "prepares": prepares,
			"payloads": payloads, "causes": causes, "now": now,
		})
	return err
}

// taken is a delivery that this server is at, until the lease ends.
type taken struct {
	ID        uuid.UUID `db:"delivery_id"`
	Webhook   uuid.UUID `db:"webhook_id"`
	Event     uuid.UUID `db:"event_id"`
	EventType string    `db:"event_type"`
	Payload   string    `db:"payload"`
	Attempt   int       `db:"attempts"`
	Tries     int       `db:"tries"`
	Until     time.Time `db:"taken_until"`
	URL       string    `db:"url"`
	Revision  int64     `db:"revision"` // of the webhook
	Secrets   [][]byte  `db:"secrets"`
}

// take takes what is due, the oldest of each endpoint first, at most each of one
// endpoint beside those that busy says are under way here, and one of an endpoint that
// fails. What another server is at is left to it.
func (b *Book) take(ctx context.Context, each int, busy map[uuid.UUID]int, lease time.Duration) ([]taken, error) {
	ids, counts := make([]uuid.UUID, 0, len(busy)), make([]int, 0, len(busy))
	for id, count := range busy {
		ids, counts = append(ids, id), append(counts, count)
	}
	now := b.now()
	return all[taken](ctx, b.db, `
		WITH free AS (
		  SELECT w.*, CASE WHEN w.failing_since IS NULL THEN @each ELSE 1 END - coalesce(b.count, 0) AS slots
		  FROM crm.webhooks AS w LEFT JOIN unnest(@ids::uuid[], @counts::integer[]) AS b (webhook_id, count) USING (webhook_id)
		  WHERE w.status = 'active'
		), picked AS MATERIALIZED (
		  SELECT d.delivery_id, f.url, f.revision,
		    ARRAY(SELECT s.secret FROM crm.webhook_secrets AS s
		      WHERE s.webhook_id = f.webhook_id
		        AND (s.fingerprint = f.secret OR s.fingerprint = f.previous_secret AND f.previous_until > @now)
		      ORDER BY s.fingerprint = f.secret DESC) AS secrets
		  FROM free AS f CROSS JOIN LATERAL (
		    SELECT delivery_id FROM crm.webhook_deliveries
		    WHERE webhook_id = f.webhook_id AND state = 'due' AND due_at <= @now AND (taken_until IS NULL OR taken_until <= @now)
		    ORDER BY due_at, position_commit LIMIT greatest(f.slots, 0) FOR UPDATE SKIP LOCKED
		  ) AS d
		)
		UPDATE crm.webhook_deliveries AS d SET taken_until = @until, attempts = attempts + 1
		FROM picked AS p WHERE p.delivery_id = d.delivery_id
		RETURNING d.delivery_id, d.webhook_id, d.event_id, d.event_type, d.payload, d.attempts, d.tries, d.taken_until,
		  p.url, p.revision, p.secrets`,
		pgx.NamedArgs{"each": each, "ids": ids, "counts": counts, "now": now, "until": now.Add(lease)})
}

// giveBack leaves a delivery that was not attempted to whoever takes it next.
func (b *Book) giveBack(ctx context.Context, d taken) error {
	_, err := b.db.Exec(ctx, `
		UPDATE crm.webhook_deliveries SET taken_until = NULL, attempts = attempts - 1
		WHERE delivery_id = @id AND taken_until = @until`, pgx.NamedArgs{"id": d.ID, "until": d.Until})
	return err
}

// An attempt is one request and what came of it.
type attempt struct {
	at      time.Time
	took    time.Duration
	status  int // 0: no answer
	outcome Outcome
}

// After an outage of so long and so many failures in a row, the first success has all
// that waits tried again. Fewer may be the fault of one event.
const (
	outageFailures = 5
	outageLasts    = 5 * time.Minute
)

// noteDelivered writes down that an attempt succeeded.
func (b *Book) noteDelivered(ctx context.Context, d taken, a attempt) error {
	return pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
		if err := noteAttempt(ctx, tx, d, a); err != nil {
			return err
		}
		args := pgx.NamedArgs{"id": d.ID, "webhook": d.Webhook, "now": b.now(), "failures": outageFailures, "outage": outageLasts}
		if _, err := tx.Exec(ctx, `
			UPDATE crm.webhook_deliveries SET state = 'delivered', done_at = @now, taken_until = NULL
			WHERE delivery_id = @id AND state = 'due'`, args); err != nil {
			return err
		}
		back, err := tx.Exec(ctx, `
			SELECT FROM crm.webhooks WHERE webhook_id = @webhook AND failures >= @failures AND failing_since <= @now::timestamptz - @outage::interval`, args)
		if err != nil {
			return err
		}
		if back.RowsAffected() > 0 {
			if _, err := tx.Exec(ctx, `
				UPDATE crm.webhook_deliveries SET due_at = @now
				WHERE webhook_id = @webhook AND state = 'due' AND tries > 0 AND due_at > @now`, args); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, "UPDATE crm.webhooks SET failing_since = NULL, failures = 0, delivered_at = @now WHERE webhook_id = @webhook", args)
		return err
	})
}

// noteFailed writes down that an attempt failed. Again is when the next is due; zero:
// there is none. It tells since when the endpoint has failed.
func (b *Book) noteFailed(ctx context.Context, d taken, a attempt, again time.Time) (since time.Time, err error) {
	err = pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
		if err := noteAttempt(ctx, tx, d, a); err != nil {
			return err
		}
		now := b.now()
		args := pgx.NamedArgs{"id": d.ID, "webhook": d.Webhook, "now": now, "until": d.Until, "again": nullable(again)}
		if _, err := tx.Exec(ctx, `
			UPDATE crm.webhook_deliveries SET tries = tries + 1, taken_until = NULL,
			  state = CASE WHEN @again::timestamptz IS NULL THEN 'failed' ELSE 'due' END,
			  due_at = coalesce(@again, due_at), done_at = CASE WHEN @again::timestamptz IS NULL THEN @now::timestamptz END
			WHERE delivery_id = @id AND state = 'due' AND taken_until = @until`, args); err != nil {
			return err
		}
		// Several fail at once; that is still a failure each.
		return tx.QueryRow(ctx, `
			UPDATE crm.webhooks SET failing_since = coalesce(failing_since, @now), failures = failures + 1
			WHERE webhook_id = @webhook RETURNING failing_since`, args).Scan(&since)
	})
	return since.UTC(), err
}

func noteAttempt(ctx context.Context, tx pgx.Tx, d taken, a attempt) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO crm.webhook_attempts (delivery_id, attempt, at, took_micros, status, outcome)
		SELECT @id, @attempt, @at, @took, @status, @outcome WHERE EXISTS (SELECT FROM crm.webhook_deliveries WHERE delivery_id = @id)
		ON CONFLICT DO NOTHING`,
		pgx.NamedArgs{"id": d.ID, "attempt": d.Attempt, "at": a.at, "took": a.took.Microseconds(), "status": a.status, "outcome": a.outcome})
	return err
}
