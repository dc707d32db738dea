package webhooks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// connectTimeout is how long one address of a host may take to be connected to.
const connectTimeout = 5 * time.Second

// A dialer connects to addresses that its policy allows, and to no other: a name is
// resolved once, all it stands for is judged, and what was judged is connected to. The
// socket itself is judged once more before it connects, which is what counts.
type dialer struct {
	policy   policy
	resolver *net.Resolver
	// connecting sees each socket after it was judged; for tests.
	connecting func(address string) error
}

func (d *dialer) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := hostPort(address)
	if err != nil {
		return nil, err
	}
	if err := d.policy.checkPort(port); err != nil {
		return nil, err
	}
	addresses, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	socket := net.Dialer{
		Timeout: connectTimeout,
		Control: func(network, address string, _ syscall.RawConn) error {
			if err := d.policy.checkSocket(network, address); err != nil {
				return err
			}
			if d.connecting != nil {
				return d.connecting(address)
			}
			return nil
		},
	}
	var failed error
	for _, at := range addresses {
		conn, err := socket.DialContext(ctx, "tcp", net.JoinHostPort(at.String(), port))
		if err == nil {
			return conn, nil
		}
		if failed = err; ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// resolve is what a host stands for, all of it allowed. One forbidden address among
// them is enough to refuse: who answers so means no good, or does not know.
func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if literal, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{literal}, d.policy.check(literal)
	}
	addresses, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addresses) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	for _, address := range addresses {
		if err := d.policy.check(address); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

// newClient is a client that speaks to allowed addresses only: through no proxy, and
// following no redirect.
func newClient(d *dialer, roots *x509.CertPool, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // not from the environment: it would be connected to instead
			DialContext:            d.dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			TLSHandshakeTimeout:    timeout,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        30 * time.Second, // the address is judged again soon
			MaxResponseHeaderBytes: 32 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       timeout,
	}
}

// outcomeOf is a word for why a request came to nothing. What the error says in full may
// quote an address, and stays here.
func outcomeOf(err error) Outcome {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, ErrForbidden):
		return Forbidden
	case errors.As(err, &dns):
		return Unresolved
	case errors.As(err, &certificate), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return Untrusted
	case errors.Is(err, context.DeadlineExceeded), isNet && timeout.Timeout():
		return TimedOut
	}
	return Unreachable
}
