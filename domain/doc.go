// Package domain says what is true: the words of the business, the rules that
// events obey, and the few values that every room shares. It is pure. It reads
// no clock, mints no id, takes no context and logs nothing; whatever a decision
// needs arrives inside the command.
//
// # Glossary
//
//	Customer      a person or an organisation, from the first touch (lead) to the
//	              last (former, won back). One stream holds its whole life cycle.
//	Contact point an e-mail address, phone number, postal address, web or social
//	              handle of a customer.
//	Attribute     a typed custom field of a customer: text, number, boolean, date.
//	Link          "works at", "is a subsidiary of": from a customer to an organisation.
//	Lifecycle     subscriber, lead, marketing qualified, sales qualified,
//	              opportunity, customer, former, won back.
//	Deal          an opportunity with stage, amount, expected close, owner and line
//	              items. It may have no customer yet and be linked later.
//	Line item     a product or service in a deal: quantity, unit price, discount.
//	Pipeline      named stages in order, each with a probability and a forecast
//	              category.
//	Forecast category  omitted, pipeline, best case, commit, closed.
//	Consent       one person's answer for one purpose × channel, with its evidence.
//	Interaction   a call, e-mail, meeting, visit, chat or note, with direction, the
//	              reaction to an offer and the mood.
//	Employee      who works here: may own customers and deals, sits in an office.
//	Owner         the responsible employee.
//	Product       what is sold, with a list price.
//	Read model    tables that answer questions, built from the events; they can be lost.
//	Import        a run that brings files in, and may be undone.
//	Webhook       an endpoint of another program that is told of events.
//	API key       what a program asks with: a name, a role, a secret that nobody keeps.
//	Actor         who issued a command.
//	Source        where a customer came from (touchpoint), or, on an event, which
//	              application or import row brought it.
//
// # Two clocks
//
// Every event carries OccurredAt, when it was true in the business, and
// RecordedAt, when the store took it. Order is neither: order is the revision in
// a stream and the position in the log. The state as of T, known at K, is the
// fold in recorded order of the events with OccurredAt ≤ T and RecordedAt ≤ K.
// Events therefore do not repeat their instant; [Meta] carries it.
//
// # Deciders
//
// An aggregate is a [Decider]: Decide answers a command with events, with
// nothing ("already so"), or with a refusal; Evolve folds an event into the
// state. Aggregates live in packages named for the noun, so that the code reads
// deal.Win → deal.Won, and know this kernel but never a sibling. The layout of
// each is the same: doc.go (the rules), commands.go, events.go, state.go,
// decide.go, and stories in decide_test.go.
//
// # Decisions
//
//   - 2026-11-22 An event's instant is in its metadata only. A payload field
//     would have to agree with it for ever, and could not.
//   - 2026-11-22 Money is int64 minor units with an ISO 4217 code, dates are
//     "2006-01-02" strings: both sort, compare and encode without surprises.
//   - 2026-11-22 Everything typed about a person is [Personal], also titles and
//     free text, so that sealing it later changes no shape.
//   - 2026-11-22 A sixth error code, Unavailable, beside the five refusals: the
//     store or a read model being away is a normal answer that callers act on.
//   - 2026-11-22 What a text may hold is decided here and not at the edge
//     ([CheckText]): an event is for ever, and one NUL or a name too long for an
//     index would stop every read model that meets it. Normal forms of addresses
//     and numbers come from the edge, which has the tables for them.
//   - 2026-11-22 Creating twice is refused, also with the same content; whether it
//     is a retry is known by the command's id, not by comparing. Every other
//     command asked twice stays quiet, unless what it names is gone.
//   - 2026-11-22 Stage and status of a deal are two things: won and lost keep the
//     last open stage, so that a reopened deal knows where it stood.
package domain
