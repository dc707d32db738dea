// Package conformance asks a server, by its address, whether it answers as
// EventStoreDB 23.10 and 24.10 do. It is tests only.
//
//	make conformance                                   # an embedded node of its own
//	make conformance ESDB='esdb://127.0.0.1:2113?tls=false'
//	go test ./eventstore/conformance -esdb 'esdb://…'  # the same
//
// # What it promises
//
// What a client can see of the protocol is asked here and nowhere else: every
// cell of CheckCommit (commit_test.go, as one table), appends and their limits,
// BatchAppend, reads, filters, deletion and retention, subscriptions and
// checkpoints, the status and trailers of every refusal, what is announced. It
// speaks through the Go client and, where that cannot say or show it, through the
// generated stubs. That the suite notices mistakes is shown by mutants_test.go:
// each builds the node with one and demands that the suite turns red.
//
// It is safe on a server that holds other data and is in use: all streams have
// fresh random names under one prefix per test, nothing else is written to, no
// position is computed, and $all is read from positions of its own. Our own node
// is treated alike: all tests share one and run at once.
//
// # What it does not
//
// Nothing is asked about users, certificates, clusters, persistent subscriptions
// and projections. What needs to see inside (the clock of created, exact
// positions of checkpoints, durability) is asked in package embedded.
//
// # Where servers differ
//
// A foreign server is not asked for what only our node promises, or where the
// versions differ:
//
//   - It is not restarted; its client connects anew.
//   - Ids without an expected revision are remembered for a bounded time there,
//     and not across a restart; here for ever. Cells with a tilde in the table.
//   - An append may bring as much as its refusal says. Up to 24.10 a slip in the
//     server counts only the data; later versions count data, metadata and two
//     bytes for each character of the type, as the node does. Both are asked for
//     what is over the limit by data alone, and for what is within it by any count.
//   - What makes no sense is InvalidArgument here; there much of it is an exception
//     that a client sees as Unknown. An append to $all is AccessDenied here; there
//     only with users.
//   - A position that is none of the log's is refused here, as in 24.10; 23.10
//     searches from it.
//   - 23.10 says CaughtUp of a missing stream only when it exists, and drops a
//     reader that is too slow with Aborted, who then subscribes again.
//   - A count of 0 is no events here; what servers do is not documented.
//   - A server stops answering a BatchAppend when the client closes its side, so
//     the suite leaves it open.
//
// # How it fails
//
// A server that does not answer fails a test after 20 s. A test names the cell or
// line of its table that differs.
//
// # Sources
//
// EventStoreDB's sources: IndexWriter.CheckCommit, StorageWriterService, Event,
// StreamMetadata, RpcExceptions, the enumerators of reads and subscriptions
// (facts, no code). No server was at hand when this was written: what it says of
// servers has been read and not seen.
//
// # Decisions
//
//   - 2026-11-22. Positions are compared and never counted, so checkpoints are
//     asked for by order: one comes behind what was searched, at least as often as
//     the interval says, and going on from it loses and repeats nothing.
package conformance
