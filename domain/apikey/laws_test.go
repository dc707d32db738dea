package apikey_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm/domain/apikey"
	"crm/domain/domaintest"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	anySecret := rapid.SampledFrom([]apikey.Digest{first, second, third, ""})
	anyInstant := rapid.SampledFrom([]time.Time{{}, noon.Add(-1), noon.Add(time.Hour), noon.AddDate(0, 2, 0)})
	anyTerms := rapid.Custom(func(t *rapid.T) apikey.Terms {
		return apikey.Terms{
			Role:  rapid.SampledFrom([]apikey.Role{apikey.Sales, apikey.Sales, apikey.Reader, apikey.Admin, "root", ""}).Draw(t, "role"),
			Scope: domaintest.AnyID(terms.Scope).Draw(t, "scope"), Masked: rapid.Bool().Draw(t, "masked"),
			ExpiresAt: anyInstant.Draw(t, "expires"), RateLimit: rapid.IntRange(-1, 2).Draw(t, "limit"),
		}
	})
	domaintest.Laws(t, apikey.Decider, rapid.OneOf(
		rapid.Custom(func(t *rapid.T) apikey.Command {
			return apikey.Issue{Name: domaintest.AnyText[string]().Draw(t, "name"), Terms: anyTerms.Draw(t, "terms"), Secret: anySecret.Draw(t, "secret"), Now: noon}
		}),
		rapid.Just[apikey.Command](issue),
		rapid.Custom(func(t *rapid.T) apikey.Command {
			return apikey.Rotate{Secret: anySecret.Draw(t, "secret"), FormerUntil: anyInstant.Draw(t, "until"), Now: noon}
		}),
		rapid.Map(domaintest.AnyPatch(anyTerms, apikey.TermFields), func(p patch) apikey.Command { return apikey.ChangeTerms{Patch: p, Now: noon} }),
		rapid.Just[apikey.Command](apikey.Revoke{}),
	), map[string]error{"apikey.issue": apikey.ErrAlreadyIssued})
}
