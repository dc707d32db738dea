// Package copying moves a whole history from one event store to another: from the
// laptop's node to a cluster, from a cluster to a node, between two of a kind.
//
//	report, err := copying.Run(ctx, copying.Options{Source: …, Target: …})
//
//	source $all ──▶ survey ──▶ compare ──▶ append ──▶ compare ──▶ state ──▶ report
//	                              ▲          │
//	                              └──────────┘ whenever something went wrong
//
// # Promises
//
// What arrives is what was sent: ids, streams, revisions, types, kinds of content,
// data, and metadata to the byte, in the order of the source's $all. The target
// sets its own positions and times; the source's times stay with the events, as
// eventstore.Copied says, and a copy of a copy keeps the first.
//
// It can be interrupted anywhere, also by kill -9, on either side. Nothing is
// written down about how far it came: the target itself says so. Each run, and
// each try after a failure, compares the target with the source event by event and
// goes on behind the last that they share. So nothing is doubled, a second run
// changes nothing, and what a report calls verified was read back from both, once,
// after it was durable.
//
// A source that is in use is copied up to where it ended when the run began. Run
// it again, with the writers stopped, for the rest.
//
// # Which events
//
// Those of all streams but the servers' own ($stats, $users, $ce-…), which are
// counted and left out. What is said about a stream ($$stream), a soft delete with
// it, and a tombstone are brought about at the end, as they are in the source by
// then; how they came to be is not copied. Streams of this program have neither.
//
// Events of other programs without metadata get metadata with nothing but the
// time. Metadata that is no JSON object is kept as it is: the time of such an
// event becomes the target's, and they are counted.
//
// # Refuses
//
//   - a source that is its own target;
//   - a target that holds any event which the source does not have in that place,
//     naming the first. The log of this program is one history: a target that was
//     written to, even to other streams, is not a copy any more;
//   - a source of which a stream lacks its beginning, or a piece, because a server
//     scavenged it: no server takes a history without its beginning. That one
//     goes with the server's own means, a backup or another member of its cluster;
//   - an event that the target takes for too large: the time adds 46 bytes at most.
//
// # Order
//
// Appends go through BatchAppend, up to Options.InFlight of them under way at
// once. Both servers take what comes over one call in the order in which it comes
// (the node queues it so; EventStoreDB 23.10 and 24.10 publish to their one main
// queue from one loop), so the target's log is a prefix of the source's at every
// instant, also when it is killed or its leader falls. One thing can break that: a
// server that refuses an append, for want of time or space, and takes a later one
// that was already under way. That is never silent: the comparison which follows
// finds it, and the run fails. Then the target has to be emptied; InFlight 1
// rules it out, at the price of waiting for the disk at each append.
//
// # Decisions
//
//   - 2026-11-22. The target is asked how far a copy came, by comparing all of it,
//     and no file says so. A file can be lost, be of another target, or be ahead
//     of a target that went back; the comparison costs seconds per million events,
//     and is the verification at the same time.
//   - 2026-11-22. One order, that of $all, and not one per stream: projections read
//     $all, and an event may stand on one of another stream.
//   - 2026-11-22. Neighbouring events of one stream go as one append, whatever their
//     appends were at the source: nobody can see that in a log.
//   - 2026-11-22. The revisions of all streams are held in memory while the source
//     is surveyed, about 100 MB for a million streams. Else a hole would show only
//     in the middle of the copy.
//
// # Measured
//
// 2026-11-22, 50,000 events of 5,000 streams, one or two per append, node to node,
// both durable and both in the process of
//
//	go test -run '^$' -bench Copy -benchtime 1x ./eventstore/copying
//
// on two virtual cores with little else to do:
//
//	256 appends in flight   60,000 appended/s, 38,000/s with survey and verification
//	1 in flight             3,700 appended/s, 3,500/s with both
//
// With several times as much to do as the machine had cores it was 8,000 to 30,000/s
// and 1,800 to 2,100/s.
//
// Sources: EventStoreDB's protocol files; its Streams.BatchAppend (facts, no
// code); eventstore/embedded.
package copying
