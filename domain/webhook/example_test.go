package webhook_test

import (
	"fmt"

	"crm/domain/webhook"
)

// An endpoint that answers 410 is not sent to any more, until somebody says so.
func Example() {
	state := webhook.Decider.Initial()
	for _, command := range []webhook.Command{
		webhook.Register{Details: webhook.Details{URL: "https://example.com/hooks"}, Secret: "9f86d081884c7d65"},
		webhook.Disable{Reason: webhook.Gone},
		webhook.Ping{},
		webhook.Resume{},
	} {
		events, err := webhook.Decider.Decide(state, command)
		for _, event := range events {
			state = webhook.Decider.Evolve(state, event)
		}
		fmt.Println(command.CommandName(), "→", state.Status, state.Reason, err)
	}
	// Output:
	// webhook.register → active  <nil>
	// webhook.disable → disabled gone <nil>
	// webhook.ping → disabled gone webhook-not-active: The webhook is paused or disabled. Resume it first.
	// webhook.resume → active  <nil>
}
