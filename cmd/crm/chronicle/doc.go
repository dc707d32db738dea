// Package chronicle invents the log of a company of any size, for measuring: so
// many customers and deals, and what happened with them over three years, a few
// commands at a time and all mixed, as a busy installation would have recorded it.
//
// Every event is what the aggregate's own decider answered to a command, so the log
// is one that the program could have written. The same [Config] gives the same
// commits, down to every id and instant.
//
// A customer is registered with an e-mail address and mostly an owner; deals are
// opened, moved through the default pipeline, mostly forwards, and won or lost;
// consents are requested, confirmed and withdrawn; people are talked to. One command
// in twenty tells of something that was true weeks before, as after a holiday.
//
// It differs from package demo in what it is for: demo tells a story that people
// look at, organisation by organisation; a chronicle is large, and its events come
// in the order of a log without being held in memory. The states of customers and
// of running deals are: 1 KB each, about.
package chronicle
