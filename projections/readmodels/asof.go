package readmodels

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// AsOf says which past a question is about. A zero instant is no bound, and the
// zero AsOf is the present.
//
// The state as of At, known at KnownAt, is what the events leave that had occurred
// by At and were recorded by KnownAt, in the order of the log: what did we know on
// one day about another. Both instants count themselves in.
//
// With KnownAt, what adds up a whole read model (a board's columns, the sources, every
// report) reads all versions, since sums are kept of what is known today: seconds for a
// million.
//
// What has no history is as it is today also in an answer about the past: the
// catalogue of employees and products, that is their names, managers, offices and
// families.
type AsOf struct{ At, KnownAt time.Time }

// IsZero reports whether it is the present.
func (a AsOf) IsZero() bool { return a.At.IsZero() && a.KnownAt.IsZero() }

// from is the table of a versioned model ("customers.customers") as it was, to
// stand in a FROM. The present is read from the table itself: its indexes serve
// every list, and what is not asked for must cost nothing.
func (a AsOf) from(table string) string {
	if a.IsZero() {
		return table
	}
	return table + "_at(@as_of, @known_at)"
}

// inOrder is from for a list in an order that never changes, which the table's own
// index gives: row is the row as it was, today the row as it is, and only today's is
// asked for its place. So a page of the past reads about as many rows as it has, where
// conditions are met often, and the history needs no index for it. Where they are met
// seldom it reads all, and more slowly than from does.
func (a AsOf) inOrder(table, key string) string {
	if a.IsZero() {
		return table + ` AS today CROSS JOIN LATERAL (SELECT today.*) AS row`
	}
	return table + ` AS today CROSS JOIN LATERAL (SELECT * FROM ` + a.from(table) + ` AS was WHERE was.` + key + ` = today.` + key + `) AS row`
}

// args adds what from and bounds name.
func (a AsOf) args(args pgx.NamedArgs) pgx.NamedArgs {
	args["as_of"], args["known_at"] = bound(a.At), bound(a.KnownAt)
	return args
}

// bound is nil for no bound, else in UTC: of an instant that a statement takes as a date,
// pgx sends the day on its own calendar.
func bound(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}
