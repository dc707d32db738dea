// Package relay publishes the events of the log to a message broker, as CloudEvents in
// JSON, through Watermill's publishers: NATS JetStream, Kafka or AMQP, by one URL.
//
//	log ─▶ reactor "relay" ─▶ lanes, by stream ─▶ publisher ─▶ broker
//	                          each waits for the broker's acknowledgement
//
//	                                 NATS JetStream        Kafka           AMQP 0-9-1
//	nats://, kafka://, amqp(s)://    subject               topic           topic exchange
//	prefix crm.events                crm.events.deal.won   crm.events      crm.events, key deal.won
//	by stream                        header Crm-Stream     the key         header Crm-Stream
//	the event's id                   Nats-Msg-Id           header          MessageId
//
// # Promises
//
// Every event arrives at least once: what the broker has not acknowledged is published
// again, for ever, also after this server or the broker was killed. The events of one
// stream arrive in their order, each for the first time; what comes again was seen
// before and has the same id. JetStream drops repetitions of the last minutes itself.
// Streams do not wait for each other beyond one batch of events.
//
// While the broker is away nothing is lost and nothing else waits: the relay falls
// behind, which /v1/reactors and the metrics show, and goes on when it is back. Of all
// servers on a database one publishes.
//
// # Does not
//
// It makes no order between streams. It does not create Kafka topics. It creates the
// JetStream stream and the AMQP exchange where there are none, but no queues: what AMQP
// is told before a queue is bound, nobody gets.
//
// # Failure
//
// An event that this program cannot read is told with its type and without data. Types
// that other programs wrote may hold what no subject may: that becomes _. An event that
// is too large for the broker is told by reference.
//
// # Measured
//
// 2026-11-22, two virtual cores shared with others, events by reference to nats-server
// 2.9.10 on the same machine, its stream in files:
//
//	16,508 events/s    go test -run '^$' -bench NATS ./projections/relay
//
// # Decisions
//
//   - 2026-11-22 By reference is the default: which personal data leaves the
//     installation is for its operator to say. Who gets a reference reads the event at
//     its position, by rights of their own.
//   - 2026-11-22 A publisher acknowledges one message after the other, so that a round
//     trip bounds it. Lanes publish side by side, and all events of a stream are in
//     one: more events a second, and still each stream's order. Weighed: asynchronous
//     publishing, which Watermill's publishers do not have.
//   - 2026-11-22 The key of AMQP is the type and not the stream: queues are bound to
//     kinds of events, and the publisher keeps each key that it has seen in memory.
//     Consumers that share the work by stream bind a hash exchange to Crm-Stream.
//   - 2026-11-22 Kafka was not run: there is none where this is tested. Tested are its
//     messages and keys, by the publisher's own marshaler. Nor was AMQP.
//
// Sources: CloudEvents' bindings of NATS, Kafka and AMQP, structured mode; Watermill's
// publishers; JetStream's model of deduplication.
package relay
