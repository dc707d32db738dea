package readmodels

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ChurnGrouping says how long the periods of a churn report are.
type ChurnGrouping string

// The groupings.
const (
	ChurnByMonth   ChurnGrouping = "month"
	ChurnByQuarter ChurnGrouping = "quarter"
	ChurnByYear    ChurnGrouping = "year"
)

// ChurnQuestion asks who left and who came back. The report begins with the period
// that holds From, but not before anything happened, and ends with the one that holds
// the last instant before Until, or else the last in which something happened.
type ChurnQuestion struct {
	By ChurnGrouping
	Period
	AsOf
}

// ChurnLine is one month, quarter or year.
type ChurnLine struct {
	Key         string // "2026-03", "2026-Q1", "2026"
	AtStart     int64  // customers when it began
	New         int64  // became customers, and never left before
	Churned     int64  // left
	WonBack     int64  // came back
	Reverted    int64  // were no customers after all: went back to a stage before it
	AtEnd       int64  // at start + new + won back − churned − reverted
	FormerStart int64  // former customers when it began
}

// ChurnRate is the part of the customers at the start that left, nil without any.
func (l ChurnLine) ChurnRate() *float64 { return ratio(float64(l.Churned), float64(l.AtStart)) }

// WinBackRate is the part that came back of those who were former customers at the
// start or left meanwhile, nil without any.
func (l ChurnLine) WinBackRate() *float64 {
	return ratio(float64(l.WonBack), float64(l.FormerStart+l.Churned))
}

// Churn is a line for each period, in order, also for those in which nothing happened.
//
// Churn rate is "the number of customers lost during a given time period" divided by
// "the total number of customers at the beginning of that period" (Fructifi, Customer
// churn rate), win-back rate "the percentage of former customers who have been
// reacquired": customers regained ÷ customers who left (KPI Depot, Customer winback
// rate). A customer here is who stands at the lifecycle stage customer or won_back;
// leaving is going from there to former, and coming back the way from former. Who is
// registered as former left before we knew them, and counts in no churn. Archived
// customers count as they stood: putting a record away is no churn.
func (m Customers) Churn(ctx context.Context, q ChurnQuestion) ([]ChurnLine, error) {
	if err := q.wrong(); err != nil {
		return nil, err
	}
	rows, err := all[churnRead](ctx, m.db, `
		WITH steps AS (`+meaning(q.steps())+`)
		SELECT date_trunc('`+string(q.By)+`', since AT TIME ZONE 'UTC') AS period,
		  coalesce(sum(n) FILTER (WHERE became), 0)::bigint AS became, coalesce(sum(n) FILTER (WHERE churned), 0)::bigint AS churned,
		  coalesce(sum(n) FILTER (WHERE won_back), 0)::bigint AS won_back, coalesce(sum(n) FILTER (WHERE reverted), 0)::bigint AS reverted,
		  coalesce(sum(n) FILTER (WHERE to_former), 0)::bigint AS to_former, coalesce(sum(n) FILTER (WHERE from_former), 0)::bigint AS from_former
		FROM steps WHERE became OR churned OR won_back OR reverted OR to_former OR from_former
		GROUP BY 1 ORDER BY 1`, pgx.QueryExecModeCacheDescribe, q.spanArgs(pgx.NamedArgs{}))
	if err != nil {
		return nil, err
	}
	return q.lines(rows), nil
}

func (q ChurnQuestion) wrong() error {
	if _, known := churnMonths[q.By]; !known {
		return fmt.Errorf("churn by %q", string(q.By))
	}
	return nil
}

// meaning is steps, each with what it means.
func meaning(steps string) string {
	return `
	  SELECT s.*,
	    now AND NOT was AND NOT came_back AS became,
	    was AND place = 'former' AS churned,
	    now AND NOT was AND came_back AS won_back,
	    was AND NOT now AND place <> 'former' AS reverted,
	    place = 'former' AS to_former,
	    before = 'former' AS from_former
	  FROM (
	    SELECT s.*, place IN ('customer', 'won_back') AS now, before IN ('customer', 'won_back') AS was,
	      place = 'won_back' OR before = 'former' AS came_back
	    FROM (` + steps + `) AS s
	  ) AS s`
}

// stepsOf are the steps on the paths of customers, one by one.
func stepsOf(customers string) string {
	return `
	  SELECT c.customer_id, p.since, coalesce(c.path[p.n - 1], '') AS before, p.place, 1 AS n
	  FROM ` + customers + ` AS c, unnest(c.path, c.path_since) WITH ORDINALITY AS p (place, since, n)`
}

// steps are how many customers took which step when: by the sums of days, and, of the day
// on which the instant lies, by the paths of those who turned on it.
func (q ChurnQuestion) steps() string {
	const sums = `SELECT day AS since, before, place, customers AS n FROM customers.life_steps`
	switch {
	case q.IsZero():
		return sums
	case q.isSummed():
		return sums + ` WHERE day < @day UNION ALL
	  SELECT since, before, place, n FROM (` + stepsOf(`(
	    SELECT * FROM customers.customers
	    WHERE customer_id IN (SELECT t.customer_id FROM customers.source_turns AS t WHERE t.at >= @day AND t.at <= @as_of)
	  )`) + `) AS s WHERE since >= @day AND since <= @as_of`
	default:
		return stepsOf(q.from("customers.customers"))
	}
}

var churnMonths = map[ChurnGrouping]int{ChurnByMonth: 1, ChurnByQuarter: 3, ChurnByYear: 12}

// lines puts the periods in a row, without a gap.
func (q ChurnQuestion) lines(rows []churnRead) []ChurnLine {
	if len(rows) == 0 {
		return nil
	}
	first, last := rows[0].Period, rows[len(rows)-1].Period
	if from := q.begin(q.From); first.Before(from) {
		first = from
	}
	if !q.Until.IsZero() {
		last = q.begin(q.Until.Add(-time.Microsecond))
	}
	customers, former := int64(0), int64(0)
	count := func(r churnRead) {
		customers += r.Became + r.WonBack - r.Churned - r.Reverted
		former += r.ToFormer - r.FromFormer
	}
	for len(rows) > 0 && rows[0].Period.Before(first) {
		count(rows[0])
		rows = rows[1:]
	}
	var lines []ChurnLine
	for at := first; !at.After(last); at = at.AddDate(0, churnMonths[q.By], 0) {
		line := ChurnLine{Key: q.key(at), AtStart: customers, FormerStart: former}
		if len(rows) > 0 && rows[0].Period.Equal(at) {
			r := rows[0]
			line.New, line.Churned, line.WonBack, line.Reverted = r.Became, r.Churned, r.WonBack, r.Reverted
			count(r)
			rows = rows[1:]
		}
		line.AtEnd = customers
		lines = append(lines, line)
	}
	return lines
}

// begin is the first instant of the period that holds at.
func (q ChurnQuestion) begin(at time.Time) time.Time {
	at = at.UTC()
	months := churnMonths[q.By]
	month := (int(at.Month())-1)/months*months + 1
	return time.Date(at.Year(), time.Month(month), 1, 0, 0, 0, 0, time.UTC)
}

func (q ChurnQuestion) key(begin time.Time) string {
	switch q.By {
	case ChurnByYear:
		return begin.Format("2006")
	case ChurnByQuarter:
		return fmt.Sprintf("%s-Q%d", begin.Format("2006"), (begin.Month()+2)/3)
	default:
		return begin.Format("2006-01")
	}
}

// Behind is the customers who became, left or came back in a period, which is the key,
// with the steps of their lives; nil are those of all periods.
func (q ChurnQuestion) Behind(key LineKey) Figure {
	args := q.Period.args(q.AsOf.args(pgx.NamedArgs{"key": key, "by": string(q.By)}))
	format := map[ChurnGrouping]string{ChurnByMonth: "YYYY-MM", ChurnByQuarter: `YYYY-"Q"Q`, ChurnByYear: "YYYY"}[q.By]
	period := func(instant string) string {
		return `date_trunc(@by, (` + instant + `) AT TIME ZONE 'UTC')`
	}
	return Figure{wrong: q.wrong(), asOf: q.AsOf, args: args, types: []string{"customer.registered", "customer.lifecycle_stage_changed"}, subjects: []string{`
	SELECT DISTINCT customer_id, NULL::bigint[] FROM (` + meaning(stepsOf(q.from("customers.customers"))) + `) AS steps
	WHERE (became OR churned OR won_back OR reverted)
	  AND (@key::text IS NULL OR to_char(since AT TIME ZONE 'UTC', '` + format + `') = @key)
	  AND (@from::timestamptz IS NULL OR ` + period("since") + ` >= ` + period("@from::timestamptz") + `)
	  AND (@until::timestamptz IS NULL OR ` + period("since") + ` <= ` + period("@until::timestamptz - interval '1 microsecond'") + `)`}}
}

type churnRead struct {
	Period     time.Time `db:"period"`
	Became     int64     `db:"became"`
	Churned    int64     `db:"churned"`
	WonBack    int64     `db:"won_back"`
	Reverted   int64     `db:"reverted"`
	ToFormer   int64     `db:"to_former"`
	FromFormer int64     `db:"from_former"`
}
