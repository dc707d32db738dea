// Package commands is what can be asked. It takes a command to the stream it is
// about, lets the aggregate's decider answer, and appends the events that follow.
// It holds no business rule and knows neither HTTP nor the store.
//
//	Ask ─▶ family ─▶ wait for the stream's turn ─▶ state (cached, or Load and fold)
//	                                                   │
//	     Receipt ◀─ remember ◀─ Append at the revision ◀─ resolve references, Decide
//	                                  │ ErrStale: forget the state, Load, decide again
//
// # Promises
//
//   - A decision is stored only on top of the very history it rests on: every
//     append names its expected revision. A cached state may be old; then the
//     append is refused, or, when nothing would be appended, the log is read
//     before a refusal or an "already so" is given.
//   - The same command (id and fingerprint) is stored once. Sent again it gets its
//     first receipt, without an append, also after a restart, because the id is
//     read back with the events. The same id with another fingerprint is refused
//     with [domain.ErrKeyReused].
//   - Writers of one stream in one process queue up and do not fight. A context
//     that ends while waiting gives the place in the queue back.
//   - For a caller who may see one owner's customers and deals ([Ask.Within]) those of
//     others do not exist: every command about them, and every reference to them, is
//     answered word for word as if there were none. Decided on the folded state, so
//     that it holds from the event on that hands a customer over.
//   - A command that names the revision it rests on ([Ask.BasedOn]) changes no field
//     that somebody else has given another value since: it is refused with
//     [domain.FieldConflict]. Writers of different fields do not meet.
//   - [Handler.DoAll] answers as if the commands were asked one after the other.
//
// # What it does not promise
//
//   - References to other streams (a deal's customer, stage, product) are checked
//     before the decision, not in one transaction with it. Nothing is ever
//     removed, so a reference cannot dangle; a price or a probability can be as
//     old as [Config.ReferenceAge] when another process has just changed it.
//   - Several processes on one log: when a retry reaches another process than the
//     first try did, within ReferenceAge of a change of a price or probability,
//     the second may decide on the old one. The log keeps the first decision; the
//     second process may go on from its own until the stream is read again.
//   - A command that left no event is remembered only while its stream stays in
//     the cache, and a refused one not at all: sent again it is decided again.
//   - In a batch the position in a receipt may be that of a later event of the
//     same append. As a token to wait for it is late enough.
//   - In a batch a deal.change_stage without a pipeline waits for earlier
//     commands on the default pipeline only.
//
// # How it fails
//
// Refusals are [domain.Error] values. [domain.ErrContended] says that other
// processes wrote the stream at every attempt. Errors of the store are
// passed on; after one, nothing is believed of the stream until it is read
// again. An event that cannot be read makes its stream unusable for commands,
// loudly: deciding on half a history would be worse. Such an error is no
// [domain.Error].
//
// # Sources
//
// The loop is the decider's of emmett (handleCommand.ts). Idempotency by event
// ids at an explicit expected revision is EventStoreDB's.
//
// # Decisions
//
//   - 2026-11-22 A command that creates appends without reading: the append at
//     NoStream finds out whether it was right. Creating is then one round trip.
//
//   - 2026-11-22 A stream's facts for others are immutable and read without its
//     turn. Locking two streams at once was weighed: two customers linked to each
//     other would wait for each other.
//
//   - 2026-11-22 A receipt whose position is not beyond all that was seen before
//     may answer an earlier try of the same append. Its state is forgotten, since
//     the log may hold what was decided then, at the prices of then.
//
//   - 2026-11-22 A reference to something retired (a product) is allowed: a deal
//     may have been agreed on before. Stages are different, pipeline.Enter says no.
//
//   - 2026-11-22 Whether a field was set meanwhile is told by its values then, now and
//     as asked, not by the events between: what was set and set back is no conflict,
//     nor is what two ask for alike. Only a command that rests on an old revision
//     pays for it, by reading its stream.
//
//   - 2026-11-22 An append that is too large is halved until it fits, instead of
//     measuring events here: the store alone knows how it writes them.
//
//   - 2026-11-22 What is another owner's is decided on as an empty history, instead of
//     being refused on its own: so the refusals are equal by construction, whatever
//     order a decider checks in. Only an id to be created tells that it is taken.
//
// # Figures
//
// On 2 busy cores with the log in memory (`go test -bench . ./commands`,
// 2026-11-22): creating 18 µs and 63 allocations, changing a known customer
// 22 µs and 107, of which the log's own JSON is about half.
package commands
