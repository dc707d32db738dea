package readmodels

import (
	"context"
	"fmt"

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

// SalesQuestion asks for the deals that closed in the period.
type SalesQuestion struct {
	By SalesGrouping
	Period
	AsOf
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
//
// The win rate is closed won ÷ (closed won + closed lost) (Zoho Motivator, Pipeline
// stages), by the deals that closed in the period, whenever they were opened.
func (m Sales) Report(ctx context.Context, q SalesQuestion) ([]SalesLine, error) {
	if err := q.wrong(); err != nil {
		return nil, err
	}
	rows, err := all[salesRead](ctx, m.db, q.statement(salesParts[q.By]), pgx.QueryExecModeCacheDescribe, q.args())
	return salesLines(rows), err
}

func (q SalesQuestion) wrong() error {
	if _, known := salesParts[q.By]; !known {
		return fmt.Errorf("sales report by %q", string(q.By))
	}
	return nil
}

// Rows come by key and currency; a key with several currencies is one line.
func salesLines(rows []salesRead) []SalesLine {
	var lines []SalesLine
	var microsWon, microsLost float64
	for i, r := range rows {
		if i == 0 || rows[i-1].Key != r.Key || rows[i-1].Name != r.Name {
			lines = append(lines, SalesLine{Key: r.Key, Name: r.Name})
			microsWon, microsLost = 0, 0
		}
		line := &lines[len(lines)-1]
		line.Won += r.Won
		line.Lost += r.Lost
		microsWon += r.MicrosWon
		microsLost += r.MicrosLost
		if r.Currency != nil {
			line.Value = append(line.Value, domain.Money{Minor: r.ValueMinor, Currency: *r.Currency})
		}
		line.DaysToWin, line.DaysToLose = mean(microsWon/microsOfDay, line.Won), mean(microsLost/microsOfDay, line.Lost)
		line.DaysToClose = mean((microsWon+microsLost)/microsOfDay, line.Won+line.Lost)
	}
	return lines
}

const microsOfDay = secondsOfDay * 1_000_000

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
	MicrosWon  float64          `db:"micros_won"` // from opening to closing
	MicrosLost float64          `db:"micros_lost"`
}

// salesPart says how a grouping makes its lines: it first adds up the closed deals, or
// what each has of a product or family, by what is in their rows (sum), then gives the
// few sums their names (key, name, with what join brings) and adds them up by those.
type salesPart struct{ of, sum, key, name, join, order string }

var salesParts = func() map[SalesGrouping]salesPart {
	period := func(unit, format string) salesPart {
		text := `to_char(part, '` + format + `')`
		return salesPart{"deals", `date_trunc('` + unit + `', closed_at AT TIME ZONE 'UTC')`, text, text, "", "key"}
	}
	const (
		ofOwner   = `LEFT JOIN catalog.employees AS o ON o.employee_id = part`
		ofManager = ofOwner + ` LEFT JOIN catalog.employees AS m ON m.employee_id = o.manager_id`
		ofProduct = `LEFT JOIN catalog.products AS p ON p.product_id = part`
		byName    = "name, key"
	)
	return map[SalesGrouping]salesPart{
		InOne:     {"deals", "'all'", "part", "part", "", "key"},
		ByMonth:   period("month", "YYYY-MM"),
		ByQuarter: period("quarter", `YYYY-"Q"Q`),
		ByYear:    period("year", "YYYY"),
		ByOwner:   {"deals", "closed_owner_id", "coalesce(part::text, '')", "coalesce(o.name, '')", ofOwner, byName},
		ByManager: {"deals", "closed_owner_id", "coalesce(m.employee_id::text, '')", "coalesce(m.name, '')", ofManager, byName},
		ByOffice:  {"deals", "closed_owner_id", "coalesce(o.office, '')", "coalesce(o.office, '')", ofOwner, byName},
		ByProduct: {"products", "product_id", "coalesce(part::text, '')", "coalesce(p.name, '')", ofProduct, byName},
		ByFamily:  {"families", "family", "part", "part", "", byName},
	}
}()

func (q SalesQuestion) args() pgx.NamedArgs {
	return q.monthArgs(q.settled(), q.AsOf.args(pgx.NamedArgs{}))
}

// closedDeals is a query of the closed deals in a table for which the condition holds; of
// each a row for each product with the product's share; or the same for each family, as
// several products of one are one sale.
func closedDeals(of, table, condition string) string {
	deals := `SELECT * FROM ` + table + ` AS d WHERE outcome <> '' AND ` + condition
	products := `
	  SELECT d.*, p.product_id, CASE WHEN d.product_ids = '{}' THEN d.value_minor ELSE p.share END AS share
	  FROM (` + deals + `) AS d LEFT JOIN LATERAL unnest(d.product_ids, d.product_values) AS p (product_id, share) ON TRUE`
	switch of {
	case "products":
		return `SELECT deal_id, outcome, value_currency, days_to_close, product_id, share AS value_minor FROM (` + products + `) AS s`
	case "families":
		return `
	  SELECT deal_id, min(outcome) AS outcome, min(value_currency) AS value_currency, min(days_to_close) AS days_to_close,
	    coalesce(p.family, '') AS family, sum(share) AS value_minor
	  FROM (` + products + `) AS s LEFT JOIN catalog.products AS p ON p.product_id = s.product_id
	  GROUP BY deal_id, coalesce(p.family, '')`
	default:
		return deals
	}
}

func (q SalesQuestion) statement(part salesPart) string {
	return `
	WITH sums AS (` + closesOf(q.Period, q.AsOf, part.of, part.sum, "TRUE") + `
	)
	SELECT ` + part.key + ` AS key, ` + part.name + ` AS name, value_currency, sum(won)::bigint AS won, sum(lost)::bigint AS lost,
	  ` + clipped("sum(value_minor)") + ` AS value_minor,
	  coalesce(sum(micros_won), 0)::double precision AS micros_won, coalesce(sum(micros_lost), 0)::double precision AS micros_lost
	FROM sums ` + part.join + `
	GROUP BY 1, 2, 3 HAVING sum(won) + sum(lost) > 0 ORDER BY ` + part.order + `, value_currency`
}

// Behind is the closed deals of a line, with what their close was made of; nil are
// those of all lines.
func (q SalesQuestion) Behind(key LineKey) Figure {
	args, part := q.args(), salesParts[q.By]
	args["key"] = key
	return Figure{wrong: q.wrong(), asOf: q.AsOf, args: args, types: Sales{}.Handles(), subjects: []string{`
	SELECT DISTINCT deal_id, NULL::bigint[] FROM (SELECT *, ` + part.sum + ` AS part FROM (` + closedDeals(part.of, q.from("sales.deals"), within("closed_at")) + `) AS d) AS d ` + part.join + `
	WHERE @key::text IS NULL OR ` + part.key + ` = @key`}}
}
