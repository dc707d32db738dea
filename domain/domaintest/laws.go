package domaintest

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm/domain"
)

// Laws holds a decider to what every aggregate promises, over random commands in
// whatever states they lead to:
//
//   - Deciding never panics and leaves the state alone.
//   - A refusal is a [domain.Error] and leaves no events.
//   - Events survive being stored as JSON.
//   - The state does not depend on how its history was cut: folded at once, in
//     two parts, or event by event while deciding.
//   - Folding leaves the events alone.
//   - A command asked again right after it left events stays quiet, except those
//     in twice, by name, which are refused with that error.
//
// Every command that twice or commands knows must leave events at least once, so
// that the laws are not held by doing nothing.
func Laws[S any, C domain.Command, E domain.Event](t *testing.T, decider domain.Decider[S, C, E], commands *rapid.Generator[C], twice map[string]error) {
	t.Helper()
	happened := map[string]bool{}
	for name := range twice {
		happened[name] = false
	}
	rapid.Check(t, func(t *rapid.T) {
		l := life[S, C, E]{t: t, decider: decider, state: decider.Initial()}
		for range 60 {
			command := commands.Draw(t, "command")
			left := l.ask(command)
			happened[command.CommandName()] = happened[command.CommandName()] || left > 0
			if left == 0 {
				continue
			}
			_, err := decider.Decide(l.state, command)
			if want := twice[command.CommandName()]; !errors.Is(err, want) {
				t.Fatalf("asked again, %+v is answered with error %v, want %v", command, err, want)
			}
			if again := l.ask(command); again != 0 {
				t.Fatalf("asked again, %+v leaves %d more events", command, again)
			}
		}
		l.fold(rapid.IntRange(0, len(l.history)).Draw(t, "cut"))
	})
	for name, ever := range happened {
		if !ever && !t.Failed() {
			t.Errorf("%s never left an event: the commands do not lead there", name)
		}
	}
}

// life is one random life of an aggregate.
type life[S any, C domain.Command, E domain.Event] struct {
	t       *rapid.T
	decider domain.Decider[S, C, E]
	state   S
	history []E
}

// ask decides a command, checks the answer and lives on with it. It gives the
// number of events left.
func (l *life[S, C, E]) ask(command C) int {
	events, err := l.decider.Decide(l.state, command)
	if before := l.decider.Fold(l.history...); !reflect.DeepEqual(before, l.state) {
		l.t.Fatalf("deciding %+v changed the state (-before +after):\n%s", command, cmp.Diff(before, l.state, plain))
	}
	if err != nil {
		if _, refusal := errors.AsType[*domain.Error](err); !refusal || len(events) > 0 {
			l.t.Fatalf("%+v is answered with error %v and %d events, want a refusal and none", command, err, len(events))
		}
		return 0
	}
	for _, event := range events {
		survivesJSON(l.t, event)
		l.state = l.decider.Evolve(l.state, event)
	}
	l.history = append(l.history, events...)
	return len(events)
}

// fold compares the ways in which the history can be cut.
func (l *life[S, C, E]) fold(cut int) {
	var stored []E
	for _, event := range l.history {
		stored = append(stored, survivesJSON(l.t, event).(E))
	}
	whole := l.decider.Fold(stored...)
	parts := l.decider.Fold(stored[:cut]...)
	for _, event := range stored[cut:] {
		parts = l.decider.Evolve(parts, event)
	}
	for way, state := range map[string]S{"at once": whole, "in two parts": parts} {
		if diff := cmp.Diff(l.state, state, plain); diff != "" {
			l.t.Fatalf("folded %s, the state is another (-as decided +folded):\n%s", way, diff)
		}
	}
	if diff := cmp.Diff(l.history, stored, plain); diff != "" {
		l.t.Fatalf("folding changed the events (-before +after):\n%s", diff)
	}
}
