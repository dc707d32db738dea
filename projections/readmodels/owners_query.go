package readmodels

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/interaction"
)

// OwnersQuestion asks what each employee did in the period.
type OwnersQuestion struct {
	Period
	AsOf
}

// OwnerActivity is what one employee did.
type OwnerActivity struct {
	Key          string // the employee's id; empty for what names nobody
	Name         string
	Interactions int64
	Channels     []ChannelCount // of the interactions, by name
	Opened       int64          // deals opened in the period that are theirs
	Won, Lost    int64          // deals closed in the period that were theirs at closing
	Value        []domain.Money // of the won, by currency in the order of its code
}

// ChannelCount is how many interactions took place through a channel.
type ChannelCount struct {
	Channel interaction.Channel
	Count   int64
}

var ownersEvents = []string{
	"interaction.logged", "interaction.amended",
	"deal.opened", "deal.owner_assigned", "deal.won", "deal.lost", "deal.reopened", "deal.voided",
}

// Owners is what each employee did, by name, what names nobody first.
//
// Sales activity is "any action taken by a sales representative in pursuit of advancing
// a prospect or deal" (ShareCRM glossary), counted where it is logged (AM World Group,
// Activity logging: "every sales touch — calls, emails, meetings, notes"), next to what
// came of it, since volume alone misleads (AI Deployment Authority, Sales Activity
// Reporting: "report activity with pipeline context"). An interaction counts for the
// employee who took part, when it took place; a deal that was opened for whom it
// belongs to; a close for the owner at closing, as in the sales report.
func (m Activity) Owners(ctx context.Context, q OwnersQuestion) ([]OwnerActivity, error) {
	rows, err := all[ownerRead](ctx, m.db, `
		WITH done AS (
		  SELECT owner, channel, NULL AS currency, interactions, 0 AS opened, 0 AS won, 0 AS lost, 0 AS value
		  FROM (`+q.interactionsDone()+`) AS i
		  UNION ALL
		  SELECT owner, '', NULL, 0, opened, 0, 0, 0 FROM (`+q.dealsOpened()+`) AS d
		  UNION ALL
		  SELECT part, '', value_currency, 0, 0, won, lost, value_minor FROM (`+closesOf(q.Period, q.AsOf, "deals", "closed_owner_id", "TRUE")+`) AS c
		)
		SELECT coalesce(owner::text, '') AS key, coalesce(e.name, '') AS name, channel, coalesce(currency, '') AS currency,
		  sum(interactions)::bigint AS interactions, sum(opened)::bigint AS opened, sum(won)::bigint AS won, sum(lost)::bigint AS lost,
		  `+clipped("sum(value)")+` AS value
		FROM done LEFT JOIN catalog.employees AS e ON e.employee_id = owner
		GROUP BY 1, 2, 3, 4 HAVING sum(interactions) + sum(opened) + sum(won) + sum(lost) > 0
		ORDER BY name, key, channel, currency`, pgx.QueryExecModeCacheDescribe, q.args())
	var owners []OwnerActivity
	for i, r := range rows {
		if i == 0 || rows[i-1].Key != r.Key {
			owners = append(owners, OwnerActivity{Key: r.Key, Name: r.Name})
		}
		owner := &owners[len(owners)-1]
		owner.Interactions += r.Interactions
		owner.Opened += r.Opened
		owner.Won += r.Won
		owner.Lost += r.Lost
		if r.Channel != "" {
			owner.Channels = append(owner.Channels, ChannelCount{r.Channel, r.Interactions})
		}
		owner.Value = sums(owner.Value, r.Value, &r.Currency)
	}
	return owners, err
}

// interactionsDone counts the interactions of the period: in whole months by the sums of
// what was logged, less what is told otherwise of it: amended, or not known then.
func (q OwnersQuestion) interactionsDone() string {
	const none = `'00000000-0000-0000-0000-000000000000'`
	_, rest := q.months("i.occurred_at", q.settled())
	whole := inWholeMonths("i.occurred_at")
	sums := `
	  SELECT nullif(employee_id, ` + none + `) AS owner, channel, interactions FROM activity.logged WHERE ` + wholeMonths + `
	  UNION ALL
	  SELECT i.employee_id, i.channel, -count(*) FROM activity.interactions AS i
	  WHERE ` + whole + ` AND ` + isAmended + ` GROUP BY 1, 2
	  UNION ALL
	  SELECT i.employee_id, i.channel, count(*) FROM ` + q.interactions() + ` AS i
	  WHERE ` + whole + ` AND ` + isAmended + ` GROUP BY 1, 2
	  UNION ALL
	  SELECT i.employee_id, i.channel, count(*) FROM ` + q.interactions() + ` AS i
	  WHERE ` + rest + ` GROUP BY 1, 2`
	if q.KnownAt.IsZero() {
		return sums
	}
	return sums + `
	  UNION ALL
	  SELECT i.employee_id, i.channel, -count(*) FROM activity.interactions AS i
	  WHERE ` + whole + ` AND i.recorded_at > @known_at AND i.recorded_at - i.occurred_at > '1 day' AND NOT ` + isAmended + ` GROUP BY 1, 2`
}

const isAmended = `(i.customer_id, i.interaction_id) IN (SELECT a.customer_id, a.interaction_id FROM activity.amendments AS a)`

// dealsOpened counts the deals opened in the period by whose they are: whole months by
// sums, and as of an instant less what went from hand to hand since.
func (q OwnersQuestion) dealsOpened() string {
	if !q.KnownAt.IsZero() {
		return `SELECT owner_id AS owner, count(*) AS opened FROM ` + q.from("sales.deals") + ` AS d WHERE NOT voided AND ` + within("opened_at") + ` GROUP BY 1`
	}
	_, edges := q.opened().months("opened_at", time.Time{})
	own := strings.NewReplacer("@whole_", "@opened_whole_", "@from", "@opened_from", "@until", "@opened_until")
	sums := own.Replace(`
	  SELECT nullif(owner_id, '00000000-0000-0000-0000-000000000000') AS owner, deals AS opened FROM sales.openings WHERE ` + wholeMonths + `
	  UNION ALL
	  SELECT owner_id, count(*) FROM sales.deals WHERE NOT voided AND ` + edges + ` GROUP BY 1`)
	if q.IsZero() {
		return sums
	}
	return sums + own.Replace(`
	  UNION ALL
	  SELECT owner_id, -sum(deals) FROM sales.handovers WHERE at > @as_of AND `+within("opened_at")+` GROUP BY 1`)
}

// opened is the part of the period in which deals could be opened by then.
func (q OwnersQuestion) opened() Period {
	p := q.Period
	if end := q.At.Add(time.Microsecond); !q.At.IsZero() && (p.Until.IsZero() || end.Before(p.Until)) {
		p.Until = end
	}
	return p
}

// interactions are the interactions as of then. The present is the same with no bound:
// amendments are put in when it is asked.
func (q OwnersQuestion) interactions() string { return "activity.interactions_at(@as_of, @known_at)" }

func (q OwnersQuestion) args() pgx.NamedArgs {
	opened := q.opened()
	whole, _ := opened.months("", time.Time{})
	return q.monthArgs(q.settled(), q.AsOf.args(pgx.NamedArgs{
		"opened_from": bound(opened.From), "opened_until": bound(opened.Until),
		"opened_whole_from": bound(whole.From), "opened_whole_until": bound(whole.Until),
	}))
}

// Behind is the interactions of an employee, which is the key, and the deals that they
// opened or closed; nil are those of all.
func (q OwnersQuestion) Behind(key LineKey) Figure {
	args := q.args()
	args["key"] = key
	is := func(owner string) string { return `(@key::text IS NULL OR coalesce(` + owner + `::text, '') = @key)` }
	return Figure{asOf: q.AsOf, args: args, types: ownersEvents, subjects: []string{`
	SELECT i.customer_id, array_agg(i.position) || coalesce(array_agg(a.position) FILTER (WHERE a.position IS NOT NULL), '{}')
	FROM ` + q.interactions() + ` AS i
	LEFT JOIN activity.amendments AS a ON a.customer_id = i.customer_id AND a.interaction_id = i.interaction_id
	WHERE ` + within("i.occurred_at") + ` AND ` + is("i.employee_id") + ` GROUP BY i.customer_id`, `
	SELECT d.deal_id, NULL::bigint[] FROM ` + q.from("sales.deals") + ` AS d
	WHERE NOT d.voided AND ` + within("d.opened_at") + ` AND ` + is("d.owner_id") + `
	  OR d.outcome <> '' AND ` + within("d.closed_at") + ` AND ` + is("d.closed_owner_id")}}
}

type ownerRead struct {
	Key          string              `db:"key"`
	Name         string              `db:"name"`
	Channel      interaction.Channel `db:"channel"`
	Currency     domain.Currency     `db:"currency"`
	Interactions int64               `db:"interactions"`
	Opened       int64               `db:"opened"`
	Won          int64               `db:"won"`
	Lost         int64               `db:"lost"`
	Value        int64               `db:"value"`
}
