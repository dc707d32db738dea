package employee_test

import (
	"testing"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/employee"
)

type (
	story = domaintest.Story[employee.Command, employee.Event]
	patch = domain.Patch[employee.Details]
)

func facts(events ...employee.Event) []employee.Event { return events }

var (
	details = employee.Details{
		Name: "Ελένη Π.", Email: "agent@example.com", Office: "Central",
		Manager: domain.EmployeeID{UUID: uuid.UUID{15: 1}},
	}
	registered = employee.Registered{Details: details}
)

func TestRegister(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, employee.Decider, []story{
		{Name: "with all", When: employee.Register{Details: details}, Then: facts(registered)},
		{Name: "twice", Given: facts(registered), When: employee.Register{Details: details}, Refused: employee.ErrAlreadyRegistered},
		{Name: "without a name", When: employee.Register{Details: employee.Details{Office: "Central"}}, Refused: domain.ErrInvalid, At: "/name"},
		{Name: "in an office with a NUL", When: employee.Register{Details: employee.Details{Name: "x", Office: "\x00"}}, Refused: domain.ErrInvalid, At: "/office"},
		{Name: "at an address of bytes", When: employee.Register{Details: employee.Details{Name: "x", Email: "\xff"}}, Refused: domain.ErrInvalid, At: "/email"},
	})
}

func TestChangeDetails(t *testing.T) {
	t.Parallel()
	changed := employee.DetailsChanged{Patch: patch{Set: employee.Details{Office: "East"}, Clear: []string{"manager"}}}
	domaintest.Run(t, employee.Decider, []story{
		{
			Name: "sets and clears what is different", Given: facts(registered), Then: facts(changed),
			When: employee.ChangeDetails{Patch: patch{Set: employee.Details{Name: details.Name, Office: "East"}, Clear: []string{"manager"}}},
		},
		{Name: "to what they are", Given: facts(registered, changed), When: employee.ChangeDetails{Patch: changed.Patch}},
		{Name: "without a name", Given: facts(registered), When: employee.ChangeDetails{Patch: patch{Clear: []string{"name"}}}, Refused: domain.ErrInvalid, At: "/name"},
		{Name: "of no field", Given: facts(registered), When: employee.ChangeDetails{Patch: patch{Clear: []string{"salary"}}}, Refused: domain.ErrInvalid, At: "/salary"},
		{Name: "of nobody", When: employee.ChangeDetails{Patch: patch{Clear: []string{"office"}}}, Refused: employee.ErrUnknown},
	})
}
