// Package natstest runs a nats-server with JetStream for a test: a process of its own,
// on loopback, in a folder of the test's, that can be killed and started again. The
// program is Debian's package nats-server, which .ci/nats installs; without it tests
// are skipped on a laptop and fail where CI is set.
package natstest
