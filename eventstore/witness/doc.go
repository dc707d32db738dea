// Package witness has the clients that the fault tests of a node are made of:
// they write, watch and read through the unmodified Go client, remember what they
// were told, and hold a node to it, above all after it was killed.
//
//	j := &witness.Journal{}
//	writers := witness.NewWriters(j, 64, seed, witness.Load{Batch: 5, Bytes: 1 << 10})
//	client, err := witness.Dial("esdb://127.0.0.1:2113?tls=false", "")
//	err = writers.Run(ctx, client)    // until ctx ends, for instance because the node died
//	…                                 // start the node again
//	err = j.Hold(ctx, client)         // nothing acknowledged or seen is missing or changed
//	err = writers.Finish(ctx, client) // what was in doubt is sent again, under the same ids
//	err = j.Hold(ctx, client)         // and is there once
//
// # What is told by an id
//
// An event's id says which append it belongs to, as which of how many, and its
// type, data and metadata are derived from it. So whoever has an event can tell
// whether a byte of it changed and whether its append is whole, and nothing needs
// to be kept but ids.
//
// # What it notices
//
//   - [Journal]: an event that was acknowledged or seen and is not there, or is
//     another, or elsewhere, or changed; one that is there twice or that nobody
//     wrote; a gap in revisions or positions; half an append; an index of a stream
//     that disagrees with the log.
//   - [Watcher]: an event that came twice, out of order, or not at all; half an
//     append with something else after it.
//   - [History]: answers to competing clients that no order of their calls can
//     explain (linearizability of each stream, found by porcupine), and positions
//     that contradict the order in which appends were made.
//
// # What it does not
//
// It starts and hurts no node: its users do. It is for nodes whose positions have
// no gaps, as the embedded one's, and for stores in which nobody else writes. A
// call whose end is not known counts as either done or not.
//
// # Decisions
//
//   - Every call is made in a goroutine of its own and given up when its context
//     ends: the client can ignore a context while its node is away, and panics
//     when it is closed then. So one client is kept while a node is killed and
//     started again, as by the program, and closed when all its calls returned.
//   - What was in doubt is settled by sending it again, as the program does, and
//     not by looking for it: that the answer to a repetition is the first answer is
//     part of what is tested.
//
// # Sources
//
// etcd's robustness tests (tests/robustness) for the guarantees of a watch and for
// journals kept by clients; porcupine for linearizability.
package witness
