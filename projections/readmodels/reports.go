package readmodels

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// Period bounds a report: from From (inclusive) until Until (exclusive); a zero
// instant is no bound.
type Period struct{ From, Until time.Time }

// args adds what within names.
func (p Period) args(args pgx.NamedArgs) pgx.NamedArgs {
	args["from"], args["until"] = bound(p.From), bound(p.Until)
	return args
}

// within is the condition that an instant lies in the period, in SQL.
func within(instant string) string {
	return `(@from::timestamptz IS NULL OR ` + instant + ` >= @from) AND (@until::timestamptz IS NULL OR ` + instant + ` < @until)`
}

// withinDays is the same for a day, which is at its first instant in UTC; the second half
// follows from the first, and is said for indexes.
func withinDays(day string) string {
	return within("("+day+`::timestamp AT TIME ZONE 'UTC')`) +
		` AND (@from::timestamptz IS NULL OR ` + day + ` >= (@from::timestamptz AT TIME ZONE 'UTC')::date)` +
		` AND (@until::timestamptz IS NULL OR ` + day + ` <= (@until::timestamptz AT TIME ZONE 'UTC')::date)`
}

// wholeMonths is the condition that a month lies in the period whole.
var wholeMonths = inWholeMonths("month")

// inWholeMonths is the condition that an instant lies in such a month.
func inWholeMonths(instant string) string {
	return `(@whole_from::timestamptz IS NULL OR ` + instant + ` >= @whole_from) AND (@whole_until::timestamptz IS NULL OR ` + instant + ` < @whole_until)`
}

// monthArgs adds what wholeMonths and the rest of months name.
func (p Period) monthArgs(before time.Time, args pgx.NamedArgs) pgx.NamedArgs {
	whole, _ := p.months("", before)
	args["whole_from"], args["whole_until"] = bound(whole.From), bound(whole.Until)
	return p.args(args)
}

// months splits the period: the months that lie in it whole, and before an instant
// unless that is zero, whose bounds are @whole_from and @whole_until; and the condition
// that an instant lies in what is left.
func (p Period) months(instant string, before time.Time) (whole Period, rest string) {
	whole = p
	if !p.From.IsZero() {
		if first := monthOf(p.From); first.Before(p.From) {
			whole.From = first.AddDate(0, 1, 0)
		}
	}
	if !p.Until.IsZero() {
		whole.Until = monthOf(p.Until)
	}
	if !before.IsZero() && (p.Until.IsZero() || before.Before(whole.Until)) {
		whole.Until = monthOf(before)
	}
	if !whole.Until.IsZero() && !whole.From.Before(whole.Until) {
		return Period{Until: time.Time{}.Add(1)}, within(instant) // no month is whole
	}
	var edges []string
	if !whole.From.Equal(p.From) {
		edges = append(edges, instant+` >= @from AND `+instant+` < @whole_from`)
	}
	if !whole.Until.Equal(p.Until) {
		edges = append(edges, instant+` >= @whole_until AND (@until::timestamptz IS NULL OR `+instant+` < @until)`)
	}
	if len(edges) == 0 {
		return whole, "FALSE"
	}
	return whole, "(" + strings.Join(edges, " OR ") + ")"
}

func monthOf(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// wholeDays reports whether the period is of days in UTC, without a part of one.
func (p Period) wholeDays() bool { return p.From.Equal(dayOf(p.From)) && p.Until.Equal(dayOf(p.Until)) }

func dayOf(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

// clipped is a sum as an amount: one that does not fit stops at the largest.
func clipped(sum string) string {
	return `greatest(least(coalesce(` + sum + `, 0), 9223372036854775807), -9223372036854775807)::bigint`
}

// ratio is part / whole, nil where there is nothing to be a part of.
func ratio(part, whole float64) *float64 {
	if whole == 0 {
		return nil
	}
	value := part / whole
	return &value
}

// LineKey says which lines of a report to drill into: those of one key, which may be
// empty, or with nil all of them.
type LineKey = *string

// sums collects amounts by currency, in the order in which they come.
func sums(to []domain.Money, minor int64, currency *domain.Currency) []domain.Money {
	if currency == nil || *currency == "" {
		return to
	}
	return append(to, domain.Money{Minor: minor, Currency: *currency})
}
