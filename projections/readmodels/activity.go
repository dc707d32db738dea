package readmodels

import (
	_ "embed"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/interaction"
	"crm/projections"
)

// Activity is the read model of what employees did with customers, for the owners'
// report: who took part in which interaction, when and through which channel.
//
// It holds facts, one for each event, and no states: an interaction hardly ever
// changes, and so a row that is added once and never loaded is cheaper than one that
// is kept; what amendments change is put together when a report is asked for.
type Activity struct{ db projections.Querier }

//go:embed activity.sql
var activitySQL string

// Name is the read model's name and the schema of its tables.
func (Activity) Name() string { return "activity" }

// Version changes with the tables or what is written into them.
func (Activity) Version() int { return 2 }

// Schema is its tables and indexes.
func (Activity) Schema() projections.Schema { return projections.ParseSchema(activitySQL) }

// Handles are the events of interactions.
func (Activity) Handles() []string {
	return typesOf[interaction.Event](interaction.Logged{}, interaction.Amended{})
}

var (
	interactions = projections.NewAppended[interactionRow]("interactions")
	amendments   = projections.NewAppended[amendmentRow]("amendments")
	logged       = projections.NewSums[loggedKey, loggedSum]("logged", "month", "employee_id", "channel")
)

// loggedKey is the interactions of one employee through one channel in one month.
type loggedKey struct {
	Month      time.Time           `db:"month"`
	EmployeeID domain.EmployeeID   `db:"employee_id"` // zero: nobody said
	Channel    interaction.Channel `db:"channel"`
}

type loggedSum struct {
	loggedKey
	Interactions int64 `db:"interactions"`
}

// Apply adds the event's fact. An amendment of anything else is none.
func (Activity) Apply(w *projections.Writer, e domain.Recorded) error {
	id, err := subject(e)
	if err != nil {
		return err
	}
	switch event := e.Event.(type) {
	case interaction.Logged:
		key := loggedKey{monthOf(e.Meta.OccurredAt), event.Details.Employee, event.Details.Channel}
		logged.Add(w, key, func(sum *loggedSum) { sum.Interactions++ })
		interactions.Add(w, interactionRow{
			factColumns: factOf(e, id, event.ID),
			EmployeeID:  nullable(event.Details.Employee), Channel: event.Details.Channel,
		})
	case interaction.Amended:
		names := interaction.DetailFields.Touches(event.Patch, "employee")
		if names || event.Set.Channel != "" { // which cannot be cleared
			amendments.Add(w, amendmentRow{
				factColumns:   factOf(e, id, event.ID),
				NamesEmployee: names, EmployeeID: nullable(event.Set.Employee), Channel: event.Set.Channel,
			})
		}
	}
	return nil
}

// factColumns say of which interaction an event speaks, and when.
type factColumns struct {
	Position      int64                `db:"position"`
	CustomerID    uuid.UUID            `db:"customer_id"`
	InteractionID domain.InteractionID `db:"interaction_id"`
	OccurredAt    time.Time            `db:"occurred_at"`
	RecordedAt    time.Time            `db:"recorded_at"`
}

func factOf(e domain.Recorded, customer uuid.UUID, id domain.InteractionID) factColumns {
	return factColumns{
		Position: int64(e.Position.Commit), CustomerID: customer, InteractionID: id,
		OccurredAt: e.Meta.OccurredAt, RecordedAt: e.RecordedAt,
	}
}

type interactionRow struct {
	factColumns
	EmployeeID *domain.EmployeeID  `db:"employee_id"`
	Channel    interaction.Channel `db:"channel"`
}

type amendmentRow struct {
	factColumns
	NamesEmployee bool                `db:"names_employee"`
	EmployeeID    *domain.EmployeeID  `db:"employee_id"`
	Channel       interaction.Channel `db:"channel"`
}
