package commands_test

import (
	"context"
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

// awayLog is a log that can go away.
type awayLog struct {
	commands.Log
	away  bool
	asked int
}

func (l *awayLog) Load(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	if l.asked++; l.away {
		return nil, domain.ErrStoreUnavailable
	}
	return l.Log.Load(ctx, stream, after)
}

// TestAKeyIsKnownWhileTheLogIsAway for a quarter of an hour, and asks it once a second.
func TestAKeyIsKnownWhileTheLogIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newLedger()
		do(t, commands.New(memory, commands.Config{}), issueKey("shop", apikey.Terms{Role: apikey.Sales}))
		log := &awayLog{Log: memory}
		h := commands.New(log, commands.Config{})
		ask := func() error {
			key, err := h.APIKey(t.Context(), apikey.ID("shop"))
			if err == nil && key.Name != "shop" {
				t.Error(key)
			}
			return err
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		log.away = true
		for range 14 * 60 {
			time.Sleep(time.Second)
			for range 10 {
				if err := ask(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if log.asked > 14*60+1 {
			t.Errorf("the log was asked %d times", log.asked)
		}
		if _, err := h.APIKey(t.Context(), apikey.ID("bot")); !errors.Is(err, domain.ErrStoreUnavailable) {
			t.Error("a key that is not known:", err)
		}
		time.Sleep(time.Minute)
		if err := ask(); !errors.Is(err, domain.ErrStoreUnavailable) {
			t.Error("after a quarter of an hour:", err)
		}
		log.away = false
		if err := ask(); err != nil {
			t.Error("it is back:", err)
		}
	})
}
