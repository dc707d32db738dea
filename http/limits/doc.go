// Package limits says who has asked too often. It reads no clock and answers nobody:
// what it is told is an instant and a name.
//
//	Rates      requests of a key or token        a bucket each, full after one second
//	Failures   log-ins that failed, by address   a bucket each, one drop in six seconds
//	Address    who a request comes from          behind proxies that are trusted
//
// # Promises
//
//   - A caller has a bucket of their own: what one asks takes nothing from another.
//   - Memory is bounded: the 65,536 callers, and 16,384 addresses, seen last are
//     known. Nobody gets a bucket for a caller without being let in first. Who makes
//     up addresses (IPv6 counts by /64) can have others forgotten: that only forgives.
//   - A header that names an address is believed of a trusted proxy only, and then no
//     further than the first address from the right that is no trusted proxy's: what
//     stands before it anybody may have written.
//
// # What it does not promise
//
// Each server counts for itself: behind a balancer with n servers a caller may be
// answered n times as often. A batch of commands is one request.
//
// # Sources
//
// draft-ietf-httpapi-ratelimit-headers-06 (RateLimit-Limit, RateLimit-Remaining,
// RateLimit-Reset, RateLimit-Policy), RFC 6585 (429), RFC 9110 (Retry-After), OWASP
// ASVS 5, 4.1.3 and 15.3.4.
//
// # Decisions
//
//   - 2026-11-22 The draft's version 06 is the last with a header for each figure,
//     which gateways and clients read; later ones pack all into RateLimit, and change
//     it still. No header is sent to a caller without a limit.
//   - 2026-11-22 A bucket holds one second of the rate. More would let a caller who
//     was silent for a while in with a burst that the limit is there to prevent.
//   - 2026-11-22 An address with too many failed log-ins is not shut out: a credential
//     that was let in before goes on (the server remembers which), because one
//     program with an old key must not cut off all who share its proxy. What is new is
//     told to wait, without looking anything up.
package limits
