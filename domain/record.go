package domain

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Stream names one aggregate's events, "deal-<uuid>". The part before the first
// dash is the category.
type Stream string

// NewStream names the stream of one aggregate.
func NewStream(category string, id uuid.UUID) Stream {
	return Stream(category + "-" + id.String())
}

// Category is what the stream is about: "customer", "deal", …
func (s Stream) Category() string {
	category, _, _ := strings.Cut(string(s), "-")
	return category
}

// ID is the aggregate's id, and false for a stream that [NewStream] did not name.
func (s Stream) ID() (uuid.UUID, bool) {
	_, rest, found := strings.Cut(string(s), "-")
	if !found {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(rest)
	return id, err == nil && len(rest) == len("00000000-0000-0000-0000-000000000000") && strings.ToLower(rest) == rest
}

// Revision counts a stream's events from 0. As the revision a writer expects it
// means: the last event I have seen is this one.
type Revision int64

// NoStream is the revision of a stream without events.
const NoStream Revision = -1

// Position is a place in the log of all events. It grows with every event but
// is not contiguous; it means nothing in another database. EventStoreDB gives it
// as a pair, of which Commit orders events; both are needed to resume.
type Position struct {
	Commit, Prepare uint64
}

// Before reports whether p lies before q in the log.
func (p Position) Before(q Position) bool {
	if p.Commit != q.Commit {
		return p.Commit < q.Commit
	}
	return p.Prepare < q.Prepare
}

// IsZero reports whether p is the start of the log, before any event.
func (p Position) IsZero() bool { return p == Position{} }

// String is the opaque form that clients carry: "1234", or "1234/1230" where the
// pair differs.
func (p Position) String() string {
	if p.Commit == p.Prepare {
		return strconv.FormatUint(p.Commit, 10)
	}
	return fmt.Sprintf("%d/%d", p.Commit, p.Prepare)
}

// ParsePosition reads what [Position.String] wrote.
func ParsePosition(text string) (Position, error) {
	commit, prepare, pair := strings.Cut(text, "/")
	if !pair {
		prepare = commit
	}
	c, err := strconv.ParseUint(commit, 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("position %q is not a number", text)
	}
	p, err := strconv.ParseUint(prepare, 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("position %q is not a pair of numbers", text)
	}
	return Position{Commit: c, Prepare: p}, nil
}

// Meta is what every event says about itself beside its payload. It stays
// readable for ever, so it holds ids and names of programs, never of persons;
// Reason, which people type, is sealed like a payload field.
type Meta struct {
	// OccurredAt is when it was true in the business, in UTC, to the microsecond.
	OccurredAt time.Time `json:"occurred_at"`
	// Actor is who issued the command: the id of a key, user or program.
	Actor string `json:"actor"`
	// OnBehalfOf is for whom the actor acted, where that was someone else.
	OnBehalfOf string `json:"on_behalf_of,omitempty"`
	// Reason is why, in the actor's words.
	Reason Personal `json:"reason,omitempty"`
	// Source is what brought the command.
	Source Source `json:"source,omitzero"`
	// Command is the command that left this event.
	Command CommandRef `json:"command"`
	// CorrelationID names the whole conversation, CausationID the event or
	// command that led to this one. The $ names are EventStoreDB's convention.
	CorrelationID string `json:"$correlationId,omitempty"`
	CausationID   string `json:"$causationId,omitempty"`
	// TraceParent is the W3C trace context of the append, where the program traces, or
	// else of the request.
	TraceParent string `json:"traceparent,omitempty"`
}

// Check refuses with [ErrInvalid] what people wrote there and no room can keep.
func (m Meta) Check() error {
	if year := m.OccurredAt.UTC().Year(); year < 1 || year > 9999 {
		return ErrInvalid.At("/occurred_at", "The instant lies outside the years 1 to 9999.")
	}
	return cmp.Or(
		CheckText("/reason", m.Reason, LongText),
		CheckText("/on_behalf_of", m.OnBehalfOf, ShortText),
		CheckText("/source/application", m.Source.Application, ShortText),
		CheckText("/source/import", m.Source.Import, ShortText),
		CheckText("/source/row", m.Source.Row, ShortText),
	)
}

// Source says which program, and for an import which run and row, brought a
// command.
type Source struct {
	Application string `json:"application,omitempty"`
	Import      string `json:"import,omitempty"`
	Row         string `json:"row,omitempty"`
}

// CommandRef names the command that left an event, so that a retry of it is
// recognised: the same ID with the same Fingerprint is the same command, the
// same ID with another Fingerprint is a mistake of the caller.
type CommandRef struct {
	Name string `json:"name"`
	// ID is derived from the caller's idempotency key, or random without one.
	ID uuid.UUID `json:"id"`
	// Fingerprint is a hash of what was asked, as hexadecimal text.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// EventID is the id of the index-th event that the command leaves. It is the
// same on every try, so that a store takes the same append once. The
// fingerprint is part of it: another body under the same key must not pass for
// the first one.
func (c CommandRef) EventID(index int) uuid.UUID {
	return uuid.NewSHA1(c.ID, []byte(c.Fingerprint+"/"+strconv.Itoa(index)))
}

// Proposed is an event about to be appended.
type Proposed struct {
	ID    uuid.UUID
	Event Event
	Meta  Meta
}

// Recorded is an event as the store took it.
type Recorded struct {
	ID         uuid.UUID
	Stream     Stream
	Revision   Revision
	Position   Position
	RecordedAt time.Time // the store's clock, UTC
	Event      Event     // [Unreadable] when this program cannot read it
	Data       []byte    // the payload as JSON in its newest shape, unsealed
	Meta       Meta
}

// Unreadable stands for an event that this program cannot read: its type is
// unknown, or its bytes are not what the type promises. A fold must refuse it
// and a projection must not pass over it in silence.
type Unreadable struct {
	Type string
	Why  string // a class such as "unknown type", never the payload
}

// EventType is the type under which the event is stored.
func (u Unreadable) EventType() string { return u.Type }

// Receipt is the store's answer to a command.
type Receipt struct {
	Revision Revision // of the stream's last event after the command
	Position Position // of that event; zero when the stream holds none
	Events   int      // how many events the command left; 0 means already so
}

// Batch is a run of the log: every event of ours after After up to and including
// Through, in order. It is empty when all of that stretch were system events.
type Batch struct {
	Events         []Recorded
	After, Through Position
}

// Selection is a choice of events. The zero value chooses all.
type Selection struct {
	Categories []string // of streams; none means any
	Types      []string // of events; none means any
}

// Holds reports whether the selection chooses an event.
func (s Selection) Holds(e *Recorded) bool {
	return (len(s.Categories) == 0 || slices.Contains(s.Categories, e.Stream.Category())) &&
		(len(s.Types) == 0 || slices.Contains(s.Types, e.Event.EventType()))
}
