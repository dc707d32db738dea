// Command crm is an event-sourced CRM backend: the server, what fills it and what
// looks after it, in one binary.
//
//	crm up       everything on this machine, in one folder
//	crm serve    the server against an EventStoreDB cluster and a Postgres server
//	crm node     the embedded event store alone; its backup, check, restore, copy
//	crm import   files of another CRM, through the API; its runs, and their undo
//	crm projections   the read models: rebuild, verify, compare, roll back, what is parked
//	crm keys     who may ask a running server, and what
//	crm webhooks who is told of events, and what came of it
//	crm analyst-dsn   how analysts read the read models in SQL
//	crm bench    what this machine and this server reach together
//	crm health   whether a running server is ready
//	crm version  which program this is
//
// This room wires the others and decides nothing. `up` starts a private Postgres
// and the embedded event store and then does what `serve` does: there is no
// second code path that only production runs.
//
//	            ┌────────────────────────── App ───────────────────────────┐
//	HTTP ──▶ http ──▶ commands ──▶ eventstore.Store ──▶ EventStoreDB / node │
//	            │                  eventstore.Subscriber ◀── $all          │
//	            │                         │ watermill                      │
//	            └──▶ projections ◀────────┘ Engine ──▶ Postgres            │
//
// Starting follows the arrows backwards, stopping follows the flow: stop
// accepting, drain commands, close the router, then the pools, the embedded
// parts last.
//
// Exit codes: 0 done, 1 failed, 2 a wrong flag, setting or file name, 3 done but
// some rows of an import were rejected, 70 the event store's disk failed, 71 the
// event store went back: it lacks what it had acknowledged.
//
// # Log keys
//
// Of a request: method, route (its pattern, never the path), status, took, bytes,
// actor_id, request_id, trace_id. Of a read model: read_model, state, position, class, and where
// it stopped failed_at, event_type, table, detail. Of the parts: dir, file, version, pid,
// topic, position, events, took. Of a webhook: stream, reason. From libraries: level, message, detail. Of any: error.
// Never a command, an event or a body.
//
// # Decisions
//
//   - 2026-11-22 kong reads flags, environment and defaults into one struct, so
//     that a setting is written once. Weighed: cobra with viper (two libraries,
//     two places), the standard flag package (no environment, no subcommands).
//   - 2026-11-22 Before anything is served, the farthest checkpoint of the read models
//     is compared with the end of the log. Not their business alone: the first command
//     on an event store of yesterday would begin a second history. Where Postgres is
//     away the server starts all the same, for commands need it not.
//   - 2026-11-22 Who connects beyond --max-connections is neither accepted nor refused:
//     an answer would take what is short, and the wait is the kernel's. Health waits
//     there too, as it should of a server that nobody reaches. One client can take all
//     connections; a proxy in front knows better than this program who that is.
//   - 2026-11-22 In `crm up` a Postgres that dies is started again, since on a
//     laptop nobody else does; an event store whose disk failed ends the
//     process, since nothing it says may be trusted until it has reread its files.
package main
