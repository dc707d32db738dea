// Package apikey is what programs ask with: an API key, what it may do and until
// when. One stream, apikey-<uuid>, holds it, so that who let whom in, when, and for
// what reason, stays in the history like everything else.
//
//	(none) ──Issue──▶ issued ──Revoke──▶ revoked
//	                   │  ▲
//	                   └──┘ Rotate, ChangeTerms
//
//	of its secrets:  current ──Rotate──▶ former, good until an instant ──Rotate──▶ gone
//
// A key is known by its name, which is the actor of all that it does. The id is
// derived from the name ([ID]): one name is one key for ever, also after it was
// revoked, or the history could not tell who acted. Names are therefore of a
// small alphabet, so that no two look alike and none is a line of a log by itself.
//
// The secret is never here, only its SHA-256, which suffices for 256 random bits
// (ASVS 6.5.2): who reads the log, a backup or the change feed cannot ask anything
// with what stands there.
//
// Rotate gives the key another secret and may leave the former one good for a
// while, 30 days at most, in which the programs that hold it are given the new
// one. There are never more than two. Who fears that a secret is known leaves no
// while, or revokes the key. A revoked key stays revoked.
//
// Everything but a rotation takes a reason. Issue refuses the second time; what is
// so already stays quiet.
//
// # Decisions
//
//   - 2026-11-22 An admin's key has no narrower terms (scope, mask): it can issue
//     itself another one without, so that they would only be a pretence.
//   - 2026-11-22 What time it is comes with the command, from the server's clock and
//     not from occurred_at: a caller must not lengthen an overlap by backdating it.
package apikey
