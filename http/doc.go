// Package http is how it is asked: JSON over HTTP, described by OpenAPI 3.1. It
// reads a request into a command or a query, makes one call, and writes the
// answer; it decides nothing about the business.
//
//	request ─▶ identify ─▶ observe ─▶ recover ─▶ deadline ─▶ key ─▶ route
//	   route of a command: path, headers, body ─▶ ask ─▶ commands.Do    ─▶ receipt, ETag, Crm-Position
//	   POST /v1/commands:  each entry          ─▶ ask ─▶ commands.DoAll ─▶ a result each
//	   route of a query:   parameters ─▶ wait for min_position ─▶ read model ─▶ rows
//
// A command is described once (describe): its name, path, body and how that
// becomes a domain command. From this come its route, its part of the OpenAPI
// document, and its entry in batches, so that both ways take and refuse the same.
//
// # Promises
//
//   - A command with an Idempotency-Key may be sent again, alone or in a batch, in
//     any order, after a restart and to another server: it is carried out once and
//     answered alike, refusals included, for 24 hours. The command's id is derived
//     from the key's holder and the key, so that two holders never meet. The id of
//     what it creates is derived too.
//   - A key used for another request is refused, whatever that is about, for 24
//     hours; within a resource for ever, since it is read from the events. Package
//     answers says what is remembered and what not. Without a key, a retry is a new
//     command.
//   - If-Match is a promise and never retried over: 412 says that someone else
//     wrote first.
//   - What is wrong with a request is told as RFC 9457, with a type that is a page
//     of this server and pointers to the places. What is wrong with the server is
//     told to its log, under the request's id, and not to the caller.
//   - A request does what its caller's role allows and nothing else. Every route names
//     the action that it takes; a server with one that does not is not made, and a
//     request to it would be refused. Package access has the table; testdata/rights.txt
//     has the routes.
//   - Whoever may see one owner's customers and deals is answered about others as about
//     what does not exist, word for word: by reads, by commands, and by what refers to
//     them. A route that cannot narrow what it shows does not let them in.
//   - Who does not see what is personal gets answers without it, in every form, and
//     cannot ask by it.
//   - Nothing that people type gets into a log line: it has the route's pattern,
//     never the path, query or body.
//
// # What it does not promise
//
// What a command left is found again in the log for ever; that it was refused, or
// left nothing, is known for a day and while the table of answers is there. Rates are
// counted by each server for itself (limits). TLS is the listener's owner's, or a
// proxy's. A token is good until it ends (oidc).
//
// # How it fails
//
// More than the server can do in time is 503 overloaded soon, commands and reads
// each behind a gate of their own (gate.go), and nobody is let in before the body is
// here. Before the gates stand health, metrics and documentation; the files of imports
// and their dry runs, which take as long as who sends or reads them, or as the files are
// long; and what starts, ends or follows a job on read models, which is told from memory. Who
// follows the feed or an import is let in to look, and keeps no place while there is
// nothing to tell; of the feed, [Config.Followers] bounds them. What waits takes memory for its body: at most eight times
// [Config.CommandsAtOnce] bodies, and 64 MiB of them.
// An event store or read model that is away is 503 with Retry-After. A request
// that takes longer than [Config.Timeout] is 503 as well; what it asked may have
// been stored, and the same key finds out. A panic is a 500 and a log line.
//
// While the event store is away, an API key that was known lets in for 15 minutes more;
// one that is new here is 503 then, as a token is while its issuer is away. Keys of the
// key file need neither.
//
// Of a row of one's own, the names of what it refers to are part: who is named on a
// deal as its customer is seen with the deal, also where the customer is another
// owner's. An id that somebody wants to give to a new customer or deal tells that it is
// taken. The order of a report's lines may follow names that are masked.
//
// # Figures
//
// Registering a customer, request to answer, without network and with the log in
// memory, takes about 43 µs of processor time, collecting garbage included, and
// 174 allocations (`go test -bench Register ./http`, 2 busy cores, 2026-11-22).
//
// # Sources
//
// RFC 9110 (If-Match, ETag), RFC 9457 (problems), RFC 7396 (merge patch), RFC 6901
// (pointers), draft-ietf-httpapi-idempotency-key-header, OWASP ASVS 5, W3C Trace
// Context.
//
// # Decisions
//
//   - 2026-11-22 Bodies are read with github.com/go-json-experiment/json, Go's
//     encoding/json/v2 before it is in the standard library: it refuses unknown
//     and repeated names and broken UTF-8, and says where, in one pass. huma's own
//     validation was weighed: it takes names in any case, does not see repeated
//     ones, and gives dotted paths. Rules about values stay in the domain, the one
//     place that has them all; the OpenAPI document states them.
//   - 2026-11-22 Commands are registered beside huma and not through it, because a
//     batch entry needs the same reading without a request. Queries go through huma.
//   - 2026-11-22 /health, /docs, /openapi.json and /problems need no key: they hold
//     nothing of the company's, and a browser must be able to open the docs.
//     /metrics needs one.
//   - 2026-11-22 Credentials are tried in the order of what they cost: keys of the file,
//     keys that were issued, tokens. Who has the secret of a key is told why it does not
//     let in (revoked, rotated, expired); nobody else is told that there is such a key.
//   - 2026-11-22 A retry of a request that made a secret is answered without it, on any
//     server: the secret that was stored is compared with the one that was just made.
//     Keeping it for the retry would be keeping it.
//   - 2026-11-22 400 is for what a program must mend (syntax, unknown names,
//     parameters, headers), 422 for values, 409 for rules, 412 for If-Match.
//   - 2026-11-22 occurred_at may lie a day ahead, for clocks and zones of files that
//     are not exact. What has not happened is no event.
//   - 2026-11-22 A phone number need only be possible, not in use: numbering plans
//     change faster than programs. An e-mail address needs a domain with a dot.
//   - 2026-11-22 A merge patch replaces money as a whole; null, "" and 0 clear a
//     field, since they all say that it is not known.
//   - 2026-11-22 as_of and known_at take an instant or a day, which is its first
//     instant in UTC; both count themselves in. A read whose models have no history
//     refuses them, and every read refuses them empty: a script whose variable is
//     empty asks for the past and must not be shown the present.
//   - 2026-11-22 A card of the past has no ETag. Its last revision need not be the
//     latest before a date, so that If-Match would promise what was never seen.
//   - 2026-11-22 known_at alone is about now: whether a grant's time is over is asked
//     of as_of, and of the clock where there is none.
//   - 2026-11-22 What is personal is left out and not starred out: a client reads no
//     stars as a name, and a typed one need not know them. So that it can tell masked
//     from not known, an object says that it is masked. It is left out by type, where
//     answers leave this room, and not by each handler.
//   - 2026-11-22 Whose a row is, is asked of today, also in answers about the past: a
//     customer who was handed over is seen by the new owner with their whole history,
//     and no longer by the old one.
//   - 2026-11-22 Limits are published in the OpenAPI document, for each operation
//     (x-limits), and not by a route of their own: who must know them reads that.
//   - 2026-11-22 What net/http refuses itself, before there is a request (headers over
//     32 KiB, a broken head), is plain text; all else is problem+json.
//   - 2026-11-22 With [Config.RequireIfMatch] based_on is a condition as well: it
//     protects what the change touches. What only adds to consents and interactions
//     needs none, since no read gives their revision as an ETag.
//   - 2026-11-22 Who came last is let in first. Goodput should be the same either way,
//     as the places are always taken, while first come first served would have each
//     wait as long as may be waited. That is reasoned and not measured.
//   - 2026-11-23 Eight times as many may wait as work at once. A refusal costs the server
//     some of what a command does, and who is refused at once comes back at once: with
//     1,600 connections that offered 4 times the peak (`make bench/overload`, two busy
//     cores) goodput was 0.42 of the peak where four times as many could wait, and is 0.83.
//   - 2026-11-22 The feed is a page as JSON lines, or server-sent events that go on: one
//     way to do each. Lines that never end have no place for a heartbeat or an id.
//   - 2026-11-22 A position that the log does not reach is 409 and not 400: the request
//     is well formed, and what is wrong is that log and reader are not of one history.
//   - 2026-11-22 Who follows is asked anew at each heartbeat whether they may: a key that
//     is revoked ends what it began. Masked events keep position, type and stream.
//   - 2026-11-22 Events on the feed have no event name, so that onmessage of a browser
//     hears all of them; their type is in the event.
//   - 2026-11-22 What the document says of an operation beside its shape stands in a file of
//     its own (operations/NAME.json) and not in Go: a description, its own problems, a
//     request and its answer. The test that asks the requests of a real server writes the
//     answers (cmd/crm, TestExamples). Problems that follow from what an operation takes
//     are added by rule (problemsOf), and every problem that any test of this room is
//     answered with must be declared: nothing is documented that is wrong by hand.
//   - 2026-11-22 The document that an application relies on is that of the last release
//     (.ci/openapi.released.json); oasdiff fails on what breaks it (.ci/contract).
//   - 2026-11-22 Clients are not committed: they are made of /openapi-3.0.json by whoever
//     wants one, in their language; .ci/client is the proof for Go.
//   - 2026-11-22 After a request in chunks the connection ends: where such a request also
//     told a length, net/http does not tell, and a proxy may have read it otherwise.
//   - 2026-11-22 A detail is cut at 500 characters. It often repeats what was sent, and a
//     megabyte of that is nothing a caller reads; a batch would repeat it 500 times.
//   - 2026-11-22 Bodies are JSON in UTF-8 as it is: a Content-Encoding or another charset
//     is 415. What is not unpacked can be no bomb; imports unpack files as they are read.
//   - 2026-11-22 Embedded bodies are exported (Envelope, LineItemInput …) because
//     huma leaves unexported embedded structs out of the document.
package http
