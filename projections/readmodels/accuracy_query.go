package readmodels

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// AccuracyQuestion asks what came of the forecast for the period as it stood on a day.
type AccuracyQuestion struct {
	// On is when the forecast stood so: At the instant in the business, KnownAt what
	// was known of it. It must have an At; a zero KnownAt is the same instant.
	On AsOf
	ForecastQuestion
}

// AccuracyLine is one group of a forecast's accuracy, in one currency.
type AccuracyLine struct {
	// Key is the month, the owner's id (of the forecast: then; of what was won: at
	// closing), or the category or stage in which the deal stood on the day; what was
	// won from deals that were not in the forecast has none of those.
	Key      string
	Name     string
	Currency domain.Currency // empty for deals whose worth nobody knew
	// Forecast is what had been won in the period by the day, and the weighted worth
	// of the deals that were open then and expected in it. Actual is what was won in
	// the period.
	Forecast, Actual domain.Money
	// What came of the deals of the forecast: won in the period or at another time,
	// lost, or open. They add up to how many were in it, but for those that are void.
	WonInPeriod, WonOutside, Lost, Open int64
	// Unforeseen are the deals won in the period that were not in the forecast.
	Unforeseen int64
}

// Accuracy is 1 for a forecast that came true, 0 for one that was off by the actual
// value or more, nil where nothing was won.
func (l AccuracyLine) Accuracy() *float64 {
	off := ratio(math.Abs(float64(l.Forecast.Minor)-float64(l.Actual.Minor)), float64(l.Actual.Minor))
	if off == nil || l.Actual.Minor < 0 {
		return nil
	}
	accuracy := max(0, 1-*off)
	return &accuracy
}

// Bias is by which part of the actual value the forecast was too high, negative where
// it was too low, nil where nothing was won.
func (l AccuracyLine) Bias() *float64 {
	return ratio(float64(l.Forecast.Minor)-float64(l.Actual.Minor), float64(l.Actual.Minor))
}

// ForecastAccuracy compares the forecast as it stood on a day with what came of it by
// the instant that the question is about, in the order of the names and currencies.
//
// Accuracy is 1 − |forecast − actual| ÷ actual (KPI Tree, Sales forecast accuracy:
// "measure error as an absolute distance from actual", of "the committed sales figure
// for the period" and "the booked sales result for the period"), and bias the same
// difference with its sign (Terret, How to measure sales forecast accuracy: magnitude
// and direction are two figures; the first needs "a lockdown snapshot of the forecast",
// which here is any past day). Terret also warns that errors of several groups cancel
// out in their sum: hence the groupings.
func (m Deals) ForecastAccuracy(ctx context.Context, q AccuracyQuestion) ([]AccuracyLine, error) {
	if err := q.wrong(); err != nil {
		return nil, err
	}
	parts := forecastKeys[q.By]
	then := `coalesce(f.part, CASE WHEN ` + q.wonAlike() + ` THEN ` + parts.won + ` END)`
	var rows []accuracyRead
	err := roomy(ctx, m.db, func(tx pgx.Tx) (err error) {
		rows, err = all[accuracyRead](ctx, tx, `
		WITH `+q.forecastThen()+`,
		deals AS (
		  SELECT `+then+` AS part,
		    CASE WHEN f.deal_id IS NULL THEN d.value_currency ELSE f.currency END AS currency,
		    f.deal_id IS NOT NULL OR `+q.wonAlike()+` AS foreseen, `+q.actualPart(then)+` AS actual_part, d.value_currency AS actual_currency,
		    coalesce(`+forecastWon+`, FALSE) AS won_in, coalesce(d.outcome, '') AS outcome,
		    count(*) AS n, sum(CASE WHEN f.deal_id IS NULL THEN d.value_minor::numeric * 100 ELSE f.weighted END) AS weighted, sum(d.value_minor) AS value
		  FROM forecast AS f FULL JOIN `+q.from("sales.deals")+` AS d ON d.deal_id = f.deal_id
		  WHERE (f.deal_id IS NOT NULL OR `+forecastWon+`) AND d.voided IS NOT TRUE
		  GROUP BY 1, 2, 3, 4, 5, 6, 7
		),
		sums AS (
		  SELECT part, currency, weighted, 0 AS actual, CASE WHEN won_in THEN n ELSE 0 END AS won_in,
		    CASE WHEN outcome = 'won' AND NOT won_in THEN n ELSE 0 END AS won_outside,
		    CASE WHEN outcome = 'lost' THEN n ELSE 0 END AS lost, CASE WHEN outcome = '' THEN n ELSE 0 END AS running, 0 AS unforeseen
		  FROM deals WHERE foreseen
		  UNION ALL
		  SELECT actual_part, actual_currency, 0, value, 0, 0, 0, 0, CASE WHEN foreseen THEN 0 ELSE n END FROM deals WHERE won_in
		)
		SELECT coalesce(part::text, '') AS key, `+parts.name+` AS name, coalesce(currency, '') AS currency,
		  `+clipped("round(sum(weighted) / 100)")+` AS forecast, `+clipped("sum(actual)")+` AS actual,
		  sum(won_in)::bigint AS won_in, sum(won_outside)::bigint AS won_outside,
		  sum(lost)::bigint AS lost, sum(running)::bigint AS running, sum(unforeseen)::bigint AS unforeseen
		FROM sums `+parts.join+`
		GROUP BY 1, 2, 3 ORDER BY name, key, currency`, pgx.QueryExecModeCacheDescribe, q.args())
		return err
	})
	lines := make([]AccuracyLine, len(rows))
	for i, r := range rows {
		lines[i] = AccuracyLine{
			Key: r.Key, Name: r.Name, Currency: r.Currency,
			Forecast: domain.Money{Minor: r.Forecast, Currency: r.Currency}, Actual: domain.Money{Minor: r.Actual, Currency: r.Currency},
			WonInPeriod: r.WonIn, WonOutside: r.WonOutside, Lost: r.Lost, Open: r.Running, Unforeseen: r.Unforeseen,
		}
	}
	return lines, err
}

// forecastThen is a common table of the deals in the forecast on the day: for how
// much, in hundredths, and in which group. Those that wonAlike finds are left out.
func (q AccuracyQuestion) forecastThen() string {
	won := `sales.deals_at(@on, @on_known)`
	if q.looksBack() {
		won = `(
	    SELECT * FROM sales.deals_history WHERE valid_from <= @on AND known_from <= @on_known AND known_until > @on_known
	      AND (valid_until > @on OR end_known_from > @on_known)
	  )`
	}
	return q.forecastOf(won)
}

func (q AccuracyQuestion) forecastOf(won string) string {
	parts := forecastKeys[q.By]
	return `forecast AS (
	  SELECT d.deal_id, ` + parts.open + ` AS part, d.worth_currency AS currency, d.worth_minor::numeric * d.probability AS weighted
	  FROM deals.deals_at(@on, @on_known) AS d WHERE ` + forecastOpen + `
	  UNION ALL
	  SELECT d.deal_id, ` + parts.won + `, d.value_currency, d.value_minor::numeric * 100
	  FROM ` + won + ` AS d WHERE ` + forecastWon + `
	)`
}

// looksBack reports whether the outcome is told as of an instant that is not before that
// of the forecast, as it mostly is.
func (q AccuracyQuestion) looksBack() bool {
	return q.KnownAt.IsZero() && (q.At.IsZero() || !q.At.Before(q.On.At))
}

// wonAlike is the condition that a deal was won then, and nothing has changed since: it
// needs no second reading. Nearly all that had been won are such.
func (q AccuracyQuestion) wonAlike() string {
	if !q.looksBack() {
		return "FALSE"
	}
	return `coalesce(` + forecastWon + ` AND d.valid_from <= @on AND d.known_from <= @on_known, FALSE)`
}

func (q AccuracyQuestion) wrong() error {
	if _, known := forecastKeys[q.By]; !known {
		return fmt.Errorf("forecast accuracy by %q", string(q.By))
	}
	return nil
}

// actualPart is the group of a deal that was won in the period: where the group is a
// place in the forecast, then, which is the one that the deal had there.
func (q AccuracyQuestion) actualPart(then string) string {
	switch q.By {
	case ForecastByCategory, ForecastByStage:
		return then
	default:
		return forecastKeys[q.By].won
	}
}

func (q AccuracyQuestion) args() pgx.NamedArgs {
	args := q.ForecastQuestion.args()
	args["on"], args["on_known"] = q.On.At, q.On.At
	if !q.On.KnownAt.IsZero() {
		args["on_known"] = q.On.KnownAt
	}
	return args
}

// Behind is the deals of a line, those of the forecast and those that were won, with
// what the two are made of; nil are those of all lines.
func (q AccuracyQuestion) Behind(key LineKey) Figure {
	args := q.args()
	args["key"] = key
	is := func(part string) string { return `(@key::text IS NULL OR coalesce((` + part + `)::text, '') = @key)` }
	return Figure{wrong: q.wrong(), asOf: q.AsOf, args: args, types: forecastEvents, subjects: []string{`
	WITH ` + q.forecastOf(`sales.deals_at(@on, @on_known)`) + `
	SELECT f.deal_id, NULL::bigint[] FROM forecast AS f WHERE ` + is("f.part") + `
	  AND NOT EXISTS (SELECT FROM ` + q.from("sales.deals") + ` AS d WHERE d.deal_id = f.deal_id AND d.voided)`, `
	WITH ` + q.forecastOf(`sales.deals_at(@on, @on_known)`) + `
	SELECT d.deal_id, NULL::bigint[] FROM ` + q.from("sales.deals") + ` AS d LEFT JOIN forecast AS f ON f.deal_id = d.deal_id
	WHERE ` + forecastWon + ` AND ` + is(q.actualPart("f.part"))}}
}

type accuracyRead struct {
	Key        string          `db:"key"`
	Name       string          `db:"name"`
	Currency   domain.Currency `db:"currency"`
	Forecast   int64           `db:"forecast"`
	Actual     int64           `db:"actual"`
	WonIn      int64           `db:"won_in"`
	WonOutside int64           `db:"won_outside"`
	Lost       int64           `db:"lost"`
	Running    int64           `db:"running"`
	Unforeseen int64           `db:"unforeseen"`
}
