package readmodels

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode/utf8"

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

// CustomerFilter says which customers a list holds; a zero field asks for any.
type CustomerFilter struct {
	Kind     customer.Kind
	Stage    customer.LifecycleStage
	Owner    domain.EmployeeID
	Source   string // of the latest touchpoint, exactly
	Archived *bool
	// Text is looked for in the name and the contact points, in any letter case.
	// Each of its words must occur; a word of one or two characters only counts
	// where a word begins with it.
	Text string
}

const customerColumns = `c.customer_id, c.kind, c.name, c.description, c.language, c.honorific, c.given_name, c.family_name,
	c.birth_date, c.job_title, c.legal_name, c.industry, c.founded_year, c.employees, c.annual_revenue_minor,
	c.annual_revenue_currency, c.vat_id, c.stage, c.touchpoint_source, c.touchpoint_medium, c.touchpoint_campaign,
	c.owner_id, c.contact_points, c.attributes, c.links, c.archived, c.search, c.registered_at, c.changed_at, c.revision, c.path, c.path_since,
	coalesce(e.name, '') AS owner_name`

// Card is one customer, or customer.ErrUnknown, which it also is before it was
// registered; [ErrParked] where that is parked.
func (m Customers) Card(ctx context.Context, id domain.CustomerID, asOf AsOf) (Customer, error) {
	row, err := one[struct {
		customerRead
		Degraded bool `db:"degraded"`
	}](ctx, m.db, customer.ErrUnknown, `
		SELECT `+customerColumns+`, crm.is_parked('customers', 'customer-' || c.customer_id) AS degraded,
		  (SELECT coalesce(jsonb_object_agg(o.customer_id, o.name), '{}')
		   FROM jsonb_to_recordset(c.links) AS l (organization uuid)
		   JOIN `+asOf.from("customers.customers")+` AS o ON o.customer_id = l.organization)::text AS organizations
		FROM `+asOf.from("customers.customers")+` AS c
		LEFT JOIN catalog.employees AS e ON e.employee_id = c.owner_id
		WHERE c.customer_id = @customer_id`+m.scope.customer("c.customer_id"), m.scope.args(asOf.args(pgx.NamedArgs{"customer_id": id.UUID})))
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

// List is a page of the customers that the filter lets through, newest first by
// when they were registered. After nil it is the first page.
//
// The statement is planned for each call, because the best plan depends on which
// filters are set.
func (m Customers) List(ctx context.Context, f CustomerFilter, asOf AsOf, after *AgeMark, limit int) (Page[Customer, AgeMark], error) {
	patterns := likePatterns(f.Text)
	args := m.scope.args(asOf.args(pgx.NamedArgs{
		"kind": f.Kind, "stage": f.Stage, "owner": nullable(f.Owner), "source": f.Source, "archived": f.Archived,
		"patterns": patterns, "rarest": nil, "at": nil, "id": nil, "limit": limit + 1,
	}))
	if len(patterns) > 0 {
		args["rarest"] = patterns[0]
	}
	if after != nil {
		args["at"], args["id"] = after.At, after.ID
	}
	rows, err := all[customerRead](ctx, m.db, `
		SELECT `+customerColumns+`, '{}' AS organizations
		FROM (
		  SELECT row.* FROM `+asOf.inOrder("customers.customers", "customer_id")+`
		  WHERE (@kind::text = '' OR row.kind = @kind)
		    AND (@stage::text = '' OR row.stage = @stage)
		    AND (@owner::uuid IS NULL OR row.owner_id = @owner)
		    AND (@source::text = '' OR row.touchpoint_source = @source)
		    AND (@archived::boolean IS NULL OR row.archived = @archived)
		    AND (@rarest::text IS NULL OR row.search LIKE @rarest AND row.search LIKE ALL (@patterns::text[]))
		    AND (@as_of::timestamptz IS NULL OR today.registered_at <= @as_of) -- later ones did not exist
		    AND (@at::timestamptz IS NULL OR (today.registered_at, today.customer_id) < (@at, @id::uuid))`+m.scope.customer("today.customer_id")+`
		  ORDER BY today.registered_at DESC, today.customer_id DESC
		  LIMIT @limit
		) AS c
		LEFT JOIN catalog.employees AS e ON e.employee_id = c.owner_id
		ORDER BY c.registered_at DESC, c.customer_id DESC`, pgx.QueryExecModeCacheDescribe, args)
	if err != nil {
		return Page[Customer, AgeMark]{}, err
	}
	return pageOf(rows, limit, customerRead.customer, func(c Customer) AgeMark { return AgeMark{c.RegisteredAt, c.ID.UUID} }), nil
}

// likePatterns are what a row's search must be like, the longest first: it is the
// one that the index looks up.
func likePatterns(text string) []string {
	escape := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
	var patterns []string
	longest := 0
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		length, pattern := utf8.RuneCountInString(word), "%"+escape.Replace(word)+"%"
		if length < 3 {
			pattern = "% " + pattern[1:]
		}
		patterns = append(patterns, pattern)
		if length > longest {
			longest = length
			patterns[0], patterns[len(patterns)-1] = patterns[len(patterns)-1], patterns[0]
		}
	}
	return patterns
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
