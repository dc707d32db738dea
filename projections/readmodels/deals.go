package readmodels

import (
	_ "embed"
	"slices"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/deal"
	"crm/domain/pipeline"
	"crm/projections"
)

// Deals is the read model behind a deal's card, the lists of deals, and the board
// of a pipeline. Rows are the states that the deciders fold, in columns.
type Deals struct {
	db    projections.Querier
	scope scope
}

//go:embed deals.sql
var dealsSQL string

// Name is the read model's name and the schema of its tables.
func (Deals) Name() string { return "deals" }

// Version changes with the tables or what is written into them.
func (Deals) Version() int { return 9 }

// Schema is its tables and indexes.
func (Deals) Schema() projections.Schema {
	return projections.ParseSchema(dealsSQL).Remembering(deals, pipelines)
}

// Handles are all events of deals and pipelines.
func (Deals) Handles() []string {
	return slices.Concat(dealEvents, typesOf[pipeline.Event](
		pipeline.Defined{}, pipeline.StageAdded{}, pipeline.StagesReordered{},
		pipeline.StageRetired{}, pipeline.StageProbabilitySet{}))
}

var dealEvents = typesOf[deal.Event](
	deal.Opened{}, deal.CustomerLinked{}, deal.StageChanged{}, deal.AmountChanged{}, deal.CloseDateChanged{},
	deal.OwnerAssigned{}, deal.ForecastCategoryChanged{}, deal.LineItemAdded{}, deal.LineItemChanged{},
	deal.LineItemRemoved{}, deal.Won{}, deal.Lost{}, deal.Reopened{}, deal.Voided{})

var (
	deals = projections.NewVersioned[uuid.UUID, dealRow]("deals", "deal_id").
		Following(func(row *dealRow) domain.Revision { return domain.Revision(row.Revision) }).
		Settled(settleDeal).
		Retold(retellDeal)
	pipelines = projections.NewVersioned[uuid.UUID, pipelineRow]("pipelines", "pipeline_id").
			Following(func(row *pipelineRow) domain.Revision { return domain.Revision(row.Revision) })
)

// Apply folds one event.
func (Deals) Apply(w *projections.Writer, e domain.Recorded) error {
	id, err := subject(e)
	if err != nil {
		return err
	}
	at, revision := e.Meta.OccurredAt, int64(e.Revision)
	switch event := e.Event.(type) {
	case deal.Event:
		deals.Change(w, id, e, func(row *dealRow) {
			row.evolve(event, at)
			row.ChangedAt, row.Revision = at, revision
		})
	case pipeline.Event:
		pipelines.Change(w, id, e, func(row *pipelineRow) {
			if _, first := event.(pipeline.Defined); first {
				row.DefinedAt = at
			}
			row.take(pipeline.Decider.Evolve(row.state(), event))
			row.ChangedAt, row.Revision = at, revision
		})
	}
	return nil
}

// dealRow is a deal's state in columns.
type dealRow struct {
	DealID         uuid.UUID               `db:"deal_id"`
	Status         deal.Status             `db:"status"`
	Title          domain.Personal         `db:"title"`
	PipelineID     domain.PipelineID       `db:"pipeline_id"`
	Stage          domain.StageID          `db:"stage"`
	Probability    int                     `db:"probability"`
	Category       domain.ForecastCategory `db:"category"`
	CustomerID     *domain.CustomerID      `db:"customer_id"`
	OwnerID        *domain.EmployeeID      `db:"owner_id"`
	AmountMinor    *int64                  `db:"amount_minor"`
	AmountCurrency *domain.Currency        `db:"amount_currency"`
	LineItems      string                  `db:"line_items"`
	WorthMinor     *int64                  `db:"worth_minor"`
	WorthCurrency  *domain.Currency        `db:"worth_currency"`
	ExpectedClose  domain.Date             `db:"expected_close"`
	ValueMinor     *int64                  `db:"value_minor"`
	ValueCurrency  *domain.Currency        `db:"value_currency"`
	LossReason     deal.LossReason         `db:"loss_reason"`
	Competitor     string                  `db:"competitor"`
	LossNote       domain.Personal         `db:"loss_note"`
	OpenedAt       time.Time               `db:"opened_at"`
	ClosedAt       *time.Time              `db:"closed_at"`
	ChangedAt      time.Time               `db:"changed_at"`
	Revision       int64                   `db:"revision"`
	path
}

// evolve has the decider fold the event.
func (r *dealRow) evolve(event deal.Event, at time.Time) {
	s := deal.Decider.Evolve(r.state(), event)
	switch event.(type) {
	case deal.Opened:
		r.OpenedAt, r.LineItems = at, encoded(s.LineItems)
	case deal.LineItemAdded, deal.LineItemChanged, deal.LineItemRemoved:
		r.LineItems = encoded(s.LineItems)
	case deal.Won, deal.Lost:
		r.ClosedAt = &at
	case deal.Reopened, deal.Voided:
		r.ClosedAt = nil
	default: // tells nothing beside the state
	}
	r.WorthMinor, r.WorthCurrency = amount(s.Worth())
	r.take(s)
	switch event.(type) {
	case deal.Opened, deal.StageChanged, deal.Won, deal.Lost, deal.Reopened, deal.Voided:
		r.move(standsAt(s), later(at, r.OpenedAt))
	default: // moves nothing
	}
}

// standsAt is where a deal stands: at a stage, closed, or void.
func standsAt(s deal.State) string {
	switch s.Status {
	case deal.IsWon:
		return WonKey
	case deal.IsLost:
		return LostKey
	case deal.IsVoid:
		return voidKey
	default:
		return string(s.Stage.ID)
	}
}

// counted is nil for a deal that no figure counts: one that is not, or never was.
func (r *dealRow) counted() *dealRow {
	if r == nil || r.Status == deal.IsVoid {
		return nil
	}
	return r
}

func (r *dealRow) state() deal.State {
	return deal.State{
		Status: r.Status, Title: r.Title,
		Stage:    deal.Stage{Pipeline: r.PipelineID, ID: r.Stage, Probability: r.Probability, Category: r.Category},
		Customer: known(r.CustomerID), Owner: known(r.OwnerID),
		Amount: money(r.AmountMinor, r.AmountCurrency), ExpectedClose: r.ExpectedClose,
		LineItems: lineItems(r.LineItems),
		Value:     money(r.ValueMinor, r.ValueCurrency),
		Loss:      deal.Lost{Reason: r.LossReason, Competitor: r.Competitor, Note: r.LossNote},
	}
}

// take keeps the state, but for the line items, which evolve puts down when they
// change.
func (r *dealRow) take(s deal.State) {
	r.Status, r.Title = s.Status, s.Title
	r.PipelineID, r.Stage, r.Probability, r.Category = s.Stage.Pipeline, s.Stage.ID, s.Stage.Probability, s.Stage.Category
	r.CustomerID, r.OwnerID = nullable(s.Customer), nullable(s.Owner)
	r.AmountMinor, r.AmountCurrency = amount(s.Amount)
	r.ExpectedClose = s.ExpectedClose
	r.ValueMinor, r.ValueCurrency = amount(s.Value)
	r.LossReason, r.Competitor, r.LossNote = s.Loss.Reason, s.Loss.Competitor, s.Loss.Note
}

// lineItems is what a column of line items holds; most deals have none.
func lineItems(column string) []deal.LineItem {
	if column == "[]" {
		return nil
	}
	return decoded[[]deal.LineItem](column)
}

// pipelineRow is a pipeline's state in columns.
type pipelineRow struct {
	PipelineID uuid.UUID `db:"pipeline_id"`
	Name       string    `db:"name"`
	Stages     string    `db:"stages"`
	DefinedAt  time.Time `db:"defined_at"`
	ChangedAt  time.Time `db:"changed_at"`
	Revision   int64     `db:"revision"`
}

// stage is a pipeline.KnownStage as JSON.
type stage struct {
	pipeline.Stage
	Retired bool `json:"retired"`
}

func (r *pipelineRow) state() pipeline.State {
	s := pipeline.State{Name: r.Name}
	for _, known := range decoded[[]stage](r.Stages) {
		s.Stages = append(s.Stages, pipeline.KnownStage(known))
	}
	return s
}

func (r *pipelineRow) take(s pipeline.State) {
	column := make([]stage, len(s.Stages))
	for i, known := range s.Stages {
		column[i] = stage(known)
	}
	r.Name, r.Stages = s.Name, encoded(column)
}
