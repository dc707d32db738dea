// Package contracttest makes requests out of the API's document, good ones and bad
// ones, for the tests of the rooms that serve it.
//
//	openapi.json, http/operations ─▶ Read ─▶ Operation ─▶ Good ─▶ Request ─▶ WriteTo, or Read by a handler
//	                                                  └─▶ Bad  ─▶ Request …  Fault says what is wrong with the answer
//
// # Promises
//
// Every operation of the document is met, with every field of its body and every
// parameter, by each kind of mistake: bodies that are cut, doubled, nested, coded or
// typed wrongly; paths, queries and headers that no client should send. An operation
// that is added tomorrow is met as well. The same document gives the same requests.
//
// # What it does not promise
//
// A bad request need not be refused: an unknown header harms nobody, and a text of 1,000
// letters may be a good one. Where it must be, [Request.Refused] says so.
//
// # How it fails
//
// Read fails on a document that refers to what it does not have. Operations without an
// example get a request without one, which the examples' own test tells of.
//
// # Sources
//
// OWASP ASVS 5 §1.5 and §2.2; RFC 8259 §4, §8 and §9; RFC 9110 §5 and §8; N. Seriot,
// Parsing JSON is a Minefield (2016).
//
// # Decisions
//
//   - 2026-11-22 Requests are bytes as they go on the wire, and not [http.Request]s: what
//     a client library would never send is what this is for.
//   - 2026-11-22 Mistakes are listed and not drawn: each is there for a reason, and what
//     fails is found again without a seed. What nobody has thought of is the fuzzers'.
package contracttest
