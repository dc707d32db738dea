package webhooks

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/webhook"
	"crm/projections"
)

// ReactorName is under which the reactor keeps its place in the log.
const ReactorName = "webhooks"

// Reactor turns events into deliveries. It is a projections.BatchReactor: the engine
// hands it the log, on one server at a time, from where it was.
type Reactor struct {
	book         *Book
	log          Log
	installation string
	made         func() // tells the sender
	slog         *slog.Logger
	filled       atomic.Bool
}

// NewReactor makes a reactor. Installation is the URL of the installation, of which the
// source of an event is made; made is told when there are new deliveries. The logger may be nil.
func NewReactor(book *Book, log Log, installation string, made func(), logger *slog.Logger) *Reactor {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Reactor{book: book, log: log, installation: installation, made: made, slog: logger}
}

// Name is that of its place in the log.
func (*Reactor) Name() string { return ReactorName }

// Handles are all events: an endpoint may want any.
func (*Reactor) Handles() []string { return nil }

// React is ReactAll of one event.
func (r *Reactor) React(ctx context.Context, e domain.Recorded) error {
	return r.ReactAll(ctx, []domain.Recorded{e})
}

// ReactAll makes a delivery of each event for each endpoint that wants to hear of it, as
// the endpoints are at that place in the log. Those that are there already stay.
func (r *Reactor) ReactAll(ctx context.Context, events []domain.Recorded) error {
	if err := r.fill(ctx); err != nil {
		return err
	}
	made := false
	err := pgx.BeginFunc(ctx, r.book.db, func(tx pgx.Tx) error {
		known, err := everyEndpoint(ctx, tx)
		if err != nil {
			return err
		}
		var all []due
		for i := range events {
			e := &events[i]
			for _, to := range known {
				// Behind its last event, for it may be ahead of us after a fill.
				if to.Collects() && to.Position < e.Position.Commit && to.Details.Wants(e.Event.EventType()) {
					all = append(all, newDue(e, reference(r.installation, e), to.ID, CauseEvent, uuid.Nil))
				}
			}
			event, is := e.Event.(webhook.Event)
			if !is {
				continue
			}
			more, err := r.meet(ctx, tx, e, event)
			if err != nil {
				return err
			}
			all = append(all, more...)
			if known, err = everyEndpoint(ctx, tx); err != nil {
				return err
			}
		}
		made = len(all) > 0
		return add(ctx, tx, r.book.now(), all)
	})
	if err != nil {
		return projections.Unavailable(err)
	}
	if made {
		r.made()
	}
	return nil
}

// meet does what an event of a webhook asks for.
func (r *Reactor) meet(ctx context.Context, tx pgx.Tx, e *domain.Recorded, event webhook.Event) ([]due, error) {
	if err := r.follow(ctx, tx, e); err != nil {
		return nil, err
	}
	stream, _ := e.Stream.ID()
	id := domain.WebhookID{UUID: stream}
	switch event := event.(type) {
	case webhook.PingRequested:
		return []due{newDue(e, reference(r.installation, e), id, CausePing, uuid.Nil)}, nil
	case webhook.ReplayRequested:
		return nil, addReplay(ctx, tx, r.book.now(), e, event, id)
	case webhook.RedeliveryRequested:
		return nil, redeliver(ctx, tx, r.book.now(), id, event.Delivery)
	default:
		return nil, nil
	}
}

// follow writes an endpoint as its stream leaves it at e.
func (r *Reactor) follow(ctx context.Context, tx pgx.Tx, e *domain.Recorded) error {
	history, err := r.log.Load(ctx, e.Stream, domain.NoStream)
	if err != nil {
		return err
	}
	id, ok := e.Stream.ID()
	if !ok {
		return nil // written by hand: no endpoint has that stream
	}
	at := Endpoint{ID: domain.WebhookID{UUID: id}, State: webhook.Decider.Initial()}
	for _, past := range history {
		if past.Revision > e.Revision {
			break
		}
		event, is := past.Event.(webhook.Event)
		if !is {
			// As whoever asks for a command is told. It does not hold up the others.
			r.slog.LogAttrs(ctx, slog.LevelError, "a webhook cannot be read, and stays as it was",
				slog.String("stream", string(e.Stream)), slog.String("position", past.Position.String()))
			return nil
		}
		if past.Revision == 0 {
			at.RegisteredAt = past.Meta.OccurredAt
		}
		at.State = webhook.Decider.Evolve(at.State, event)
		at.ChangedAt, at.Position, at.Revision = past.Meta.OccurredAt, past.Position.Commit, past.Revision
	}
	if at.Status == "" {
		return nil
	}
	return put(ctx, tx, at)
}

// redeliver has a delivery made again. One that was pruned meanwhile is gone.
func redeliver(ctx context.Context, tx pgx.Tx, now time.Time, to domain.WebhookID, delivery uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		UPDATE crm.webhook_deliveries SET state = 'due', due_at = @now, tries = 0, done_at = NULL
		WHERE delivery_id = @id AND webhook_id = @webhook`, pgx.NamedArgs{"id": delivery, "webhook": to.UUID, "now": now})
	return err
}

// fill fills the table of endpoints from the log where it is new, once. A reactor begins
// at the end of the log, and endpoints may have been registered before: when Postgres is
// new, as after a loss.
func (r *Reactor) fill(ctx context.Context) error {
	if r.filled.Load() {
		return nil
	}
	var filled bool
	err := r.book.db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM crm.webhook_history)").Scan(&filled)
	if err != nil {
		return projections.Unavailable(err)
	}
	if !filled {
		head, _, err := r.log.Head(ctx)
		if err != nil {
			return err
		}
		last := map[domain.Stream]domain.Recorded{}
		err = r.log.read(ctx, ReactorName+" history", domain.Position{}, head, func(batch domain.Batch) error {
			for _, e := range batch.Events {
				if _, is := e.Event.(webhook.Event); is {
					last[e.Stream] = e
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		err = pgx.BeginFunc(ctx, r.book.db, func(tx pgx.Tx) error {
			for _, e := range last {
				if err := r.follow(ctx, tx, &e); err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, "INSERT INTO crm.webhook_history (position_commit) VALUES ($1) ON CONFLICT DO NOTHING", int64(head.Commit))
			return err
		})
		if err != nil {
			return projections.Unavailable(err)
		}
		r.slog.LogAttrs(ctx, slog.LevelInfo, "webhooks were read from the log", slog.Int("events", len(last)), slog.String("position", head.String()))
	}
	r.filled.Store(true)
	return nil
}
