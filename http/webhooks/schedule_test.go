package webhooks

import (
	"net/http"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestNextAttempts(t *testing.T) {
	t.Parallel()
	const h, m = time.Hour, time.Minute
	for name, c := range map[string]struct {
		tries  int
		asked  time.Duration
		chance float64
		want   time.Duration // 0: none
	}{
		"soon after the first":                 {tries: 1, want: 5 * time.Second},
		"the second":                           {tries: 2, want: 5 * m},
		"the third":                            {tries: 3, want: 30 * m},
		"the fourth":                           {tries: 4, want: 2 * h},
		"the fifth":                            {tries: 5, want: 5 * h},
		"the sixth":                            {tries: 6, want: 10 * h},
		"the seventh":                          {tries: 7, want: 14 * h},
		"the eighth":                           {tries: 8, want: 20 * h},
		"the ninth":                            {tries: 9, want: 24 * h},
		"the tenth was the last":               {tries: 10},
		"and there is none after it":           {tries: 11},
		"by chance half of a tenth more":       {tries: 6, chance: .5, want: 10*h + 30*m},
		"by chance a tenth more":               {tries: 9, chance: 1, want: 26*h + 24*m},
		"more where it is asked for":           {tries: 1, asked: 10 * m, chance: 1, want: 10 * m},
		"not less":                             {tries: 4, asked: m, want: 2 * h},
		"a day, however much is asked for":     {tries: 2, asked: 1000 * h, want: 24 * h},
		"none after the last, whoever asks it": {tries: 10, asked: m},
	} {
		at, more := next(Schedule, c.tries, noon, c.asked, c.chance)
		if more != (c.want != 0) || more && at.Sub(noon) != c.want {
			t.Errorf("%s: %v after noon, %t; want %v", name, at.Sub(noon), more, c.want)
		}
	}
}

// A delivery is tried for three days at least, and not for a fifth one.
func TestTheScheduleTakesThreeDays(t *testing.T) {
	t.Parallel()
	for _, chance := range []float64{0, .5, 1} {
		at, attempts := noon, 1
		for {
			then, more := next(Schedule, attempts, at, 0, chance)
			if !more {
				break
			}
			at, attempts = then, attempts+1
		}
		if took := at.Sub(noon); attempts != 10 || took < 72*time.Hour || took > 96*time.Hour {
			t.Errorf("by chance %g there are %d attempts within %v", chance, attempts, took)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "90": 90 * time.Second, " 90 ": 90 * time.Second, "-1": 0, "1.5": 0, "soon": 0, "99999999999": 0,
		"Sun, 22 Nov 2026 12:01:00 GMT": time.Minute, "Sun, 22 Nov 2026 11:59:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, noon); got != want {
			t.Errorf("%q asks for %v, want %v", text, got, want)
		}
	}
}
