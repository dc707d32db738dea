package interaction_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/interaction"
)

type story = domaintest.Story[interaction.Command, interaction.Event]

func facts(events ...interaction.Event) []interaction.Event { return events }

var (
	first = domain.InteractionID{UUID: uuid.UUID{15: 1}}
	other = domain.InteractionID{UUID: uuid.UUID{15: 2}}

	call = interaction.Details{
		Channel: interaction.Call, Direction: interaction.Inbound, Participants: []domain.Personal{"李小龍", "Ελένη"},
		Subject: "200 chairs", Note: "asked for a discount\nwill call again", Reaction: interaction.Interested,
		Mood: interaction.Satisfied, Duration: 340, Deal: domain.DealID{UUID: uuid.UUID{15: 3}}, Employee: domain.EmployeeID{UUID: uuid.UUID{15: 4}},
	}
	logged = interaction.Logged{ID: first, Details: call}
)

// broken are details that no interaction has, by what is wrong and where.
var broken = map[string]struct {
	change  interaction.Details
	pointer string
}{
	"over no channel":              {interaction.Details{Channel: "pigeon"}, "/channel"},
	"in no direction":              {interaction.Details{Direction: "sideways"}, "/direction"},
	"with a strange reaction":      {interaction.Details{Reaction: "shrug"}, "/reaction"},
	"in a strange mood":            {interaction.Details{Mood: "blue"}, "/mood"},
	"of less than no time":         {interaction.Details{Duration: -1}, "/duration_seconds"},
	"with a NUL among the present": {interaction.Details{Participants: []domain.Personal{"a", "\x00"}}, "/participants/1"},
	"on a subject of bytes":        {interaction.Details{Subject: "\xff"}, "/subject"},
	"on too long a subject":        {interaction.Details{Subject: domain.Personal(strings.Repeat("x", domain.ShortText+1))}, "/subject"},
	"with too long a note":         {interaction.Details{Note: domain.Personal(strings.Repeat("x", domain.LongText+1))}, "/note"},
}

func TestLog(t *testing.T) {
	t.Parallel()
	stories := []story{
		{Name: "with all", When: interaction.Log{ID: first, Details: call}, Then: facts(logged)},
		{
			Name: "a note, and nothing else", When: interaction.Log{ID: first, Details: interaction.Details{Channel: interaction.Note}},
			Then: facts(interaction.Logged{ID: first, Details: interaction.Details{Channel: interaction.Note}}),
		},
		{Name: "the same once more", Given: facts(logged), When: interaction.Log{ID: other, Details: call}, Then: facts(interaction.Logged{ID: other, Details: call})},
		{Name: "twice", Given: facts(logged), When: interaction.Log{ID: first, Details: call}, Refused: interaction.ErrAlreadyLogged},
		{Name: "without an id", When: interaction.Log{Details: call}, Refused: domain.ErrInvalid, At: "/id"},
		{Name: "without a channel", When: interaction.Log{ID: first}, Refused: domain.ErrInvalid, At: "/channel"},
	}
	for name, b := range broken {
		details := interaction.DetailFields.Apply(call, domain.Patch[interaction.Details]{Set: b.change})
		stories = append(stories, story{Name: name, When: interaction.Log{ID: first, Details: details}, Refused: domain.ErrInvalid, At: b.pointer})
	}
	domaintest.Run(t, interaction.Decider, stories)
}

func TestAmend(t *testing.T) {
	t.Parallel()
	type patch = domain.Patch[interaction.Details]
	amended := interaction.Amended{ID: first, Patch: patch{Set: interaction.Details{Mood: interaction.Angry}, Clear: []string{"reaction"}}}
	stories := []story{
		{
			Name: "sets and clears what is different", Given: facts(logged), Then: facts(amended),
			When: interaction.Amend{ID: first, Patch: patch{Set: interaction.Details{Mood: interaction.Angry, Subject: "200 chairs"}, Clear: []string{"reaction"}}},
		},
		{
			Name: "replaces the participants", Given: facts(logged),
			When: interaction.Amend{ID: first, Patch: patch{Set: interaction.Details{Participants: []domain.Personal{"李小龍"}}}},
			Then: facts(interaction.Amended{ID: first, Patch: patch{Set: interaction.Details{Participants: []domain.Personal{"李小龍"}}}}),
		},
		{Name: "to what it is", Given: facts(logged, amended), When: interaction.Amend{ID: first, Patch: amended.Patch}},
		{Name: "to what it is, with the same participants", Given: facts(logged), When: interaction.Amend{ID: first, Patch: patch{Set: call}}},
		{Name: "of none", Given: facts(logged), When: interaction.Amend{ID: other, Patch: patch{Clear: []string{"mood"}}}, Refused: interaction.ErrUnknown},
		{Name: "without a channel", Given: facts(logged), When: interaction.Amend{ID: first, Patch: patch{Clear: []string{"channel"}}}, Refused: domain.ErrInvalid, At: "/channel"},
		{Name: "of no field", Given: facts(logged), When: interaction.Amend{ID: first, Patch: patch{Clear: []string{"weather"}}}, Refused: domain.ErrInvalid, At: "/weather"},
	}
	for name, b := range broken {
		stories = append(stories, story{
			Name: name, Given: facts(logged), When: interaction.Amend{ID: first, Patch: patch{Set: b.change}}, Refused: domain.ErrInvalid, At: b.pointer,
		})
	}
	domaintest.Run(t, interaction.Decider, stories)
}
