package readmodels

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/projections/lists"
)

// Entry is one event on a customer's timeline.
type Entry struct {
	Position   domain.Position
	EntityKind string    // customer, consent, interaction or deal
	EntityID   uuid.UUID // of the deal for a deal, else of the customer
	EntityName string    // the deal's title
	EventID    uuid.UUID
	Revision   domain.Revision      // in the entity's stream
	Type       string               // "deal.won"
	Summary    string               // in a sentence
	Data       json.RawMessage      // the event's payload
	Names      map[uuid.UUID]string // of what Data names by id, as it is called at the time asked about, where known
	OccurredAt time.Time
	RecordedAt time.Time
	Actor      string
	OnBehalfOf string
	Reason     domain.Personal
	Source     domain.Source
}

// EntryMark is a place on a timeline.
type EntryMark struct {
	OccurredAt time.Time
	Position   uint64 // commit position
}

// TimelineList is what a timeline is filtered by. It has the one order.
var TimelineList = lists.New(lists.List{
	Name: "timeline", ID: "row.event_id", Default: "-occurred_at",
	Fields: []lists.Field{
		{Name: "type", Type: lists.Text, Column: "row.type", About: "of the event: deal.won; prefix deal. is all of deals"},
		{Name: "entity", Type: lists.Choice, Column: "row.entity_kind", Choices: []string{"customer", "consent", "interaction", "deal"}},
		{Name: "entity_id", Type: lists.ID, Column: "row.entity_id", About: "the deal's for a deal, else the customer's"},
		{Name: "event_id", Type: lists.ID, Column: "row.event_id"},
		{Name: "actor", Type: lists.Text, Column: "row.actor"},
		{Name: "application", Type: lists.Text, Column: "row.source_application", Absent: "row.source_application = ''", About: "that sent the command"},
		{Name: "import", Type: lists.Text, Column: "row.source_import", Absent: "row.source_import = ''", About: "the run"},
		{Name: "occurred_at", Type: lists.Instant, Column: "row.occurred_at", Order: "row.occurred_at"},
		{Name: "recorded_at", Type: lists.Instant, Column: "row.recorded_at"},
	},
})

// Of is a page of what happened with a customer and is let through, newest first: by when it occurred
// and, of one instant, by its place in the log. After nil it is the first page. A
// customer nobody knows has an empty timeline. As of a past instant it is what had
// occurred by then, with the deals that were the customer's then.
//
// From each of the customer's entities, itself and its deals, the index gives the
// newest few in order; only the rows of the page are read.
func (m Timeline) Of(ctx context.Context, id domain.CustomerID, filter lists.Query, asOf AsOf, after *EntryMark, limit int) (Page[Entry, EntryMark], error) {
	let, err := filter.Statement(nil, false)
	if err != nil {
		return Page[Entry, EntryMark]{}, err
	}
	args := m.scope.args(asOf.args(pgx.NamedArgs{"customer_id": id.UUID, "at": bound(asOf.At), "position": int64(math.MaxInt64), "limit": limit + 1}))
	if after != nil { // and so within as_of
		args["at"], args["position"] = after.OccurredAt, int64(after.Position)
	}
	maps.Copy(args, let.Args)
	rows, err := all[entryRead](ctx, m.db, `
		WITH newest AS MATERIALIZED (
		  SELECT t.position
		  FROM (
		    SELECT @customer_id::uuid AS entity_id WHERE TRUE`+m.scope.customer("@customer_id")+`
		    UNION ALL
		    SELECT deal_id FROM `+asOf.from("timeline.deals")+` WHERE customer_id = @customer_id`+m.scope.customer("customer_id")+m.scope.deal("deal_id")+`
		  ) AS entity
		  CROSS JOIN LATERAL (
		    SELECT occurred_at, position FROM timeline.entries AS row
		    WHERE entity_id = entity.entity_id AND `+let.Where+`
		      AND (occurred_at, position) < (coalesce(@at::timestamptz, 'infinity'), @position::bigint)
		      AND (@known_at::timestamptz IS NULL OR recorded_at <= @known_at)
		    ORDER BY occurred_at DESC, position DESC LIMIT @limit
		  ) AS t
		  ORDER BY t.occurred_at DESC, t.position DESC LIMIT @limit
		)
		SELECT t.position, t.entity_kind, t.entity_id, t.event_id, t.revision, t.type, t.summary, t.data,
		  t.occurred_at, t.recorded_at, t.actor, t.on_behalf_of, t.reason,
		  t.source_application, t.source_import, t.source_row, coalesce(d.title, '') AS entity_name
		FROM newest JOIN timeline.entries AS t USING (position)
		LEFT JOIN `+asOf.from("deals.deals")+` AS d ON t.entity_kind = 'deal' AND d.deal_id = t.entity_id
		ORDER BY t.occurred_at DESC, t.position DESC`, args)
	if err != nil {
		return Page[Entry, EntryMark]{}, err
	}
	page := pageOf(rows, limit, entryRead.entry, func(e Entry) EntryMark { return EntryMark{e.OccurredAt, e.Position.Commit} })
	return page, m.name(ctx, page.Items, asOf)
}

type entryRead struct {
	entryRow
	EntityName string `db:"entity_name"`
}

func (r entryRead) entry() Entry {
	commit := uint64(r.Position)
	return Entry{
		Position:   domain.Position{Commit: commit, Prepare: commit},
		EntityKind: r.EntityKind, EntityID: r.EntityID, EntityName: r.EntityName,
		EventID: r.EventID, Revision: domain.Revision(r.Revision), Type: r.Type, Summary: r.Summary, Data: r.Data,
		OccurredAt: r.OccurredAt.UTC(), RecordedAt: r.RecordedAt.UTC(),
		Actor: r.Actor, OnBehalfOf: r.OnBehalfOf, Reason: r.Reason,
		Source: domain.Source{Application: r.SourceApplication, Import: r.SourceImport, Row: r.SourceRow},
	}
}
