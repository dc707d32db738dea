package consent_test

import (
	"fmt"

	"crm/domain/consent"
)

// Double opt-in: asking permits nothing, the customer's click does, and the
// evidence outlives the withdrawal.
func Example() {
	state := consent.Decider.Initial()
	for _, command := range []consent.Command{
		consent.Request{Key: newsletter, Evidence: consent.Evidence{WordingVersion: "2026-03", CaptureSource: "checkout"}},
		consent.Confirm{Key: newsletter, Proof: "click from the e-mail"},
		consent.Withdraw{Key: newsletter},
		consent.Confirm{Key: newsletter},
	} {
		events, err := consent.Decider.Decide(state, command)
		for _, event := range events {
			state = consent.Decider.Evolve(state, event)
		}
		answer := state.Answers[newsletter]
		fmt.Println(command.CommandName(), "→", answer.Status, answer.Evidence.WordingVersion, err)
	}
	// Output:
	// consent.request → requested 2026-03 <nil>
	// consent.confirm → granted 2026-03 <nil>
	// consent.withdraw → withdrawn 2026-03 <nil>
	// consent.confirm → withdrawn 2026-03 consent-not-requested: The consent was not requested, so it cannot be confirmed.
}
