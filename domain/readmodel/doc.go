// Package readmodel is what operators ask of a read model: to try the events
// again that it could not take in, or to go on without one of them. It is small
// enough for one file beside this.
//
// A read model that meets an event it cannot apply parks the event's stream: the
// stream's later events wait, those of other streams go on. What is to become of
// the stream is said here, in the log, and not to the tables:
//
//	deal-7 cannot be applied     someone asks     the read model meets what was asked
//	          │                        │                        │
//	──────────▼────────────────────────▼────────────────────────▼────▶ log
//	      parked                                    applied, or left out
//
// So it is done at one place in the order of things, by every build of the read
// model on every server, today and in a rebuild in ten years; and who asked, when
// and why stays as long as what it changed.
//
// # Decisions
//
//   - 2026-11-22 There is no state, and asking twice leaves two events. Whether a
//     stream is parked is not known to the log: it depends on the program. The
//     same question later may well have another answer. A retry of a command is
//     recognised by its id, as everywhere.
//   - 2026-11-22 An event is left out by every build that stands before it, also by
//     one that could apply it, because the program learnt to: else a rebuild would
//     bring back what someone has decided to go without. One that has applied it
//     keeps it.
//   - 2026-11-22 Leaving out takes a reason, trying again does not.
package readmodel
