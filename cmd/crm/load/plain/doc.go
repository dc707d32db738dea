// Package plain is the same few routes written the plain way: chi, pgx and tables,
// without events. It is what `crm bench compare` measures this program against, and
// nothing else.
//
// Each write is one transaction with its state, an audit row and an outbox row, sent
// in one round trip where nothing must be read first, else in two: the row is locked
// and read, and then everything else goes with the commit. Statements are prepared,
// the pool is as large as the processors and the clients make sense, commits are
// durable. It takes and gives the JSON that the measured routes do.
//
// # Leaves out
//
// What would make it slower: full-text search, history as of a date, reports,
// idempotency keys, replays, fuzzy duplicates, field rights. There is one key, one
// pipeline and no owner. Nobody reads the outbox.
package plain
