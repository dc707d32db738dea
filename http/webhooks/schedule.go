package webhooks

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Schedule is how long to wait after each failed attempt before the next: the one that
// Standard Webhooks gives. Ten attempts within about 3 days and 4 hours.
var Schedule = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// longestRetryAfter is how long an endpoint may have us wait.
const longestRetryAfter = 24 * time.Hour

// next is when to try again after the tries-th failure, and false when that was the
// last. Up to a tenth is added, as much of it as chance says, from 0 to 1, so that what
// failed together does not come together; an endpoint that asks for more time gets it.
func next(schedule []time.Duration, tries int, now time.Time, asked time.Duration, chance float64) (time.Time, bool) {
	if tries > len(schedule) {
		return time.Time{}, false
	}
	wait := schedule[tries-1]
	wait += time.Duration(chance * float64(wait) / 10)
	return now.Add(max(wait, min(asked, longestRetryAfter))), true
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3): seconds, or a date. What
// is neither, or past, asks for nothing.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
