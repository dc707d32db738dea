// Package modelbench measures the read models: how fast they are built from the log,
// how soon an event can be read, and how long reads take. It is what `crm bench
// projections` runs.
//
// It starts a node and a private, durable Postgres in a folder, fills the node with
// a chronicle, and then takes the parts that were asked for, in one run and so under
// the same conditions:
//
//	read       the log alone: subscribe, decode, throw away
//	timeline   the timeline, built from position 0, indexes and ANALYZE included
//	pair       customers and timeline, fed by one subscription
//	all        every read model, likewise
//	copy       the rows of timeline.entries by bare COPY, without and with their indexes:
//	           what Postgres takes at most
//	live       events appended at a rate; from the store's answer until all models show it
//	reads      card, list, timeline, board and reports over HTTP, now and as of a day
//	           back, with as many customers as asked for
//
// Beside each rate stands what an event costs in processor time, of this process,
// which includes the node as in crm up, and of all of Postgres. On a machine with
// other work the rates mean little and the costs still mean something.
//
// # Does not
//
// It measures no network and no disk but the one under the folder.
//
// # How it fails
//
// The first error ends the run. The folder is gone then, unless one was given to be
// kept: what the node was filled with is used again by the next run that asks for the
// same chronicle.
package modelbench
