package domain

import (
	"errors"
	"fmt"
)

// Code is what kind of answer a refusal is. The HTTP room maps each to a status.
type Code int

// The codes. A caller can mend Invalid by asking differently, Stale by reading
// again, Unavailable by waiting.
const (
	Invalid     Code = iota + 1 // what was asked makes no sense, in any state
	NotFound                    // what it was asked of does not exist
	Forbidden                   // the actor may not ask this
	Conflict                    // a rule says no in this state
	Stale                       // someone else wrote first
	Unavailable                 // the store or a read model is away; try again
)

// Error is a refusal. Each is a package-level value and part of the API: its
// Slug is the stable end of the problem type, its Detail what the caller reads.
type Error struct {
	Code   Code
	Slug   string
	Detail string
}

func (e *Error) Error() string { return e.Slug + ": " + e.Detail }

// At is the refusal with the place it is about, a JSON pointer into the command
// (RFC 6901), and a sentence that says what is wrong there.
func (e *Error) At(pointer, format string, args ...any) error {
	return &Refusal{Cause: e, Pointer: pointer, Detail: fmt.Sprintf(format, args...)}
}

// Refusal is an [Error] with facts. It unwraps to it.
type Refusal struct {
	Cause   *Error
	Pointer string
	Detail  string
}

func (r *Refusal) Error() string {
	if r.Pointer == "" {
		return r.Cause.Slug + ": " + r.Detail
	}
	return r.Cause.Slug + " at " + r.Pointer + ": " + r.Detail
}

// Unwrap gives the refusal it stands for.
func (r *Refusal) Unwrap() error { return r.Cause }

// The refusals that are not about one aggregate.
var (
	// ErrInvalid is a value that makes no sense where it stands.
	ErrInvalid = &Error{Invalid, "invalid-value", "A value in the command is not valid."}
	// ErrStale is an expected revision that is not the stream's.
	ErrStale = &Error{Stale, "stale-revision", "The resource has changed since the revision you expected. Read it again."}
	// ErrContended is a stream so busy that deciding again did not help.
	ErrContended = &Error{Unavailable, "contended", "Too many writers change this resource at once. Try again."}
	// ErrKeyReused is an idempotency key sent again with another command.
	ErrKeyReused = &Error{Invalid, "idempotency-key-reused", "This Idempotency-Key was used for another request. Use a new key."}
	// ErrStoreUnavailable is an event store that does not answer.
	ErrStoreUnavailable = &Error{Unavailable, "event-store-unavailable", "The event store does not answer. Nothing is known to be stored; try again with the same Idempotency-Key."}
	// ErrStorageUnavailable is an event store that answers, but takes nothing.
	ErrStorageUnavailable = &Error{Unavailable, "storage-unavailable", "The event store's disk is full, or too slow to answer. Nothing is known to be stored; try again with the same Idempotency-Key."}
	// ErrTooLarge is a command whose events exceed what the store takes at once.
	ErrTooLarge = &Error{Invalid, "too-large", "The command is larger than the store takes at once (1 MiB)."}
)

// Within puts a refusal's pointer below prefix: what is wrong at /kind of the
// third contact point is wrong at /contact_points/2/kind. Other errors pass.
func Within(prefix string, err error) error {
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		return err
	}
	return &Refusal{Cause: refusal.Cause, Pointer: prefix + refusal.Pointer, Detail: refusal.Detail}
}
