package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// FunnelQuestion asks how far the deals of a pipeline came that were opened in the
// period.
type FunnelQuestion struct {
	Pipeline domain.PipelineID
	Period
	AsOf
}

// Funnel is how far a cohort of deals came.
type Funnel struct {
	Opened int64 // deals of the cohort
	Won    int64 // of them, and not reopened
	Steps  []FunnelStep
}

// FunnelStep is one stage of a funnel. A retired stage is one where a deal of the
// cohort stood in it.
type FunnelStep struct {
	Stage    domain.StageID
	Name     string
	Reached  int64 // came so far or further, also past it
	Visited  int64 // stood in it, for however short
	Standing int64 // stand in it
	Lost     int64 // were lost from it
	// Conversion is the part of those that reached the stage before that reached
	// this one; of the first stage, the part of the cohort. Nil where there are none.
	Conversion *float64
	// Share is the part of the cohort that reached it.
	Share *float64
}

// WonConversion is the part of those that reached the last stage that was won, nil
// where none did.
func (f Funnel) WonConversion() *float64 {
	before := f.Opened
	if n := len(f.Steps); n > 0 {
		before = f.Steps[n-1].Reached
	}
	return ratio(float64(f.Won), float64(before))
}

// Funnel is the funnel of a pipeline, or pipeline.ErrUnknown.
func (m Deals) Funnel(ctx context.Context, q FunnelQuestion) (Funnel, error) {
	var funnel Funnel
	var steps []funnelRead
	err := snapshot(ctx, m.db, func(tx pgx.Tx) (err error) {
		if _, err = readPipeline(ctx, tx, q.Pipeline, AsOf{}); err != nil {
			return err
		}
		steps, err = all[funnelRead](ctx, tx, q.statement(), pgx.QueryExecModeCacheDescribe, q.args())
		return err
	})
	if err != nil {
		return Funnel{}, err
	}
	before := int64(0)
	for _, s := range steps {
		if s.Ordinal == 0 { // the whole cohort
			funnel.Opened, funnel.Won = s.Reached, s.Won
			before = s.Reached
			continue
		}
		if s.Retired && s.Visited == 0 {
			continue
		}
		funnel.Steps = append(funnel.Steps, FunnelStep{
			Stage: s.Stage, Name: s.Name, Reached: s.Reached, Visited: s.Visited, Standing: s.Standing, Lost: s.Lost,
			Conversion: ratio(float64(s.Reached), float64(before)), Share: ratio(float64(s.Reached), float64(funnel.Opened)),
		})
		before = s.Reached
	}
	return funnel, nil
}

func (q FunnelQuestion) args() pgx.NamedArgs {
	return q.monthArgs(time.Time{}, q.spanArgs(pgx.NamedArgs{"pipeline_id": q.Pipeline.UUID}))
}

// WonShare is the part of the cohort that was won.
func (f Funnel) WonShare() *float64 { return ratio(float64(f.Won), float64(f.Opened)) }

// The funnel "with conversions": a deal counts in each stage that it had to go through
// to get as far as it came, also in those that it jumped over, and a won deal in all
// (Bitrix24, helpdesk article 9676893: "displays all the stages that a lead/deal needs
// to go through to get to the current stage"). Visited is the other funnel, of the
// stages that deals "really went through" (ibid.; Watermark, Pipeline Reporting:
// "touched" is having moved through the stage or being in it). How far a deal came is
// the furthest stage on its path, in the pipeline's order as of then; going back takes
// nothing back. The cohort is by when deals were opened, so that conversion compares
// the same deals at every step.
//
// Deals that went the same way count together before their ways are looked at.
func (q FunnelQuestion) statement() string {
	return `
	WITH ` + stagesThen(q.AsOf) + `,
	ways AS (` + q.ways() + `),
	cohort AS (
	  SELECT w.*, CASE WHEN w.status = 'won' THEN 1000000
	    ELSE (SELECT coalesce(max(s.ordinal), 0) FROM stages AS s WHERE s.id = ANY (w.path)) END AS furthest
	  FROM ways AS w
	)
	SELECT s.ordinal, s.id AS stage, s.name, s.retired,
	  coalesce(sum(c.n) FILTER (WHERE c.furthest >= s.ordinal), 0)::bigint AS reached,
	  coalesce(sum(c.n) FILTER (WHERE s.id = ANY (c.path)), 0)::bigint AS visited,
	  coalesce(sum(c.n) FILTER (WHERE c.status = 'open' AND c.stage = s.id), 0)::bigint AS standing,
	  coalesce(sum(c.n) FILTER (WHERE c.status = 'lost' AND c.stage = s.id), 0)::bigint AS lost,
	  coalesce(sum(c.n) FILTER (WHERE c.status = 'won'), 0)::bigint AS won
	FROM (SELECT ordinal, id, name, retired FROM stages UNION ALL SELECT 0, '', '', FALSE) AS s
	LEFT JOIN cohort AS c ON TRUE
	GROUP BY s.ordinal, s.id, s.name, s.retired ORDER BY s.ordinal`
}

// ways are the ways that the deals of the cohort went, and how many went each: of the
// months that lie in the period whole by the sums of what came and went, of its edges deal
// by deal; and all deal by deal where sums do not answer.
func (q FunnelQuestion) ways() string {
	each := func(deals, condition string) string {
		return `
	  SELECT status, stage, path, sum(sign) AS n FROM ` + deals + ` AS d
	  WHERE pipeline_id = @pipeline_id AND ` + counted + ` AND ` + condition + ` GROUP BY status, stage, path`
	}
	if !q.KnownAt.IsZero() {
		return each(`(SELECT 1 AS sign, * FROM `+q.from("deals.deals")+` AS v)`, within("opened_at"))
	}
	_, edges := q.months("opened_at", time.Time{})
	summed := func(spans string) string {
		return `
	  SELECT status, stage, string_to_array(visited, ' ') AS path, sum(deals) AS n FROM deals.way_changes
	  WHERE pipeline_id = @pipeline_id AND ` + wholeMonths + ` AND ` + spans + ` GROUP BY status, stage, visited
	  UNION ALL` + each(`(`+q.fixed("1 AS sign, pipeline_id, status, stage, path", "deals.deals", "deal_id", edges)+`)`, "TRUE")
	}
	if q.IsZero() {
		return summed(`span = 'month'`)
	}
	return summed(spansBefore) + `
	  UNION ALL` + each(q.turned("deals.deals"), inWholeMonths("opened_at"))
}

// stagesThen is a common table of the pipeline's stages in their order as of then.
// Before it was defined it has those of today: deals that are brought in from
// elsewhere are often older than the pipeline that they are brought into.
func stagesThen(then AsOf) string {
	return `stages AS (
	  SELECT s.ordinal, s.id, s.name, s.retired
	  FROM (
	    SELECT stages, 0 AS rank FROM ` + then.from("deals.pipelines") + ` WHERE pipeline_id = @pipeline_id
	    UNION ALL SELECT stages, 1 FROM deals.pipelines WHERE pipeline_id = @pipeline_id
	    ORDER BY rank LIMIT 1
	  ) AS p,
	    ROWS FROM (jsonb_to_recordset(p.stages) AS (id text, name text, retired boolean)) WITH ORDINALITY AS s (id, name, retired, ordinal)
	)`
}

// Behind is the deals that reached a stage, with the moves that took them there. The
// key is the stage's id, or [WonKey]; nil are all deals of the cohort.
func (q FunnelQuestion) Behind(key LineKey) Figure {
	args := q.args()
	args["key"] = key
	return Figure{asOf: q.AsOf, args: args, types: moveEvents, subjects: []string{`
	WITH ` + stagesThen(q.AsOf) + `
	SELECT d.deal_id, NULL::bigint[] FROM ` + q.from("deals.deals") + ` AS d
	WHERE d.pipeline_id = @pipeline_id AND ` + counted + ` AND ` + within("d.opened_at") + `
	  AND (@key::text IS NULL OR d.status = 'won' AND (@key = '` + WonKey + `' OR EXISTS (SELECT FROM stages WHERE id = @key))
	    OR EXISTS (SELECT FROM stages AS s, stages AS k WHERE k.id = @key AND s.ordinal >= k.ordinal AND s.id = ANY (d.path)))`}}
}

type funnelRead struct {
	Ordinal  int64          `db:"ordinal"`
	Stage    domain.StageID `db:"stage"`
	Name     string         `db:"name"`
	Retired  bool           `db:"retired"`
	Reached  int64          `db:"reached"`
	Visited  int64          `db:"visited"`
	Standing int64          `db:"standing"`
	Lost     int64          `db:"lost"`
	Won      int64          `db:"won"`
}
