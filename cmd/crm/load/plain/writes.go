package plain

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// receipt is the answer to a write.
type receipt struct {
	ID       uuid.UUID `json:"id"`
	Revision int64     `json:"revision"`
	Position string    `json:"position"`
	Events   int       `json:"events"`
}

// entry is one row of the audit, and of the outbox.
type entry struct {
	customer *uuid.UUID
	entity   string
	id       uuid.UUID
	typ      string
	summary  string
	changes  any
	at       time.Time
}

// note adds the entry's audit and outbox rows to what is sent.
func (e *entry) note(batch *pgx.Batch) error {
	changes, err := json.Marshal(e.changes)
	if err != nil {
		return err
	}
	batch.Queue(`INSERT INTO audit (customer_id, entity, entity_id, type, summary, changes, actor, occurred_at)
		VALUES ($1, $2, $3, $4, $5, $6, 'bench', $7)`, e.customer, e.entity, e.id, e.typ, e.summary, changes, e.at)
	batch.Queue(`INSERT INTO outbox (type, payload) VALUES ($1, $2)`, e.typ, changes)
	return nil
}

type contactPoint struct {
	ID         uuid.UUID `json:"id"`
	Kind       string    `json:"kind"`
	Label      string    `json:"label"`
	Value      string    `json:"value"`
	Normalized string    `json:"normalized"`
	Primary    bool      `json:"primary"`
	Verified   bool      `json:"verified"`
}

type registration struct {
	Kind          string         `json:"kind"`
	Name          string         `json:"name"`
	GivenName     string         `json:"given_name"`
	FamilyName    string         `json:"family_name"`
	Touchpoint    map[string]any `json:"touchpoint"`
	ContactPoints []contactPoint `json:"contact_points"`
}

// register sends everything at once: one round trip is one transaction.
func (s *Server) register(r *http.Request) (receipt, error) {
	body, err := read[registration](r)
	if err != nil {
		return receipt{}, err
	}
	if strings.TrimSpace(body.Name) == "" || body.Kind != "person" && body.Kind != "organization" {
		return receipt{}, errInvalid
	}
	for i := range body.ContactPoints {
		p := &body.ContactPoints[i]
		p.ID, p.Normalized = uuid.New(), strings.ToLower(p.Value)
	}
	id, at := uuid.New(), now()
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO customers (customer_id, kind, name, given_name, family_name, touchpoint, contact_points, registered_at, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)`,
		id, body.Kind, body.Name, body.GivenName, body.FamilyName, body.Touchpoint, body.ContactPoints, at)
	e := entry{&id, "customer", id, "customer.registered", "Registered: " + body.Name, body, at}
	if err := e.note(batch); err != nil {
		return receipt{}, err
	}
	return receipt{ID: id, Position: "0", Events: 1}, s.pool.SendBatch(r.Context(), batch).Close()
}

// change locks the row, so that the audit has the value that was there.
func (s *Server) change(r *http.Request) (receipt, error) {
	id, err := idOf(r)
	if err != nil {
		return receipt{}, err
	}
	body, err := read[struct {
		JobTitle string `json:"job_title"`
	}](r)
	if err != nil {
		return receipt{}, err
	}
	answer := receipt{ID: id, Position: "0", Events: 1}
	return answer, s.locked(r.Context(), `SELECT job_title, revision FROM customers WHERE customer_id = $1 FOR UPDATE`, id,
		func(row pgx.Row, batch *pgx.Batch) error {
			var was string
			if err := row.Scan(&was, &answer.Revision); err != nil {
				return err
			}
			answer.Revision++
			at := now()
			batch.Queue(`UPDATE customers SET job_title = $2, changed_at = $3, revision = $4 WHERE customer_id = $1`, id, body.JobTitle, at, answer.Revision)
			e := entry{&id, "customer", id, "customer.details_changed", "Job title: " + body.JobTitle, map[string]string{"from": was, "to": body.JobTitle}, at}
			return e.note(batch)
		})
}

// log notes an interaction with a customer.
func (s *Server) log(r *http.Request) (receipt, error) {
	id, err := idOf(r)
	if err != nil {
		return receipt{}, err
	}
	body, err := read[struct {
		Channel   string `json:"channel"`
		Direction string `json:"direction"`
		Subject   string `json:"subject"`
		Note      string `json:"note"`
		Mood      string `json:"mood"`
	}](r)
	if err != nil {
		return receipt{}, err
	}
	answer := receipt{ID: id, Position: "0", Events: 1}
	return answer, s.locked(r.Context(), `SELECT revision FROM customers WHERE customer_id = $1 FOR UPDATE`, id,
		func(row pgx.Row, batch *pgx.Batch) error {
			if err := row.Scan(&answer.Revision); err != nil {
				return err
			}
			answer.Revision++
			at := now()
			batch.Queue(`UPDATE customers SET changed_at = $2, revision = $3 WHERE customer_id = $1`, id, at, answer.Revision)
			e := entry{&id, "interaction", id, "interaction.logged", "Call: " + body.Subject, body, at}
			return e.note(batch)
		})
}

type opening struct {
	Title    string    `json:"title"`
	Customer uuid.UUID `json:"customer"`
	Amount   money     `json:"amount"`
}

type money struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// open leaves it to the foreign key whether there is such a customer.
func (s *Server) open(r *http.Request) (receipt, error) {
	body, err := read[opening](r)
	if err != nil {
		return receipt{}, err
	}
	id, at := uuid.New(), now()
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO deals (deal_id, customer_id, title, stage, amount_minor, currency, opened_at, changed_at)
		VALUES ($1, $2, $3, 'prospecting', $4, $5, $6, $6)`, id, body.Customer, body.Title, body.Amount.Minor, body.Amount.Currency, at)
	e := entry{&body.Customer, "deal", id, "deal.opened", "Deal opened: " + body.Title, body, at}
	if err := e.note(batch); err != nil {
		return receipt{}, err
	}
	return receipt{ID: id, Position: "0", Events: 1}, s.pool.SendBatch(r.Context(), batch).Close()
}

func (s *Server) advance(r *http.Request) (receipt, error) {
	id, err := idOf(r)
	if err != nil {
		return receipt{}, err
	}
	body, err := read[struct {
		Stage string `json:"stage"`
	}](r)
	if err != nil {
		return receipt{}, err
	}
	if !stages[body.Stage] {
		return receipt{}, errInvalid
	}
	answer := receipt{ID: id, Position: "0", Events: 1}
	return answer, s.locked(r.Context(), `SELECT customer_id, stage, revision FROM deals WHERE deal_id = $1 FOR UPDATE`, id,
		func(row pgx.Row, batch *pgx.Batch) error {
			var customer *uuid.UUID
			var was string
			if err := row.Scan(&customer, &was, &answer.Revision); err != nil {
				return err
			}
			answer.Revision++
			at := now()
			batch.Queue(`UPDATE deals SET stage = $2, changed_at = $3, revision = $4 WHERE deal_id = $1`, id, body.Stage, at, answer.Revision)
			e := entry{customer, "deal", id, "deal.stage_changed", "Stage: " + body.Stage, map[string]string{"from": was, "to": body.Stage}, at}
			return e.note(batch)
		})
}

// locked reads a row for update, and writes what decide queues in the same
// transaction: two round trips in all.
func (s *Server) locked(ctx context.Context, query string, id uuid.UUID, decide func(pgx.Row, *pgx.Batch) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	first := &pgx.Batch{}
	first.Queue("BEGIN")
	first.Queue(query, id)
	begun := conn.SendBatch(ctx, first)
	_, err = begun.Exec()
	rest := &pgx.Batch{}
	if err == nil {
		err = decide(begun.QueryRow(), rest)
	}
	if closed := begun.Close(); err == nil {
		err = closed
	}
	if err == nil {
		rest.Queue("COMMIT")
		err = conn.SendBatch(ctx, rest).Close()
	}
	if err != nil {
		if _, rolled := conn.Exec(context.WithoutCancel(ctx), "ROLLBACK"); rolled != nil {
			return fmt.Errorf("%w (%w)", err, rolled)
		}
		return err
	}
	return nil
}
