package apikey_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/apikey"
	"crm/domain/domaintest"
)

type (
	story = domaintest.Story[apikey.Command, apikey.Event]
	patch = domain.Patch[apikey.Terms]
)

func facts(events ...apikey.Event) []apikey.Event { return events }

var (
	noon   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	first  = apikey.Digest(strings.Repeat("1a", 32))
	second = apikey.Digest(strings.Repeat("2b", 32))
	third  = apikey.Digest(strings.Repeat("3c", 32))
	terms  = apikey.Terms{
		Role: apikey.Sales, Scope: domain.EmployeeID{UUID: uuid.UUID{15: 1}}, Masked: true,
		ExpiresAt: noon.Add(24 * time.Hour), RateLimit: 100,
	}
	issue   = apikey.Issue{Name: "web-shop", Terms: terms, Secret: first, Now: noon}
	issued  = apikey.Issued{Name: "web-shop", Terms: terms, Secret: first}
	revoked = apikey.Revoked{}
)

func TestIssue(t *testing.T) {
	t.Parallel()
	with := func(change func(*apikey.Issue)) apikey.Issue {
		c := issue
		change(&c)
		return c
	}
	domaintest.Run(t, apikey.Decider, []story{
		{Name: "with all terms", When: issue, Then: facts(issued)},
		{
			Name: "with a role alone", When: apikey.Issue{Name: "x", Terms: apikey.Terms{Role: apikey.Admin}, Secret: first, Now: noon},
			Then: facts(apikey.Issued{Name: "x", Terms: apikey.Terms{Role: apikey.Admin}, Secret: first}),
		},
		{Name: "twice", Given: facts(issued), When: issue, Refused: apikey.ErrAlreadyIssued},
		{Name: "again after it was revoked", Given: facts(issued, revoked), When: issue, Refused: apikey.ErrAlreadyIssued},
		{Name: "without a name", When: with(func(c *apikey.Issue) { c.Name = "" }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "with a name of two lines", When: with(func(c *apikey.Issue) { c.Name = "a\nb" }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "with a name that ends in a line break", When: with(func(c *apikey.Issue) { c.Name = "a\n" }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "with a name that looks like another", When: with(func(c *apikey.Issue) { c.Name = "аdmin" }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "with a name like a token's", When: with(func(c *apikey.Issue) { c.Name = "oidc:1" }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "with the program's name", When: with(func(c *apikey.Issue) { c.Name = "crm" }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "with a long name", When: with(func(c *apikey.Issue) { c.Name = strings.Repeat("x", 65) }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "without a role", When: with(func(c *apikey.Issue) { c.Terms.Role = "" }), Refused: domain.ErrInvalid, At: "/role"},
		{Name: "with a role that is none", When: with(func(c *apikey.Issue) { c.Terms.Role = "root" }), Refused: domain.ErrInvalid, At: "/role"},
		{Name: "for an admin with a scope", When: with(func(c *apikey.Issue) { c.Terms.Role = apikey.Admin }), Refused: domain.ErrInvalid, At: "/scope"},
		{Name: "for an admin with a mask", When: with(func(c *apikey.Issue) { c.Terms = apikey.Terms{Role: apikey.Admin, Masked: true} }), Refused: domain.ErrInvalid, At: "/masked"},
		{Name: "with a negative limit", When: with(func(c *apikey.Issue) { c.Terms.RateLimit = -1 }), Refused: domain.ErrInvalid, At: "/rate_limit"},
		{Name: "with a limit that is none", When: with(func(c *apikey.Issue) { c.Terms.RateLimit = apikey.MaxRateLimit + 1 }), Refused: domain.ErrInvalid, At: "/rate_limit"},
		{Name: "that is over", When: with(func(c *apikey.Issue) { c.Terms.ExpiresAt = noon }), Refused: domain.ErrInvalid, At: "/expires_at"},
		{Name: "until no year", When: with(func(c *apikey.Issue) { c.Terms.ExpiresAt = noon.AddDate(9000, 0, 0) }), Refused: domain.ErrInvalid, At: "/expires_at"},
		{Name: "with its secret in the open", When: with(func(c *apikey.Issue) { c.Secret = "secret" }), Refused: domain.ErrInvalid, At: "/secret_sha256"},
	})
}

func TestRotate(t *testing.T) {
	t.Parallel()
	rotate := func(until time.Time) apikey.Rotate {
		return apikey.Rotate{Secret: second, FormerUntil: until, Now: noon}
	}
	domaintest.Run(t, apikey.Decider, []story{
		{Name: "at once", Given: facts(issued), When: rotate(time.Time{}), Then: facts(apikey.Rotated{Secret: second})},
		{
			Name: "with an overlap", Given: facts(issued), When: rotate(noon.Add(apikey.MaxOverlap)),
			Then: facts(apikey.Rotated{Secret: second, FormerUntil: noon.Add(apikey.MaxOverlap)}),
		},
		{Name: "to the secret it has", Given: facts(issued, apikey.Rotated{Secret: second}), When: rotate(time.Time{})},
		{Name: "with a long overlap", Given: facts(issued), When: rotate(noon.Add(apikey.MaxOverlap + 1)), Refused: domain.ErrInvalid, At: "/former_until"},
		{Name: "with an overlap that is over", Given: facts(issued), When: rotate(noon), Refused: domain.ErrInvalid, At: "/former_until"},
		{Name: "to nothing", Given: facts(issued), When: apikey.Rotate{Now: noon}, Refused: domain.ErrInvalid, At: "/secret_sha256"},
		{Name: "a revoked key", Given: facts(issued, revoked), When: rotate(time.Time{}), Refused: apikey.ErrRevoked},
		{Name: "a key nobody issued", When: rotate(time.Time{}), Refused: apikey.ErrUnknown},
	})
}

func TestChangeTerms(t *testing.T) {
	t.Parallel()
	change := func(p patch) apikey.ChangeTerms { return apikey.ChangeTerms{Patch: p, Now: noon} }
	changed := apikey.TermsChanged{Patch: patch{Set: apikey.Terms{Role: apikey.Reader}, Clear: []string{"masked", "expires_at"}}}
	domaintest.Run(t, apikey.Decider, []story{
		{
			Name: "sets and clears what is different", Given: facts(issued), Then: facts(changed),
			When: change(patch{Set: apikey.Terms{Role: apikey.Reader, RateLimit: 100}, Clear: []string{"masked", "expires_at"}}),
		},
		{Name: "to what they are", Given: facts(issued, changed), When: change(changed.Patch)},
		{Name: "to an expiry that is over", Given: facts(issued), When: change(patch{Set: apikey.Terms{ExpiresAt: noon}}), Refused: domain.ErrInvalid, At: "/expires_at"},
		{Name: "of a key that has expired", Given: facts(issued), When: apikey.ChangeTerms{Patch: patch{Set: apikey.Terms{Role: apikey.Reader}}, Now: noon.AddDate(1, 0, 0)}, Then: facts(apikey.TermsChanged{Patch: patch{Set: apikey.Terms{Role: apikey.Reader}}})},
		{Name: "to no role", Given: facts(issued), When: change(patch{Clear: []string{"role"}}), Refused: domain.ErrInvalid, At: "/role"},
		{Name: "to an admin's with a scope", Given: facts(issued), When: change(patch{Set: apikey.Terms{Role: apikey.Admin}}), Refused: domain.ErrInvalid, At: "/scope"},
		{Name: "of no field", Given: facts(issued), When: change(patch{Clear: []string{"name"}}), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "of a revoked key", Given: facts(issued, revoked), When: change(changed.Patch), Refused: apikey.ErrRevoked},
		{Name: "of a key nobody issued", When: change(changed.Patch), Refused: apikey.ErrUnknown},
	})
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, apikey.Decider, []story{
		{Name: "once", Given: facts(issued), When: apikey.Revoke{}, Then: facts(revoked)},
		{Name: "twice", Given: facts(issued, revoked), When: apikey.Revoke{}},
		{Name: "nothing", When: apikey.Revoke{}, Refused: apikey.ErrUnknown},
	})
}

// TestSecrets says which secrets are good, and when.
func TestSecrets(t *testing.T) {
	t.Parallel()
	hour := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		history         []apikey.Event
		at              time.Time
		current, former apikey.Digest
	}{
		"nobody's key":                 {at: noon},
		"an issued key":                {history: facts(issued), at: noon, current: first},
		"the last moment":              {history: facts(issued), at: terms.ExpiresAt.Add(-1), current: first},
		"an expired key":               {history: facts(issued), at: terms.ExpiresAt},
		"a revoked key":                {history: facts(issued, revoked), at: noon},
		"rotated at once":              {history: facts(issued, apikey.Rotated{Secret: second}), at: noon, current: second},
		"within an overlap":            {history: facts(issued, apikey.Rotated{Secret: second, FormerUntil: hour}), at: noon, current: second, former: first},
		"after an overlap":             {history: facts(issued, apikey.Rotated{Secret: second, FormerUntil: hour}), at: hour, current: second},
		"rotated again in the overlap": {history: facts(issued, apikey.Rotated{Secret: second, FormerUntil: hour}, apikey.Rotated{Secret: third}), at: noon, current: third},
		"revoked within an overlap":    {history: facts(issued, apikey.Rotated{Secret: second, FormerUntil: hour}, revoked), at: noon},
		"expired within an overlap":    {history: facts(issued, apikey.Rotated{Secret: second, FormerUntil: noon.AddDate(0, 0, 9)}), at: terms.ExpiresAt},
	} {
		if current, former := apikey.Decider.Fold(c.history...).Secrets(c.at); current != c.current || former != c.former {
			t.Errorf("%s: %q and %q are good, want %q and %q", name, current, former, c.current, c.former)
		}
	}
}
