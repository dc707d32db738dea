// Package undo says what would take back what an import has changed. It is pure: from
// the whole history of a stream it makes the commands that compensate, and names what
// stays. Who carries them out, and when, is another room's business.
//
//	history ──▶ who wrote each field last? ── the import ──▶ a command that gives it the
//	   │                                   │                 value it would have without
//	   └──▶ fold without the import's      └─ somebody else ▶ it stays, and is named
//	        own events: how it would be
//
// # Promises
//
//   - A field that the import wrote last becomes what it would be had the import never
//     run. A field that somebody wrote after it stays, and is named.
//
//   - What the import created and nobody has touched since is put away, by the end that
//     the aggregate has: a customer is archived, a deal is void, a consent expires, a
//     product is retired. What somebody has touched since stays whole, and is named; so
//     does a customer whose deal stays.
//
//   - Events of the undo itself count as nobody's: a history in which some of the
//     commands have been carried out gives the rest of them, and in the end none.
//
//   - Names of what stays hold ids, keys and names of fields, and no value.
//
//   - [MarkOf] tells from the history alone what undos have left of a stream, so that
//     the same rows can be imported again.
//
// # What it does not promise
//
//   - The history is not as if nothing had happened: as of a day between import and
//     undo it shows what the import said, with who and why.
//   - That another customer's link refers to an organisation which the import created is
//     not known from its stream, and keeps it from being archived no more than it would
//     somebody who archives it by hand. Restoring brings it back with all that refers to it.
//   - The order of contact points, links and line items may be another afterwards, and
//     a stage that a deal is put back to has the probability that it has today.
//
// # Decisions
//
//   - 2026-11-22 An undone grant was never given, so it is not withdrawn: that would
//     tell of a customer's change of mind which there was not. It expires, which only
//     says that it permits nothing any more and leaves its evidence.
//   - 2026-11-22 An undo never lets us contact somebody whom we may not contact now. An
//     objection, a withdrawal or an expiry that an import brought stays and is named:
//     one letter to a person who said no weighs more than one that is not written.
//     What an imported grant had covered up (an objection, a withdrawal) comes back.
//   - 2026-11-23 A created deal is voided, whether it is open, won or lost by now: all
//     figures are those of before the import. It had been lost until then, and every
//     undo had spoilt the win rate.
//   - 2026-11-22 Interactions, employees and pipelines have no end and stay. An
//     interaction that was logged is on the timeline with the import as its source.
//   - 2026-11-22 A contact point that an import made primary takes that from another
//     one. There is no command to give it back, so that one is removed and added again
//     with the same id.
//   - 2026-11-22 A deal's customer and amount, and a product's price, cannot be taken
//     away but only changed. Where there was none before, they stay and are named.
//   - 2026-11-22 A product that an import created is retired, and reinstated when the rows
//     are imported again. There was no way back from retirement; there is one now, for
//     people too.
//   - 2026-11-22 Details are changed and not corrected: whether what an import said was
//     ever true is not for an undo to say.
package undo
