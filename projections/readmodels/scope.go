package readmodels

import (
	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// Within are the same models as somebody sees them who may see the customers and deals
// of one owner: others are not there, nor is what belongs to them. Whose a thing is,
// is asked of today, also where the answer is about the past. The zero owner is no
// bound.
//
// It narrows cards, lists, boards and timelines. Reports are about all.
func (m Models) Within(owner domain.EmployeeID) Models {
	if owner.IsZero() {
		return m
	}
	m.Customers.scope, m.Timeline.scope = scope{owner}, scope{owner}
	m.Deals.scope, m.Consents.scope = scope{owner}, scope{owner}
	return m
}

// scope is whose rows a model shows. What is not asked for must cost nothing, so that
// the zero scope adds no condition to a statement.
type scope struct{ owner domain.EmployeeID }

// customer is the condition, to follow others, that the customer of that id is seen.
func (s scope) customer(id string) string { return s.holds("customers.customers", "customer_id", id) }

// deal is the same of a deal.
func (s scope) deal(id string) string { return s.holds("deals.deals", "deal_id", id) }

func (s scope) holds(table, key, id string) string {
	if s.owner.IsZero() {
		return ""
	}
	return ` AND ` + id + ` IN (SELECT mine.` + key + ` FROM ` + table + ` AS mine WHERE mine.owner_id = @within)`
}

// args adds what the conditions name.
func (s scope) args(args pgx.NamedArgs) pgx.NamedArgs {
	args["within"] = s.owner.UUID
	return args
}
