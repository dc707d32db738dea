package readmodels

import (
	_ "embed"
	"slices"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/deal"
	"crm/domain/interaction"
	"crm/projections"
)

// Timeline is the read model of what happened with a customer: its own events and
// those of its consents, its interactions and its deals, each in a sentence.
type Timeline struct {
	db    projections.Querier
	scope scope
}

//go:embed timeline.sql
var timelineSQL string

// Name is the read model's name and the schema of its tables.
func (Timeline) Name() string { return "timeline" }

// Version changes with the tables or what is written into them, also with the
// wording of a summary.
func (Timeline) Version() int { return 4 }

// Schema is its tables and indexes.
func (Timeline) Schema() projections.Schema {
	return projections.ParseSchema(timelineSQL).Remembering(timelineDeals)
}

// Handles are all events of customers, consents, interactions and deals.
func (Timeline) Handles() []string {
	return slices.Concat(customerEvents, consentEvents, dealEvents,
		typesOf[interaction.Event](interaction.Logged{}, interaction.Amended{}))
}

var (
	entries       = projections.NewAppended[entryRow]("entries")
	timelineDeals = projections.NewVersioned[uuid.UUID, timelineDealRow]("deals", "deal_id")
)

// Apply adds the event's entry and notes whose deal a deal is.
func (Timeline) Apply(w *projections.Writer, e domain.Recorded) error {
	id, err := subject(e)
	if err != nil {
		return err
	}
	entries.Add(w, entryRow{
		Position: int64(e.Position.Commit), EntityKind: e.Stream.Category(), EntityID: id,
		EventID: e.ID, Revision: int64(e.Revision), Type: e.Event.EventType(),
		Summary: summary(e.Event), Data: e.Data,
		OccurredAt: e.Meta.OccurredAt, RecordedAt: e.RecordedAt,
		Actor: e.Meta.Actor, OnBehalfOf: e.Meta.OnBehalfOf, Reason: e.Meta.Reason,
		SourceApplication: e.Meta.Source.Application, SourceImport: e.Meta.Source.Import, SourceRow: e.Meta.Source.Row,
	})
	switch event := e.Event.(type) {
	case deal.Opened:
		belongsTo(w, id, e, event.Customer)
	case deal.CustomerLinked:
		belongsTo(w, id, e, event.Customer)
	}
	return nil
}

func belongsTo(w *projections.Writer, dealID uuid.UUID, e domain.Recorded, customer domain.CustomerID) {
	timelineDeals.Change(w, dealID, e, func(row *timelineDealRow) { row.CustomerID = nullable(customer) })
}

// entryRow is one event.
type entryRow struct {
	Position          int64           `db:"position"`
	EntityKind        string          `db:"entity_kind"`
	EntityID          uuid.UUID       `db:"entity_id"`
	EventID           uuid.UUID       `db:"event_id"`
	Revision          int64           `db:"revision"`
	Type              string          `db:"type"`
	Summary           string          `db:"summary"`
	Data              []byte          `db:"data"`
	OccurredAt        time.Time       `db:"occurred_at"`
	RecordedAt        time.Time       `db:"recorded_at"`
	Actor             string          `db:"actor"`
	OnBehalfOf        string          `db:"on_behalf_of"`
	Reason            domain.Personal `db:"reason"`
	SourceApplication string          `db:"source_application"`
	SourceImport      string          `db:"source_import"`
	SourceRow         string          `db:"source_row"`
}

// timelineDealRow says whose deal it is.
type timelineDealRow struct {
	DealID     uuid.UUID          `db:"deal_id"`
	CustomerID *domain.CustomerID `db:"customer_id"`
}
