package employee_test

import (
	"testing"

	"pgregory.net/rapid"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/employee"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	text := domaintest.AnyText[domain.Personal]()
	anyDetails := rapid.OneOf(rapid.SampledFrom([]employee.Details{details, {Name: "x"}}), rapid.Custom(func(t *rapid.T) employee.Details {
		return employee.Details{
			Name: text.Draw(t, "name"), Email: text.Draw(t, "email"),
			Office: domaintest.AnyText[string]().Draw(t, "office"), Manager: domaintest.AnyID(details.Manager).Draw(t, "manager"),
		}
	}))
	domaintest.Laws(t, employee.Decider, rapid.OneOf(
		rapid.Map(anyDetails, func(d employee.Details) employee.Command { return employee.Register{Details: d} }),
		rapid.Map(domaintest.AnyPatch(anyDetails, employee.DetailFields), func(p patch) employee.Command { return employee.ChangeDetails{Patch: p} }),
	), map[string]error{"employee.register": employee.ErrAlreadyRegistered})
}
