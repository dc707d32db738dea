package plain

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// stages are the open ones, as the board shows them.
var (
	stageOrder = []string{"prospecting", "qualified", "proposal", "negotiation"}
	stages     = map[string]bool{"prospecting": true, "qualified": true, "proposal": true, "negotiation": true}
	chances    = map[string]int64{"prospecting": 10, "qualified": 25, "proposal": 50, "negotiation": 75}
)

// customer is a row of customers as it is shown.
type customer struct {
	ID            uuid.UUID       `db:"customer_id" json:"id"`
	Kind          string          `db:"kind" json:"kind"`
	Name          string          `db:"name" json:"name"`
	GivenName     string          `db:"given_name" json:"given_name"`
	FamilyName    string          `db:"family_name" json:"family_name"`
	JobTitle      string          `db:"job_title" json:"job_title,omitempty"`
	Stage         string          `db:"stage" json:"stage"`
	Touchpoint    json.RawMessage `db:"touchpoint" json:"touchpoint"`
	ContactPoints json.RawMessage `db:"contact_points" json:"contact_points"`
	RegisteredAt  time.Time       `db:"registered_at" json:"registered_at"`
	ChangedAt     time.Time       `db:"changed_at" json:"changed_at"`
	Revision      int64           `db:"revision" json:"revision"`
}

const customerColumns = `customer_id, kind, name, given_name, family_name, job_title, stage, touchpoint, contact_points,
	registered_at, changed_at, revision`

type page[T any] struct {
	Data []T `json:"data"`
}

func (s *Server) card(r *http.Request) (customer, error) {
	id, err := idOf(r)
	if err != nil {
		return customer{}, err
	}
	rows, err := s.pool.Query(r.Context(), `SELECT `+customerColumns+` FROM customers WHERE customer_id = $1`, id)
	if err != nil {
		return customer{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[customer])
}

func (s *Server) list(r *http.Request) (page[customer], error) {
	rows, err := s.pool.Query(r.Context(), `SELECT `+customerColumns+` FROM customers ORDER BY registered_at DESC, customer_id LIMIT 50`)
	if err != nil {
		return page[customer]{}, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[customer])
	return page[customer]{all}, err
}

type line struct {
	ID         int64           `db:"audit_id" json:"position"`
	Entity     string          `db:"entity" json:"entity"`
	EntityID   uuid.UUID       `db:"entity_id" json:"entity_id"`
	Type       string          `db:"type" json:"type"`
	Summary    string          `db:"summary" json:"summary"`
	Changes    json.RawMessage `db:"changes" json:"data"`
	Actor      string          `db:"actor" json:"actor"`
	OccurredAt time.Time       `db:"occurred_at" json:"occurred_at"`
	RecordedAt time.Time       `db:"recorded_at" json:"recorded_at"`
}

func (s *Server) timeline(r *http.Request) (page[line], error) {
	id, err := idOf(r)
	if err != nil {
		return page[line]{}, err
	}
	rows, err := s.pool.Query(r.Context(), `SELECT audit_id, entity, entity_id, type, summary, changes, actor, occurred_at, recorded_at
		FROM audit WHERE customer_id = $1 ORDER BY audit_id DESC LIMIT 50`, id)
	if err != nil {
		return page[line]{}, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[line])
	return page[line]{all}, err
}

type deal struct {
	ID        uuid.UUID  `db:"deal_id" json:"id"`
	Title     string     `db:"title" json:"title"`
	Customer  *uuid.UUID `db:"customer_id" json:"customer"`
	Name      string     `db:"name" json:"customer_name"`
	Stage     string     `db:"stage" json:"stage"`
	Minor     int64      `db:"amount_minor" json:"amount_minor"`
	Currency  string     `db:"currency" json:"currency"`
	OpenedAt  time.Time  `db:"opened_at" json:"opened_at"`
	ChangedAt time.Time  `db:"changed_at" json:"changed_at"`
	Revision  int64      `db:"revision" json:"revision"`
}

type column struct {
	Stage    string `json:"stage"`
	Count    int64  `json:"count"`
	Worth    int64  `json:"worth"`
	Weighted int64  `json:"weighted"`
	Deals    []deal `json:"deals"`
}

// board counts and sums all open deals, and shows the newest of each stage.
func (s *Server) board(r *http.Request) (page[column], error) {
	batch := &pgx.Batch{}
	batch.Queue(`SELECT stage, count(*), sum(amount_minor)::bigint FROM deals GROUP BY stage`)
	for _, stage := range stageOrder {
		batch.Queue(`SELECT d.deal_id, d.title, d.customer_id, coalesce(c.name, ''), d.stage, d.amount_minor, d.currency, d.opened_at, d.changed_at, d.revision
			FROM deals d LEFT JOIN customers c USING (customer_id)
			WHERE d.stage = $1 ORDER BY d.opened_at DESC, d.deal_id LIMIT 20`, stage)
	}
	results := s.pool.SendBatch(r.Context(), batch)
	defer func() { _ = results.Close() }() // an error came before
	rows, err := results.Query()
	if err != nil {
		return page[column]{}, err
	}
	counts := map[string]column{}
	var c column
	if _, err := pgx.ForEachRow(rows, []any{&c.Stage, &c.Count, &c.Worth}, func() error {
		counts[c.Stage] = c
		return nil
	}); err != nil {
		return page[column]{}, err
	}
	var all []column
	for _, stage := range stageOrder {
		rows, err := results.Query()
		if err != nil {
			return page[column]{}, err
		}
		c := counts[stage]
		c.Stage, c.Weighted = stage, c.Worth*chances[stage]/100
		if c.Deals, err = pgx.CollectRows(rows, pgx.RowToStructByPos[deal]); err != nil {
			return page[column]{}, err
		}
		all = append(all, c)
	}
	return page[column]{all}, nil
}
