package commands_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crm/commands"
	"crm/domain"
	"crm/domain/apikey"
)

func issueKey(name string, terms apikey.Terms) commands.Ask {
	a := ask("issue "+name, apikey.ID(name).UUID, apikey.Issue{
		Name: name, Terms: terms, Secret: apikey.Digest(strings.Repeat("1a", 32)), Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
	})
	a.Meta.Reason = "tests ask with it"
	return a
}

func revokeKey(name string) commands.Ask {
	a := ask("revoke "+name, apikey.ID(name).UUID, apikey.Revoke{})
	a.Meta.Reason = "it was seen"
	return a
}

// TestARevokedKeyIsSeenByOthers revokes at one server what another one has just let in.
func TestARevokedKeyIsSeenByOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newLedger()
		here, there := commands.New(log, commands.Config{}), commands.New(log, commands.Config{})
		shop := apikey.ID("shop")
		if _, err := there.APIKey(t.Context(), shop); !errors.Is(err, apikey.ErrUnknown) {
			t.Fatal("before it was issued:", err)
		}
		do(t, here, issueKey("shop", apikey.Terms{Role: apikey.Sales}))
		revoked := func(h *commands.Handler) bool {
			key, err := h.APIKey(t.Context(), shop)
			if err != nil {
				t.Fatal(err)
			}
			return key.Revoked
		}
		if revoked(here) || revoked(there) {
			t.Fatal("revoked when it was issued")
		}
		do(t, here, revokeKey("shop"))
		if !revoked(here) {
			t.Error("who revoked it still lets it in")
		}
		if key, err := there.APIKeyNow(t.Context(), shop); err != nil || !key.Revoked {
			t.Error("the log says otherwise:", key, err)
		}
		third := commands.New(log, commands.Config{})
		do(t, here, issueKey("bot", apikey.Terms{Role: apikey.Reader}))
		if _, err := third.APIKey(t.Context(), apikey.ID("bot")); err != nil {
			t.Fatal(err)
		}
		do(t, here, revokeKey("bot"))
		time.Sleep(time.Second)
		if key, err := third.APIKey(t.Context(), apikey.ID("bot")); err != nil || !key.Revoked {
			t.Error("a second later another server still lets it in:", key, err)
		}
	})
}

func TestAKeysScopeMustExist(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	_, err := h.Do(t.Context(), issueKey("shop", apikey.Terms{Role: apikey.Sales, Scope: staff("nobody")}))
	if refusal, ok := errors.AsType[*domain.Refusal](err); !ok || refusal.Cause != commands.ErrUnknownReference || refusal.Pointer != "/scope" {
		t.Error(err)
	}
}

func TestKeysTakeAReason(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	silent := issueKey("shop", apikey.Terms{Role: apikey.Sales})
	silent.Meta.Reason = ""
	if _, err := h.Do(t.Context(), silent); !errors.Is(err, domain.ErrInvalid) {
		t.Error(err)
	}
}
