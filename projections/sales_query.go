package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// SalesGrouping says by what a sales report counts.
type SalesGrouping string

// The groupings. Owner, manager and office are of the owner at closing, with the
// manager and office that this employee has today.
const (
	ByMonth   SalesGrouping = "month"
	ByQuarter SalesGrouping = "quarter"
	ByYear    SalesGrouping = "year"
	ByOwner   SalesGrouping = "owner"
	ByManager SalesGrouping = "manager"
	ByOffice  SalesGrouping = "office"
	ByProduct SalesGrouping = "product"
	ByFamily  SalesGrouping = "family"
	InOne     SalesGrouping = "all" // all closed deals in one line
)

// SalesQuestion says which deals a report counts: those that closed from From
// (inclusive) until Until (exclusive); a zero instant is no bound.
type SalesQuestion struct {
	From, Until time.Time
	By          SalesGrouping
}

// SalesLine is one group of a sales report. A deal with several products, or of
// several families, counts in the line of each.
type SalesLine struct {
	// Key is the period ("2017-03", "2017-Q1", "2017" in UTC), the id, or the name
	// of the office or family. It is empty for deals without an owner, manager,
	// office, product or family.
	Key   string
	Name  string // what the key is called
	Won   int64
	Lost  int64
	Value []domain.Money // of the won deals, by currency in the order of its code
	// Mean days from opening to closing: of all closed deals, the won, and the lost.
	// Nil where there are none.
	DaysToClose, DaysToWin, DaysToLose *float64
}

// WinRate is the part of the closed deals that was won, from 0 to 1.
func (l SalesLine) WinRate() float64 {
	if l.Won+l.Lost == 0 {
		return 0
	}
	return float64(l.Won) / float64(l.Won+l.Lost)
}

// Report is the sales report, in the order of the periods or else of the names, the
// line without a name first.
func (m Sales) Report(ctx context.Context, q SalesQuestion) ([]SalesLine, error) {
	statement, known := salesSQLs[q.By]
	if !known {
		return nil, fmt.Errorf("sales report by %q", string(q.By))
	}
	args := pgx.NamedArgs{"from": nil, "until": nil}
	if !q.From.IsZero() {
		args["from"] = q.From
	}
	if !q.Until.IsZero() {
		args["until"] = q.Until
	}
	rows, err := all[salesRead](ctx, m.db, statement, args)
	return salesLines(rows), err
}

// Rows come by key and currency; a key with several currencies is one line.
func salesLines(rows []salesRead) []SalesLine {
	var lines []SalesLine
	var daysWon, daysLost float64
	for i, r := range rows {
		if i == 0 || rows[i-1].Key != r.Key || rows[i-1].Name != r.Name {
			lines = append(lines, SalesLine{Key: r.Key, Name: r.Name})
			daysWon, daysLost = 0, 0
		}
		line := &lines[len(lines)-1]
		line.Won += r.Won
		line.Lost += r.Lost
		daysWon += r.DaysWon
		daysLost += r.DaysLost
		if r.Currency != nil {
			line.Value = append(line.Value, domain.Money{Minor: r.ValueMinor, Currency: *r.Currency})
		}
		line.DaysToWin, line.DaysToLose = mean(daysWon, line.Won), mean(daysLost, line.Lost)
		line.DaysToClose = mean(daysWon+daysLost, line.Won+line.Lost)
	}
	return lines
}

func mean(sum float64, count int64) *float64 {
	if count == 0 {
		return nil
	}
	value := sum / float64(count)
	return &value
}

type salesRead struct {
	Key        string           `db:"key"`
	Name       string           `db:"name"`
	Currency   *domain.Currency `db:"value_currency"`
	Won        int64            `db:"won"`
	Lost       int64            `db:"lost"`
	ValueMinor int64            `db:"value_minor"`
	DaysWon    float64          `db:"days_won"`
	DaysLost   float64          `db:"days_lost"`
}

// salesSQLs are the statements, one for each grouping. A statement first adds up
// the closed deals by what it finds in their rows, then gives the few sums their
// names and adds them up by those.
var salesSQLs = func() map[SalesGrouping]string {
	const (
		closed = `outcome <> '' AND (@from::timestamptz IS NULL OR closed_at >= @from)
		  AND (@until::timestamptz IS NULL OR closed_at < @until)`
		deals = `(SELECT * FROM sales.deals WHERE ` + closed + `) AS d`
		// Of each closed deal one row for each product, with the product's share.
		byProduct = `(
		  SELECT d.deal_id, d.outcome, d.value_currency, d.days_to_close, s.product_id,
		    CASE WHEN s.deal_id IS NULL THEN d.value_minor ELSE s.value_minor END AS value_minor
		  FROM ` + deals + `
		  LEFT JOIN sales.closing_products AS s ON s.deal_id = d.deal_id AND s.closing = d.closing
		) AS shares`
		// The same for each family: several products of one are one sale.
		byFamily = `(
		  SELECT min(outcome) AS outcome, min(value_currency) AS value_currency, min(days_to_close) AS days_to_close,
		    coalesce(p.family, '') AS family, sum(value_minor) AS value_minor
		  FROM ` + byProduct + `
		  LEFT JOIN catalog.products AS p ON p.product_id = shares.product_id
		  GROUP BY deal_id, coalesce(p.family, '')
		) AS shares`
		sums = `
		SELECT %[1]s AS part, value_currency,
		  count(*) FILTER (WHERE outcome = 'won') AS won, count(*) FILTER (WHERE outcome = 'lost') AS lost,
		  sum(value_minor) AS value_minor,
		  sum(days_to_close) FILTER (WHERE outcome = 'won') AS days_won,
		  sum(days_to_close) FILTER (WHERE outcome = 'lost') AS days_lost
		FROM %[2]s GROUP BY 1, 2`
		// Sums that do not fit an amount stop at the largest one.
		named = `
		WITH sums AS (%[1]s)
		SELECT %[2]s AS key, %[3]s AS name, value_currency, sum(won)::bigint AS won, sum(lost)::bigint AS lost,
		  greatest(least(coalesce(sum(value_minor), 0), 9223372036854775807), -9223372036854775807)::bigint AS value_minor,
		  coalesce(sum(days_won), 0) AS days_won, coalesce(sum(days_lost), 0) AS days_lost
		FROM sums %[4]s
		GROUP BY 1, 2, 3 ORDER BY %[5]s, value_currency`
		ofOwner   = `LEFT JOIN catalog.employees AS o ON o.employee_id = part`
		ofManager = ofOwner + ` LEFT JOIN catalog.employees AS m ON m.employee_id = o.manager_id`
		ofProduct = `LEFT JOIN catalog.products AS p ON p.product_id = part`
	)
	period := func(unit, format string) string {
		part := `date_trunc('` + unit + `', closed_at AT TIME ZONE 'UTC')`
		text := `to_char(part, '` + format + `')`
		return fmt.Sprintf(named, fmt.Sprintf(sums, part, deals), text, text, "", "key")
	}
	owners := fmt.Sprintf(sums, "closed_owner_id", deals)
	products := fmt.Sprintf(sums, "product_id", byProduct)
	families := fmt.Sprintf(sums, "family", byFamily)
	return map[SalesGrouping]string{
		InOne:     fmt.Sprintf(named, fmt.Sprintf(sums, "'all'", deals), "part", "part", "", "key"),
		ByMonth:   period("month", "YYYY-MM"),
		ByQuarter: period("quarter", `YYYY-"Q"Q`),
		ByYear:    period("year", "YYYY"),
		ByOwner:   fmt.Sprintf(named, owners, "coalesce(part::text, '')", "coalesce(o.name, '')", ofOwner, "name, key"),
		ByManager: fmt.Sprintf(named, owners, "coalesce(m.employee_id::text, '')", "coalesce(m.name, '')", ofManager, "name, key"),
		ByOffice:  fmt.Sprintf(named, owners, "coalesce(o.office, '')", "coalesce(o.office, '')", ofOwner, "name, key"),
		ByProduct: fmt.Sprintf(named, products, "coalesce(part::text, '')", "coalesce(p.name, '')", ofProduct, "name, key"),
		ByFamily:  fmt.Sprintf(named, families, "part", "part", "", "name, key"),
	}
}()
