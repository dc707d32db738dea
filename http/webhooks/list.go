package webhooks

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/projections"
)

// State is how a delivery stands.
type State string

// The states of a delivery.
const (
	StateDue       State = "due"       // it waits, or is being made
	StateDelivered State = "delivered" // the endpoint has taken it
	StateFailed    State = "failed"    // it was given up
)

// ErrNoDelivery is a delivery that there is not, or no longer.
var ErrNoDelivery = &domain.Error{
	Code: domain.NotFound, Slug: "delivery-unknown",
	Detail: "The webhook has no such delivery. Old ones are dropped; replay from a position to have them made again.",
}

// Delivery is one event for one endpoint, and what came of it.
type Delivery struct {
	ID        uuid.UUID
	EventID   uuid.UUID
	EventType string
	Position  domain.Position
	Cause     Cause
	State     State
	MadeAt    time.Time
	DueAt     time.Time // of the next attempt, while it is due
	DoneAt    time.Time // zero while it is due
	Begun     int       // attempts that were begun
	Attempts  []Attempt // in order; one that was cut short by the end of a server is missing
}

// Attempt is one request of a delivery.
type Attempt struct {
	Number  int
	At      time.Time
	Took    time.Duration
	Status  int // of the answer; 0: none
	Outcome Outcome
}

// Mark is a place in a list of endpoints or deliveries.
type Mark struct {
	At time.Time
	ID uuid.UUID
}

type deliveryRow struct {
	ID        uuid.UUID  `db:"delivery_id"`
	EventID   uuid.UUID  `db:"event_id"`
	EventType string     `db:"event_type"`
	Commit    int64      `db:"position_commit"`
	Prepare   int64      `db:"position_prepare"`
	Cause     Cause      `db:"cause"`
	State     State      `db:"state"`
	MadeAt    time.Time  `db:"made_at"`
	DueAt     time.Time  `db:"due_at"`
	DoneAt    *time.Time `db:"done_at"`
	Begun     int        `db:"attempts"`
}

type attemptRow struct {
	Delivery uuid.UUID `db:"delivery_id"`
	Number   int       `db:"attempt"`
	At       time.Time `db:"at"`
	Took     int64     `db:"took_micros"`
	Status   int       `db:"status"`
	Outcome  Outcome   `db:"outcome"`
}

// Deliveries is a page of the deliveries of an endpoint, newest first, all or those in a
// state. After nil it is the first page; next is nil on the last.
func (b *Book) Deliveries(ctx context.Context, of domain.WebhookID, in State, after *Mark, limit int) (page []Delivery, next *Mark, err error) {
	args := pgx.NamedArgs{"webhook": of.UUID, "state": in, "limit": limit + 1}
	where := "webhook_id = @webhook AND (@state = '' OR state = @state)"
	if after != nil {
		where += " AND (made_at < @at OR made_at = @at AND delivery_id > @id)"
		args["at"], args["id"] = after.At, after.ID
	}
	page, err = b.deliveries(ctx, where+" ORDER BY made_at DESC, delivery_id LIMIT @limit", args)
	if err != nil {
		return nil, nil, err
	}
	if len(page) > limit {
		page = page[:limit]
		next = &Mark{page[limit-1].MadeAt, page[limit-1].ID}
	}
	return page, next, nil
}

// Delivery is one delivery of an endpoint, or ErrNoDelivery.
func (b *Book) Delivery(ctx context.Context, of domain.WebhookID, id uuid.UUID) (Delivery, error) {
	found, err := b.deliveries(ctx, "webhook_id = @webhook AND delivery_id = @id", pgx.NamedArgs{"webhook": of.UUID, "id": id})
	if err != nil {
		return Delivery{}, err
	}
	if len(found) == 0 {
		return Delivery{}, ErrNoDelivery
	}
	return found[0], nil
}

// deliveries reads deliveries and their attempts as they are at one time.
func (b *Book) deliveries(ctx context.Context, where string, args pgx.NamedArgs) (found []Delivery, err error) {
	err = pgx.BeginTxFunc(ctx, b.db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		found, err = deliveriesIn(ctx, tx, where, args)
		return err
	})
	return found, projections.Unavailable(err)
}

func deliveriesIn(ctx context.Context, tx pgx.Tx, where string, args pgx.NamedArgs) ([]Delivery, error) {
	rows, err := all[deliveryRow](ctx, tx, `
		SELECT delivery_id, event_id, event_type, position_commit, position_prepare, cause, state, made_at, due_at, done_at, attempts
		FROM crm.webhook_deliveries WHERE `+where, args)
	if err != nil {
		return nil, err
	}
	found, place, ids := make([]Delivery, len(rows)), make(map[uuid.UUID]int, len(rows)), make([]uuid.UUID, len(rows))
	for i, r := range rows {
		place[r.ID], ids[i] = i, r.ID
		found[i] = Delivery{
			ID: r.ID, EventID: r.EventID, EventType: r.EventType, Position: domain.Position{Commit: uint64(r.Commit), Prepare: uint64(r.Prepare)},
			Cause: r.Cause, State: r.State, MadeAt: r.MadeAt.UTC(), DueAt: r.DueAt.UTC(), DoneAt: instant(r.DoneAt), Begun: r.Begun,
		}
	}
	attempts, err := all[attemptRow](ctx, tx, `
		SELECT delivery_id, attempt, at, took_micros, status, outcome FROM crm.webhook_attempts
		WHERE delivery_id = ANY (@ids) ORDER BY delivery_id, attempt`, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, err
	}
	for _, a := range attempts {
		d := &found[place[a.Delivery]]
		d.Attempts = append(d.Attempts, Attempt{
			Number: a.Number, At: a.At.UTC(), Took: time.Duration(a.Took) * time.Microsecond, Status: a.Status, Outcome: a.Outcome,
		})
	}
	return found, nil
}

// WaitFor blocks until the book holds what webhooks were changed to up to position, or
// ctx ends.
func (b *Book) WaitFor(ctx context.Context, position domain.Position) error {
	for {
		var there bool
		err := b.db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM crm.reactors WHERE name = $1 AND position_commit >= $2)",
			ReactorName, int64(position.Commit)).Scan(&there)
		if err != nil || there {
			return projections.Unavailable(err)
		}
		select {
		case <-time.After(waitEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waitEvery is how often who waits looks again.
const waitEvery = 20 * time.Millisecond
