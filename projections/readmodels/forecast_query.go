package readmodels

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// ForecastGrouping says by what a forecast counts.
type ForecastGrouping string

// The groupings. Stage is one of the accuracy of a forecast only.
const (
	ForecastByMonth    ForecastGrouping = "month"
	ForecastByCategory ForecastGrouping = "category"
	ForecastByOwner    ForecastGrouping = "owner"
	ForecastByStage    ForecastGrouping = "stage"
	ForecastInOne      ForecastGrouping = "all" // one line
)

// ForecastQuestion asks for the deals that are expected to close in the period, and
// those that were won in it. The zero pipeline is all of them.
type ForecastQuestion struct {
	Pipeline domain.PipelineID
	By       ForecastGrouping
	Period
	AsOf
}

// ForecastLine is one group of a forecast.
type ForecastLine struct {
	// Key is the month ("2026-03"; of open deals, in which they are expected to
	// close; of won ones, in which they were won), the category ("closed" for the
	// won), or the owner's id (of a won deal, at closing). It is empty for open deals
	// without an expected day, and for deals without an owner.
	Key  string
	Name string // what the key is called
	Open int64  // deals
	Won  int64
	// Amounts by currency, in the order of its code.
	Worth    []domain.Money // of the open deals
	Weighted []domain.Money // the same, each times its probability
	Value    []domain.Money // of the won deals
}

// forecastEvents are what a forecast is computed from.
var forecastEvents = []string{
	"deal.opened", "deal.stage_changed", "deal.amount_changed", "deal.close_date_changed", "deal.owner_assigned",
	"deal.forecast_category_changed", "deal.line_item_added", "deal.line_item_changed", "deal.line_item_removed",
	"deal.won", "deal.lost", "deal.reopened", "deal.voided",
}

// Forecast is the weighted forecast, in the order of the months or else of the names,
// the line without one first.
//
// Each open deal counts with what it is worth times its probability, which is the
// stage's when the deal entered it, or was set with its category (HoopAI help,
// Forecasting: "combining two data points for each opportunity: opportunity value,
// stage probability"), in the period of its expected day (Oracle Sales, How are sales
// forecasts generated: "placed in time periods according to their close dates"). The
// categories are Salesforce's (Salesforce for Beginners, Determining forecasts): closed
// is what is won, and omitted "does not contribute to your forecast", so such deals are
// not in it. Categories are not cumulative here: each line is of its own deals, and
// best case in Salesforce's sense is the sum of best case, commit and closed.
func (m Deals) Forecast(ctx context.Context, q ForecastQuestion) ([]ForecastLine, error) {
	if err := q.wrong(); err != nil {
		return nil, err
	}
	parts := forecastKeys[q.By]
	rows, err := all[forecastRead](ctx, m.db, `
		WITH sums AS (
		  `+q.open()+`
		  UNION ALL
		  `+q.won(parts.won)+`
		)
		SELECT coalesce(part::text, '') AS key, `+parts.name+` AS name, currency, sum(open)::bigint AS open, sum(won)::bigint AS won,
		  `+clipped("sum(worth)")+` AS worth, `+clipped("round(sum(weighted) / 100)")+` AS weighted, `+clipped("sum(value)")+` AS value
		FROM sums `+parts.join+`
		GROUP BY 1, 2, 3 HAVING sum(open) + sum(won) > 0 ORDER BY name, key, currency`, pgx.QueryExecModeCacheDescribe, q.args())
	var lines []ForecastLine
	for i, r := range rows {
		if i == 0 || rows[i-1].Key != r.Key {
			lines = append(lines, ForecastLine{Key: r.Key, Name: r.Name})
		}
		line := &lines[len(lines)-1]
		line.Open += r.Open
		line.Won += r.Won
		if r.Open > 0 {
			line.Worth, line.Weighted = sums(line.Worth, r.Worth, r.Currency), sums(line.Weighted, r.Weighted, r.Currency)
		}
		if r.Won > 0 {
			line.Value = sums(line.Value, r.Value, r.Currency)
		}
	}
	return lines, err
}

func (q ForecastQuestion) wrong() error {
	if _, known := forecastKeys[q.By]; !known || q.By == ForecastByStage {
		return fmt.Errorf("forecast by %q", string(q.By))
	}
	return nil
}

// open is the open deals expected in the period: those of whole months by the sums of the
// board's columns, which know the month and the category of each, and where those do not
// tell, deal by deal.
func (q ForecastQuestion) open() string {
	parts := forecastKeys[q.By]
	counted := func(deals, which string) string {
		return `
		  SELECT ` + parts.open + ` AS part, worth_currency AS currency, sum(sign) AS open, 0 AS won,
		    sum(sign * worth_minor) AS worth, sum(sign * worth_minor) * probability AS weighted, 0 AS value
		  FROM ` + deals + ` AS d WHERE ` + openDeals + ` AND ` + which + ` GROUP BY 1, 2, probability`
	}
	each := `(SELECT 1 AS sign, * FROM ` + q.from("deals.deals") + ` AS v)`
	if parts.sums == "" || !q.KnownAt.IsZero() {
		return counted(each, withinDays("d.expected_close"))
	}
	summed := func(spans string) string {
		return `
		  SELECT ` + parts.sums + ` AS part, nullif(d.currency, '') AS currency, sum(count) AS open, 0 AS won,
		    sum(worth_minor) AS worth, sum(weighted) AS weighted, 0 AS value
		  FROM deals.column_changes AS d WHERE ` + openDeals + ` AND ` + dueMonths + ` AND ` + spans + ` GROUP BY 1, 2`
	}
	_, edges := q.months("", time.Time{})
	if edges != "FALSE" {
		edges = withinDays("d.expected_close") + ` AND NOT coalesce(` + inDueMonths + `, FALSE)`
	}
	if q.IsZero() {
		return summed(`span = 'month'`) + ` UNION ALL ` + counted(each, edges)
	}
	return summed(spansBefore) +
		` UNION ALL ` + counted(q.turned("deals.deals"), inDueMonths) +
		` UNION ALL ` + counted(each, edges)
}

// won is the deals won in the period.
func (q ForecastQuestion) won(part string) string {
	return `SELECT part, value_currency, 0, won, 0, 0, value_minor
		  FROM (` + closesOf(q.Period, q.AsOf, "deals", part, ofPipeline) + `) AS c`
}

// The deals of a forecast; d are those of deals.deals and of sales.deals. The months of
// which the sums of the board's columns tell are those from @due_from until @due_until.
var (
	ofPipeline   = `(@pipeline_id::uuid IS NULL OR d.pipeline_id = @pipeline_id)`
	openDeals    = `d.status = 'open' AND d.category <> 'omitted' AND ` + ofPipeline
	forecastOpen = openDeals + ` AND ` + withinDays("d.expected_close")
	inDueMonths  = `(@due_from::date IS NULL OR d.expected_close >= @due_from) AND (@due_until::date IS NULL OR d.expected_close < @due_until)`
	dueMonths    = `(@due_from::date IS NULL OR d.expected >= to_char(@due_from::date, 'YYYY-MM'))
		    AND (@due_until::date IS NULL OR d.expected <> '' AND d.expected < to_char(@due_until::date, 'YYYY-MM'))`
	forecastWon = `d.outcome = 'won' AND ` + ofPipeline + ` AND ` + within("d.closed_at")
)

// forecastKeys are the parts by which a forecast groups: of an open deal and of a won
// one, and how they are called; and in the sums of the board's columns, which do not know
// owners.
var forecastKeys = map[ForecastGrouping]struct{ open, sums, won, name, join string }{
	ForecastInOne:      {"'all'", "'all'", "'all'", "part", ""},
	ForecastByMonth:    {"to_char(d.expected_close, 'YYYY-MM')", "d.expected", "to_char(d.closed_at AT TIME ZONE 'UTC', 'YYYY-MM')", "coalesce(part, '')", ""},
	ForecastByCategory: {"d.category", "d.category", "'closed'", "coalesce(part, '')", ""},
	ForecastByStage:    {"d.stage", "d.stage", "NULL::text", "coalesce(part, '')", ""},
	ForecastByOwner: {
		"d.owner_id", "", "d.closed_owner_id", "coalesce(o.name, '')",
		"LEFT JOIN catalog.employees AS o ON o.employee_id = part",
	},
}

func (q ForecastQuestion) args() pgx.NamedArgs {
	due, _ := q.months("", time.Time{})
	return q.monthArgs(q.settled(), q.spanArgs(pgx.NamedArgs{
		"pipeline_id": nullable(q.Pipeline), "due_from": bound(due.From), "due_until": bound(due.Until),
	}))
}

// Behind is the deals of a line with what their forecast is made of; nil are those of
// all lines.
func (q ForecastQuestion) Behind(key LineKey) Figure {
	args, parts := q.args(), forecastKeys[q.By]
	args["key"] = key
	is := func(part string) string { return `(@key::text IS NULL OR coalesce((` + part + `)::text, '') = @key)` }
	return Figure{wrong: q.wrong(), asOf: q.AsOf, args: args, types: forecastEvents, subjects: []string{`
	SELECT d.deal_id, NULL::bigint[] FROM ` + q.from("deals.deals") + ` AS d WHERE ` + forecastOpen + ` AND ` + is(parts.open), `
	SELECT d.deal_id, NULL::bigint[] FROM ` + q.from("sales.deals") + ` AS d WHERE ` + forecastWon + ` AND ` + is(parts.won)}}
}

type forecastRead struct {
	Key      string           `db:"key"`
	Name     string           `db:"name"`
	Currency *domain.Currency `db:"currency"`
	Open     int64            `db:"open"`
	Won      int64            `db:"won"`
	Worth    int64            `db:"worth"`
	Weighted int64            `db:"weighted"`
	Value    int64            `db:"value"`
}
