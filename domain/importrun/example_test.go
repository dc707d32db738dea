package importrun_test

import (
	"fmt"

	"crm/domain/importrun"
)

func Example() {
	history := []importrun.Event{created, added, started}
	state := importrun.Decider.Fold(history...)
	events, _ := importrun.Decider.Decide(state, importrun.Finish{Rows: rows})
	fmt.Println(state.Status, "→", events[0].EventType())

	_, err := importrun.Decider.Decide(state, importrun.Undo{})
	fmt.Println(err)
	// Output:
	// running → import.finished
	// import-running: The import runs, or is being undone. Wait for its end, or cancel it first.
}
