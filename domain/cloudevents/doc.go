// Package cloudevents gives an event the form in which it leaves the program: the
// change feed, webhooks and the relay to a broker all say it as a CloudEvent 1.0 in
// JSON, structured mode. It is pure: it is told the event and answers bytes.
//
//	{"specversion":"1.0", "id":"…", "source":"https://crm.example.com/deal",
//	 "type":"deal.won", "subject":"deal-…", "time":"…",
//	 "position":"1234", "revision":7, "recordedtime":"…", "actorid":"…", …
//	 "datacontenttype":"application/json", "data":{…}}
//
// There are three forms, which differ in what they tell about people. [Of] gives the
// whole; [Event.Masked] has a payload from which the caller has taken what is
// personal; [Event.Reference] has none, and whoever gets it asks for the event at its
// position, by rights of their own. The latter two tell no reason, since that is what
// people typed.
//
// # Promises
//
// The id is the event's own, for ever: whoever sees it twice has the same event. What
// the log says of it does not change, except that its payload is in its newest shape.
// Names of attributes are never given another meaning.
//
// # Does not
//
// It does not know what is personal in a payload. It has no dataschema: a payload's
// fields are in the OpenAPI document, may become more, and do not change their
// meaning. An event that this program cannot read has no data, and says why.
//
// # Sources
//
// CloudEvents 1.0.2, its JSON event format, and its documented extensions recordedtime,
// correlation (correlationid, causationid) and distributed tracing (traceparent).
//
// # Decisions
//
//   - 2026-11-22 time is when it was true in the business, recordedtime when the store
//     took it: the documented extension for two clocks. Order is the position's.
//   - 2026-11-22 type is deal.won, without the reverse name of a domain before it that
//     the specification recommends: it is the name under which the event is stored and
//     documented everywhere else, and source tells installations apart.
//   - 2026-11-22 The reason is an attribute, of which CloudEvents forbids control
//     characters: lines are joined by a space. The log keeps what was typed.
//   - 2026-11-22 A struct and encoding/json, not the SDK: it would bring a logger and a
//     second JSON library into the domain for sixteen names. A test holds the rules.
package cloudevents
