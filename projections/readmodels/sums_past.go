package readmodels

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Sums of the past: what the versions of a table come to as of an instant, without
// reading them all. A version is added at the instant from which it holds and taken
// off at the one from which it holds no longer ([projections.Versioned.Retold]), in a [projections.Sums] table
// by month and by day:
//
//	as of T  =  months before T's month  +  days of that month before T's day
//	         +  what began on T's day by T, less what ended on it by T
//
// The last line is read from the versions, by an index on when they begin and end. So
// the sums tell what is known today of the past; what was known of it at another
// instant takes x_at, which reads all versions.

// timeSpan is a month or a day in UTC, by its first instant.
type timeSpan struct {
	Span  string    `db:"span"` // month, day
	Since time.Time `db:"since"`
}

// spansOf are those that an instant lies in.
func spansOf(at time.Time) [2]timeSpan {
	return [2]timeSpan{{"month", monthOf(at)}, {"day", dayOf(at)}}
}

// isSummed reports whether sums of the past answer.
func (a AsOf) isSummed() bool { return !a.At.IsZero() && a.KnownAt.IsZero() }

// spansBefore is the condition that a span counts whole.
const spansBefore = `(span = 'month' AND since < @month OR span = 'day' AND since >= @month AND since < @day)`

// turned is what begins and ends after the spans that count whole, of the versions of a
// table: sign is 1 or -1. Where sums do not answer it is all that was.
func (a AsOf) turned(table string) string {
	if !a.isSummed() {
		return `(SELECT 1 AS sign, v.* FROM ` + a.from(table) + ` AS v)`
	}
	return strings.ReplaceAll(`(
	  SELECT 1 AS sign, v.* FROM {table}_versions AS v WHERE known_until = 'infinity' AND valid_from >= @day AND valid_from <= @as_of
	  UNION ALL
	  SELECT -1, v.* FROM {table}_history AS v WHERE known_until = 'infinity' AND valid_until >= @day AND valid_until <= @as_of
	)`, "{table}", table)
}

// fixed is some columns of the rows as of then that meet a condition on what never
// changes of a row. Today's indexes find them, and what has not changed since is read
// from there.
func (a AsOf) fixed(columns, table, key, condition string) string {
	if !a.isSummed() {
		return `SELECT ` + columns + ` FROM ` + a.from(table) + ` AS v WHERE ` + condition
	}
	return strings.NewReplacer("{columns}", columns, "{table}", table, "{key}", key, "{condition}", condition).Replace(`
	  SELECT {columns} FROM {table} WHERE {condition} AND valid_from <= @as_of
	  UNION ALL
	  SELECT was.* FROM (SELECT {key} FROM {table} WHERE {condition} AND valid_from > @as_of) AS today
	  CROSS JOIN LATERAL (
	    SELECT {columns} FROM {table}_history AS h
	    WHERE h.{key} = today.{key} AND valid_from <= @as_of AND valid_until > @as_of AND known_until = 'infinity' OFFSET 0
	  ) AS was`)
}

// first is the keys of the first @first rows that meet a condition, newest first by an
// instant that lies in the past of those that have one. Both of today's rows and of
// former versions it walks an index in that order, or reads the few that began before
// the instant or ended since: which is less, the planner knows.
func (a AsOf) first(table, key, by, condition string) string {
	find := func(from, and string) string {
		return `SELECT ` + key + `, ` + by + ` FROM ` + from + ` AS was WHERE ` + condition +
			` AND ` + by + ` <= coalesce(@as_of::timestamptz, 'infinity')` + and + ` ORDER BY 2 DESC, 1 DESC LIMIT @first`
	}
	if !a.isSummed() {
		return find(a.from(table), ``)
	}
	return `
	    (` + find(table, ` AND valid_from <= @as_of`) + `) UNION ALL
	    (` + find(table+`_history`, ` AND valid_from <= @as_of AND valid_until > @as_of AND known_until = 'infinity'`) + `)
	    ORDER BY 2 DESC, 1 DESC LIMIT @first`
}

// spanArgs adds what spansBefore and turned name.
func (a AsOf) spanArgs(args pgx.NamedArgs) pgx.NamedArgs {
	args["summed"], args["month"], args["day"] = a.isSummed(), monthOf(a.At), dayOf(a.At)
	return a.args(args)
}
