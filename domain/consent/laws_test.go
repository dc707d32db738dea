package consent_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/domaintest"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, consent.Decider, anyCommand(), nil)
}

func anyCommand() *rapid.Generator[consent.Command] {
	key := rapid.SampledFrom([]consent.Key{newsletter, newsletter, calls, {Purpose: "newsletter"}, {Channel: consent.Email}})
	text, proof := domaintest.AnyText[string](), domaintest.AnyText[domain.Personal]()
	given := rapid.OneOf(rapid.SampledFrom([]consent.Evidence{{}, evidence}), rapid.Custom(func(t *rapid.T) consent.Evidence {
		return consent.Evidence{
			LegalBasis:     rapid.SampledFrom([]consent.LegalBasis{"", consent.ByLegitimateInterest, consent.ByContract, "because"}).Draw(t, "basis"),
			WordingVersion: text.Draw(t, "version"), CaptureSource: text.Draw(t, "source"), Proof: proof.Draw(t, "proof"),
			ExpiresAt: rapid.SampledFrom([]time.Time{{}, evidence.ExpiresAt, evidence.ExpiresAt.In(time.FixedZone("", 3600))}).Draw(t, "expiry"),
		}
	}))
	return rapid.Custom(func(t *rapid.T) consent.Command {
		key := key.Draw(t, "key")
		return rapid.OneOf(
			rapid.Map(given, func(e consent.Evidence) consent.Command { return consent.Request{Key: key, Evidence: e} }),
			rapid.Map(proof, func(proof domain.Personal) consent.Command { return consent.Confirm{Key: key, Proof: proof} }),
			rapid.Map(given, func(e consent.Evidence) consent.Command { return consent.Grant{Key: key, Evidence: e} }),
			rapid.SampledFrom([]consent.Command{consent.Withdraw{Key: key}, consent.Object{Key: key}, consent.Expire{Key: key}}),
		).Draw(t, "command")
	})
}
