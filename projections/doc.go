// Package projections is the engine that turns the log into Postgres tables that answer
// questions: the read models, which it knows none of (package readmodels). It decides
// nothing and is the source of nothing. Every table can be dropped and comes back the
// same.
//
//	log ──▶ subscriber ──▶ Watermill router, a handler per projection       checkpoint: where to start
//	        one message    │  acked       keeps the message of a stopped model
//	        in flight:     │  Retry       while Postgres does not serve
//	        a micro-batch  │  Recoverer
//	                       ▼
//	               model.handle ──▶ Builder.Apply ─────────── one connection of its own ──▶ Postgres
//	                       │         1 Projection.Apply for each event, pure, fills the Writer
//	                       │         2 load the keyed rows that the batch touches
//	                       │           and the former versions that backdated events change
//	                       │         3 run the changes, in the order of the events
//	                       │         4 move the checkpoint, delete, upsert, add; commit
//	                       ▼
//	               WaitFor, Status, metrics
//
// A read model is a [Projection]: a name, a version, DDL, the event types it
// wants and a pure Apply that writes to tables through the [Writer]: [Keyed],
// [Versioned], which remembers, [Sums] or [Appended]. An [Engine] runs any number of
// them; a [Builder] is one of them without Watermill, for tests and tools.
//
// # What it promises
//
//   - Exactly once: rows and checkpoint move in one transaction, guarded by the
//     old position, the epoch of the builder and the identity of the tables. The
//     same batch may come twice, overlap with the last one, or be cut anywhere;
//     connections may break at any byte. An event's effect is there once.
//   - No gap: a batch that begins after the checkpoint is not applied.
//   - One writer: of all servers on a database one leads each set of tables, by an
//     advisory lock on the connection that writes them. It raises the epoch, and
//     whoever led before writes no more, whatever they believe.
//   - The same log gives the same rows for every size of batch: rows are written
//     sorted by key, changes run in the order of the events, nothing is taken
//     from a clock or from the order of a map.
//   - The past is kept, by both clocks: what a versioned table said as of any date,
//     as known at any date, is the fold of the events of then.
//   - Nothing is passed over in silence: an event that cannot be read or applied
//     parks its stream, visibly ([Parking]). The others go on, until an operator says
//     in the log what is to become of it; what no event is to blame for stops the
//     read model.
//   - [Engine.WaitFor] returns once the caller's own write can be read, be it
//     another server that leads; of a parked stream that is not so, and cards say it.
//
// # What it does not
//
// A projection has no side effects but tables; what sends mail is a [Reactor], fed
// per event, which no rebuild meets. That the log went back it asks Config.Reaches, which knows
// positions only: a log that lost its end and grew past the checkpoint since is not
// told from one that did not. Leading takes a session of Postgres: a pooler between
// that shares sessions among clients (transaction mode) breaks it.
//
// # Who leads
//
//	starting ──▶ leads: building, live ◀──▶ degraded        stopped
//	   │             ▲  │ connection lost, resigned              │ others got further
//	   │   lock free │  ▼                                        ▼
//	   └────────▶ standby: the tables grow by another server's hand ◀──▶ outdated: a new version is due
//
// Each server holds one connection per read model and per reactor. The leader writes
// on it and says something each half second. A standby asks for the lock every 200 ms, and
// for the checkpoint every 5 ms while someone waits for a position. How the lead
// changes hands:
//
//	process killed, connection closed         Postgres frees the lock; taken within 200 ms
//	connection lost on our side only          noticed within 500 ms; we end our own backend and lead again
//	process stopped, network gone             its backend waits for its client: a standby ends it after 3 s
//	leader wakes up                           its connection is closed; it stands by
//	stands still, though the log goes on      it resigns after Config.StallAfter, for who has a better way to the log
//	program older than the tables             it stands by (class Replaced): its reads go on
//	program newer than the tables             Outdated: they are read as they stand, until new ones take their place
//	no tables yet, and a long log             Outdated: nothing can be read until they are built; not healthy
//
// # How tables are made anew
//
//	rebuild   ┌ build beside ─▶ reading ─▶ indexing ─▶ following ─▶ swapped        the old one is retired:
//	          │                    └────────────────────▶ ready (no swap)         a rollback has it back
//	verify    └ build beside ─▶ reading ─▶ up to a snapshot of what is read ─▶ compared, dropped
//
// A [Rebuilder] feeds any number of builds from one reading of the log, each over
// a connection of its own; in a server, which builds new versions by itself
// ([Rebuilder.Maintain]), for [Jobs] that callers start, or in a process of its own. Nobody who
// reads notices:
//
//	new version in the code        built beside while the old one is read, also by an old program that goes on
//	no tables, and a long log      built together, and read when they are complete
//	swap                           two schemas are renamed in one transaction; readers wait for nothing, the
//	                               writer for some ms, seldom 1 s, never much more than 3 s; then it meets
//	                               ErrFenced and opens the new one
//	interrupted, killed, crashed   what is read is as it was; the next rebuild, or server, goes on with the build
//	cancelled                      the build is dropped, and whoever works on it ends with ErrCancelled;
//	                               not so a rollback, which reads on from a retired build
//	failed                         as in a model; the build stays where it is for a program that knows better
//	connection lost, Postgres away opened again, from the last commit
//	process stopped in the swap    Postgres ends its session after 1.5 s, and nothing has happened
//	retired build                  kept for a rollback: until a rebuild begins that is to be read, or 24 h
//
// What takes long takes no connection of the pool, for which requests would wait: a
// rebuild of n read models holds n others, a verification up to 2n+1.
//
// A rebuild can send nothing, as a projection can send nothing.
//
// # How it fails
//
//	Postgres away, restarting, full, deadlocked   Degraded; retries for ever, from 25 ms to every 2 s
//	commit whose answer is lost                   connect again, read the checkpoint, go on from there
//	another builder leads, or took the tables     ErrLed, ErrFenced; nack, and the subscriber asks the checkpoint,
//	                                              which is not told before we lead again
//	subscriber left events out                    ErrOutOfStep, ErrMissing; likewise
//	event refused, panic, row rejected            its stream is parked: class, position, event type, table
//	bytes not what their type promises            likewise where the type is handled, else passed over
//	a stream lacks an event, three times in a row likewise
//	more streams parked than Parking.Max          Stopped: it is not the events
//	event type unknown to the program             Stopped, unless it is one of [Ignorer]: it may well be for this model
//	tables not as the code describes them         Stopped: BadSchema, with the names of the columns
//	the role in Postgres lacks a right            Stopped: Denied, with the right
//	log ends before the checkpoint                Stopped: WentBack; it was restored, or lost its end
//	the feed ends without a word                  Stalled after Config.StallAfter; [Engine.Healthy] says so
//	a reactor fails                               Failing: asked again, for ever; nothing later is met before
//	Close                                         the batch at work is committed, or broken off after CloseTimeout
//
// A stopped model keeps its message unacknowledged and its tables as they are, and
// gives up the lead: a server that runs a newer program may get further, and then
// it stands by. Else it tries again when the program starts again. Of an event that
// cannot be applied neither our log nor Postgres is told a payload, or the text of a
// foreign error, which may quote one: a Failure is told by class, place and SQLSTATE.
//
// Healthy is a server whose read models can be asked and get on. One that builds a new
// version beside is; one that has no tables to be asked is not.
//
// # What is parked
//
//	deal-7 @4 cannot be applied         readmodel.retry_requested, event_skipped
//	           │                                     │ the stream is read from the log:
//	───────────▼──────@5───────────@6────────────────▼──────@7────▶ log
//	…, @3      parked: a row       waiting: 2        @4 (or not), @5, @6    @7 as ever
//	           of crm.parked
//
// What comes before the event is committed together with the note. An event that
// the projection refuses is known at once; one whose rows Postgres refuses is found
// by halving the batch. The row in crm.parked is the stream's own checkpoint: what
// is before its revision is in the tables. A request is an event in the log (package
// readmodel), met in order by every build on every server. What was skipped before a
// build comes to it is left out there, as the log says when the build is opened; so
// live tables and rebuilt ones are the same. What was skipped while it was parked
// stands in crm.skipped.
//
// In bulk nothing is parked: the window is given up, and the build goes on batch by
// batch from where it began (the first one is tried in shorter windows before). A stream's rows are its own, or sums: then it does not matter
// that the events of a parked one come later than those of others.
//
// # The books
//
// crm.projections has a row per set of tables, which is called a build: name,
// version, schema, state, epoch, position, and who leads it. The build whose schema
// is called as the read model is what is read; the schemas of others end in __b and
// their number. crm.reactors has a row per reactor: how far it is, and who runs it. What
// is there tells every server how far the others are. It is created by [Migrate], with goose; the function
// crm.move_checkpoint in it is the fence, a function so that it can fail in the
// middle of a pipeline. Read models have no migrations.
//
// # Measured
//
// 2026-11-22, two cores shared with Postgres 15 and with other builds (load
// average 5 to 15), fsync on; go test -run xxx -bench 'Live|Rebuild'
// ./projections. The clock is the best of the runs, and so a lower bound; CPU per
// event, in Go and in Postgres, hardly depends on the load.
//
//	a row added and a row changed per event, all indexes  ms/batch   µs Go   µs Postgres
//	  1 event                                                 0.42     120           220
//	  10                                                      0.65      18            43
//	  50                                                       2.7       8            32
//	  100                                                      2.9       7            21
//	  1,000                                                     30     3.0            18
//	rebuild, 20,000 events of 100,000 customers in a batch  events/s
//	  a row added per event                                 390,000    0.8           1.8
//	  a row changed per event                               123,000    2.7           5.5
//	  both                                                   70,000    3.4           7.6
//
// Postgres is what bounds it: one connection is one backend is one core. The
// indexes of 800,000 added rows take 0.6 s more, made at the end.
//
// Leading, on the same machine (load average 8 to 18): events that were recorded
// when the leader broke could be read through the standby after 0.05 to 0.3 s when
// its process or backend was killed, 0.06 to 1.1 s when it lost its connections
// without a word, 3.3 to 3.9 s when it stood still (TestTakeover); 2.9 to 3.3 s for
// a whole server under SIGSTOP. A standby knows of a commit 0.2 ms (median) to 5 ms
// (p99) after the leader does (TestWaitForAtAStandby).
//
// crm projections verify over a log of 1 M events (crm bench projections, load average
// 11): timeline, 1.2 M rows, 27 s, with 7 s of CPU in Go, 9 in Postgres and 4 in the event
// store; all read models, 2.4 M rows, 67 s, with 22, 33 and 5.
//
// # Decisions
//
//   - 2026-11-22 A batch with an event that cannot be applied is cut, without
//     savepoints: those are paid for by every batch, and this by the rare one.
//   - 2026-11-22 Retry and skip are events in the log, and not calls to the server
//     that leads: they need no way to it, they are audited as anything else, and a
//     rebuild in years does the same. A skip holds in every build that is opened
//     later, also in one that could apply the event. A build under way that has
//     applied it meanwhile keeps it, and [Rebuilder.Verify] tells.
//   - 2026-11-22 Catching up is one transaction where all goes well, and several where
//     Postgres refuses rows; then a reader may see the stream half way. The class
//     Retrying says that a request is not done with it.
//   - 2026-11-22 A row that Postgres would refuse is not met where a later event of the
//     same batch mends it. What is parked then depends on the batch; what is in the
//     tables after a retry does not.
//   - 2026-11-22 Missing revisions are noticed by a bounded memory of the streams met
//     lately, and by versioned rows. A hole in a stream that neither knows is not.
//   - 2026-11-22 A reactor takes the same micro-batches as a projection and meets
//     their events one by one: a message for each event that it does not want would
//     cost a checkpoint each.
//   - 2026-11-22 The lead is a session lock on the very connection that writes, not
//     a lease by time: when the connection ends, so do the lock and the transaction
//     at work, at once and by one act. No clocks are compared. A lock on another
//     connection would outlive or be outlived by the one that writes.
//   - 2026-11-22 Whoever may take advisory locks can hold that of a lead: a read model
//     whose leader ends then stands still, and is called stalled. Analysts are kept from
//     it by what PUBLIC may execute, where a superuser asks for it: not by itself, as it
//     stops other programs of the database, and servers of a role it does not know. To lock a row
//     or a table instead was weighed: it is held by a transaction, which would last as
//     long as the lead, for days, and keep Postgres from cleaning up; and a key that is
//     a secret stands in pg_locks, for all to read.
//   - 2026-11-22 Reactors are led in the same way. What they do no transaction undoes,
//     so a leader lets go 2 s after its last word with Postgres, and who follows one
//     that did not sign off waits for as long and half a second more: two servers do
//     not react at once, unless a process that was stopped wakes up in the middle.
//   - 2026-11-22 A reactor is asked about an event that cannot be read, as it may not
//     wait for it for ever; that it gave it up is an error in the log, with the place.
//   - 2026-11-22 A leader that is silent is ended by Postgres's word that it waits for
//     its client (pg_stat_activity), not by a heartbeat row: that costs no writes, and
//     does not take a long CREATE INDEX for a death. Should it be wrong, as where
//     our process did not run for 3 s, the lead changes hands and nothing is lost.
//   - 2026-11-22 Who stands by polls, and does not listen: NOTIFY takes a lock of the
//     whole database at each commit. Waiting for the lock inside Postgres would take
//     over in 40 ms, but hides how far the leader is, and waits for the silent ones.
//   - 2026-11-22 A checkpoint is not told to the subscriber before we lead: so a
//     standby does not read the log at all.
//   - 2026-11-22 Lag is the age of the first end of the log, of those seen each
//     second, that the tables have not reached. The age of the last event applied
//     grows while nobody writes; the difference of clocks of two machines is no lag.
//   - 2026-11-22 The past is versions in a table beside the current rows ([Versioned]),
//     so that who asks for today reads what there would be without a past, and its
//     indexes. With all versions in one table every read would pay for the past; told
//     from the events when asked, a list as of a date would be a replay of the log;
//     triggers know one clock, the database's.
//   - 2026-11-22 A version holds in an L of the two clocks, not in a rectangle: while its
//     end was not known, it had none. So an event in order writes one row of history,
//     never touches one that is there, and reads nothing but the current row; with
//     rectangles it would be two. Only a backdated event loads versions, cuts the one
//     that holds at its instant, and tells those after it anew: 20,000 events cost
//     1.0 µs of Go and 4 µs of Postgres more each than without a history, also where
//     1 of 100 is backdated (-bench 'Rebuild/keyed|Remember', load average 17).
//   - 2026-11-22 An entity's first event is where it begins. What a later one says of an
//     instant before that is not told of that instant: there was nothing yet. Where any
//     event may be the first, as of a consent, the earliest is
//     ([Versioned.BegunByAny]): a grant on paper that is entered after the objection
//     to it held until then.
//   - 2026-11-22 x_at is a function of SQL that Postgres inlines, bound to its view by
//     identity: it follows a renamed schema. A page as of a date walks the index of the
//     current rows, whose order never changes, and asks x_at for each key; a filter on
//     x_at itself would read all versions.
//   - 2026-11-22 Sums of the past follow from stretches of time of which an event tells
//     otherwise ([Versioned.Retold]), not from versions: in order, backdated and at one
//     instant are then one case, and what was told before is taken back by the same call.
//   - 2026-11-22 Rows are encoded by hand in the binary format, through addresses
//     resolved once per type: the bytes of a value are the same in COPY and in an
//     array parameter, so one encoder serves both. pgx's own COPY costs twice the
//     CPU (study: 1.45 against 0.8 µs a row) and its arrays reflect. The price is
//     a closed list of types; what is not on it panics where the table is
//     declared.
//   - 2026-11-22 The checkpoint moves first in the transaction. When it moved
//     last, a builder that lost a race met the winner's rows as duplicate keys
//     before it met the fence, and stopped for good.
//   - 2026-11-22 Touched rows are loaded before the transaction begins. It saves
//     a round trip with locks held, and is safe: whoever changes them moves the
//     checkpoint.
//   - 2026-11-22 A builder's connection may not read tables sequentially, nor
//     hash or merge join. A plan made while a table was empty would read all of
//     it, be kept, and make a rebuild quadratic until autovacuum comes by.
//     (TestKeyedRowsAreReachedByTheirKey fails without it.)
//   - 2026-11-22 Below 200 rows everything goes in one round trip, above that
//     appended rows go by COPY: study, 0.30 against 0.57 ms for 1 row, 14.2
//     against 11.9 ms for 1,000.
//   - 2026-11-22 synchronous_commit stays on. Off, a Postgres that crashed would
//     come back behind what WaitFor has promised, and an idle model would not
//     notice. Batches without an event for the model commit without waiting:
//     there is nothing to lose but the way to the same place.
//   - 2026-11-22 A rebuild fills its tables in windows ([Builder.Bulk]): many batches
//     in one transaction, a row that changes written once for all of them. In it the
//     checkpoint moves last, since for seconds its row would be locked to whoever
//     cancels; the lead keeps others away meanwhile. A row per event cost Postgres 3.9
//     µs instead of 7.1 (timeline), a row per customer 0.5 instead of 3.2, a deal 2.0
//     instead of 10.3 (load average 20; indexes not included). After a loss it goes on
//     batch by batch until that is made up for: who loses connections all the time gets on.
//     Only the first window, which is long, is tried once more, in shorter ones.
//   - 2026-11-22 The first window is a long one, as it has the tables to itself: it
//     empties them in its own transaction, so that rows need no WAL (where wal_level is
//     minimal) and can be frozen, and makes the primary keys at its end, so that rows
//     that change are sorted once and copied (first.go). UNLOGGED tables were weighed:
//     they cost the same as these do, SET LOGGED writes them all again, and after a crash
//     of Postgres they are empty while the checkpoint is not. Only a history table gets
//     its key earlier, when a backdated event first has to find a version; to keep those
//     rows in memory as well would save 1 µs an event of all read models, and cost as much
//     memory again. Where somebody holds the empty tables, as a dump does, it is a window
//     as others are.
//   - 2026-11-22 Indexes are made at the end of the first catch-up, which is when
//     an event is less than 5 s old, or when the log was quiet for a second.
//     Asking the store for its head would be exact, but the head may be a system
//     event that no batch ever reaches.
//   - 2026-11-22 A stopped handler blocks instead of being removed from the
//     router: the message in hand is what is retried once that is built, and the
//     router ends when all its handlers do.
//   - 2026-11-22 The analysts' role is named for its database, since roles are the
//     whole cluster's, and gets SELECT build by build. Default privileges were
//     weighed: they would open every schema that is made later, whatever is in it.
//     Its limits are settings of the role, which guard against accidents: a session
//     can lift its own statement_timeout, and Postgres has nothing harder. It has no
//     limit of rows; the timeout and a GiB of temporary files bound what they cost.
//   - 2026-11-22 What a column is stands once, in a comment behind it in the .sql
//     file, and becomes its COMMENT: two texts would soon be two opinions.
//   - 2026-11-22 Watermill's Deduplicator and PoisonQueue are not used: the first
//     acks what failed once, the second acks the poison outside the transaction
//     and goes on with the next event of the stream.
//   - 2026-11-22 The swap renames schemas. It takes no lock on a table, so a report
//     that runs for minutes does not keep short reads waiting behind it, as it does
//     with a view replaced or a table moved (study: 2 to 7 ms against 1.8 s). Plans are
//     made again; where a column has another type each connection answers 0A000
//     once, and the question is asked again.
//   - 2026-11-22 The swap locks the row of the build that is read, and only then waits
//     for the new one to come level, some ms. To look whether it happens to be ahead
//     does not end under load: the reader of the row waits for the batch at work,
//     which brings the old one ahead again.
//   - 2026-11-22 Level means: as far as the checkpoint, or as the end of the log
//     asked after it. A checkpoint may lie beyond the last event of ours, at a place
//     that another subscription is never told of.
//   - 2026-11-22 Verification takes its snapshot when the new build is close, and
//     feeds it exactly to there, in the middle of a batch if need be. To stop the
//     writer instead would make proving a matter of permission.
//   - 2026-11-22 Tables are compared by the count and the sum of the hashes of rows
//     in 1,024 buckets of keys, so that equal tables are read once, and of others
//     only what differs twice. Sums do not depend on order and see a row that is there twice.
//   - 2026-11-22 A rebuild is not a handler of the router, as was weighed: it needs one
//     subscription for many builds, a batch cut at a position, and its end.
//   - 2026-11-22 A job is the memory of the server that works on it. Kept in Postgres it
//     would hold rows that differ, which are payload; what counts after a crash, the
//     builds and their positions, is there, and any server shows it (Status.Rebuild).
//
// Sources: Watermill 1.5.1 (message/router.go, message/router/middleware),
// PostgreSQL 15 chapters 55 (protocol: extended query, COPY), 64 (array and COPY
// binary formats: arrayfuncs.c, COPY), pgx v5.12.
package projections
