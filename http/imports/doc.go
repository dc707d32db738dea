// Package imports carries imports of files out, on whatever server has time: it keeps
// their files, works through them, remembers what became of each row, and takes back
// what an import has done.
//
//	POST /v1/imports ─▶ import.created ─▶ PUT …/files/{name} ─▶ import.file_added, chunks of 1 MiB
//	                                                               │
//	POST …/start ─▶ import.started ─▶ a server takes the lock ─▶ importing.Work, 500 commands at a time:
//	   note the streams ─▶ carry out ─▶ results and progress in one transaction ─▶ … ─▶ import.finished
//
// What was asked is in the log (domain/importrun). The tables crm.import* hold what is
// read of it often, and what a log must not hold: files and rows, which are personal
// and are deleted some time after the end ([Config.Keep]).
//
// # Promises
//
//   - A server that is killed, at any moment, is followed by another one or by itself
//     after a restart, which goes on after the last row whose result is recorded. Rows
//     beyond are sent again, and the ids of their commands are those of the first time,
//     so that nothing is stored or counted twice.
//   - One server works on an import: it holds an advisory lock on the connection over
//     which it records. Who has lost the connection has lost the lock and records
//     nothing any more; a row that it still sends is the same row.
//   - Files are never in memory as a whole, neither on their way in nor when they are
//     read. Memory does not grow with rows.
//   - The same files imported again change nothing: neither their ids nor their keys
//     depend on the run. The run is in the source of the events that it was the first
//     to leave.
//   - Imported again after an undo, they bring again what was taken back: import, undo,
//     import comes to the state of one import, also where the first had changed what
//     was there. That holds as often as one likes, and for a run that is killed between.
//   - Every stream is noted before it may be written, so that an undo finds all of them,
//     also of an import that was killed and never resumed.
//   - An undo may be interrupted and goes on: what is left to do is read from the log
//     (commands/undo says what that is). Whether to undo is asked once; an undo is not
//     undone.
//
// # What it does not promise
//
// Imports of one server wait for each other. A server that is stopped but not dead
// (SIGSTOP) keeps its imports until Postgres finds out or it goes on. The fact that an
// import is over may be recorded in the log a moment before the list shows it.
// With a database that is lost the undone imports are, and so is what to bring back: a
// file that was undone before changes nothing then.
//
// # How it fails
//
// A mapping or file that cannot be read ends the import as failed, with what was stored
// until then, which stays; it may be resumed or undone. An event store or database that
// is away is waited for. A server that stops lets go of its import at once.
//
// # Sources
//
// Salesforce Bulk API 2.0 for the shape of the jobs (upload, successful and failed rows
// as files); EspoCRM's import for undo and resume; OWASP's page on CSV injection.
//
// # Decisions
//
//   - 2026-11-22 The list is no read model: it shows files, which are in no event, and it
//     must be there before the answer of POST. Its state is folded from the stream after
//     every command, so that the two disagree for no longer than a command takes.
//   - 2026-11-22 Results are read together with the files again and not kept with a copy
//     of each row: reading is cheap, and there is one place less that holds what is
//     personal.
//   - 2026-11-22 Results are recorded in the order of the rows. Recording them as they
//     come was weighed: how far an import is would be a set of rows instead of a number.
//   - 2026-11-22 An advisory lock and no lease: it ends with its server, and no clock has
//     to be believed.
//   - 2026-11-23 An import runs in the name of who has started it, or resumed it last; an
//     undo in the name of who asks for it. Both are people's decisions, for which the
//     history has a name. Whether that key still may import is asked before each request of
//     some hundred commands: when it is revoked the import fails, and goes on where it was
//     when somebody resumes it who may. The ids of its commands are made with its creator's
//     name whoever goes on, so that what was sent before is not done twice.
//   - 2026-11-23 What a row asks takes the right that it takes elsewhere, of the role that
//     the import runs as at that time; and a mapping can name no command that is not about
//     data: none of keys, webhooks, read models and imports.
//   - 2026-11-23 What an OpenID Connect token said cannot be asked again, so an import that
//     its holder has started goes on when the holder leaves. Weighed: to stop when the token
//     is over, which is minutes, for work of hours; and to keep a refresh token, which
//     would be a password of somebody's in our database. Who must be stopped has their
//     imports cancelled: GET /v1/imports names them.
//   - 2026-11-23 A customer whom the import created stays when a deal stays that is theirs:
//     one that somebody else has opened for them, has linked to them, or has touched. Deals
//     are therefore undone first, and the read model is waited for that knows whose they
//     are. One that is opened in the moment in which its customer is archived goes unseen.
//   - 2026-11-22 An undo closes the generation of each stream that it changes: the keys
//     of the commands that imports ask of it from then on hold the revision of the last
//     event that an undo left there ([undo.MarkOf]), so they are other commands than
//     before. What the undo has put away comes back first, unless it was somebody else
//     who has put it away. The revision is read from the stream and not counted in a
//     table: it is the same after a crash, for a run that is resumed, and for two
//     servers. Which streams are worth reading is asked of crm.import_streams, once for
//     each request of some hundred commands, so that an import that nothing was undone
//     of reads none. A generation per mapping was weighed: an undo of one file would
//     have had every other row sent anew, over what people have changed since.
//   - 2026-11-22 A row does not wait for undos of other mappings, whose things are
//     other things. It waits for those of its own mapping, which might be about to take
//     away what it finds in its place.
package imports
