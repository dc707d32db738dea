// Package postgres runs a private PostgreSQL cluster from the server binaries
// that the machine already has. `crm up` keeps its read models in one, and every
// test that needs Postgres gets one.
//
//	Dir/
//	  lock            flock: who owns the folder; holds that process's id
//	  postgres.log    what the server says, at most 4 MiB; the 4 MiB before are in postgres.log.1
//	  data/           the cluster, 0700, owned by whoever runs the server
//	  data/.s.PGSQL.5432   the only way in: a unix socket, no TCP
//
// # What it promises
//
//   - One postmaster per folder. A second Start fails with *InUseError, which
//     names the process.
//   - The server never outlives the program for long: on Linux the kernel stops
//     it when the program dies, however it dies; elsewhere the next Start stops
//     the one that was left behind. It is stopped only after it was shown to be a
//     postmaster of this very folder.
//   - Start works after kill -9 of the program, of the postmaster, or of both, at
//     any instant, also in the middle of initdb: a cluster comes into being by
//     one rename.
//   - With Config.Durable a committed transaction survives a power cut; pages
//     carry checksums.
//   - Ctrl-C in a terminal reaches the program only: the server is in a process
//     group of its own and stops when Stop says so.
//   - The server's log holds no row and no statement: personal data must not
//     outlive its key there.
//
// # What it does not
//
// It upgrades no cluster to another major version, replicates nothing and listens
// on no network. It does not restart a server that dies: Done tells, and the
// program is expected to end. It runs on Unix only.
//
// # How it fails
//
// No binaries, or none of the major version that made the folder: *NotFoundError,
// whose text says how to install them. A server that will not start: an error
// with the last lines of its log.
//
// # Trust
//
// There are no passwords. The socket lies in a folder with mode 0700, so that who
// may connect is who may enter: the user running the server, and root. When that
// user is root's stand-in (below), the machine's own postgres administrator may
// enter as well.
//
// # Decisions
//
// 2026-11-22, root. Postgres refuses to run as root. An existing cluster runs as
// the user who owns it; a new one, or one that root owns (restored from a copy),
// as "postgres" if the machine has such a user, else as "nobody". That user must
// reach a folder that may lie below /root (0700). We did not want to open
// anybody's home folder, not even with an ACL, nor to keep data anywhere but
// where the operator said. So root opens the folder and passes the open file on:
// the server is told that its data lies in /proc/self/fd/3, which asks for no
// right on the folders above. After its first chdir Postgres names all files
// relative to it. Only Linux can do that; elsewhere root must choose a folder
// which that user can reach.
//
// 2026-11-22, socket. It lies in the data folder under a relative name, so that
// the server can bind it however long the path is. A client can not always: a
// socket's address has about 100 bytes, and pgx takes a comma for a list of
// hosts. DSN then goes through a symbolic link in a private folder below the
// temporary one, which is named after the data folder and so is found again, and
// not multiplied, after a crash.
//
// 2026-11-22, locale. Collation C, ctype UTF-8: text sorts by code point on every
// machine, which keyset cursors and rebuild comparisons need, and lower() knows
// more than ASCII.
//
// 2026-11-22, death of the parent. The kernel's signal is SIGQUIT, immediate
// shutdown, not SIGINT: a checkpoint of unknown length would keep the next start
// waiting, replaying the log has a bound (max_wal_size).
//
// 2026-11-22, embedded-postgres and testcontainers were weighed: the first
// downloads binaries at run time, the second needs a container engine.
//
// Measured on two busy cores (go test -bench Start ./projections/postgres),
// durable: an existing folder is ready after 60 to 100 ms, 20 of them to find the
// binaries; a new one after 1.1 to 2.3 s, nearly all of it initdb making files;
// one of 500 MB after kill -9 in 250 ms.
//
// Sources: PostgreSQL 15 documentation, chapters 19.3 (starting), 19.5 (shutting
// down), 20 (settings); src/backend/utils/init/miscinit.c (postmaster.pid),
// prctl(2) PR_SET_PDEATHSIG, golang.org/issue/27505.
package postgres
