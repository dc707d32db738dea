package deal_test

import (
	"fmt"

	"crm/domain/deal"
)

// A deal is opened, moved and won. What each command leaves is folded into the
// state that the next one meets.
func Example() {
	state := deal.Decider.Initial()
	for _, command := range []deal.Command{
		deal.Open{Title: "200 chairs", Stage: prospecting, Amount: eur(980_000)},
		deal.ChangeStage{Stage: proposal},
		deal.Win{Amount: eur(950_000)},
		deal.Win{},
		deal.ChangeStage{Stage: prospecting},
	} {
		events, err := deal.Decider.Decide(state, command)
		for _, event := range events {
			state = deal.Decider.Evolve(state, event)
			fmt.Println(command.CommandName(), "→", event.EventType())
		}
		if err != nil {
			fmt.Println(command.CommandName(), "→", err)
		}
	}
	fmt.Println(state.Status, "in", state.Stage.ID, "at", state.Value)
	// Output:
	// deal.open → deal.opened
	// deal.change_stage → deal.stage_changed
	// deal.win → deal.won
	// deal.change_stage → deal-not-open: The deal is closed. Reopen it first.
	// won in proposal at 9500.00 EUR
}
