package domaintest

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm/domain"
)

// Story is one case of a rule. Without Then and Refused it says that the command
// stays quiet: what it asks for is already so.
type Story[C domain.Command, E domain.Event] struct {
	Name    string
	Given   []E    // the history
	When    C      // what is asked
	Then    []E    // the events that follow
	Refused error  // or the refusal, compared with errors.Is
	At      string // and the JSON pointer that the refusal names, if any
}

// Run tells the stories to the decider, each as a subtest. Beside what a story
// says it holds that deciding leaves the state alone, and that every event
// survives being stored as JSON.
func Run[S any, C domain.Command, E domain.Event](t *testing.T, decider domain.Decider[S, C, E], stories []Story[C, E]) {
	t.Helper()
	for _, story := range stories {
		t.Run(story.Name, func(t *testing.T) {
			t.Parallel()
			state := decider.Fold(story.Given...)
			events, err := decider.Decide(state, story.When)
			if diff := cmp.Diff(decider.Fold(story.Given...), state, plain); diff != "" {
				t.Errorf("deciding %s changed the state (-before +after):\n%s", story.When.CommandName(), diff)
			}
			story.compare(t, events, err)
		})
	}
}

func (s Story[C, E]) compare(t *testing.T, events []E, err error) {
	t.Helper()
	if !errors.Is(err, s.Refused) {
		t.Fatalf("%s was answered with error %v and events %+v, want the refusal %v", s.When.CommandName(), err, events, s.Refused)
	}
	if pointer := pointerOf(err); pointer != s.At {
		t.Errorf("the refusal %v is at %q, want %q", err, pointer, s.At)
	}
	if diff := cmp.Diff(s.Then, events, plain); diff != "" {
		t.Errorf("%s leaves other events (-want +got):\n%s", s.When.CommandName(), diff)
	}
	for _, event := range events {
		survivesJSON(t, event)
	}
}

// survivesJSON fails the test when the event is another after being stored. It
// gives the event as it was read back.
func survivesJSON(t rapid.TB, event domain.Event) domain.Event {
	t.Helper()
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatalf("%s is no JSON: %v", event.EventType(), err)
	}
	read, err := decode(reflect.TypeOf(event), data)
	if err != nil {
		t.Fatalf("%s does not come back from %s: %v", event.EventType(), data, err)
	}
	if diff := cmp.Diff(event, read, plain); diff != "" {
		t.Fatalf("%s does not survive %s (-want +got):\n%s", event.EventType(), data, diff)
	}
	return read
}

func pointerOf(err error) string {
	if refusal, ok := errors.AsType[*domain.Refusal](err); ok {
		return refusal.Pointer
	}
	return ""
}

// plain shows personal text in a failing test, where all of it is invented.
var plain = cmp.Transformer("plain", domain.Personal.Plain)
