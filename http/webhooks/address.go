package webhooks

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"crm/domain"
)

// ErrForbidden is an address that is not spoken to.
var ErrForbidden = errors.New("webhooks: the address is not one that may be spoken to")

// ErrAddress is what a caller reads who names such an address.
var ErrAddress = &domain.Error{
	Code: domain.Invalid, Slug: "webhook-address-forbidden",
	Detail: "Webhooks go to https:// on port 443 or above 1023, and to public addresses only.",
}

// A policy says which addresses may be spoken to. The zero value is the strict one:
// https, to addresses that the whole internet reaches.
type policy struct {
	// private allows http, any port, and addresses of this machine and of private
	// networks. Not those under which clouds tell their secrets.
	private bool
}

// never are addresses that nobody may have spoken to, whatever the setting. Most serve
// the secrets of a cloud's machines to whoever asks from within.
var never = prefixes(
	"0.0.0.0/8",          // this host, this network
	"169.254.0.0/16",     // link-local; 169.254.169.254 of AWS, Google, Azure, …
	"192.0.0.0/24",       // IETF protocols; 192.0.0.192 of Oracle
	"100.100.100.200/32", // Alibaba
	"168.63.129.16/32",   // Azure, a public address
	"224.0.0.0/4",        // multicast
	"240.0.0.0/4",        // reserved, broadcast
	"fd00:ec2::/32",      // AWS
	"fd20:ce::/32",       // Google
)

// private are addresses that a laptop or a test may have spoken to.
var private = prefixes(
	"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", // loopback, RFC 1918, RFC 6598
	"::1/128", "fc00::/7", // loopback, unique local
)

// special are the addresses among the public ones that reach nobody, or somebody else
// than they say (IANA's special-purpose registries).
var special = prefixes(
	"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20", // documentation
	"192.88.99.0/24", "2002::/16", // 6to4: an IPv4 address is inside
	"198.18.0.0/15", // benchmarks
	"2001::/23",     // IETF protocols, Teredo among them: an IPv4 address is inside
)

// global is what IPv6 has of public addresses. Outside of it are, besides those above,
// NAT64 (64:ff9b::/96), IPv4 in IPv6 (::/96), site-local (fec0::/10), link-local, multicast.
var global = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// check answers ErrForbidden for an address that may not be spoken to. What is an IPv4
// address in the clothes of an IPv6 one (::ffff:127.0.0.1) is judged as the former.
func (p policy) check(address netip.Addr) error {
	within := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(prefix netip.Prefix) bool { return prefix.Contains(address) })
	}
	zoned := address.Zone() != ""
	address = address.Unmap()
	switch {
	case !address.IsValid(), zoned, within(never):
		return ErrForbidden
	case within(private):
		if !p.private {
			return ErrForbidden
		}
	case within(special), address.Is6() && !global.Contains(address):
		return ErrForbidden
	}
	return nil
}

// checkPort answers ErrForbidden for a port on which something else than a web server
// is likely to listen.
func (p policy) checkPort(port string) error {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || !p.private && number != 443 && number < 1024 {
		return ErrForbidden
	}
	return nil
}

// checkURL refuses with ErrAddress at /url what can be seen not to be allowed without
// asking anybody. It does not resolve names: whoever answers would answer otherwise later.
func (p policy) checkURL(text string) error {
	refuse := func(why string) error { return ErrAddress.At("/url", "%s", why) }
	at, err := url.Parse(text)
	switch {
	case err != nil || at.Host == "" || at.Opaque != "":
		return refuse("This is not an address such as https://example.com/hooks.")
	case at.User != nil || at.Fragment != "":
		return refuse("An address holds no user, password or fragment.")
	case at.Scheme != "https" && (at.Scheme != "http" || !p.private):
		return refuse("Webhooks go to https:// only.")
	}
	if port := at.Port(); port != "" && p.checkPort(port) != nil {
		return refuse("Webhooks go to port 443 or above 1023.")
	}
	host := strings.TrimSuffix(strings.ToLower(at.Hostname()), ".")
	if address, err := netip.ParseAddr(host); err == nil && p.check(address) != nil {
		return refuse("Webhooks go to public addresses only.")
	}
	if !p.private && (host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".local")) {
		return refuse("Webhooks go to public addresses only.")
	}
	return nil
}

// checkSocket is check for what a socket is about to connect to.
func (p policy) checkSocket(network, address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return ErrForbidden
	}
	if err := p.check(at.Addr()); err != nil {
		return err
	}
	return p.checkPort(strconv.Itoa(int(at.Port())))
}

// hostPort splits what a transport wants to dial.
func hostPort(address string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(address)
	if err != nil || host == "" {
		return "", "", ErrForbidden
	}
	return host, port, nil
}
