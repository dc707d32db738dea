// Package webhooks tells endpoints of other programs what happened: signed, by
// reference, and until they have taken it.
//
//	log ──▶ Reactor ──▶ Book (crm.webhook… in Postgres) ◀──▶ Sender ──▶ dialer ──▶ endpoint
//	        one server,      deliveries: endpoint × event       every      allowed
//	        its own place    attempts, secrets, replays         server     addresses
//	        in the log               ▲                             │
//	                                 └─ redeliver, replay, ping    ├──▶ webhook.Disable, where it
//	                                    are events, too            │    is gone or fails for days
//	                                                               └──▶ replay: the log again
//
// # Promises
//
// Every event that an endpoint wants to hear of, recorded while it is active or paused,
// is delivered at least once or tried as long as [Schedule] says: about three days.
// That holds when servers end at any moment: a delivery that a dead one was at is made
// again when its lease ends. webhook-id is the event's id at every attempt, replay and
// redelivery. Nothing of what an event holds leaves the program: a delivery is a
// CloudEvent without data and without the reason.
//
// No connection is made to an address that the policy forbids, whatever a name stands
// for and however the address is written (address.go, dial.go).
//
// An endpoint that is slow or down does not hold up another: each has its own few
// requests at once, one while it fails. When it takes something again after an outage,
// all that waits for it is tried at once.
//
// A rebuild of read models sends nothing: it knows no reactor.
//
// # For receivers
//
// Verify, remember, answer. Take the body as bytes and give it, with the headers, to a
// library of Standard Webhooks and the secret as it was shown: it checks the signature
// (one of those in webhook-signature, of which there are two while the secret is
// rotated) and that webhook-timestamp is not older than some minutes. Remember
// webhook-id, for a few days, and answer 2xx without doing anything where it is known:
// an event may come twice. Answer within the time-out, so do what takes long later.
//
// Order is tried and not promised: of what is due the oldest is sent first, some at
// once. Whoever needs it compares position, or revision for one thing, and asks for the
// thing itself (GET /v1/deals/{id} with min_position=position), which is never older.
//
//	2xx            taken; the body is not looked at
//	410            nothing more is sent: the webhook is disabled
//	Retry-After    is heeded with any other answer, to a day
//	3xx            is a failure: nothing is followed
//
// Who has lost what was taken asks for a replay from the position of the last thing that
// was kept.
//
// # Does not
//
// It does not promise order, nor exactly once. It does not resolve an address when it is
// registered. It does not know prefixes of NAT64 other than the well-known one: a
// network that has its own must keep its servers from what is behind it. It does not
// sign with v1a: a secret for each endpoint is enough where both ends are known.
//
// # Failure
//
// Postgres away: nothing is sent, the reactor stays where it is, and both go on by
// themselves. The event store away: what is due is sent; what is gone is not disabled
// until it is back. Postgres lost: secrets and what was due are lost with it. Endpoints
// are read from the log again, attempts say unsigned until the secrets are rotated, and
// a replay brings back what was due: so the database is worth a backup (see README).
// Clocks of servers may differ by seconds; leases last 15 s longer than a request.
//
// # Decisions
//
//   - 2026-11-22 It stands below http and not below projections, since it asks a command
//     and speaks HTTP. The reactor's place and its lead are the engine's.
//   - 2026-11-22 Endpoints are kept by the reactor in a table and not by a read model:
//     deliveries are made of endpoints as they are at that place in the log, and one
//     transaction holds both. A new database is filled from the log (Reactor.fill).
//     Analysts, who read read models, do not see addresses.
//   - 2026-11-22 What is sent is written down when the delivery is made, some hundred
//     bytes, so that every attempt sends and signs the same, whatever the program has
//     become meanwhile.
//   - 2026-11-22 A delivery is leased and not locked: a lock would hold a connection of
//     Postgres for as long as an endpoint takes to answer.
//   - 2026-11-22 Secrets are in a table, in plain, which only the server's role reads.
//     What seals remembered answers (package answers) cannot seal them: its key is the
//     caller's request, and nobody is asking when something is sent. A key of the server's
//     own there is not yet. One in a file would keep secrets from a stolen dump, and does
//     nothing against who can ask the server; it is worth its setting once there is a
//     keyring for personal data, whose master key can seal them too. Until then who has a
//     dump can have receivers told of events that never were. Since what is sent is by
//     reference, they look, by their own rights, and find nothing: rotate the secrets.
//   - 2026-11-22 Names are resolved by Go and not by the C library, which takes 0177.1
//     for an address. One forbidden address among those of a name refuses the name.
//   - 2026-11-22 Ports are 443 and those above 1023: TLS to a database is of no use to
//     who asks for it, so an allow-list would cost more than it keeps.
//   - 2026-11-22 The C of CRUD for deliveries is an event: who asked for a replay, and
//     when, stays in the history. The reactor acts on it.
//
// # Sources
//
// Standard Webhooks 1.0.0 (signature, headers, schedule, 410, time-out); CloudEvents
// 1.0.2; RFC 9110, 10.2.3 (Retry-After); IANA's special-purpose address registries;
// OWASP SSRF prevention; smokescreen's list of metadata addresses.
package webhooks
