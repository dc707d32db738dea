// Package embedded is the event store of a single machine: a node that speaks
// EventStoreDB's own gRPC protocol, so that the unmodified client, and the code
// on top of it, cannot tell it from a server. It keeps its events in Pebble.
//
//	n, err := embedded.Open(embedded.Config{Dir: dir})   // takes the directory
//	l, err := embedded.ListenUnix(filepath.Join(dir, "node.sock"))
//	go n.Serve(l)
//	config.Address = embedded.Address(l)                 // of an esdb.Configuration with TLS off
//	…
//	select { case <-n.Done(): exit(n.Err()) … }          // the storage failed: end the process
//	n.Close()
//
// # What it promises
//
//   - An event is acknowledged only when it is on disk, and shown to a reader or
//     subscriber only then: nobody ever acts on an event that a crash takes back.
//     The same holds for refusals.
//   - An append is all or nothing. Revisions of a stream and positions of the log
//     have no gaps in the node, and the order of positions is the order in which
//     every reader sees events.
//   - An append sent again under the same event ids is stored once and answered
//     as at first, also after a restart, also when it names no revision: ids are
//     in an index on disk. EventStoreDB promises the latter only while a cache
//     lasts.
//   - A subscription shows every event after its start once and in order, however
//     slow its reader.
//   - A store that lacks events it acknowledged is not opened: whether its disk
//     lost them, or it is an older copy. The floor tells (floor.go), all but the last
//     second or 1,000 events of it; with Durability Paranoid, all. What is refused
//     is left as it was found.
//   - Streams under Config.Permanent keep their history: nobody can hide, delete or
//     end it.
//   - One process has a directory at a time; the error names the one that has it.
//   - Created times never go backwards, whatever the clock does.
//
// Served are Streams (Append, BatchAppend, Read of a stream and of $all, both
// ways, with filters, and as subscriptions; Delete, Tombstone; $maxCount, $maxAge
// and $tb in stream metadata), ServerFeatures and Gossip. Only that is announced.
//
// # What it does not
//
//   - Persistent subscriptions and server-side projections are not offered:
//     at-least-once without order is a poor fit for read models, and a filtered
//     subscription to $all does what $ce- and $et- streams do. Links are not
//     resolved.
//   - There are no users, no access lists and no TLS. Whoever can connect may do
//     everything: serve on the socket of [ListenUnix], which only this user can
//     open, or on loopback for development.
//   - Nothing is scavenged: what metadata or deletion hides stays on disk and in $all.
//   - It does not replicate. More than one machine is an EventStoreDB cluster,
//     and another connection string.
//   - Positions are numbers from 1 up here and byte offsets on a server: never
//     compute one, nor take one to another store.
//
// # How it works
//
//	Append ─▶ queue ─▶ writer ─▶ Pebble, not synced ─▶ finisher: sync ─▶ horizon ─▶ answer
//	                                                                       │
//	                          Read, subscriptions ◀── cursor, up to here ◀─┘
//
// One goroutine, the writer, checks and numbers all requests; another, the
// finisher, waits for the disk and answers, in order (writer.go). Readers stop at
// the horizon, the last position that is durable (horizon.go). Subscriptions are
// a loop over the log that sleeps when it has arrived (subscribe.go); there is no
// live mode to hand over to. Stored events are in wire form, and go from disk to
// the network without being decoded (record.go, codec.go). Keys are in keys.go.
//
// # Looking after it
//
//	Freeze ─▶ a frozen store (links, in the store's folder) ─▶ Backup ─▶ folder ─▶ Restore
//	                                                       └─▶ Check
//
// A store is frozen by the process that has it open, which others ask over the
// socket (operations.go); copying and checking are the asker's (backup.go,
// verify.go). A full or broken target, or a check that takes long, is so never the
// node's trouble. The frozen files are gone when the asker is. A backup is what
// has a manifest, which is written last; a restored store gets its name last.
//
// # How it fails
//
//   - The disk is full, or has not answered for Config.StallAfter: appends are
//     answered with Aborted, reads go on, nothing acknowledged is lost, and when
//     the disk serves again so does the node, without a restart. An append that met
//     it may have been stored: send it again.
//   - A write or sync fails otherwise: the node fails. It acknowledges nothing
//     from then on, ends every call with Unavailable, closes Done, and waits for
//     the process to end; the next start reads what the disk holds (disk.go).
//   - A call to the disk fails while the store is opened: Open says so. The process
//     must end then as well, for Pebble may be in the middle of something.
//   - A log file is damaged before its last 32 KiB: Open says so and refuses.
//     Damage in that last part passes for the torn end of a killed process, in
//     Pebble: Open refuses with ErrWentBack when the floor is not reached, and else
//     goes on with what came before the damage.
//   - The store was replaced by an older copy, or by another store, beside its
//     floor; or its floor is missing: ErrWentBack. An older copy with its own floor is
//     a store like any other here. Who derived more from the newer one has to notice,
//     as read models do.
//   - Nobody repairs any of this but the operator: by a backup, or by AcceptLoss,
//     which makes what is left another instance.
//   - A folder was copied while its node ran, with nothing but the file system:
//     Open refuses it unless it has the log up to some position, without a hole
//     (hole.go). What it lacks at the end only the floor in it can tell.
//   - A table is damaged: the node fails as above, at the latest when the damage
//     is read.
//   - It is killed: nothing that was acknowledged is lost, as far as the disk
//     keeps what it says it has synced.
//
// # Figures
//
//	crm bench node
//
// prints them beside raw Pebble, in one run. On 2026-11-22, on two virtual cores with
// little else to do, medians:
//
//	one event per append, 1 / 8 / 64 writers   2,363/s / 11,175/s / 20,779/s
//	p50, p99                                   0.40, 0.75 ms / 0.65, 2.5 ms / 2.7, 8.5 ms
//	raw Pebble's rate                          5,152/s / 20,759/s / 88,342/s
//	CPU per append, client and node            342 µs / 108 µs / 72 µs; raw 107 / 31 / 14
//	500 events per append, 4 writers           174,551 events/s
//	$all, by eventstore/wire / the client      688,820/s / 260,318/s; raw scan 2,776,662/s
//	start, 1,000,000 / 5,000,000 events        27 ms / 189 ms
//	resident at most, after reads and appends  210 MiB / 205 MiB
//
// Of a store of 1,000,000 events in 100,000 streams, 133 MiB of tables, on that
// machine; the events compress well:
//
//	go test ./eventstore/embedded -run '^$' -bench AMillion -benchtime 1x
//
//	freeze 0.06 s   check 4.6 s   backup 0.2 s   restore, with a check in it, 3.8 s
//
// So 64 writers reach a quarter of raw Pebble's rate and 1 writer not quite half.
// Where the time of an append goes, by profiles and execution traces of client and
// node in one process:
//
//   - 64 writers, by processor time: the client's call 28 %, the handler of the node
//     26 % (half of it gRPC's receiving), the transports of both sides 20 %, the
//     writer 9 %, Pebble's log 6 %, the rest collecting garbage. The disk is shared
//     by some 16 appends per sync and does not count.
//   - 1 writer, by the clock: half is the sync. Most of the rest is the waking of
//     processors that went idle, 15 to 30 µs each on a virtual machine: two for
//     Pebble's log writer, as without us, one for the writer, three or four for
//     client and transports.
//
// Kept, since profiles showed it: proposals and answers without the generated code
// (259 → 236 allocations per append), windows of fixed size (a ping less per append:
// 10 % of the processor time with one writer), chunks of a read that are not grown by
// doubling (2.0 → 0.4 kB per event of a replay), memtables of 16 MiB (a third of the
// processor time to start after a kill).
//
// Tried and left out, for it lowered no CPU per append: gRPC's stream workers, twice;
// letting the writer yield so that more requests gather (17 in a batch instead of 1.5;
// the sync is shared anyway). Left out for the little that it gave: remembering that
// no stream has metadata, 1.5 % when a stream has ten events. More processors for Go
// than there are (GOMAXPROCS 4 on two: a sync holds one until the scheduler takes it
// back) gave 64 writers up to a third and 8 a tenth less, crm bench http between
// nothing and 8 %, and is not this package's to set.
//
// # Decisions
//
//   - 2026-11-22. A request waits for the next batch when its stream was touched
//     in this one. Otherwise the checks would have to look into a batch under
//     construction: an indexed batch, or copies of heads and ids to keep right.
//     Writers to one stream still share syncs. Would change if many writers to a
//     single stream were slow.
//   - 2026-11-22. The writer alone caches stream heads; readers look them up,
//     bounded by the horizon. No state is shared, so none can be stale. Would
//     change if reads of short streams were dominated by it.
//   - 2026-11-22. A failing disk call fails the node and never returns. Handed
//     the error, Pebble carries on after a failed sync, and brings the process
//     down by unlocking a lock it does not hold after a failed log rotation;
//     either is seen when [disk] lets errors pass in the tests.
//   - 2026-11-22. A full disk is Aborted, as a server says of a disk that is too
//     slow, not Unavailable: on that the Go client opens a connection for each
//     refused append and never closes the old one.
//   - 2026-11-22. A position beyond the end of the log is refused. To wait there
//     would be to leave out what comes until then, which is what a server does.
//   - 2026-11-22. The floor holds the hash of one event, not of all before it. It
//     notices every end that is missing, and a copy that went other ways; a change in
//     the middle of the log is the business of Pebble's checksums, and of a ledger.
//     Raised in place, in two blocks by turns: no file is made and no directory
//     synced, for which a full disk might have no room. Weighed: a new file renamed
//     over the old one (three syncs instead of one), a key in the database (is lost
//     with it).
//   - 2026-11-22. Open looks first, through a database that is read only, and opens
//     for good afterwards: that throws away what follows a damaged place, which
//     somebody may still want to look at. The price is to read the log files twice.
//   - 2026-11-22. That the disk does not answer is seen by groups that are begun and
//     not done, not by timing its calls: it is what callers wait for, whatever the
//     disk is busy with.
//   - 2026-11-22. The folder is synced before one of Pebble's marker files comes or
//     goes, for two syncs more per start. Pebble syncs it only afterwards, and a
//     power cut in between could leave a marker without its manifest, or no marker:
//     a store that does not open, with all its events (marker.go).
//   - 2026-11-22. An append that expects no stream and goes into a deleted one is
//     not known when it is sent again: as with EventStoreDB it is refused, or written
//     once more if the stream was deleted again. Permanent streams cannot be deleted.
//   - 2026-11-22. Open writes a record and looks at the encoding of the log file
//     holding it, and opens again if that is the old one. A new Pebble store
//     starts in it, and a flipped bit then drops all that follows, silently.
//   - 2026-11-22. A backup is copied, not linked, on the same file system too: what
//     damages a file of the store would damage a linked backup with it. Weighed:
//     Pebble's Checkpoint straight to the target, which is quicker, but by which a
//     full or failing target stops the node. Would change where copying a store
//     takes too long; then an incremental backup, of the tables that are new.
//   - 2026-11-22. Appends wait while a store is frozen. Pebble copies its log file
//     while it is written to; read from front to back, such a copy can have an end
//     without what comes before it. The memtable is flushed first, so that there is
//     little to copy.
//   - 2026-11-22. Check looks events up in the indexes in the indexes' order, 131,072
//     at a time, and counts the entries to find those too many. Weighed: sums of
//     hashes over both sides, which say that something is wrong and not what.
//
// # Sources
//
// EventStoreDB 23.10.6 and 24.10.0 for answers (IndexWriter.CheckCommit,
// StorageWriterService, RpcExceptions; facts, no code); EventStore-Client-Go
// v4.2.0 for what a client does with them; Pebble v2.1.7 (commit.go, open.go,
// record/record.go) for what a sync means.
package embedded
