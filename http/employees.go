package http

import (
	"net/http"

	"crm/domain"
	"crm/domain/employee"
	"crm/http/access"
)

// EmployeeInput mirrors employee.Details.
type EmployeeInput struct {
	Name    domain.Personal   `json:"name,omitempty" maxLength:"500" doc:"Every employee has one."`
	Email   domain.Personal   `json:"email,omitempty" format:"email"`
	Office  string            `json:"office,omitempty" maxLength:"500" example:"Vienna"`
	Manager domain.EmployeeID `json:"manager,omitzero" format:"uuid"`
}

type (
	registerEmployeeBody struct {
		NewID
		EmployeeInput
		Envelope
	}
	employeeDetailsBody struct {
		EmployeeInput
		Envelope
	}
)

var employeeCommands = []*command{
	describe("employee.register", access.CatalogWrite, http.MethodPost, "/employees", "Register an employee",
		func(_ *Server, _ *place, b *registerEmployeeBody) (domain.Command, error) {
			details, err := b.details()
			return employee.Register{Details: details}, err
		}),
	describe("employee.change_details", access.CatalogWrite, http.MethodPatch, "/employees/{id}", "Change details (merge patch; null clears)",
		func(_ *Server, at *place, b *employeeDetailsBody) (domain.Command, error) {
			set, err := b.details()
			return employee.ChangeDetails{Patch: domain.Patch[employee.Details]{
				Set: set, Clear: cleared(at, employee.DetailFields, set),
			}}, err
		}),
}

func (e EmployeeInput) details() (employee.Details, error) {
	if e.Email != "" {
		normalized, err := normalEmail(e.Email.Plain())
		if err != nil {
			return employee.Details{}, domain.ErrInvalid.At("/email", "%s", err)
		}
		e.Email = domain.Personal(normalized)
	}
	return employee.Details(e), nil
}
