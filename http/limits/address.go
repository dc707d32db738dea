package limits

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ParseProxy reads an address or a network of proxies: 10.0.0.7, 10.0.0.0/8.
func ParseProxy(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
	}
	return network.Masked(), nil
}

// Address is who sent a request: the peer, or, where that is a trusted proxy, the last
// address of X-Forwarded-For that is none. It is zero for a peer without an address.
func Address(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	from := peer.Addr().Unmap()
	if len(trusted) == 0 || !within(from, trusted) {
		return from
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		address, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break // whoever wrote that is not to be believed further
		}
		if from = address.Unmap(); !within(from, trusted) {
			break
		}
	}
	return from
}

func within(address netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}
