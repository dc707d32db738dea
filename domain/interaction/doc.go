// Package interaction is what passed between a customer and us: calls, e-mails,
// meetings, visits, chats, letters and notes, each with its direction, the
// reaction to an offer and the customer's mood.
//
// A customer's interactions are one stream, interaction-<customer uuid>, beside
// the customer's own, so that a busy channel does not make the customer's rules
// slower to decide. An interaction is logged once and may be amended; it is
// never removed.
//
//	(none) ──Log──▶ logged ──Amend──▶ logged
package interaction
