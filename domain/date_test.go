package domain_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm/domain"
)

func TestParseDate(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"2026-11-22", "2024-02-29", "0001-01-01", "9999-12-31"} {
		if got, err := domain.ParseDate(text); err != nil || string(got) != text || !got.Valid() {
			t.Errorf("%q is read as %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "2026-02-29", "2026-13-01", "0000-12-31", "10000-01-01", "2026-1-2", "22.11.2026", "2026-11-22T00:00:00Z", " 2026-11-22"} {
		if got, err := domain.ParseDate(text); err == nil || domain.Date(text).Valid() {
			t.Errorf("%q is read as %q, want an error", text, got)
		}
	}
}

func TestDateRoundTrip(t *testing.T) {
	t.Parallel()
	instant := rapid.Map(rapid.Int64Range(-62135596800, 253402300799), func(second int64) time.Time { return time.Unix(second, 0) })
	rapid.Check(t, func(t *rapid.T) {
		a, b := instant.Draw(t, "a"), instant.Draw(t, "b")
		for _, date := range []domain.Date{domain.DateOf(a), domain.DateOf(b)} {
			if again, err := domain.ParseDate(string(date)); err != nil || again != date {
				t.Fatalf("%s is read as %s, %v", date, again, err)
			}
		}
		if a.Before(b) && domain.DateOf(a) > domain.DateOf(b) {
			t.Fatalf("%v is before %v, and %s sorts after %s", a, b, domain.DateOf(a), domain.DateOf(b))
		}
	})
}

func TestDateOfIsInUTC(t *testing.T) {
	t.Parallel()
	if got := domain.DateOf(time.Date(2026, 11, 23, 0, 30, 0, 0, time.FixedZone("", 3600))); got != "2026-11-22" {
		t.Errorf("the day is %s, want 2026-11-22", got)
	}
}
