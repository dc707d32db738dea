package readmodels

import (
	_ "embed"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/employee"
	"crm/domain/product"
	"crm/projections"
)

// Catalog is the read model of who works here and what is sold. Other read models
// hold ids of these and join the names when they are asked, so that a name is
// written in one place and a change of it is seen everywhere at once.
type Catalog struct{ db projections.Querier }

//go:embed catalog.sql
var catalogSQL string

// Name is the read model's name and the schema of its tables.
func (Catalog) Name() string { return "catalog" }

// Version changes with the tables or what is written into them.
func (Catalog) Version() int { return 2 }

// Schema is its tables and indexes.
func (Catalog) Schema() projections.Schema { return projections.ParseSchema(catalogSQL) }

// Handles are all events of employees and products.
func (Catalog) Handles() []string {
	return append(
		typesOf[employee.Event](employee.Registered{}, employee.DetailsChanged{}),
		typesOf[product.Event](product.Defined{}, product.DetailsChanged{}, product.ListPriceSet{}, product.Retired{}, product.Reinstated{})...)
}

var (
	employees = projections.NewKeyed[uuid.UUID, employeeRow]("employees", "employee_id")
	products  = projections.NewKeyed[uuid.UUID, productRow]("products", "product_id")
)

// Apply folds one event.
func (Catalog) Apply(w *projections.Writer, e domain.Recorded) error {
	id, err := subject(e)
	if err != nil {
		return err
	}
	switch event := e.Event.(type) {
	case employee.Event:
		employees.Update(w, id, func(row *employeeRow) {
			if _, first := event.(employee.Registered); first {
				row.RegisteredAt = e.Meta.OccurredAt
			}
			row.take(employee.Decider.Evolve(row.state(), event))
			row.ChangedAt, row.Revision = e.Meta.OccurredAt, int64(e.Revision)
		})
	case product.Event:
		products.Update(w, id, func(row *productRow) {
			if _, first := event.(product.Defined); first {
				row.DefinedAt = e.Meta.OccurredAt
			}
			row.take(product.Decider.Evolve(row.state(), event))
			row.ChangedAt, row.Revision = e.Meta.OccurredAt, int64(e.Revision)
		})
	}
	return nil
}

// employeeRow is an employee's state in columns.
type employeeRow struct {
	EmployeeID   uuid.UUID          `db:"employee_id"`
	Name         domain.Personal    `db:"name"`
	Email        domain.Personal    `db:"email"`
	Office       string             `db:"office"`
	ManagerID    *domain.EmployeeID `db:"manager_id"`
	RegisteredAt time.Time          `db:"registered_at"`
	ChangedAt    time.Time          `db:"changed_at"`
	Revision     int64              `db:"revision"`
}

func (r *employeeRow) state() employee.State {
	return employee.State{
		Registered: r.Name != "",
		Details:    employee.Details{Name: r.Name, Email: r.Email, Office: r.Office, Manager: known(r.ManagerID)},
	}
}

func (r *employeeRow) take(s employee.State) {
	d := s.Details
	r.Name, r.Email, r.Office, r.ManagerID = d.Name, d.Email, d.Office, nullable(d.Manager)
}

// productRow is a product's state in columns.
type productRow struct {
	ProductID         uuid.UUID        `db:"product_id"`
	Name              string           `db:"name"`
	SKU               string           `db:"sku"`
	Family            string           `db:"family"`
	Description       string           `db:"description"`
	ListPriceMinor    *int64           `db:"list_price_minor"`
	ListPriceCurrency *domain.Currency `db:"list_price_currency"`
	Retired           bool             `db:"retired"`
	DefinedAt         time.Time        `db:"defined_at"`
	ChangedAt         time.Time        `db:"changed_at"`
	Revision          int64            `db:"revision"`
}

func (r *productRow) state() product.State {
	return product.State{
		Defined:   r.Name != "",
		Details:   product.Details{Name: r.Name, SKU: r.SKU, Family: r.Family, Description: r.Description},
		ListPrice: money(r.ListPriceMinor, r.ListPriceCurrency),
		Retired:   r.Retired,
	}
}

func (r *productRow) take(s product.State) {
	r.Name, r.SKU, r.Family, r.Description = s.Details.Name, s.Details.SKU, s.Details.Family, s.Details.Description
	r.ListPriceMinor, r.ListPriceCurrency = amount(s.ListPrice)
	r.Retired = s.Retired
}
