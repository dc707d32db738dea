// Package embedded is the event store of a single machine: a node that speaks EventStoreDB's own gRPC protocol and
// keeps its events in Pebble.
package embedded
