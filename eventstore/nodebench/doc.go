// Package nodebench measures the embedded node beside what it is built on: appends
// through EventStoreDB's client beside Pebble's own synced writes of the same keys,
// and reads of $all beside Pebble's own scan of the same store.
//
// What is compared takes turns, round after round, and each round gives a ratio; of
// rates and ratios the medians are printed. On a machine with other work the rates
// mean little, and the ratios and the processor time per call mean more.
//
// Client and node share one process, as they do in crm up; memory and starts are
// those of a process of its own. All is done in one folder, over a unix socket, and
// the folder is gone afterwards.
//
// # Does not
//
// It measures no network, no TLS and no disk but the one under the folder, and no
// more than a few million events. An append brings one event of about 350 bytes as
// stored; ten appends in a row go to one stream, each with the revision it expects,
// because a stream here is the life of one customer or deal and not one event.
//
// # Raw Pebble
//
// The same four keys per event (three, and a fourth per stream), with values of the
// same sizes, memtables and cache as the node's, and Sync: one batch per event, and
// as many goroutines as the node has writers. It decides nothing, numbers nothing
// that a reader could trust, and nobody waits for it.
//
// # How it fails
//
// The first error ends the run, and what hangs ends a minute after its time; the
// folder is gone then too. Too few rounds, or a machine with other work, make figures
// that differ from run to run: nothing here notices.
package nodebench
