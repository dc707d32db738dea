// Package demo invents a believable company: a seller of workshop tools with
// offices, products, customers, two years of deals, consents and interactions.
// The same Config gives the same commands, down to every id and instant, so that
// filling an installation twice changes nothing and two runs of a measurement do
// the same work.
//
// It issues commands, not events: everything it makes up goes through the same
// decisions as what people type. It knows nothing of HTTP or of the store.
//
// The story of a customer: somebody of an organisation is met (lead), may qualify,
// is talked to, says yes or no to the newsletter, and brings deals that move
// through the default pipeline, forwards mostly, until they are won or lost or
// still running on the last day. Customers who bought may leave and be won back.
package demo
