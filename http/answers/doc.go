// Package answers remembers what commands under an Idempotency-Key were answered
// with, so that the same request gets the same answer when it is sent again:
// receipts and refusals alike, from any server of the database, and after a restart.
//
//	Begin ─▶ memory ─▶ answered before ─▶ that answer
//	            │  └──▶ being carried out ─▶ ErrInProgress
//	            └─ unknown: claimed ─▶ seen by no server: go ahead ─▶ Finish or Free
//	                        └─ perhaps seen ─▶ table, one look-up for all who wait ─▶ that answer
//	                                                └─ unknown: go ahead
//	Finish ─▶ memory, and a queue ─▶ every 20 ms one INSERT for all that is in it, and
//	          NOTIFY ─▶ seen, of every server
//
// Seen holds a few bits for each key of the last day. A server reads the table for it
// when it starts, and is told of what all others write. Until it has read all, and while
// it has not heard from Postgres within two seconds, it looks every key up; when the
// connection is back it reads what it has missed.
//
// # Promises
//
//   - A key that was answered gives that answer for 24 hours ([Config.Keep]), and
//     refuses another fingerprint with [domain.ErrKeyReused], whatever the other
//     request was about.
//   - While a command is carried out on this server, the same key is refused with
//     [ErrInProgress] and nothing waits.
//   - The table holds nothing that people wrote. The words of a refusal, which may
//     quote the request, are sealed with the request, its key and what its caller may
//     see: who sends both again, and may see as much, can read them; who reads the
//     table cannot.
//   - Nothing here is needed for a command to have one effect. That rests on event
//     ids, which are made from the key: see package commands.
//
// # What it does not promise
//
// An answer reaches the table some 20 ms after the caller. A server that dies or is
// asked within that time, or while the table is away, does not know the answer: the
// command is decided again then. If it had left events it is recognised by them and
// has the same receipt; if it was refused or was "already so", it is decided on the
// state of then; and a key used for another resource goes unnoticed. So it is where
// another server's answer is in the table and the notification is on its way: a
// millisecond or a few, two seconds at most where the connection died in silence. Never
// is an effect doubled: what keeps that is the stream. The same key
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
// Seen takes 64 MiB at most, 16 for each eight hours in which there were keys. Of new keys
// 0.02 % are looked up for nothing with 4 million keys in eight hours, 2.3 % with 17 million
// (580 a second all the time); above that look-ups come back little by little, and
// nothing else happens. The memory of answers is 65,536 of them, some 30 MB.
//
// To ask them takes 0.15 to 0.9 µs of a key in full filters and less than 0.1 in empty ones;
// a look-up for nothing takes 0.06 to 0.15 ms for one key, 0.27 to 0.7 for 64 that wait
// together and 2 to 5 for the 500 of a batch, in a table of 100,000 (three runs of
// go test -bench 'Seen|Find' -run '^$' ./http/answers on two cores that others kept busy).
//
// With `crm bench http --keyed --clients 64` on two busy cores, in turns, a command took
// 289 and 273 µs of CPU in the server and 149 and 151 in Postgres where every new key was
// looked up, and 281 and 260 and 104 and 93 now; without keys 239 and 221, and 84 and 72.
// What is left is the row that is written for each.
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
//   - 2026-11-22 New keys are told from used ones by Bloom filters in memory, fed by
//     LISTEN and NOTIFY: Postgres delivers in the order of commits what it delivers, which
//     a poll of a sequence does not. A set of all keys was weighed: at 5,000 a second a day
//     is 432 million, which would be gigabytes. Filters of a fixed size instead of ones
//     that grow: what they cannot tell costs a look-up, as before.
//   - 2026-11-22 Rows are written with synchronous_commit off: after a crash of
//     Postgres the last fraction of a second is missing, which loses no effect.
//   - 2026-11-22 Sealed words instead of none: the same body again is the promise, and
//     a detail that names a stage which does not exist helps more than its slug.
package answers
