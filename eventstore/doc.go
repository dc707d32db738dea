// Package eventstore keeps what happened.
package eventstore
