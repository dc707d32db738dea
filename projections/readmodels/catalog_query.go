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
	employeeColumns = `row.employee_id, row.name, row.email, row.office, row.manager_id, row.registered_at, row.changed_at, row.revision,
		coalesce(m.name, '') AS manager_name`
	employeeNames  = `LEFT JOIN catalog.employees AS m ON m.employee_id = row.manager_id`
	productColumns = `row.product_id, row.name, row.sku, row.family, row.description, row.list_price_minor, row.list_price_currency, row.retired,
		row.defined_at, row.changed_at, row.revision`
)

// Employee is one employee, or employee.ErrUnknown; [ErrParked] where its first event is
// parked.
func (m Catalog) Employee(ctx context.Context, id domain.EmployeeID) (Employee, error) {
	row, err := one[employeeRead](ctx, m.db, employee.ErrUnknown,
		`SELECT `+employeeColumns+` FROM catalog.employees AS row `+employeeNames+` WHERE row.employee_id = @id`, pgx.NamedArgs{"id": id.UUID})
	if err != nil {
		return Employee{}, orParked(ctx, m.db, err, domain.EmployeeStream(id), "catalog.employees WHERE employee_id", id.UUID)
	}
	return row.employee(), nil
}

// Product is one product, or product.ErrUnknown; [ErrParked] where its first event is parked.
func (m Catalog) Product(ctx context.Context, id domain.ProductID) (Product, error) {
	row, err := one[productRow](ctx, m.db, product.ErrUnknown,
		`SELECT `+productColumns+` FROM catalog.products AS row WHERE row.product_id = @id`, pgx.NamedArgs{"id": id.UUID})
	if err != nil {
		return Product{}, orParked(ctx, m.db, err, domain.ProductStream(id), "catalog.products WHERE product_id", id.UUID)
	}
	return row.product(), nil
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
