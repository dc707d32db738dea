// Package domaintest is how rules and logs are tested, spelt in domain types so
// that every room may use it.
//
// [Run] tells an aggregate's stories: given this history, when this is asked,
// then these events follow, or nothing does, or it is refused. [Laws] holds an
// aggregate to what all of them promise, over random lives; the Any functions
// draw what those are made of. [TestLog] is the suite that every log must pass,
// and [Memory] a log that passes it without a server: it keeps events as JSON as
// a store does, so that what would not survive storage does not survive here.
//
// It knows no aggregate, because the aggregates' own tests use it.
package domaintest
