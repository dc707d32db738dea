// Package oidc makes a principal out of a token that an OpenID Connect issuer signed,
// so that people and programs that the company knows already need no API key.
//
//	token ─▶ shape ─▶ header ─▶ issuer by iss ─▶ signature ─▶ times, audience ─▶ role, scope
//	         no dots:  pinned    one of ours,     by a key
//	         not ours  alg, typ  nobody is asked  that it publishes
//
// # Promises
//
//   - A token is believed for what its issuer's published keys prove, and for nothing
//     that it says about itself: a header that names a key's place or brings a key
//     (jku, x5u, jwk, x5c) is refused as is any that is not known here, and kid only
//     chooses among the published keys. Nothing is fetched but from the issuer, by the
//     address in the settings.
//   - Algorithms are RS256, PS256, ES256 and EdDSA, each with keys of its own kind
//     and RSA of 2,048 bits at least; none and HS256 do not exist here.
//   - aud must name this API, exp and sub must be there, nbf and iat are not more than
//     a minute ahead, typ says that it is a JWT or an access token. A token that says
//     that it is something else (an ID, refresh or logout token) is refused.
//   - A token without a role that is granted here is let into nothing: 403 no-role.
//
// # What it does not promise
//
// Revocation: a token is good until it ends, so issue short ones. A key that the
// issuer takes back is believed for ten minutes more.
//
// # How it fails
//
// The issuer being away does not stop the server, neither at its start nor later.
// Keys are kept for a day while it is away; without any, tokens are answered 503
// issuer-unavailable with Retry-After, and not 401: the token may well be good, and a
// client that takes it for bad would send its user to a login that cannot work either.
// API keys work meanwhile.
//
// # Figures
//
// On 2 busy cores a token signed with RS256 takes 0.2 ms, with ES256 0.4 ms, and 220
// allocations (`go test -bench . ./http/oidc`, 2026-11-22). Nothing is remembered of it:
// who asks thousands of times a second is a program, and has an API key.
//
// # Sources
//
// OpenID Connect Core and Discovery 1.0, RFC 7515, 7517, 7519, RFC 8725 (best
// practice for JWT), RFC 9068 (access tokens), OWASP ASVS 5 chapter 9.
//
// # Decisions
//
//   - 2026-11-22 go-oidc discovers and checks the claims; keys are looked after here,
//     as its own set of keys asks the issuer anew for every unknown kid, which
//     anybody can send, and never forgets a key.
//   - 2026-11-22 The actor is oidc:SUB, and oidc-NAME:SUB of an issuer that has a name
//     here, so that two issuers never meet in the history. No key's name has a colon.
//   - 2026-11-22 A token's groups are looked for in the order of the grants, and the
//     first one counts: which of two roles is meant is not for the token to say.
//   - 2026-11-22 Whether a role is confined to its employee's customers and deals is
//     part of the grant (:own). Had it hung on the claim being there, a mistake
//     at the issuer would open everybody's.
package oidc
