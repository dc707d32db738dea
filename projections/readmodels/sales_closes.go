package readmodels

import "time"

// How closes are counted without reading all deals that ever closed. Today they are
// the sums of months ([closings], [sold]), and of the days of a period that are no whole
// month, the deals themselves. Few deals change after they closed, and few closes are
// told long after; so in the months before an instant the past is today's sums too,
//
//	as of T, known at K  =  sums  −  deals that are as they are since after T or K
//	                        +  former versions that held then
//
// and only from the month of that instant on the deals are read.

// lateAfter is how long after it happened a close is told late. There is an index of
// those.
const lateAfter = 24 * time.Hour

// settled is an instant before which all that was told in time is there, as it was.
// It is zero for the present, when everything is.
func (a AsOf) settled() time.Time {
	known := a.KnownAt.Add(-lateAfter)
	if a.KnownAt.IsZero() || !a.At.IsZero() && a.At.Before(known) {
		return a.At
	}
	return known
}

// closesOf is a query of the closes in a period for which the condition holds, in the
// columns part, value_currency, won, lost, value_minor, micros_won and micros_lost. There may
// be several rows of a part and currency, which are to be added up. The condition is on
// pipeline_id, where the closes are counted by deals.
func closesOf(p Period, a AsOf, of, part, condition string) string {
	const micros = `round(days_to_close * 86400000000)::bigint` // as they were before they were days: whole, so that no order of adding changes the sum
	counted := func(sign, table, which string) string {
		return `
	  UNION ALL
	  SELECT ` + part + ` AS part, value_currency,
	    ` + sign + `count(*) FILTER (WHERE outcome = 'won'), ` + sign + `count(*) FILTER (WHERE outcome = 'lost'),
	    ` + sign + `sum(value_minor),
	    ` + sign + `sum(` + micros + `) FILTER (WHERE outcome = 'won'), ` + sign + `sum(` + micros + `) FILTER (WHERE outcome = 'lost')
	  FROM (` + closedDeals(of, table, which+` AND `+condition) + `) AS d GROUP BY 1, 2`
	}
	sums := `
	  SELECT ` + part + ` AS part, value_currency, won, lost, value_minor, micros_won, micros_lost
	  FROM (` + summedCloses(of) + `) AS d WHERE ` + condition
	_, rest := p.months("closed_at", a.settled())
	if a.IsZero() {
		return sums + counted("", "sales.deals", rest)
	}
	return sums +
		counted("-", "sales.deals", closedSince) +
		counted("-", "sales.deals", closeToldSince) +
		counted("", a.from("sales.deals"), closedOtherwise) +
		counted("", a.from("sales.deals"), rest+` AND (@as_of::timestamptz IS NULL OR closed_at <= @as_of)`)
}

// The deals that the sums of the months that count whole do not tell of as it was then:
// which changed since, of which something was told since, and the versions that held.
// That they differ at all follows from the second half, and is said for the indexes.
var (
	closedSince     = inWholeMonths("closed_at") + ` AND valid_from > @as_of AND valid_from > closed_at`
	closeToldSince  = inWholeMonths("closed_at") + ` AND known_from > @known_at AND (@as_of::timestamptz IS NULL OR valid_from <= @as_of) AND known_from - closed_at > '1 day'`
	closedOtherwise = inWholeMonths("closed_at") + ` AND (@known_at::timestamptz IS NOT NULL OR valid_until > @as_of) AND end_known_from < 'infinity'` // of the history
)

// summedCloses is the closes of the months that count whole: of deals, of products, or
// of families, where each sale counts once with any of its products of the family.
func summedCloses(of string) string {
	const columns = `won, lost, value_minor, micros_won, micros_lost`
	const none = `'00000000-0000-0000-0000-000000000000'`
	switch of {
	case "products":
		return `SELECT nullif(product_id, ` + none + `) AS product_id, nullif(currency, '') AS value_currency, sum(won) AS won, sum(lost) AS lost,
	    sum(value_minor) AS value_minor, sum(micros_won) AS micros_won, sum(micros_lost) AS micros_lost
	  FROM sales.sold WHERE ` + wholeMonths + ` GROUP BY 1, 2`
	case "families":
		return `SELECT coalesce(p.family, '') AS family, nullif(currency, '') AS value_currency,
	    max(won) AS won, max(lost) AS lost, sum(value_minor) AS value_minor, max(micros_won) AS micros_won, max(micros_lost) AS micros_lost
	  FROM (
	    SELECT products, product_id, currency, sum(won) AS won, sum(lost) AS lost, sum(value_minor) AS value_minor,
	      sum(micros_won) AS micros_won, sum(micros_lost) AS micros_lost
	    FROM sales.sold WHERE ` + wholeMonths + ` GROUP BY 1, 2, 3
	  ) AS s LEFT JOIN catalog.products AS p ON p.product_id = s.product_id
	  GROUP BY s.products, s.currency, coalesce(p.family, '')`
	default:
		return `SELECT month AS closed_at, pipeline_id, nullif(owner_id, ` + none + `) AS closed_owner_id, nullif(currency, '') AS value_currency, ` + columns + `
	  FROM sales.closings WHERE ` + wholeMonths
	}
}
