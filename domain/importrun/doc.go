// Package importrun is one import of files: what was to be brought in, when it ran and
// how it ended, and whether it was taken back. One stream, import-<uuid>, holds its
// whole life, and so who has asked for what. Neither the files nor their rows are here;
// what became of the rows is in the streams of the customers, deals and so on, whose
// events name the run in their source.
//
//	(none) ──Create──▶ draft ──Start──▶ running ──Finish──▶ finished ──┐
//	                     │               │ ▲ │                          │
//	                     │        Cancel │ │ └──Fail──▶ failed ─────────┤ Undo
//	                     │ Cancel        ▼ │ Resume        │ Resume     ▼
//	                     └──────────▶ cancelled ◀─────(to running)   undoing ──FinishUndo──▶ undone
//
//	from \ asked  AddFile  Start    Resume   Cancel     Finish    Fail     Undo     FinishUndo  ForgetFiles
//	(none)        unknown  unknown  unknown  unknown    unknown   unknown  unknown  unknown     unknown
//	draft         added    started  refused  cancelled  refused   refused  refused  refused     forgotten
//	running       refused  quiet    quiet    cancelled  finished  failed   refused  refused     refused
//	finished      refused  refused  refused  refused    quiet     refused  undoing  refused     forgotten
//	failed        refused  refused  resumed  quiet      refused   quiet    undoing  refused     forgotten
//	cancelled     refused  refused  resumed* quiet      refused   refused  undoing* refused     forgotten
//	undoing       refused  refused  refused  refused    refused   refused  quiet    undone      refused
//	undone        refused  refused  refused  refused    refused   refused  refused  quiet       forgotten
//
// Where there is a *, only a run that had been started; another one is refused.
//
// # Rules
//
//   - A run that was undone is over for good: an undo is not undone. What it took back
//     is brought again by another run.
//   - A run whose files were deleted cannot be resumed, but still be undone: undoing
//     reads the log and not the files.
//   - The mapping is named with the hash of its text, and each file with its size and
//     the hash of its bytes, so that it can be shown later what was imported.
//
// # Decisions
//
//   - 2026-11-22 A file's name is personal: people call files after people.
//   - 2026-11-22 Cancel of a failed run is quiet: it does not run, and that is all that
//     was asked for. It may then still be resumed.
package importrun
