package readmodels

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/customer"
)

// Customer is a customer as its card shows it: the state its history leaves, with
// the names that its ids stand for.
type Customer struct {
	ID domain.CustomerID
	customer.State
	OwnerName     string
	Organizations map[domain.CustomerID]string // names of the linked ones; not in a list
	RegisteredAt  time.Time
	ChangedAt     time.Time // when the latest change occurred
	Revision      domain.Revision
	Degraded      bool // it is parked, so that this is not all there is; not in a list
}

// customerColumns are the columns of a customerRead, less those that only finding and
// reports need; row are the customers.
const customerColumns = `row.customer_id, row.kind, row.name, row.description, row.language, row.honorific, row.given_name, row.family_name,
	row.birth_date, row.job_title, row.legal_name, row.industry, row.founded_year, row.employees, row.annual_revenue_minor,
	row.annual_revenue_currency, row.vat_id, row.stage, row.touchpoint_source, row.touchpoint_medium, row.touchpoint_campaign,
	row.owner_id, row.contact_points, row.attributes, row.links, row.archived, row.registered_at, row.changed_at, row.revision,
	coalesce(e.name, '') AS owner_name`

// Card is one customer, or customer.ErrUnknown, which it also is before it was
// registered; [ErrParked] where that is parked.
func (m Customers) Card(ctx context.Context, id domain.CustomerID, asOf AsOf) (Customer, error) {
	row, err := one[struct {
		customerRead
		Degraded bool `db:"degraded"`
	}](ctx, m.db, customer.ErrUnknown, `
		SELECT `+customerColumns+`, `+isParked("'customers'", "'customer-' || row.customer_id")+` AS degraded,
		  (SELECT coalesce(jsonb_object_agg(o.customer_id, o.name), '{}')
		   FROM jsonb_to_recordset(row.links) AS l (organization uuid)
		   JOIN `+asOf.from("customers.customers")+` AS o ON o.customer_id = l.organization)::text AS organizations
		FROM `+asOf.from("customers.customers")+` AS row
		LEFT JOIN catalog.employees AS e ON e.employee_id = row.owner_id
		WHERE row.customer_id = @customer_id`+m.scope.customer("row.customer_id"), m.scope.args(asOf.args(pgx.NamedArgs{"customer_id": id.UUID})))
	if err != nil {
		return Customer{}, orParked(ctx, m.db, err, domain.CustomerStream(id), "customers.customers WHERE customer_id", id.UUID)
	}
	card := row.customer()
	card.Degraded = row.Degraded
	return card, nil
}

// Exists answers nil where there is such a customer, or what Card fails with.
func (m Customers) Exists(ctx context.Context, id domain.CustomerID, asOf AsOf) error {
	_, err := one[struct{ There bool }](ctx, m.db, customer.ErrUnknown,
		`SELECT TRUE AS there FROM `+asOf.from("customers.customers")+` WHERE customer_id = @customer_id`+m.scope.customer("customer_id"),
		m.scope.args(asOf.args(pgx.NamedArgs{"customer_id": id.UUID})))
	return orParked(ctx, m.db, err, domain.CustomerStream(id), "customers.customers WHERE customer_id", id.UUID)
}

// customerRead is a row with the names beside it.
type customerRead struct {
	customerRow
	OwnerName     string `db:"owner_name"`
	Organizations string `db:"organizations"`
}

func (r customerRead) customer() Customer {
	c := Customer{
		ID: domain.CustomerID{UUID: r.CustomerID}, State: r.state(), OwnerName: r.OwnerName,
		RegisteredAt: r.RegisteredAt.UTC(), ChangedAt: r.ChangedAt.UTC(), Revision: domain.Revision(r.Revision),
		Organizations: map[domain.CustomerID]string{},
	}
	for id, name := range decoded[map[uuid.UUID]string](cmp.Or(r.Organizations, "{}")) {
		c.Organizations[domain.CustomerID{UUID: id}] = name
	}
	return c
}
