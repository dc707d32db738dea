package commands

import (
	"context"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/employee"
)

var employees = &kind[employee.State, employee.Command, employee.Event]{
	Decider:    employee.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.EmployeeStream(domain.EmployeeID{UUID: id}) },
	settings:   employee.Settings,
	isCreating: func(c employee.Command) bool { _, ok := c.(employee.Register); return ok },
	references: func(_ uuid.UUID, command employee.Command) []domain.Stream {
		return some(domain.EmployeeStream, managerIn(command))
	},
	tell: func(s employee.State) any {
		if !s.Registered {
			return nil
		}
		return exists{}
	},
}

func init() { employees.resolve = resolveEmployee } // it looks at other employees

func resolveEmployee(ctx context.Context, a asking, _ employee.State, c employee.Command) (employee.Command, error) {
	manager := managerIn(c)
	if manager.UUID == a.target && !manager.IsZero() {
		return nil, domain.ErrInvalid.At("/manager", "An employee is not their own manager.")
	}
	return c, a.mustExist(ctx, employees, manager.UUID, "/manager", "employee")
}

// managerIn is the manager that a command names.
func managerIn(command employee.Command) domain.EmployeeID {
	switch c := command.(type) {
	case employee.Register:
		return c.Details.Manager
	case employee.ChangeDetails:
		return c.Patch.Set.Manager
	}
	return domain.EmployeeID{}
}
