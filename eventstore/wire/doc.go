// Package wire reads what a log holds, a stream or $all, once or for ever, and
// appends to it: EventStoreDB's or the embedded node's. It speaks the RPCs
// Streams.Read and Streams.BatchAppend of EventStore-Client-Go's protocol files and
// takes the bulk of the bytes apart, and puts it together, by hand; what the bytes of
// an event mean is not its business.
//
//	c, err := wire.New(settings)                    // of esdb.ParseConnectionString; no I/O yet
//	r, err := c.Read(ctx, wire.Stream("deal-1", 0))
//	defer r.Close()
//	for {
//		m, err := r.Next()                          // io.EOF at the end
//		…                                           // m is valid until the next Next
//	}
//	w, err := c.Append(ctx, wire.Append{Stream: "deal-1", Expected: 3, Events: …})
//
// Appends share one call:
//
//	Append ──▶ queue ──▶ sender ──▶ BatchAppend ──▶ node
//	   ▲                                             │ answers, each with its append's
//	   └───────────────── receiver ◀─────────────────┘ number, as they are ready
//
// # Promises
//
// Every call ends when its context does. Calls share one connection; when that
// breaks, or the node is no longer the leader that was asked for, the calls under
// it fail with [ErrUnreachable], and the next one looks for a node anew: it dials
// the address, or asks a member of the cluster for the others. Calls that still
// run keep the old connection until they end.
//
// Whatever arrives is a message or an error, never a panic: a fuzz test compares
// with the generated code. Kinds and fields of a newer server are passed over. An
// event without id, stream, type or a readable time is an error.
//
// # Does not
//
// It does not try again; who calls knows for how long that makes sense. An append
// that broke off may have been stored, and the same append tells. It does not ask
// for links to be resolved.
//
// # Why not the client
//
// EventStore-Client-Go decodes every event into generated messages with a map for
// three short texts, which is most of the cost of a replay; ends the process when
// a server sends a malformed time; panics on kinds of messages it does not know,
// and when it is closed under a read; ignores contexts while the node is away; and
// cannot read $all with a filter. It makes a call of its own of every append, with
// headers, trailers and a goroutine on both sides, and half of what a small append
// costs is that: 64 writers took 135 µs of CPU an append with it, node included, and
// take 73 so (BenchmarkAppend of package eventstore). Its other faults with appends
// are gone, too: after some time away it is dead for good, it panics when it is closed
// under a call, it ignores contexts. Its protocol files and its settings are used, and
// read as it reads them: addresses, TLS, user certificate, credentials, keepalive,
// gossip, node preference.
//
// # Decisions
//
//   - 2026-11-22. One buffer per message, gRPC's own, looked into and given back at
//     the next one: who keeps bytes of an event copies them. Copies of whole messages
//     would keep envelopes in memory that nobody reads again.
//
//   - 2026-11-22. Windows of fixed size. The growing ones that gRPC has by default
//     send a ping for each round of data, which a socket of this machine pays for in
//     system calls, and a network of 10 ms needs no more than these.
//
//   - 2026-11-22. In a cluster with nodePreference=leader, the default, calls say
//     requires-leader: a follower behind would show a writer a stream without its
//     last event. The client means to, but never sends it.
//
//   - 2026-11-22. Appends carry a number as their correlation id, and a sender of
//     their own: a caller that waits for a clogged connection must be able to leave.
//     They name no deadline: one that has passed is refused without a word of whether
//     the append was stored, and the server has its own.
//
//   - 2026-11-22. A refusal without a code is how EventStoreDB says, inside of the
//     answer, that it is not ready: [ErrUnreachable], so that it is tried again.
//
// Sources: the client's protocol files; EventStoreDB 23.10.6 and 24.10.0, and the
// handler of BatchAppend, for what is sent when (facts, no code); the client's impl.go for how a node is found.
package wire
