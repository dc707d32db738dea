package domain

// Event is a fact. Its type is its name on the wire, "deal.won", and never
// changes once an event of it was stored.
type Event interface {
	EventType() string
}

// Command is something asked of one stream. Its name, "deal.win", is stored
// with the events it leaves.
type Command interface {
	CommandName() string
}

// Decider is an aggregate as two pure functions and the state they start from.
// (Jérémie Chassaing, "Functional Event Sourcing Decider", 2021.)
type Decider[S any, C Command, E Event] struct {
	// Initial is the state of a stream without events.
	Initial func() S
	// Decide answers with the events that follow, none when the command asks
	// for what is already so, or a refusal: an error that is an [Error].
	// It must not change the state.
	Decide func(state S, command C) ([]E, error)
	// Evolve folds one event into the state. It owns the state it is given and
	// may reuse its maps, so the caller keeps only what is returned.
	Evolve func(state S, event E) S
}

// Fold is the state that a history leaves.
func (d Decider[S, C, E]) Fold(history ...E) S {
	state := d.Initial()
	for _, event := range history {
		state = d.Evolve(state, event)
	}
	return state
}
