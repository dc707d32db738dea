package customer_test

import (
	"fmt"

	"crm/domain/customer"
)

// A lead leaves an address, buys, and is put away. What each command leaves is
// folded into the state that the next one meets.
func Example() {
	state := customer.Decider.Initial()
	for _, command := range []customer.Command{
		customer.Register{Kind: customer.Person, Details: customer.Details{Name: "李小龍"}},
		customer.AddContactPoint{ContactPoint: email(office, "bruce@example.com", true)},
		customer.AddContactPoint{ContactPoint: email(home, "bruce@example.com", true)},
		customer.ChangeLifecycleStage{Stage: customer.Customer, Touchpoint: search},
		customer.Archive{},
		customer.AssignOwner{Owner: agent},
	} {
		events, err := customer.Decider.Decide(state, command)
		for _, event := range events {
			state = customer.Decider.Evolve(state, event)
			fmt.Println(command.CommandName(), "→", event.EventType())
		}
		if err != nil {
			fmt.Println(command.CommandName(), "→", err)
		}
	}
	fmt.Println(state.Details.Name, state.Details.Name.Plain(), state.Stage, "from", state.Touchpoint.Source)
	// Output:
	// customer.register → customer.registered
	// customer.add_contact_point → customer.contact_point_added
	// customer.change_lifecycle_stage → customer.lifecycle_stage_changed
	// customer.archive → customer.archived
	// customer.assign_owner → customer-archived: The customer is archived. Restore it first.
	// [personal] 李小龍 customer from google
}
