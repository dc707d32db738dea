package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/http/access"
	"crm/projections/readmodels"
)

// employeeCard is an employee.
type employeeCard struct {
	ID           uuid.UUID       `json:"id" format:"uuid"`
	Name         domain.Personal `json:"name"`
	Email        domain.Personal `json:"email,omitempty"`
	Office       string          `json:"office,omitempty"`
	Manager      *namedPerson    `json:"manager"`
	RegisteredAt time.Time       `json:"registered_at"`
	ChangedAt    time.Time       `json:"changed_at" doc:"When the latest change occurred."`
	Revision     domain.Revision `json:"revision" doc:"The same as ETag."`
}

// productCard is a product.
type productCard struct {
	ID          uuid.UUID       `json:"id" format:"uuid"`
	Name        string          `json:"name"`
	SKU         string          `json:"sku,omitempty"`
	Family      string          `json:"family,omitempty"`
	Description string          `json:"description,omitempty"`
	ListPrice   *domain.Money   `json:"list_price" doc:"Of one piece."`
	Retired     bool            `json:"retired"`
	DefinedAt   time.Time       `json:"defined_at"`
	ChangedAt   time.Time       `json:"changed_at" doc:"When the latest change occurred."`
	Revision    domain.Revision `json:"revision" doc:"The same as ETag."`
}

func (s *Server) catalogQueries() {
	own := []string{"catalog"}
	serveQuery(s, query{"employee.list", access.CatalogRead, "/employees", "employees", "All employees, by name", own}, s.listEmployees)
	s.describeList("/employees", readmodels.EmployeeList)
	serveQuery(s, query{"employee.card", access.CatalogRead, "/employees/{id}", "employees", "An employee", own}, s.showEmployee)
	serveQuery(s, query{"product.list", access.CatalogRead, "/products", "products", "All products, by name", own}, s.listProducts)
	s.describeList("/products", readmodels.ProductList)
	serveQuery(s, query{"product.card", access.CatalogRead, "/products/{id}", "products", "A product", own}, s.showProduct)
}

func (s *Server) listEmployees(ctx context.Context, in *Listing) (*listed[employeeCard], error) {
	return listFrom(ctx, readmodels.EmployeeList, in.ask(readmodels.AsOf{}), func(asked readmodels.Asked) (readmodels.Listed[readmodels.Employee], error) {
		return s.models(ctx).Catalog.Employees(ctx, asked)
	}, employeeOf)
}

func (s *Server) showEmployee(ctx context.Context, in *Identified) (*tagged[employeeCard], error) {
	e, err := s.cfg.Models.Catalog.Employee(ctx, domain.EmployeeID{UUID: in.ID})
	if err != nil {
		return nil, err
	}
	return &tagged[employeeCard]{ETag: etag(e.Revision), Body: employeeOf(e)}, nil
}

func (s *Server) listProducts(ctx context.Context, in *Listing) (*listed[productCard], error) {
	return listFrom(ctx, readmodels.ProductList, in.ask(readmodels.AsOf{}), func(asked readmodels.Asked) (readmodels.Listed[readmodels.Product], error) {
		return s.models(ctx).Catalog.Products(ctx, asked)
	}, productOf)
}

func (s *Server) showProduct(ctx context.Context, in *Identified) (*tagged[productCard], error) {
	p, err := s.cfg.Models.Catalog.Product(ctx, domain.ProductID{UUID: in.ID})
	if err != nil {
		return nil, err
	}
	return &tagged[productCard]{ETag: etag(p.Revision), Body: productOf(p)}, nil
}

func employeeOf(e readmodels.Employee) employeeCard {
	return employeeCard{
		ID: e.ID.UUID, Name: e.Details.Name, Email: e.Details.Email, Office: e.Details.Office,
		Manager:      namingPerson(e.Details.Manager, e.ManagerName),
		RegisteredAt: e.RegisteredAt, ChangedAt: e.ChangedAt, Revision: e.Revision,
	}
}

func productOf(p readmodels.Product) productCard {
	return productCard{
		ID: p.ID.UUID, Name: p.Details.Name, SKU: p.Details.SKU, Family: p.Details.Family, Description: p.Details.Description,
		ListPrice: sum(p.ListPrice), Retired: p.Retired,
		DefinedAt: p.DefinedAt, ChangedAt: p.ChangedAt, Revision: p.Revision,
	}
}
