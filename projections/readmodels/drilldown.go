package readmodels

import (
	"context"
	"maps"
	"math"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Figure is a line of a report, or all of them, as the events it was computed from.
// Questions make it.
type Figure struct {
	asOf AsOf
	// subjects are queries of the deals and customers that the line counts: their id
	// and, where not every event of the types is behind the figure, the positions of
	// those that are. Two may answer the same. They name only what args holds.
	subjects []string
	args     pgx.NamedArgs
	types    []string // of the events that the figure is computed from
	wrong    error    // with the question
}

// BehindMark is a place among the events behind a figure.
type BehindMark struct {
	EntityID uuid.UUID
	Position uint64 // commit position
}

// Behind is a page of the events behind a figure: deal by deal or customer by
// customer, of each in the order of the log. An event that had not occurred, or was
// not known, as of the report is not among them. After nil it is the first page.
//
// One subject after the other is looked up until the page is full, and no more subjects
// are asked for than a page may take: a line may count all deals there are.
func (m Timeline) Behind(ctx context.Context, f Figure, after *BehindMark, limit int) (Page[Entry, BehindMark], error) {
	if f.wrong != nil {
		return Page[Entry, BehindMark]{}, f.wrong
	}
	args := f.asOf.args(pgx.NamedArgs{"types": f.types, "mark_entity": uuid.Nil, "mark_position": int64(-1)})
	maps.Copy(args, f.args)
	if after != nil {
		args["mark_entity"], args["mark_position"] = after.EntityID, int64(after.Position)
	}
	var rows []entryRead
	for most := limit + 1; ; most *= 4 { // most have events, so that this ends at once
		args["most"], args["limit"] = most, limit+1-len(rows)
		reach, err := one[subjectsRead](ctx, m.db, nil, `
		SELECT count(*) AS count, coalesce((array_agg(entity_id ORDER BY entity_id DESC))[1], @mark_entity) AS last
		FROM (`+f.next(`ORDER BY 1 LIMIT @most`)+` ORDER BY 1 LIMIT @most) AS s`, pgx.QueryExecModeCacheDescribe, args)
		if err != nil {
			return Page[Entry, BehindMark]{}, err
		}
		args["last"] = reach.Last
		found, err := m.behind(ctx, f, args)
		if err != nil {
			return Page[Entry, BehindMark]{}, err
		}
		if rows = append(rows, found...); len(rows) > limit || reach.Count < int64(most) {
			break
		}
		args["mark_entity"], args["mark_position"] = reach.Last, int64(math.MaxInt64)
	}
	page := pageOf(rows, limit, entryRead.entry, func(e Entry) BehindMark { return BehindMark{e.EntityID, e.Position.Commit} })
	return page, m.name(ctx, page.Items, f.asOf)
}

type subjectsRead struct {
	Count int64     `db:"count"`
	Last  uuid.UUID `db:"last"`
}

// next is a query of the subjects from the mark on, each once for all that is said of it;
// each of the figure's own queries ends as told.
func (f Figure) next(end string) string {
	parts := make([]string, len(f.subjects))
	for i, subjects := range f.subjects {
		parts[i] = `(SELECT * FROM (` + subjects + `) AS s (entity_id, positions) WHERE entity_id >= @mark_entity ` + end + `)`
	}
	return `SELECT * FROM (` + strings.Join(parts, " UNION ") + `) AS s`
}

// behind is the events of the subjects between the marks.
func (m Timeline) behind(ctx context.Context, f Figure, args pgx.NamedArgs) ([]entryRead, error) {
	return all[entryRead](ctx, m.db, `
		WITH found AS MATERIALIZED (
		  SELECT t.position
		  FROM (`+f.next(`AND entity_id <= @last`)+` ORDER BY 1) AS s
		  CROSS JOIN LATERAL (
		    SELECT e.entity_id, e.position FROM timeline.entries AS e
		    WHERE e.entity_id = s.entity_id AND e.type = ANY (@types::text[])
		      AND (s.positions IS NULL OR e.position = ANY (s.positions))
		      AND (@as_of::timestamptz IS NULL OR e.occurred_at <= @as_of)
		      AND (@known_at::timestamptz IS NULL OR e.recorded_at <= @known_at)
		      AND (e.entity_id, e.position) > (@mark_entity::uuid, @mark_position::bigint)
		    OFFSET 0 -- looked up for each subject, whatever the planner thinks of it
		  ) AS t
		  ORDER BY s.entity_id, t.position LIMIT @limit -- by what s is sorted by: so later subjects are left alone
		)
		SELECT t.position, t.entity_kind, t.entity_id, t.event_id, t.revision, t.type, t.summary, t.data,
		  t.occurred_at, t.recorded_at, t.actor, t.on_behalf_of, t.reason,
		  t.source_application, t.source_import, t.source_row, coalesce(d.title, '') AS entity_name
		FROM found JOIN timeline.entries AS t USING (position)
		LEFT JOIN `+f.asOf.from("deals.deals")+` AS d ON t.entity_kind = 'deal' AND d.deal_id = t.entity_id
		ORDER BY t.entity_id, t.position`, pgx.QueryExecModeCacheDescribe, args)
}
