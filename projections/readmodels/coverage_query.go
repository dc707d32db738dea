package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain/consent"
)

// CoverageQuestion asks how many customers may be reached. Now is when grants are
// looked at, where the question has no instant of its own.
type CoverageQuestion struct {
	Now time.Time `json:"-"` // no part of what is asked
	AsOf
}

// Coverage is how many customers stand at a status for a purpose and channel.
type Coverage struct {
	consent.Key
	Status consent.Status `db:"status"`
	Count  int64          `db:"count"`
}

// Coverage counts the register, by purpose, channel and status. A grant whose time is
// over by then counts as expired.
func (m Consents) Coverage(ctx context.Context, q CoverageQuestion) ([]Coverage, error) {
	return all[Coverage](ctx, m.db, `
		SELECT purpose, channel, `+coverageStatus+` AS status, count(*) AS count
		FROM `+q.from("consents.consents")+` GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, q.args())
}

const coverageStatus = `(CASE WHEN status = 'granted' AND expires_at <= @now THEN 'expired' ELSE status END)`

func (q CoverageQuestion) args() pgx.NamedArgs {
	args := q.AsOf.args(pgx.NamedArgs{"now": q.Now})
	if !q.At.IsZero() {
		args["now"] = q.At
	}
	return args
}

// Line names the line: "newsletter:email:granted".
func (c Coverage) Line() string {
	return c.Purpose + ":" + string(c.Channel) + ":" + string(c.Status)
}

// Behind is the events that the consents of a line rest on; nil are those of all lines.
func (q CoverageQuestion) Behind(key LineKey) Figure {
	args := q.args()
	args["key"] = key
	return Figure{asOf: q.AsOf, args: args, types: consentEvents, subjects: []string{`
	SELECT customer_id, array_agg(position) FROM ` + q.from("consents.consents") + `
	WHERE @key::text IS NULL OR purpose || ':' || channel || ':' || ` + coverageStatus + ` = @key
	GROUP BY customer_id`}}
}
