package domain_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"crm/domain"
)

func TestCheckText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "plain", "李小龍 🐉", "two\r\n\tlines", "right\u200fto left", strings.Repeat("長", domain.ShortText)} {
		if err := domain.CheckText("/name", text, domain.ShortText); err != nil {
			t.Errorf("%q is refused: %v", text, err)
		}
	}
	for _, text := range []string{"\x00", "a\x00b", "\x1b[31m", "\x7f", "\u0085", "\xff", "\xed\xa0\x80", strings.Repeat("長", domain.ShortText+1)} {
		refusal, ok := errors.AsType[*domain.Refusal](domain.CheckText("/name", text, domain.ShortText))
		if !ok || !errors.Is(refusal, domain.ErrInvalid) || refusal.Pointer != "/name" {
			t.Errorf("%q is answered with %v, want a refusal at /name", text, refusal)
		}
	}
}

func TestFieldsCheck(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", domain.ShortText+1)
	if err := cardFields.Check(card{Name: "a", Note: domain.Personal(long), Tags: []string{"b"}}); err != nil {
		t.Errorf("a good card is refused: %v", err)
	}
	for pointer, broken := range map[string]card{
		"/name": {Name: long}, "/note": {Note: domain.Personal(strings.Repeat("x", domain.LongText+1))}, "/tags/1": {Tags: []string{"a", long}},
	} {
		if refusal, ok := errors.AsType[*domain.Refusal](cardFields.Check(broken)); !ok || refusal.Pointer != pointer {
			t.Errorf("what is wrong at %s is answered with %v", pointer, refusal)
		}
	}
}

func TestIsSlug(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a", "0", "proposal_sent", "x-1", strings.Repeat("a", 64)} {
		if !domain.IsSlug(text) {
			t.Errorf("%q is no slug", text)
		}
	}
	for _, text := range []string{"", "_a", "-a", "A", "a b", "a.b", "a:b", "ä", "a\x00", strings.Repeat("a", 65)} {
		if domain.IsSlug(text) {
			t.Errorf("%q is a slug", text)
		}
	}
}

func TestPersonalPrintsNothing(t *testing.T) {
	t.Parallel()
	const secret = domain.Personal("李小龍")
	var line strings.Builder
	log := slog.New(slog.NewTextHandler(&line, nil))
	log.Info("x", slog.Any("name", secret))
	for _, printed := range []string{fmt.Sprint(secret), fmt.Sprintf("%s %v %q", secret, secret, secret), fmt.Sprintf("%+v", card{Note: secret}), line.String()} {
		if strings.Contains(printed, secret.Plain()) {
			t.Errorf("personal text is printed: %s", printed)
		}
	}
}
