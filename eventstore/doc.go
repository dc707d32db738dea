// Package eventstore keeps what happened: it loads and appends the events of one
// aggregate, and hands the log of all events to whoever follows it. It alone
// speaks EventStoreDB, and interprets no event. It stands on EventStore-Client-Go
// v4.2.0: its protocol files, connection strings and settings; the calls themselves
// are made by eventstore/wire.
//
//	Append ──▶ encode ──▶ wire: one call for all ──▶ EventStoreDB, or the node of eventstore/embedded
//	Load, Head ◀── decode ◀── wire ◀──── the same
//	Subscriber ◀── read-ahead ◀── decode ◀── wire: subscription to $all   far from the end
//	     ▲
//	     └──────── tail ◀── decode ◀── one subscription for all        near the end
//	Following ◀── the same two, when it is asked and not before
//
// # Promises
//
// What Append acknowledged is on disk and stays. An append is stored whole or
// not at all, at the revision it expected or not at all, and once however often
// it is repeated with the same event ids. A repetition answers the receipt of
// the first time: the revision and position of its last event. (EventStoreDB
// answers no position, which is the zero one here, when that event is since
// hidden by an operator.) Bytes that this program cannot read become a
// [domain.Unreadable]; they are never dropped and never a panic.
//
// A subscription gives every event behind its checkpoint, in the order of the
// log, one unacknowledged message at a time. A message is a micro-batch: all
// that arrived while the one before was worked on, without waiting for more. It
// joins where the last one ended: [domain.Batch] After is the Through of the one
// before. Whoever writes Through and rows in one transaction, and gives it back
// as Checkpoint, has applied every event exactly once, across nacks, lost
// connections and restarts. A batch without events moves the checkpoint of a
// consumer whose events are rare.
//
// # Does not
//
// It does not seal personal text yet: the place is codec.encode and decode. It
// does not elect a leader; a Checkpoint that blocks can wait for one. It does not
// look for a missing revision in the log, only in a stream that is loaded. It
// does not refuse the password that EventStoreDB is delivered with.
//
// # Failure
//
// While the node is away every call ends with [domain.ErrStoreUnavailable] when
// its context does, or after Config.CallTimeout; calls work again once it is
// back, subscriptions go on by themselves, and nobody has to be restarted. An
// append that ended so may have been stored: the same append tells.
//
// Streams are never deleted by this program. If an operator does: a soft-deleted
// stream loads as empty; once written to again, or truncated, it is
// [ErrHistoryMissing], because a state folded from half a history is wrong; a
// tombstoned one is [ErrTombstoned].
//
// # The client's faults
//
// Its calls are not used, and why is in wire's documentation. What is left of its
// faults is met where the settings are read: attempts without end, for after the last
// it gives up for good; credentials, which it leaves out without a word where tls is
// false, are refused there; what it logs to the console goes to Config.Log at Debug.
// A refusal for size is not waited for: sizes are checked before.
//
// # Stored shapes
//
// Every shape ever written has a file in testdata/events, and the test reads all
// of them. To change an event: see registry.go and upcast.go. Metadata is plain
// JSON with "schema", the version of the payload's shape, beside the fields of
// [domain.Meta]. That of an event copied from another store ends with when it was
// recorded there (copied.go), which is then its RecordedAt; no append of this
// program writes that.
//
// # Measured
//
// 2026-11-22, on two virtual cores with little else to do, node and client in one
// process, through Store, by
//
//	go test -run '^$' -bench . -benchtime 2s ./eventstore
//
//	append, durable, 1 writer / 64 writers   1,969/s / 15,973/s
//	load 100 events, 1 client / 16 clients   1,568/s / 2,968/s; by the client 597/s / 1,035/s
//	subscriber, from the start               278,000 events/s, 6.3 µs of CPU per event; by the client 86,000
//	decode one event                         3.0 µs, 16 allocations
//	of that its metadata                     0.5 µs, 1 allocation; of a copied event 0.6 µs
//
// # Decisions
//
//   - 2026-11-22 A nack reads the checkpoint again, and starts anew where it has
//     moved. Sending the same batch for ever would keep a consumer that lost its
//     lease, or whose commit's answer was lost, from ever getting on.
//   - 2026-11-22 The server filters by type with ^[^\$].*, which .NET and RE2 read
//     alike, and the client checks again; never by the types a projection handles,
//     or its checkpoint would not reach the position someone waits for.
//   - 2026-11-22 Metadata is read by hand where it has the form that encode writes,
//     because every event has it and most of a rebuild's decoding was it; anything
//     else goes to encoding/json, and a fuzz test holds the two together.
//   - 2026-11-22 Reads and subscriptions have a reader of their own, over the RPC
//     that the client uses: a replay of 100,000 events takes a third of the
//     allocations, and no answer of a server ends the process. Appends followed: one
//     call carries them all, and costs half (wire's documentation has the figures).
//   - 2026-11-22 Subscribers near the end of the log share one subscription, whose
//     events are decoded once (tail.go). In profiles of the server with six read
//     models, decoding each event six times was 18 % of the CPU under commands and
//     28 % under an import; shared, it is 3 %.
//   - 2026-11-22 A reader who may be slow, as one at the other end of a network is,
//     gets a Following, which has no goroutine and keeps nothing between two calls;
//     a Subscriber reads ahead, because who builds tables is waited for.
//   - 2026-11-22 The time of a copied event is one last member of its metadata, of
//     one fixed form that is taken off again to the byte. Weighed: an envelope around
//     data or metadata, which every other reader would have to know; a stream of
//     times beside the events, which could be lost.
//   - 2026-11-22 Open waits until a node answers: a wrong setting should show at the
//     start, and services that start together need no order.
//
// Sources: EventStoreDB's protocol files and documentation (gRPC clients,
// optimistic concurrency, idempotence); the client's source; Watermill's
// message.Subscriber and its universal suite, which the tests run.
package eventstore
