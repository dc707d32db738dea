// Package webhook is an endpoint of another program that wants to be told what
// happens here: where it is, what it wants to hear of, and whether it is spoken to.
// One stream, webhook-<uuid>, holds its whole life, and so who has changed what.
//
//	(none) ──Register──▶ active ──Pause──▶ paused
//	                      ▲  │               │
//	                      │  └──Disable──┐   │ Disable
//	                      │              ▼   ▼
//	                      └──Resume── disabled        Resume from paused, too
//
//	any of these ──Remove──▶ removed, for good
//
//	from \ asked  Change   Pause    Resume  RotateSecret  Disable   Remove   Ping, Replay, Redeliver
//	(none)        unknown  unknown  unknown unknown       unknown   unknown  unknown
//	active        changed  paused   quiet   rotated       disabled  removed  requested
//	paused        changed  quiet    active  rotated       disabled  removed  refused
//	disabled      changed  refused  active  rotated       quiet     removed  refused
//	removed       refused  refused  refused refused       quiet     quiet    refused
//
// # Rules
//
//   - Paused is what people ask for: what happens meanwhile waits. Disabled is what the
//     sender says of an endpoint that is gone (it answered 410) or has failed for days:
//     what happens meanwhile is not kept for it; a replay from there brings it back.
//   - An endpoint that names neither categories nor types wants to hear of everything,
//     but not of webhooks. One that names some hears of the events of these categories
//     and of these types.
//   - Secrets are never here: only a fingerprint of each, so that the history says which
//     one was in force. The one before stays in force for a time, in which what is sent
//     bears two signatures.
//   - What was asked of the sender (a ping, a replay, a redelivery) is an event as well,
//     which the sender acts on when it meets it in the log. Asked twice it happens
//     twice; a retry of a command is recognised by its id, as everywhere.
//
// # Decisions
//
//   - 2026-11-22 The address is plain text in the log for ever, so it may hold no user
//     and password. What in it should be secret is better kept by the signature.
//   - 2026-11-22 Whether an address may be spoken to is not decided here: names change
//     what they stand for, so it is asked again whenever one is connected to.
package webhook
