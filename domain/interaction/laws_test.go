package interaction_test

import (
	"testing"

	"pgregory.net/rapid"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/interaction"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, interaction.Decider, anyCommand(), map[string]error{"interaction.log": interaction.ErrAlreadyLogged})
}

func anyCommand() *rapid.Generator[interaction.Command] {
	id, text := domaintest.AnyID(first), domaintest.AnyText[domain.Personal]()
	details := rapid.OneOf(rapid.SampledFrom([]interaction.Details{call, {Channel: interaction.Note}}), rapid.Custom(func(t *rapid.T) interaction.Details {
		return interaction.Details{
			Channel:      rapid.SampledFrom([]interaction.Channel{"", interaction.Call, interaction.Visit, "pigeon"}).Draw(t, "channel"),
			Direction:    rapid.SampledFrom([]interaction.Direction{"", interaction.Outbound}).Draw(t, "direction"),
			Participants: rapid.SampledFrom([][]domain.Personal{nil, {"李小龍"}, {"李小龍", "Ελένη"}}).Draw(t, "participants"),
			Subject:      text.Draw(t, "subject"), Note: text.Draw(t, "note"),
			Reaction: rapid.SampledFrom([]interaction.Reaction{"", interaction.Declined}).Draw(t, "reaction"),
			Mood:     rapid.SampledFrom([]interaction.Mood{"", interaction.Angry}).Draw(t, "mood"),
			Duration: rapid.SampledFrom([]int64{0, 340, -1}).Draw(t, "duration"),
			Deal:     domaintest.AnyID(call.Deal).Draw(t, "deal"), Employee: domaintest.AnyID(call.Employee).Draw(t, "employee"),
		}
	}))
	patch := domaintest.AnyPatch(details, interaction.DetailFields)
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) interaction.Command {
			return interaction.Log{ID: id.Draw(t, "id"), Details: details.Draw(t, "details")}
		}),
		rapid.Custom(func(t *rapid.T) interaction.Command {
			return interaction.Amend{ID: id.Draw(t, "id"), Patch: patch.Draw(t, "patch")}
		}),
	)
}
