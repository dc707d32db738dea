// Package projectionstest gives a test a real, empty Postgres database of its own.
//
//	pool := projectionstest.Pool(t) // *pgxpool.Pool, closed and dropped when t ends
//	dsn := projectionstest.DSN(t)   // the same for what opens its own connections
//
// and what a projection is tried with: [Replay] and [Log] bring events into its tables,
// [Tables] reads them back. A [Feed] is what an engine subscribes to.
//
// # What it promises
//
// The first test of a binary that asks starts a throw-away cluster (no fsync,
// unix socket, about a second); every other test only pays for CREATE DATABASE,
// so tests may run in parallel and need no cleaning up between them. Databases
// are UTF-8 and collate by code point, like those of crm. When the binary ends,
// by whatever means, nothing stays: neither process nor file. The cluster lies in
// /dev/shm when 4 GiB are free there and TMPDIR is not set.
//
// CRM_TEST_POSTGRES names a server to use instead, as a URL or in keyword form;
// its role must be allowed to create databases.
//
// # How it fails
//
// Without PostgreSQL on the machine the test is skipped, saying how to install
// it. Where the variable CI is set it fails instead: a pipeline that skips is
// green for nothing. A test that does not give its connections back fails.
//
// A test with goleak starts the cluster before it looks: goleak.IgnoreCurrent()
// after Pool.
//
// # Decisions
//
// 2026-11-22: the end is guarded by a shell that waits for the binary's end on a
// pipe, stops the server and removes the folder. A TestMain in every package
// would be forgotten once, and does not run when the binary is killed; on Linux
// the kernel stops the server, but removes no files.
//
// 2026-11-22: memory instead of disk, because a database is 300 files and making
// files is what costs: 50 ms instead of 100 to 400 ms a database (go test -bench
// . ./projections/projectionstest, ext4, two busy cores).
package projectionstest
