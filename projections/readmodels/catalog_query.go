package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/employee"
	"crm/domain/product"
)

// Employee is an employee as their history leaves them.
type Employee struct {
	ID domain.EmployeeID
	employee.State
	ManagerName  string
	RegisteredAt time.Time
	ChangedAt    time.Time
	Revision     domain.Revision
}

// Product is a product as its history leaves it.
type Product struct {
	ID domain.ProductID
	product.State
	DefinedAt time.Time
	ChangedAt time.Time
	Revision  domain.Revision
}

const (
	employeesSQL = `
		SELECT e.employee_id, e.name, e.email, e.office, e.manager_id, e.registered_at, e.changed_at, e.revision,
		  coalesce(m.name, '') AS manager_name
		FROM catalog.employees AS e LEFT JOIN catalog.employees AS m ON m.employee_id = e.manager_id`
	productsSQL = `
		SELECT product_id, name, sku, family, description, list_price_minor, list_price_currency, retired,
		  defined_at, changed_at, revision
		FROM catalog.products`
)

// Employee is one employee, or employee.ErrUnknown; [ErrParked] where its first event is
// parked.
func (m Catalog) Employee(ctx context.Context, id domain.EmployeeID) (Employee, error) {
	row, err := one[employeeRead](ctx, m.db, employee.ErrUnknown,
		employeesSQL+` WHERE e.employee_id = @id`, pgx.NamedArgs{"id": id.UUID})
	if err != nil {
		return Employee{}, orParked(ctx, m.db, err, domain.EmployeeStream(id), "catalog.employees WHERE employee_id", id.UUID)
	}
	return row.employee(), nil
}

// Employees is a page of all employees, by name. After nil it is the first page.
func (m Catalog) Employees(ctx context.Context, after *NameMark, limit int) (Page[Employee, NameMark], error) {
	from := NameMark{}
	if after != nil {
		from = *after
	}
	rows, err := all[employeeRead](ctx, m.db,
		employeesSQL+` WHERE (e.name, e.employee_id) > (@name, @id) ORDER BY e.name, e.employee_id LIMIT @limit`,
		pgx.NamedArgs{"name": from.Name, "id": from.ID, "limit": limit + 1})
	if err != nil {
		return Page[Employee, NameMark]{}, err
	}
	return pageOf(rows, limit, employeeRead.employee, func(e Employee) NameMark { return NameMark{e.Details.Name.Plain(), e.ID.UUID} }), nil
}

// Product is one product, or product.ErrUnknown; [ErrParked] where its first event is parked.
func (m Catalog) Product(ctx context.Context, id domain.ProductID) (Product, error) {
	row, err := one[productRow](ctx, m.db, product.ErrUnknown,
		productsSQL+` WHERE product_id = @id`, pgx.NamedArgs{"id": id.UUID})
	if err != nil {
		return Product{}, orParked(ctx, m.db, err, domain.ProductStream(id), "catalog.products WHERE product_id", id.UUID)
	}
	return row.product(), nil
}

// Products is a page of all products, also the retired, by name. After nil it is
// the first page.
func (m Catalog) Products(ctx context.Context, after *NameMark, limit int) (Page[Product, NameMark], error) {
	from := NameMark{}
	if after != nil {
		from = *after
	}
	rows, err := all[productRow](ctx, m.db,
		productsSQL+` WHERE (name, product_id) > (@name, @id) ORDER BY name, product_id LIMIT @limit`,
		pgx.NamedArgs{"name": from.Name, "id": from.ID, "limit": limit + 1})
	if err != nil {
		return Page[Product, NameMark]{}, err
	}
	return pageOf(rows, limit, productRow.product, func(p Product) NameMark { return NameMark{p.Details.Name, p.ID.UUID} }), nil
}

type employeeRead struct {
	employeeRow
	ManagerName string `db:"manager_name"`
}

func (r employeeRead) employee() Employee {
	return Employee{
		ID: domain.EmployeeID{UUID: r.EmployeeID}, State: r.state(), ManagerName: r.ManagerName,
		RegisteredAt: r.RegisteredAt.UTC(), ChangedAt: r.ChangedAt.UTC(), Revision: domain.Revision(r.Revision),
	}
}

func (r productRow) product() Product {
	return Product{
		ID: domain.ProductID{UUID: r.ProductID}, State: r.state(),
		DefinedAt: r.DefinedAt.UTC(), ChangedAt: r.ChangedAt.UTC(), Revision: domain.Revision(r.Revision),
	}
}
