package readmodels

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"crm/domain/customer"
	"crm/projections/lists"
	"crm/projections/search"
)

// CustomerList is what customers are filtered and sorted by.
var CustomerList = lists.New(lists.List{
	Name: "customers", ID: "row.customer_id", IDFixed: "today.customer_id", Default: "-registered_at",
	Fields: []lists.Field{
		{Name: "id", Type: lists.ID, Column: "row.customer_id"},
		{Name: "kind", Type: lists.Choice, Column: "row.kind", Choices: texts(customer.Person, customer.Organization)},
		{
			Name: "name", Type: lists.Text, Column: "row.name", Folded: "row.name_key", Fold: search.Key, Order: "row.name_key", Personal: true,
			About: "prefix, contains and sort pass over case, accents and signs: Müller is Mueller",
		},
		{Name: "given_name", Type: lists.Text, Column: "row.given_name", Absent: "row.given_name = ''", Personal: true},
		{Name: "family_name", Type: lists.Text, Column: "row.family_name", Absent: "row.family_name = ''", Personal: true},
		{Name: "birth_date", Type: lists.Text, Column: "row.birth_date", Absent: "row.birth_date = ''", Personal: true, About: "prefix is a month or a year"},
		{Name: "job_title", Type: lists.Text, Column: "row.job_title", Absent: "row.job_title = ''", Personal: true},
		{Name: "legal_name", Type: lists.Text, Column: "row.legal_name", Absent: "row.legal_name = ''", Personal: true},
		{Name: "vat_id", Type: lists.Text, Column: "row.vat_id", Absent: "row.vat_id = ''", Personal: true},
		{
			Name: "email", Type: lists.Text, Personal: true, About: "one of the addresses, in any case",
			Each:   "SELECT lower(p.normalized) FROM jsonb_to_recordset(row.contact_points) AS p (kind text, normalized text) WHERE p.kind = 'email'",
			Absent: `NOT row.contact_points @> '[{"kind": "email"}]'`,
			Index:  "row.search::tsvector", Term: search.EmailQuery, Fold: strings.ToLower,
		},
		{
			Name: "phone", Type: lists.Text, Personal: true, About: "one of the numbers, as +49301234567",
			Each:   "SELECT p.normalized FROM jsonb_to_recordset(row.contact_points) AS p (kind text, normalized text) WHERE p.kind = 'phone'",
			Absent: `NOT row.contact_points @> '[{"kind": "phone"}]'`,
			Index:  "row.search::tsvector", Term: search.PhoneQuery,
		},
		{Name: "language", Type: lists.Text, Column: "row.language", Absent: "row.language = ''"},
		{Name: "industry", Type: lists.Text, Column: "row.industry", Absent: "row.industry = ''"},
		{Name: "employees", Type: lists.Whole, Column: "nullif(row.employees, 0)", Absent: "row.employees = 0"},
		{
			Name: "stage", Type: lists.Choice, Column: "row.stage", Choices: texts(
				customer.Subscriber, customer.Lead, customer.MarketingQualified, customer.SalesQualified,
				customer.Opportunity, customer.Customer, customer.Former, customer.WonBack),
		},
		{Name: "source", Type: lists.Text, Column: "row.touchpoint_source", Absent: "row.touchpoint_source = ''", About: "of the latest touchpoint"},
		{Name: "medium", Type: lists.Text, Column: "row.touchpoint_medium", Absent: "row.touchpoint_medium = ''", About: "of the latest touchpoint"},
		{Name: "campaign", Type: lists.Text, Column: "row.touchpoint_campaign", Absent: "row.touchpoint_campaign = ''", About: "of the latest touchpoint"},
		{Name: "owner", Type: lists.ID, Column: "row.owner_id", Absent: "row.owner_id IS NULL"},
		{
			Name: "organization", Type: lists.ID, About: "one that the customer is linked to",
			Each:   "SELECT l.organization FROM jsonb_to_recordset(row.links) AS l (organization uuid)",
			Absent: "row.links = '[]'", Index: "row.search::tsvector", Term: search.LinkQuery,
		},
		{Name: "archived", Type: lists.Truth, Column: "row.archived"},
		{Name: "registered_at", Type: lists.Instant, Column: "row.registered_at", Order: "row.registered_at", Fixed: "today.registered_at"},
		{Name: "changed_at", Type: lists.Instant, Column: "row.changed_at"},
	},
})

// texts are words of the domain.
func texts[T ~string](words ...T) []string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return texts
}

var customerSource = source{
	columns: customerColumns + `, '{}' AS organizations`, table: "customers.customers", key: "customer_id", born: "registered_at",
	joins: func(AsOf) string { return `LEFT JOIN catalog.employees AS e ON e.employee_id = row.owner_id` },
}

func (m Customers) source() source {
	return customerSource.within(m.scope, m.scope.customer("row.customer_id"))
}

// customerListed is a customer in a list.
type customerListed struct {
	customerRead
	placed
}

func (r customerListed) item() Customer { return r.customer() }

// List is a page of customers. With a text it is those that the text finds: in the order
// that was asked for, else the best first ([searching]).
func (m Customers) List(ctx context.Context, a Asked, text string) (Listed[Customer], error) {
	if text == "" {
		way := unsure
		if a.Seeks("email") || a.Seeks("phone") || a.Seeks("organization") {
			way = seldom
		}
		return paged(ctx, m.db, m.source(), a, way, customerListed.item)
	}
	query := search.Parse(text)
	if query.Empty() {
		return Listed[Customer]{Items: []Customer{}}, nil
	}
	var rows []customerListed
	err := snapshot(ctx, m.db, func(tx pgx.Tx) (err error) { // a customer that changes meanwhile is not in two tiers
		s := searching{source: m.source(), asked: a, query: query, db: tx}
		err = s.find(ctx)
		rows = s.rows
		return err
	})
	if err != nil {
		return Listed[Customer]{}, marked(a, err)
	}
	return pageOfRows(rows, a.Limit, customerListed.item), nil
}
