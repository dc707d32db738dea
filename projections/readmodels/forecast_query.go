package readmodels

import (
	"context"
	"fmt"

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
	"deal.won", "deal.lost", "deal.reopened",
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
		  SELECT `+parts.open+` AS part, worth_currency AS currency, count(*) AS open, 0 AS won,
		    sum(worth_minor) AS worth, sum(worth_minor::numeric * probability) AS weighted, 0 AS value
		  FROM `+q.from("deals.deals")+` AS d WHERE `+forecastOpen+` GROUP BY 1, 2
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

// won is the deals won in the period.
func (q ForecastQuestion) won(part string) string {
	return `SELECT part, value_currency, 0, won, 0, 0, value_minor
		  FROM (` + closesOf(q.Period, q.AsOf, "deals", part, ofPipeline) + `) AS c`
}

// The deals of a forecast; d are those of deals.deals and of sales.deals.
var (
	ofPipeline   = `(@pipeline_id::uuid IS NULL OR d.pipeline_id = @pipeline_id)`
	forecastOpen = `d.status = 'open' AND d.category <> 'omitted' AND ` + ofPipeline + ` AND ` + withinDays("d.expected_close")
	forecastWon  = `d.outcome = 'won' AND ` + ofPipeline + ` AND ` + within("d.closed_at")
)

// forecastKeys are the parts by which a forecast groups: of an open deal and of a won
// one, and how they are called.
var forecastKeys = map[ForecastGrouping]struct{ open, won, name, join string }{
	ForecastInOne:      {"'all'", "'all'", "part", ""},
	ForecastByMonth:    {"to_char(d.expected_close, 'YYYY-MM')", "to_char(d.closed_at AT TIME ZONE 'UTC', 'YYYY-MM')", "coalesce(part, '')", ""},
	ForecastByCategory: {"d.category", "'closed'", "coalesce(part, '')", ""},
	ForecastByStage:    {"d.stage", "NULL::text", "coalesce(part, '')", ""},
	ForecastByOwner: {
		"d.owner_id", "d.closed_owner_id", "coalesce(o.name, '')",
		"LEFT JOIN catalog.employees AS o ON o.employee_id = part",
	},
}

func (q ForecastQuestion) args() pgx.NamedArgs {
	return q.monthArgs(q.settled(), q.AsOf.args(pgx.NamedArgs{"pipeline_id": nullable(q.Pipeline)}))
}

// Behind is the deals of a line with what their forecast is made of; nil are those of
// all lines.
func (q ForecastQuestion) Behind(key LineKey) Figure {
	args, parts := q.args(), forecastKeys[q.By]
	args["key"] = key
	is := func(part string) string { return `(@key::text IS NULL OR coalesce((` + part + `)::text, '') = @key)` }
	return Figure{wrong: q.wrong(), asOf: q.AsOf, args: args, types: forecastEvents, subjects: `
	SELECT d.deal_id, NULL::bigint[] FROM ` + q.from("deals.deals") + ` AS d WHERE ` + forecastOpen + ` AND ` + is(parts.open) + `
	UNION
	SELECT d.deal_id, NULL FROM ` + q.from("sales.deals") + ` AS d WHERE ` + forecastWon + ` AND ` + is(parts.won)}
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
