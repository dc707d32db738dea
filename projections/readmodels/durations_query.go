package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// WonKey and LostKey are the places on a deal's path that are no stages, and the keys
// of the lines of won and lost deals. No stage can be called so.
const (
	WonKey  = "(won)"
	LostKey = "(lost)"
)

// voidKey is the place of a void deal, which no report has a line for.
const voidKey = "(void)"

func isStage(place string) bool { return place != WonKey && place != LostKey && place != voidKey }

// moveEvents are the events that a deal's path is made of.
var moveEvents = []string{"deal.opened", "deal.stage_changed", "deal.won", "deal.lost", "deal.reopened", "deal.voided"}

// DurationsQuestion asks how long the deals of a pipeline stood in its stages: the
// stays that ended in the period, and those that go on.
type DurationsQuestion struct {
	Pipeline domain.PipelineID
	Period
	AsOf
}

// StageDuration is how long deals stood in one stage, each stay for itself: a deal
// that comes back stays again.
type StageDuration struct {
	Stage   domain.StageID
	Name    string
	Retired bool
	Stays   int64    // that ended
	Days    *float64 // the mean of them, nil where there is none
	// How they ended: with a move to a later or an earlier stage, or with the deal.
	Forward, Backward, Won, Lost int64
	// Lengths are the stays that ended, by the bounds of [StayBounds]: at most so
	// long, and the last one is of the longer ones.
	Lengths []int64
	// Standing is how many go on, and StandingDays the mean of how long they have
	// gone on by the instant the answer is about.
	Standing     int64
	StandingDays *float64
}

// StayBounds are the bounds of [StageDuration.Lengths], in days.
var StayBounds = []int{1, 7, 30, 90}

// Durations are the stays in each stage of a pipeline, in the order of the stages, or
// pipeline.ErrUnknown. now is when stays that go on are looked at, where the question
// has no instant of its own.
//
// A stay lasts from the instant at which a deal came to the stage until the instant at
// which it left it for another stage, was won or was lost: what Salesforce's
// Opportunity History report derives from OpportunityHistory, of which each record
// holds "the time when this change happened" and "the time this record becomes
// history". Moves forward and back are by the order that the stages have in the
// pipeline as of then. While a deal is closed it stands in no stage. A stay counts in
// the period in which it ended, as the sum of stays that only began would grow with
// every look.
func (m Deals) Durations(ctx context.Context, q DurationsQuestion, now time.Time) ([]StageDuration, error) {
	var rows []durationRead
	err := snapshot(ctx, m.db, func(tx pgx.Tx) (err error) {
		if _, err = readPipeline(ctx, tx, q.Pipeline, AsOf{}); err != nil {
			return err
		}
		args := q.args()
		args["now"] = now
		if !q.At.IsZero() {
			args["now"] = q.At
		}
		rows, err = all[durationRead](ctx, tx, q.statement(), pgx.QueryExecModeCacheDescribe, args)
		return err
	})
	stages := make([]StageDuration, len(rows))
	for i, r := range rows {
		stages[i] = StageDuration{
			Stage: r.Stage, Name: r.Name, Retired: r.Retired, Stays: r.Stays, Days: mean(r.Seconds/secondsOfDay, r.Stays),
			Forward: r.Forward, Backward: r.Backward, Won: r.Won, Lost: r.Lost,
			Lengths:  []int64{r.UpToDay, r.UpToWeek, r.UpToMonth, r.UpToQuarter, r.Longer},
			Standing: r.Standing, StandingDays: mean(r.StandingSeconds/secondsOfDay, r.Standing),
		}
	}
	return stages, err
}

const secondsOfDay = 86_400

func (q DurationsQuestion) args() pgx.NamedArgs {
	return q.Period.args(q.spanArgs(pgx.NamedArgs{"pipeline_id": q.Pipeline.UUID}))
}

func (q DurationsQuestion) statement() string {
	var stays string
	switch {
	case q.IsZero() && q.wholeDays():
		stays = q.summed("TRUE")
	case q.isSummed() && q.wholeDays():
		stays = q.summed("day < @day") + ` UNION ALL ` + q.stays(q.turned("deals.deals"), counted) + ` UNION ALL ` + q.stays(voidSince, "TRUE")
	default:
		stays = q.stays(`(SELECT 1 AS sign, * FROM `+q.from("deals.deals")+` AS v)`, counted)
	}
	return `
	WITH ` + stagesThen(q.AsOf) + `,
	stays AS (` + stays + `)
	SELECT s.id AS stage, s.name, s.retired,
	  coalesce(sum(t.stays) FILTER (WHERE t.ended), 0)::bigint AS stays,
	  coalesce(sum(t.seconds) FILTER (WHERE t.ended), 0)::double precision AS seconds,
	  coalesce(sum(t.stays) FILTER (WHERE n.ordinal > s.ordinal), 0)::bigint AS forward,
	  coalesce(sum(t.stays) FILTER (WHERE n.ordinal < s.ordinal), 0)::bigint AS backward,
	  coalesce(sum(t.stays) FILTER (WHERE t.next = '` + WonKey + `'), 0)::bigint AS won,
	  coalesce(sum(t.stays) FILTER (WHERE t.next = '` + LostKey + `'), 0)::bigint AS lost,
	  coalesce(sum(t.up_to_day), 0)::bigint AS up_to_day, coalesce(sum(t.up_to_week), 0)::bigint AS up_to_week,
	  coalesce(sum(t.up_to_month), 0)::bigint AS up_to_month, coalesce(sum(t.up_to_quarter), 0)::bigint AS up_to_quarter,
	  coalesce(sum(t.longer), 0)::bigint AS longer,
	  coalesce(sum(t.stays) FILTER (WHERE NOT t.ended), 0)::bigint AS standing,
	  coalesce(sum(t.seconds) FILTER (WHERE NOT t.ended), 0)::double precision AS standing_seconds
	FROM stages AS s
	LEFT JOIN stays AS t ON t.place = s.id
	LEFT JOIN stages AS n ON n.id = t.next
	GROUP BY s.ordinal, s.id, s.name, s.retired ORDER BY s.ordinal`
}

// counted is the condition that a deal counts in figures, as [dealRow.counted] says.
const counted = `d.status <> 'void'`

// voidSince is what the sums of the days before @day do not tell, as they follow from the
// paths of the deals that count today: those that are void and were not when it began, and,
// to be taken off, those that were void then and are not.
const voidSince = `(
	  SELECT 1 AS sign, v.* FROM deals.deals AS n JOIN deals.deals_history AS v ON v.deal_id = n.deal_id
	  WHERE n.status = 'void' AND v.status <> 'void' AND v.known_until = 'infinity' AND v.valid_from < @day AND v.valid_until >= @day
	  UNION ALL
	  SELECT -1, v.* FROM deals.deals_history AS v JOIN deals.deals AS n ON n.deal_id = v.deal_id
	  WHERE v.status = 'void' AND n.status <> 'void' AND v.known_until = 'infinity' AND v.valid_from < @day AND v.valid_until >= @day
	)`

// stays are the stays that ended in the period and those that go on, added up by where
// they were and where the deals went, of the deals for which the condition holds; each
// counts as its sign says.
func (q DurationsQuestion) stays(deals, condition string) string {
	return `
	  SELECT place, next, ended, sum(sign) AS stays, sum(sign * seconds) AS seconds,
	    sum(sign) FILTER (WHERE ended AND seconds <= 86400) AS up_to_day,
	    sum(sign) FILTER (WHERE ended AND seconds > 86400 AND seconds <= 7 * 86400) AS up_to_week,
	    sum(sign) FILTER (WHERE ended AND seconds > 7 * 86400 AND seconds <= 30 * 86400) AS up_to_month,
	    sum(sign) FILTER (WHERE ended AND seconds > 30 * 86400 AND seconds <= 90 * 86400) AS up_to_quarter,
	    sum(sign) FILTER (WHERE ended AND seconds > 90 * 86400) AS longer
	  FROM (
	    SELECT d.sign, p.place, coalesce(d.path[p.n + 1], '') AS next, d.path_since[p.n + 1] IS NOT NULL AS ended,
	      extract(epoch FROM coalesce(d.path_since[p.n + 1], @now::timestamptz) - p.since) AS seconds
	    FROM ` + deals + ` AS d, unnest(d.path, d.path_since) WITH ORDINALITY AS p (place, since, n)
	    WHERE d.pipeline_id = @pipeline_id AND ` + condition + ` AND (d.path_since[p.n + 1] IS NULL OR ` + within("d.path_since[p.n + 1]") + `)
	  ) AS s
	  GROUP BY place, next, ended`
}

// summed is the same from the sums of the days for which the condition holds: today's, or
// as a past day began. What went on then is what had come and not left.
func (q DurationsQuestion) summed(days string) string {
	goesOn, sign := `next = ''`, `1`
	if !q.IsZero() {
		goesOn, sign = `next IN ('`+came+`', '`+left+`')`, `CASE next WHEN '`+left+`' THEN -1 ELSE 1 END`
	}
	return `
	  SELECT place, next, TRUE AS ended, stays, micros / 1000000 AS seconds, up_to_day, up_to_week, up_to_month, up_to_quarter, longer
	  FROM deals.stays
	  WHERE pipeline_id = @pipeline_id AND next NOT IN ('', '` + came + `', '` + left + `') AND ` + within("day") + ` AND ` + days + `
	  UNION ALL
	  SELECT place, '', FALSE, sum(` + sign + ` * stays), sum(` + sign + ` * (stays * extract(epoch FROM @now::timestamptz) - micros / 1000000)), 0, 0, 0, 0, 0
	  FROM deals.stays
	  WHERE pipeline_id = @pipeline_id AND ` + goesOn + ` AND ` + days + ` GROUP BY place`
}

// Behind is the deals that stood in a stage, which is the key, with a stay that ended
// in the period or goes on, and their moves; nil are those of all stages.
func (q DurationsQuestion) Behind(key LineKey) Figure {
	args := q.args()
	args["key"] = key
	return Figure{asOf: q.AsOf, args: args, types: moveEvents, subjects: []string{`
	SELECT d.deal_id, NULL::bigint[] FROM ` + q.from("deals.deals") + ` AS d
	WHERE d.pipeline_id = @pipeline_id AND ` + counted + ` AND EXISTS (
	  SELECT FROM unnest(d.path, d.path_since) WITH ORDINALITY AS p (place, since, n)
	  WHERE (p.place = @key::text OR @key IS NULL AND p.place NOT IN ('` + WonKey + `', '` + LostKey + `', '` + voidKey + `'))
	    AND (d.path_since[p.n + 1] IS NULL OR ` + within("d.path_since[p.n + 1]") + `))`}}
}

type durationRead struct {
	Stage           domain.StageID `db:"stage"`
	Name            string         `db:"name"`
	Retired         bool           `db:"retired"`
	Stays           int64          `db:"stays"`
	Seconds         float64        `db:"seconds"`
	Forward         int64          `db:"forward"`
	Backward        int64          `db:"backward"`
	Won             int64          `db:"won"`
	Lost            int64          `db:"lost"`
	UpToDay         int64          `db:"up_to_day"`
	UpToWeek        int64          `db:"up_to_week"`
	UpToMonth       int64          `db:"up_to_month"`
	UpToQuarter     int64          `db:"up_to_quarter"`
	Longer          int64          `db:"longer"`
	Standing        int64          `db:"standing"`
	StandingSeconds float64        `db:"standing_seconds"`
}
