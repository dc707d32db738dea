package webhook_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/webhook"
)

type (
	story = domaintest.Story[webhook.Command, webhook.Event]
	patch = domain.Patch[webhook.Details]
)

func facts(events ...webhook.Event) []webhook.Event { return events }

const (
	first  = webhook.Fingerprint("00000000000000aa")
	second = webhook.Fingerprint("00000000000000bb")
)

var (
	details = webhook.Details{
		URL: "https://hooks.example.com/crm?tenant=1", Categories: []string{"deal"}, Types: []string{"customer.registered"}, Description: "the shop",
	}
	registered = webhook.Registered{Details: details, Secret: first}
	noon       = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	gone       = webhook.Disabled{Reason: webhook.Gone}
)

func TestRegister(t *testing.T) {
	t.Parallel()
	with := func(change func(*webhook.Details)) webhook.Register {
		d := details
		change(&d)
		return webhook.Register{Details: d, Secret: first}
	}
	address := func(url string) webhook.Register { return with(func(d *webhook.Details) { d.URL = url }) }
	stories := []story{
		{Name: "with all", When: webhook.Register(registered), Then: facts(registered)},
		{Name: "twice", Given: facts(registered), When: webhook.Register(registered), Refused: webhook.ErrAlreadyRegistered},
		{Name: "again after its end", Given: facts(registered, webhook.Removed{}), When: webhook.Register(registered), Refused: webhook.ErrAlreadyRegistered},
		{Name: "without a secret", When: webhook.Register{Details: details}, Refused: domain.ErrInvalid, At: "/secret"},
		{Name: "with the secret itself", When: webhook.Register{Details: details, Secret: "whsec_c2VjcmV0"}, Refused: domain.ErrInvalid, At: "/secret"},
		{Name: "of an unknown category", When: with(func(d *webhook.Details) { d.Categories = []string{"deal", "deals"} }), Refused: domain.ErrInvalid, At: "/categories/1"},
		{Name: "of a type that is none", When: with(func(d *webhook.Details) { d.Types = []string{"deal"} }), Refused: domain.ErrInvalid, At: "/types/0"},
		{Name: "of a type of nothing", When: with(func(d *webhook.Details) { d.Types = []string{"deals.won"} }), Refused: domain.ErrInvalid, At: "/types/0"},
		{Name: "of too many types", When: with(func(d *webhook.Details) { d.Types = slices.Repeat([]string{"deal.won"}, 101) }), Refused: domain.ErrInvalid, At: "/types"},
		{Name: "of too many categories", When: with(func(d *webhook.Details) { d.Categories = slices.Repeat([]string{"deal"}, 21) }), Refused: domain.ErrInvalid, At: "/categories"},
		{Name: "with a NUL", When: with(func(d *webhook.Details) { d.Description = "\x00" }), Refused: domain.ErrInvalid, At: "/description"},
		{Name: "at a long address", When: address("https://example.com/" + strings.Repeat("x", 500)), Refused: domain.ErrInvalid, At: "/url"},
	}
	for _, url := range []string{
		"", "example.com", "ftp://example.com", "https://", "https:///path", "https://user:password@example.com/", "https://user@example.com",
		"https://example.com/#part", "https://exam ple.com", "https://example.com\\@evil.example", "javascript:alert(1)",
	} {
		stories = append(stories, story{Name: "at " + url, When: address(url), Refused: domain.ErrInvalid, At: "/url"})
	}
	domaintest.Run(t, webhook.Decider, stories)
}

func TestChange(t *testing.T) {
	t.Parallel()
	changed := webhook.Changed{Patch: patch{Set: webhook.Details{URL: "https://example.com"}, Clear: []string{"types"}}}
	domaintest.Run(t, webhook.Decider, []story{
		{Name: "what is different", Given: facts(registered), When: webhook.Change{Patch: patch{
			Set: webhook.Details{URL: "https://example.com", Description: "the shop"}, Clear: []string{"types"},
		}}, Then: facts(changed)},
		{Name: "to what it is", Given: facts(registered, changed), When: webhook.Change{Patch: changed.Patch}},
		{Name: "of a disabled one", Given: facts(registered, gone), When: webhook.Change{Patch: changed.Patch}, Then: facts(changed)},
		{Name: "of the address to none", Given: facts(registered), When: webhook.Change{Patch: patch{Clear: []string{"url"}}}, Refused: domain.ErrInvalid, At: "/url"},
		{Name: "of no field", Given: facts(registered), When: webhook.Change{Patch: patch{Clear: []string{"secret"}}}, Refused: domain.ErrInvalid, At: "/secret"},
		{Name: "of none", When: webhook.Change{Patch: changed.Patch}, Refused: webhook.ErrUnknown},
		{Name: "of a removed one", Given: facts(registered, webhook.Removed{}), When: webhook.Change{Patch: changed.Patch}, Refused: webhook.ErrRemoved},
	})
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	paused, resumed := webhook.Paused{}, webhook.Resumed{}
	domaintest.Run(t, webhook.Decider, []story{
		{Name: "pausing", Given: facts(registered), When: webhook.Pause{}, Then: facts(paused)},
		{Name: "pausing twice", Given: facts(registered, paused), When: webhook.Pause{}},
		{Name: "pausing what is disabled", Given: facts(registered, gone), When: webhook.Pause{}, Refused: webhook.ErrNotActive},
		{Name: "pausing none", When: webhook.Pause{}, Refused: webhook.ErrUnknown},
		{Name: "resuming", Given: facts(registered, paused), When: webhook.Resume{}, Then: facts(resumed)},
		{Name: "resuming what was disabled", Given: facts(registered, gone), When: webhook.Resume{}, Then: facts(resumed)},
		{Name: "resuming what runs", Given: facts(registered), When: webhook.Resume{}},
		{Name: "resuming what was removed", Given: facts(registered, webhook.Removed{}), When: webhook.Resume{}, Refused: webhook.ErrRemoved},
	})
}

func TestRotateSecret(t *testing.T) {
	t.Parallel()
	rotate := webhook.RotateSecret{Secret: second, PreviousUntil: noon, Now: noon.Add(-webhook.MaxOverlap)}
	long := rotate
	long.Now = long.Now.Add(-1)
	rotated := webhook.SecretRotated{Secret: second, Previous: first, PreviousUntil: noon}
	domaintest.Run(t, webhook.Decider, []story{
		{Name: "once", Given: facts(registered), When: rotate, Then: facts(rotated)},
		{Name: "to the same", Given: facts(registered, rotated), When: rotate},
		{Name: "of a disabled one", Given: facts(registered, gone), When: rotate, Then: facts(rotated)},
		{Name: "with a long overlap", Given: facts(registered), When: long, Refused: domain.ErrInvalid, At: "/previous_until"},
		{Name: "to none", Given: facts(registered), When: webhook.RotateSecret{}, Refused: domain.ErrInvalid, At: "/secret"},
		{Name: "of none", When: rotate, Refused: webhook.ErrUnknown},
	})
}

func TestDisableAndRemove(t *testing.T) {
	t.Parallel()
	disable, removed := webhook.Disable(gone), webhook.Removed{}
	domaintest.Run(t, webhook.Decider, []story{
		{Name: "disabling", Given: facts(registered), When: disable, Then: facts(gone)},
		{Name: "disabling what is paused", Given: facts(registered, webhook.Paused{}), When: disable, Then: facts(gone)},
		{Name: "disabling twice", Given: facts(registered, gone), When: disable},
		{Name: "disabling for another reason", Given: facts(registered, gone), When: webhook.Disable{Reason: webhook.Failing}},
		{Name: "disabling what was removed", Given: facts(registered, removed), When: disable},
		{Name: "disabling for no reason", Given: facts(registered), When: webhook.Disable{}, Refused: domain.ErrInvalid, At: "/reason"},
		{Name: "disabling none", When: disable, Refused: webhook.ErrUnknown},
		{Name: "removing", Given: facts(registered), When: webhook.Remove{}, Then: facts(removed)},
		{Name: "removing twice", Given: facts(registered, removed), When: webhook.Remove{}},
		{Name: "removing none", When: webhook.Remove{}, Refused: webhook.ErrUnknown},
	})
}

func TestWhatTheSenderIsAsked(t *testing.T) {
	t.Parallel()
	delivery := uuid.UUID{15: 1}
	ping, replay, redelivery := webhook.PingRequested{}, webhook.ReplayRequested{After: "12"}, webhook.RedeliveryRequested{Delivery: delivery}
	domaintest.Run(t, webhook.Decider, []story{
		{Name: "ping", Given: facts(registered), When: webhook.Ping{}, Then: facts(ping)},
		{Name: "ping again", Given: facts(registered, ping), When: webhook.Ping{}, Then: facts(ping)},
		{Name: "ping while paused", Given: facts(registered, webhook.Paused{}), When: webhook.Ping{}, Refused: webhook.ErrNotActive},
		{Name: "ping none", When: webhook.Ping{}, Refused: webhook.ErrUnknown},
		{Name: "replay", Given: facts(registered), When: webhook.Replay{After: "12"}, Then: facts(replay)},
		{Name: "replay from a pair", Given: facts(registered), When: webhook.Replay{After: "12/12"}, Then: facts(replay)},
		{Name: "replay from nowhere", Given: facts(registered), When: webhook.Replay{After: "twelve"}, Refused: domain.ErrInvalid, At: "/after"},
		{Name: "replay to a disabled one", Given: facts(registered, gone), When: webhook.Replay{After: "0"}, Refused: webhook.ErrNotActive},
		{Name: "redeliver", Given: facts(registered), When: webhook.Redeliver{Delivery: delivery}, Then: facts(redelivery)},
		{Name: "redeliver nothing", Given: facts(registered), When: webhook.Redeliver{}, Refused: domain.ErrInvalid, At: "/delivery"},
		{Name: "redeliver to a removed one", Given: facts(registered, webhook.Removed{}), When: webhook.Redeliver{Delivery: delivery}, Refused: webhook.ErrRemoved},
	})
}

func TestWants(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		details   webhook.Details
		eventType string
		want      bool
	}{
		{details, "deal.won", true},
		{details, "customer.registered", true},
		{details, "customer.archived", false},
		{webhook.Details{}, "customer.archived", true},
		{webhook.Details{}, "webhook.disabled", false},
		{webhook.Details{Types: []string{"webhook.disabled"}}, "webhook.disabled", true},
		{webhook.Details{Types: []string{"webhook.disabled"}}, "deal.won", false},
	} {
		if got := c.details.Wants(c.eventType); got != c.want {
			t.Errorf("%v wants %s: %t", c.details, c.eventType, got)
		}
	}
}
