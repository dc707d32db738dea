// Package load asks a running server many things at once and says how long the
// answers took. It is what `crm bench http` runs, and `crm bench compare`, which asks two
// servers the same in turns ([Compare]), and
// `crm bench overload`, which offers a server more than it takes ([Overload]).
//
// Workers, each with customers and deals of its own, pick operations at random by
// the weights of a [Mix]. Without a rate they ask again as soon as they have an
// answer (closed loop): that finds the most the server takes. With a rate every
// request has its instant, and its latency counts from that instant on, also when
// no worker was free then (open loop, corrected for coordinated omission: Gil Tene,
// "How NOT to Measure Latency"): that finds what callers would see at that rate.
//
// Commands are durable when they are answered, as always. The operation "visible"
// is a command and then a read with its position: its latency is from the
// command's answer to the read's, so what a reader waits for its own write.
//
// In an overload less is sent than is due: who waits for an answer sends nothing
// meanwhile, which is how a server holds a crowd back that asks over as many connections
// as it may. What is sent over each is slowed down by nothing else.
//
// It sends nothing anywhere but to the address given, and ends by itself.
package load
