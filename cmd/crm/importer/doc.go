// Package importer is the client behind "crm import": it hands files to a server, which
// imports them as a job (http/imports), follows that to its end, and fetches the rows
// that were rejected. A dry run asks no server.
//
// # Promises
//
//   - A mapping with a slip, a file without the columns that the mapping needs, or a
//     folder without a file for it end it before anything is sent.
//   - A server that is away or busy is asked again, with growing pauses, until the
//     context ends: the import goes on by itself when the server is back.
//   - Files are sent as they are read; memory does not grow with them.
//
// # How it ends
//
// When the context ends, which is Ctrl-C, the import is cancelled: who presses it wants
// it to stop. When the importer is killed, the server goes on without it. Running it
// again is another import of the same rows, of which those that are stored change nothing.
//
// # Decisions
//
//   - 2026-11-22 The text of the mapping is sent also for a built-in one, so that it is
//     the one of this program that counts and not of another version on the server.
//   - 2026-11-22 The import is asked after and not followed by server-sent events: a
//     question four times a second costs nothing, and survives every restart.
package importer
