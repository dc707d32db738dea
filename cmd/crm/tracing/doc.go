// Package tracing shows where the time of a request goes: as OpenTelemetry spans from
// HTTP through the command and the append to the read models.
//
//	POST /v1/customers ─▶ command customer.register ─▶ append customer-… ⋯▶ projection customers
//	                      └ load customer-…              │ traceparent        │ INSERT …
//	                                                     └────── in the event ┘ linked
//
// An append's span stands as traceparent (W3C Trace Context) in the events that it
// stores, so that whoever meets one later, a read model, the feed, a webhook, can say
// which request it came from. A batch of a read model holds events of many requests:
// its span is a trace of its own, with a link to each.
//
// # Promises
//
//   - It is off unless OTEL_EXPORTER_OTLP_ENDPOINT or its like for traces is set, and
//     costs nothing then: nothing is wrapped.
//   - Spans hold routes, names of commands and read models, streams, counts, statements
//     without their parameters: never what people typed. Errors are told as such and
//     not in words, since words of Postgres may quote a row.
//   - A collector that is away or slow costs spans, never requests.
//
// # What it does not promise
//
// Spans of the last moment are sent on a stop within five seconds, and lost by kill -9.
// It exports no metrics, which Prometheus fetches, and no logs.
//
// # How it fails
//
// What cannot be exported is one warning in the log, by the SDK's own count.
//
// # Sources
//
// OpenTelemetry specification (environment variables, semantic conventions for HTTP and
// databases), W3C Trace Context.
//
// # Decisions
//
//   - 2026-11-22 Settings are OpenTelemetry's own environment variables, which every
//     collector's documentation names, and no flags: endpoint, headers, sampler,
//     service name (OTEL_…). The protocol is OTLP over HTTP.
//   - 2026-11-22 The middleware is thirty lines of http's own and not otelhttp, whose
//     span has the path and the client's address, which are of no use here and may be
//     personal.
//   - 2026-11-22 Projections link to requests and are not their children: a batch has
//     many, and one that is rebuilt years later would make a trace years long.
package tracing
