package consent_test

import (
	"testing"
	"time"

	"crm/domain/consent"
)

// Only a grant permits, and only before its time is over.
func TestAnswerAtAnInstant(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status  consent.Status
		expires time.Time
		want    consent.Status
	}{
		{status: "", want: ""},
		{status: consent.StatusRequested, want: consent.StatusRequested},
		{status: consent.StatusRequested, expires: noon.Add(-time.Hour), want: consent.StatusRequested},
		{status: consent.StatusGranted, want: consent.StatusGranted},
		{status: consent.StatusGranted, expires: noon.Add(time.Microsecond), want: consent.StatusGranted},
		{status: consent.StatusGranted, expires: noon, want: consent.StatusExpired},
		{status: consent.StatusWithdrawn, expires: noon.Add(time.Hour), want: consent.StatusWithdrawn},
		{status: consent.StatusObjected, want: consent.StatusObjected},
		{status: consent.StatusExpired, expires: noon.Add(time.Hour), want: consent.StatusExpired},
	} {
		answer := consent.Answer{Status: c.status, Evidence: consent.Evidence{ExpiresAt: c.expires}}
		if got := answer.StatusAt(noon); got != c.want {
			t.Errorf("%q until %s is %q, should be %q", c.status, c.expires, got, c.want)
		}
		if got, want := answer.Permits(noon), c.want == consent.StatusGranted; got != want {
			t.Errorf("%q until %s permits: %t", c.status, c.expires, got)
		}
	}
}
