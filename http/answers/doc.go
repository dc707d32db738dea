// Package answers remembers what commands under an Idempotency-Key were answered
// with, so that the same request gets the same answer when it is sent again:
// receipts and refusals alike, from any server of the database, and after a restart.
//
//	Begin ─▶ memory ─▶ answered before ─▶ that answer
//	            │  └──▶ being carried out ─▶ ErrInProgress
//	            └─ unknown: claimed ─▶ table, one look-up for all who wait ─▶ that answer
//	                                        └─ unknown: go ahead ─▶ Finish or Free
//	Finish ─▶ memory, and a queue ─▶ every 20 ms one INSERT for all that is in it
//
// # Promises
//
//   - A key that was answered gives that answer for 24 hours ([Config.Keep]), and
//     refuses another fingerprint with [domain.ErrKeyReused], whatever the other
//     request was about.
//   - While a command is carried out on this server, the same key is refused with
//     [ErrInProgress] and nothing waits.
//   - The table holds nothing that people wrote. The words of a refusal, which may
//     quote the request, are sealed with the request and its key: who sends both
//     again can read them, and who reads the table cannot.
//   - Nothing here is needed for a command to have one effect. That rests on event
//     ids, which are made from the key: see package commands.
//
// # What it does not promise
//
// An answer reaches the table some 20 ms after the caller. A server that dies or is
// asked within that time, or while the table is away, does not know the answer: the
// command is decided again then. If it had left events it is recognised by them and
// has the same receipt; if it was refused or was "already so", it is decided on the
// state of then; and a key used for another resource goes unnoticed. The same key
// at the very same time on two servers is not seen as in progress: the stream lets
// one of them store, and gives both that receipt.
//
// # How it fails
//
// A table that is away, slow, missing or emptied is told to the log once, and costs
// no command more than twice [Config.Wait]: after a failure it is not asked for a
// second. Answers that cannot be written wait in a queue of bounded length;
// what does not fit is dropped and counted.
//
// # Figures
//
// A key costs throughput: with 64 clients, `crm bench http --keyed` reached 1,007 and
// 1,187 commands/s where the same without keys reached 1,090 and 1,578, alternately
// on two cores that did much else (load average 20, 2026-11-22), so this is no more
// than a first measure. About 14,000 and more keyed commands made 1,248 look-ups.
//
// # Sources
//
// draft-ietf-httpapi-idempotency-key-header-07 (422 for another payload, 409 while
// in progress); Stripe's API, which remembers what was decided and not what could
// not be read; HKDF is RFC 5869, AES-GCM is NIST SP 800-38D.
//
// # Decisions
//
//   - 2026-11-22 Remembered is what a decision gave: receipts, also those of commands
//     that changed nothing, and refusals with 404, 409 and 422. Not remembered is
//     what says nothing about the command: 401, 403 and 429 are about the caller,
//     412 and 428 about its condition, 5xx about us; 400, 413, 415 and a 422 of a
//     body that could not be read are found again by reading it. All these leave the
//     key free. Weighed: leaving the key free after every refusal, as it was; then a
//     retry of a request whose refusal got lost may be carried out an hour later.
//   - 2026-11-22 Look-ups are coalesced and answers written behind, instead of a row
//     claimed before the command: that would be a round trip for each command, and
//     all that it adds is 409 for simultaneous requests on two servers.
//   - 2026-11-22 Rows are written with synchronous_commit off: after a crash of
//     Postgres the last fraction of a second is missing, which loses no effect.
//   - 2026-11-22 Sealed words instead of none: the same body again is the promise, and
//     a detail that names a stage which does not exist helps more than its slug.
package answers
