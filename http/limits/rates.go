package limits

import (
	"math"
	"net/http"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// How many callers and addresses are known at a time.
const (
	callers   = 1 << 16
	addresses = 1 << 14
)

// Rates are the buckets of callers. It is safe for concurrent use.
type Rates struct {
	buckets *lru.Cache[string, *rate.Limiter]
}

// NewRates has no callers yet.
func NewRates() *Rates { return &Rates{newCache[string](callers)} }

func newCache[K comparable](size int) *lru.Cache[K, *rate.Limiter] {
	cache, err := lru.New[K, *rate.Limiter](size)
	if err != nil {
		panic(err) // a size below one
	}
	return cache
}

// Standing is how a caller stands after a request.
type Standing struct {
	// Admitted: the request is within the limit.
	Admitted bool
	// Limit is how many requests a second there may be, Remaining how many there may
	// be at once now.
	Limit, Remaining int
	// Full is when Remaining is Limit again, Next when the next request is admitted.
	Full, Next time.Duration
}

// Take counts a request of a caller who may make so many a second, at least 1.
func (r *Rates) Take(caller string, perSecond int, now time.Time) Standing {
	bucket := find(r.buckets, caller, rate.Limit(perSecond), perSecond)
	if bucket.Burst() != perSecond { // the key has other terms now
		bucket.SetLimitAt(now, rate.Limit(perSecond))
		bucket.SetBurstAt(now, perSecond)
	}
	s := Standing{Admitted: bucket.AllowN(now, 1), Limit: perSecond}
	tokens := max(bucket.TokensAt(now), 0)
	s.Remaining = int(tokens)
	s.Full = seconds((float64(perSecond) - tokens) / float64(perSecond))
	s.Next = seconds((1 - tokens) / float64(perSecond))
	return s
}

// find is the bucket of that name, a full one when there is none.
func find[K comparable](buckets *lru.Cache[K, *rate.Limiter], name K, limit rate.Limit, burst int) *rate.Limiter {
	bucket, known := buckets.Get(name)
	if !known {
		bucket = rate.NewLimiter(limit, burst)
		if earlier, found, _ := buckets.PeekOrAdd(name, bucket); found {
			bucket = earlier
		}
	}
	return bucket
}

func seconds(s float64) time.Duration { return time.Duration(max(s, 0) * float64(time.Second)) }

// Tell writes the headers.
func (s Standing) Tell(header http.Header) {
	limit := strconv.Itoa(s.Limit)
	header.Set("RateLimit-Limit", limit)
	header.Set("RateLimit-Policy", limit+";w=1")
	header.Set("RateLimit-Remaining", strconv.Itoa(s.Remaining))
	header.Set("RateLimit-Reset", Whole(s.Full))
	if !s.Admitted {
		header.Set("Retry-After", Whole(max(s.Next, time.Second)))
	}
}

// Whole is a duration in whole seconds, rounded up.
func Whole(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
