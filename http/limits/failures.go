package limits

import (
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Failures are log-ins that failed, by address. It is safe for concurrent use.
type Failures struct {
	buckets *lru.Cache[netip.Prefix, *rate.Limiter]
	burst   int
}

// failureEvery is how long it takes until one more failure is forgiven.
const failureEvery = 6 * time.Second

// NewFailures lets an address fail so many times at once, at least once, and one more
// time every six seconds.
func NewFailures(burst int) *Failures {
	return &Failures{newCache[netip.Prefix](addresses), burst}
}

// Wait is how long nothing new is tried from the address; 0 when it is.
func (f *Failures) Wait(from netip.Addr, now time.Time) time.Duration {
	bucket, known := f.buckets.Get(network(from))
	if !known {
		return 0
	}
	return time.Duration((1 - min(bucket.TokensAt(now), 1)) * float64(failureEvery))
}

// Note counts a failure.
func (f *Failures) Note(from netip.Addr, now time.Time) {
	find(f.buckets, network(from), rate.Every(failureEvery), f.burst).AllowN(now, 1)
}

// network is what one customer of a provider has: an IPv4 address, or an IPv6 /64.
func network(from netip.Addr) netip.Prefix {
	from = from.Unmap().WithZone("")
	length := 32
	if from.Is6() {
		length = 64
	}
	prefix, err := from.Prefix(length)
	if err != nil { // no address, as of a unix socket
		return netip.Prefix{}
	}
	return prefix
}
