package readmodels

import (
	"context"

	"crm/projections/lists"
)

// EmployeeList and ProductList are what employees and products are filtered and sorted
// by: anything, as there are few.
var (
	EmployeeList = lists.New(lists.List{
		Name: "employees", ID: "row.employee_id", Default: "name",
		Fields: []lists.Field{
			{Name: "id", Type: lists.ID, Column: "row.employee_id"},
			{Name: "name", Type: lists.Text, Column: "row.name", Order: "row.name", Personal: true},
			{Name: "email", Type: lists.Text, Column: "row.email", Order: "row.email", Absent: "row.email = ''", Personal: true},
			{Name: "office", Type: lists.Text, Column: "row.office", Order: "row.office", Absent: "row.office = ''"},
			{Name: "manager", Type: lists.ID, Column: "row.manager_id", Absent: "row.manager_id IS NULL"},
			{Name: "registered_at", Type: lists.Instant, Column: "row.registered_at", Order: "row.registered_at"},
			{Name: "changed_at", Type: lists.Instant, Column: "row.changed_at", Order: "row.changed_at"},
		},
	})
	ProductList = lists.New(lists.List{
		Name: "products", ID: "row.product_id", Default: "name",
		Fields: []lists.Field{
			{Name: "id", Type: lists.ID, Column: "row.product_id"},
			{Name: "name", Type: lists.Text, Column: "row.name", Order: "row.name"},
			{Name: "sku", Type: lists.Text, Column: "row.sku", Order: "row.sku", Absent: "row.sku = ''"},
			{Name: "family", Type: lists.Text, Column: "row.family", Order: "row.family", Absent: "row.family = ''"},
			{
				Name: "list_price", Type: lists.Whole, Column: "row.list_price_minor", Absent: "row.list_price_minor IS NULL",
				Order: "coalesce(row.list_price_minor, '-9223372036854775808'::bigint)", About: "in minor units, of any currency; none is least",
			},
			{Name: "currency", Type: lists.Text, Column: "row.list_price_currency", Absent: "row.list_price_currency IS NULL", About: "of the list price: EUR"},
			{Name: "retired", Type: lists.Truth, Column: "row.retired"},
			{Name: "defined_at", Type: lists.Instant, Column: "row.defined_at", Order: "row.defined_at"},
			{Name: "changed_at", Type: lists.Instant, Column: "row.changed_at", Order: "row.changed_at"},
		},
	})
)

var (
	employeeSource = source{columns: employeeColumns, table: "catalog.employees", joins: func(AsOf) string { return employeeNames }}
	productSource  = source{columns: productColumns, table: "catalog.products", joins: alone}
)

// alone is the joins of what is read by itself.
func alone(AsOf) string { return "" }

type employeeListed struct {
	employeeRead
	placed
}

func (r employeeListed) item() Employee { return r.employee() }

type productListed struct {
	productRow
	placed
}

func (r productListed) item() Product { return r.product() }

// Employees is a page of employees.
func (m Catalog) Employees(ctx context.Context, a Asked) (Listed[Employee], error) {
	return paged(ctx, m.db, employeeSource, a, unsure, employeeListed.item)
}

// Products is a page of products, also the retired.
func (m Catalog) Products(ctx context.Context, a Asked) (Listed[Product], error) {
	return paged(ctx, m.db, productSource, a, unsure, productListed.item)
}
