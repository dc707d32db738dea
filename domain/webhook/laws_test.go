package webhook_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm/domain/domaintest"
	"crm/domain/webhook"
)

// What is asked of the sender is not here: asked twice, it happens twice.
func TestLaws(t *testing.T) {
	t.Parallel()
	text := domaintest.AnyText[string]()
	anyDetails := rapid.OneOf(rapid.SampledFrom([]webhook.Details{details, {URL: "https://example.com"}, {}}), rapid.Custom(func(t *rapid.T) webhook.Details {
		return webhook.Details{
			URL:        rapid.SampledFrom([]string{"https://example.com/a", "http://example.com", "nowhere", ""}).Draw(t, "url"),
			Categories: rapid.SampledFrom([][]string{nil, {"deal"}, {"customer", "deal"}, {"planet"}}).Draw(t, "categories"),
			Types:      rapid.SampledFrom([][]string{nil, {"deal.won"}, {"deal"}}).Draw(t, "types"), Description: text.Draw(t, "description"),
		}
	}))
	fingerprint := rapid.SampledFrom([]webhook.Fingerprint{first, second, "", "secret"})
	asks := func(c webhook.Command) *rapid.Generator[webhook.Command] { return rapid.Just(c) }
	domaintest.Laws(t, webhook.Decider, rapid.OneOf(
		rapid.Custom(func(t *rapid.T) webhook.Command {
			return webhook.Register{Details: anyDetails.Draw(t, "details"), Secret: fingerprint.Draw(t, "secret")}
		}),
		rapid.Map(domaintest.AnyPatch(anyDetails, webhook.DetailFields), func(p patch) webhook.Command { return webhook.Change{Patch: p} }),
		rapid.Custom(func(t *rapid.T) webhook.Command {
			until := noon.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "nanoseconds")))
			return webhook.RotateSecret{Secret: fingerprint.Draw(t, "secret"), PreviousUntil: until, Now: noon}
		}),
		rapid.Map(rapid.SampledFrom([]webhook.Reason{webhook.Gone, webhook.Failing, "bored"}), func(r webhook.Reason) webhook.Command { return webhook.Disable{Reason: r} }),
		asks(webhook.Pause{}), asks(webhook.Resume{}),
		rapid.Map(rapid.IntRange(0, 9), func(n int) webhook.Command { // seldom, for it is the end
			if n > 0 {
				return webhook.Resume{}
			}
			return webhook.Remove{}
		}),
	), map[string]error{"webhook.register": webhook.ErrAlreadyRegistered})
}
