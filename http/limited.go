package http

import (
	"cmp"
	"errors"
	"net/http"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"crm/domain"
	"crm/http/limits"
)

// The refusals of who asks too often.
var (
	ErrRateLimited     = &domain.Error{Code: domain.Forbidden, Slug: "rate-limited", Detail: "There were more requests than this key may make in a second."}
	ErrTooManyFailures = &domain.Error{Code: domain.Forbidden, Slug: "too-many-failed-log-ins", Detail: "Too many credentials from this address were wrong. Nothing new is tried for a while."}
)

// Limiting is how often callers may ask.
type Limiting struct {
	// Rate is how many requests a second a key or token may make whose terms say
	// nothing. Default 0: as many as it likes.
	Rate int
	// FailedLogIns is how many wrong credentials an address may show at once; one more
	// is forgiven every six seconds. Default 20; negative: as many as it likes.
	FailedLogIns int
	// TrustedProxies are those whose X-Forwarded-For names the address. Default: none,
	// the peer's address counts.
	TrustedProxies []netip.Prefix
}

// limiting is what is known of who asked how often.
type limiting struct {
	Limiting
	rates    *limits.Rates
	failures *limits.Failures              // nil: not counted
	good     *lru.Cache[KeyHash, struct{}] // credentials that were let in
}

// goodCredentials is how many credentials are remembered that were let in.
const goodCredentials = 1 << 12

func newLimiting(cfg Limiting) *limiting {
	good, err := lru.New[KeyHash, struct{}](goodCredentials)
	if err != nil {
		panic(err) // a size below one
	}
	l := &limiting{Limiting: cfg, rates: limits.NewRates(), good: good}
	if cfg.FailedLogIns >= 0 {
		l.failures = limits.NewFailures(cmp.Or(cfg.FailedLogIns, 20))
	}
	return l
}

// mustWait is how long a credential waits before it is looked at. One that was let in
// before does not: it may be of another program behind the same address.
func (s *Server) mustWait(r *http.Request, shown credential) time.Duration {
	if s.limiting.failures == nil {
		return 0
	}
	wait := s.limiting.failures.Wait(s.address(r), s.cfg.Now())
	if wait > 0 && s.limiting.good.Contains(shown.hash) {
		return 0
	}
	return wait
}

// noteLogIn remembers what was let in, and counts what was not.
func (s *Server) noteLogIn(r *http.Request, shown credential, err error) {
	switch {
	case s.limiting.failures == nil:
	case err == nil:
		if !s.limiting.good.Contains(shown.hash) {
			s.limiting.good.Add(shown.hash, struct{}{})
		}
	case errors.Is(err, ErrKeyMissing):
		s.limiting.failures.Note(s.address(r), s.cfg.Now())
	}
}

func (s *Server) address(r *http.Request) netip.Addr {
	return limits.Address(r, s.limiting.TrustedProxies)
}

// admit counts a request, tells the caller how they stand, and reports whether it is
// within their limit.
func (s *Server) admit(w http.ResponseWriter, asks caller) bool {
	rate := cmp.Or(asks.rate, s.limiting.Rate)
	if rate <= 0 {
		return true
	}
	standing := s.limiting.rates.Take(asks.Actor, rate, s.cfg.Now())
	standing.Tell(w.Header())
	return standing.Admitted
}
