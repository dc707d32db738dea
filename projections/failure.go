package projections

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/domain"
)

// What a [Builder] says when its idea of the checkpoint is wrong. Opening another
// one helps.
var (
	// ErrFenced is a checkpoint that is not as the builder left it: another one
	// took the tables over.
	ErrFenced = errors.New("fenced: another builder owns these tables")
	// ErrOutOfStep is a batch that begins after the checkpoint: events in between
	// would be lost.
	ErrOutOfStep = errors.New("the batch begins after the checkpoint")
	// ErrMissing is an event that is not the next one of its stream: what lies in
	// between was left out of the batch, or of one before. It is an ErrOutOfStep.
	ErrMissing = fmt.Errorf("an event of the stream is missing: %w", ErrOutOfStep)
)

// Class is why a projection stands still, in a word that a metric or a page can show.
type Class string

// The classes. The first group passes by itself. The second is of single events,
// whose streams are parked; the third stops a read model.
const (
	Unreachable Class = "unreachable" // no connection to Postgres or the log, or it was lost
	Busy        Class = "busy"        // Postgres could not serve: a conflict, shutdown, full disk
	Fenced      Class = "fenced"      // another builder wrote
	OutOfStep   Class = "out-of-step" // the subscriber left events out

	BadEvent   Class = "bad-event"        // Apply refused the event
	Panicked   Class = "panic"            // Apply, or a change it asked for, panicked
	Unreadable Class = "unreadable"       // the event's bytes are not what its type promises
	Rejected   Class = "rejected"         // Postgres refuses the rows
	Missing    Class = "missing-revision" // the log feeds the stream without this event, again and again
	Retrying   Class = "retrying"         // what was parked is being applied

	TooManyParked Class = "too-many-parked" // so many streams that it is not the events
	UnknownType   Class = "unknown-type"    // the program does not know the event's type
	BadSchema     Class = "bad-schema"      // the tables are not what the code describes
	Denied        Class = "denied"          // the server's role in Postgres lacks a right, which the detail names
	WentBack      Class = "went-back"       // the log ends before the checkpoint: it was restored, or lost its end
	Replaced      Class = "replaced"        // another version of the program took the tables over
	Broken        Class = "broken"          // a mistake in the engine or in how it is wired
)

// Failure is why a projection cannot go on. It tells where, and never what: no
// payload and no text of a foreign error, which may quote one. Unwrap leads to
// the cause; it is for tests and debuggers.
type Failure struct {
	Class Class
	// Position and EventType are of the event that cannot be applied; where only
	// the batch is known, Position is that of its first event and EventType is
	// empty. Of many batches ([Builder.Bulk]) both are empty.
	Position  domain.Position
	EventType string
	// Table is the table it happened in, if known.
	Table string
	// Detail is a code of Postgres (SQLSTATE), a place in our source, names of
	// columns, or which right is missing.
	Detail string
	cause  error
}

func (f *Failure) Error() string {
	var text strings.Builder
	text.WriteString(string(f.Class))
	for _, part := range []struct{ name, value string }{
		{"event type", f.EventType}, {"table", f.Table}, {"detail", f.Detail},
	} {
		if part.value != "" {
			fmt.Fprintf(&text, ", %s %s", part.name, part.value)
		}
	}
	if !f.Position.IsZero() {
		fmt.Fprintf(&text, ", position %s", f.Position)
	}
	return text.String()
}

// poisonous reports whether it is the event's fault, so that others can be applied.
func (f *Failure) poisonous() bool {
	switch f.Class {
	case BadEvent, Panicked, Unreadable, Missing:
		return true
	case Rejected:
		refused, said := errors.AsType[*pgconn.PgError](f.cause)
		if !said {
			return true // the row could not even be sent
		}
		switch refused.Code[:2] {
		case "22", // a value that no column takes
			"23", // a constraint
			"54", // too large a row, or index entry
			"P0": // a trigger
			return true
		}
		return false
	default:
		return false
	}
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.cause }

// passing reports whether trying again later helps, and why it did not work now.
func passing(err error) (Class, bool) {
	if failure, ok := errors.AsType[*Failure](err); ok {
		return failure.Class, false
	}
	if errors.Is(err, ErrFenced) || errors.Is(err, ErrLed) {
		return Fenced, true
	}
	if errors.Is(err, ErrOutOfStep) {
		return OutOfStep, true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return Unreachable, true // also a password that is not accepted yet, or no longer
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refused.Code[:2] {
		case "08": // connection
			return Unreachable, true
		case "40", // serialization failure, deadlock
			"53", // out of disk, memory, connections
			"55", // lock not available
			"57", // cancelled, shutting down, starting
			"58": // I/O error
			return Busy, true
		case "25": // read-only: we reached a replica, or the primary stepped down
			return Busy, refused.Code == "25006"
		}
		if refused.Code == deniedCode {
			return Denied, false
		}
		return Rejected, false
	}
	if _, ok := errors.AsType[middleware.RecoveredPanicError](err); ok {
		return Broken, false
	}
	return Unreachable, true // what is no answer of Postgres is the way to it, or took too long
}

// lasting makes err a Failure when trying again does not help. at is the batch's
// first event.
func lasting(err error, at domain.Position, table string) error {
	if _, is := errors.AsType[*Failure](err); is || err == nil {
		return err
	}
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	if refused.Code == fencedCode {
		return ErrFenced
	}
	class, passes := passing(err)
	if passes {
		return err
	}
	if table == "" {
		table = refused.TableName
	}
	detail := refused.Code
	switch {
	case class == Denied:
		detail += ": " + refused.Message // which names an object, and quotes no value
	case strings.HasPrefix(refused.Code, "42"):
		class = BadSchema
	}
	return &Failure{Class: class, Position: at, Table: table, Detail: detail, cause: err}
}

// deniedCode is Postgres's insufficient_privilege.
const deniedCode = "42501"

// fencedCode is what crm.move_checkpoint raises.
const fencedCode = "CR001"

// place is the source line that panicked. To be called by the deferred function
// that recovers.
func place() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	panicked := false
	for {
		frame, more := frames.Next()
		if panicked && !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", frame.File[strings.LastIndexByte(frame.File, '/')+1:], frame.Line)
		}
		panicked = panicked || frame.Function == "runtime.gopanic"
		if !more {
			return ""
		}
	}
}
