package commands

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/apikey"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/importrun"
	"crm/domain/interaction"
	"crm/domain/pipeline"
	"crm/domain/product"
	"crm/domain/readmodel"
	"crm/domain/webhook"
)

// Log is the store of events as a command needs it. Its errors say what it was asked
// and of which stream.
type Log interface {
	// Load gives the events of stream after the revision after (NoStream: all),
	// in order; none for a missing stream.
	Load(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error)
	// Append stores events as the next ones after expected. It answers
	// domain.ErrStale when the stream is elsewhere, domain.ErrTooLarge, and
	// domain.ErrStoreUnavailable. The same event ids at the same expected
	// revision are stored once and answered with the first receipt.
	Append(ctx context.Context, stream domain.Stream, expected domain.Revision, events []domain.Proposed) (domain.Receipt, error)
}

// Ask is one command with all that surrounds it.
type Ask struct {
	// Target is the id of the aggregate; for consents and interactions the
	// customer's. A command that creates brings the id of what is to be.
	Target  uuid.UUID
	Command domain.Command
	// Meta goes with every event. Its Command needs an ID and, for retries to be
	// told from reuse, a Fingerprint; the name is filled in here.
	Meta domain.Meta
	// Within is the employee whose customers and deals are all that there is for the
	// caller: others are answered as if they did not exist. What is created without
	// an owner becomes theirs. Zero: everybody's.
	Within domain.EmployeeID
	// IfMatch is the revision the caller has seen, where that is a condition.
	IfMatch *domain.Revision
	// BasedOn is the revision the caller had read, where nobody may have changed
	// the same fields since. It says nothing beside IfMatch.
	BasedOn *domain.Revision
}

// Answer is what became of an [Ask]: a receipt, or why not.
type Answer struct {
	Receipt domain.Receipt
	Err     error
	// Replayed says that the receipt is of an earlier try, as the stream's events
	// tell. It is false for some replays too: that of a command that creates, where
	// this process has not read the stream, looks like its first try.
	Replayed bool
}

// Config tunes a [Handler]. Its zero value works.
type Config struct {
	// CacheBytes is about how much memory the states and recent commands of
	// streams may keep. Default 32 MiB; negative keeps nothing.
	CacheBytes int64
	// Attempts is how often a command is decided when other processes write the
	// same stream. Default 10.
	Attempts int
	// Concurrency is how many streams one call of DoAll works on at once.
	// Default 64.
	Concurrency int
	// ReferenceAge is how old what is known of a pipeline or product may be when
	// another stream's command rests on it. Only changes made by other processes
	// can be missed that long. Default 1 s; negative reads every time.
	ReferenceAge time.Duration
}

// Handler answers commands. It is safe for concurrent use.
type Handler struct {
	log     Log
	cfg     Config
	streams *cache
	seen    atomic.Uint64 // the highest commit position met so far
	// keysAway is when the log last did not tell of an API key, in Unix nanoseconds.
	keysAway atomic.Int64
}

// New makes a handler that reads and appends to log.
func New(log Log, cfg Config) *Handler {
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = 32 << 20
	}
	if cfg.Attempts <= 0 {
		cfg.Attempts = 10
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 64
	}
	if cfg.ReferenceAge == 0 {
		cfg.ReferenceAge = time.Second
	}
	return &Handler{log: log, cfg: cfg, streams: newCache(cfg.CacheBytes)}
}

// Do answers one command. A refusal is a [domain.Error] or wraps one; an error
// that is none is a fault of this program or its store, and nothing is known to
// be stored. The same command sent again is answered with the first receipt.
func (h *Handler) Do(ctx context.Context, ask Ask) (domain.Receipt, error) {
	answer := h.Answer(ctx, ask)
	return answer.Receipt, answer.Err
}

// Answer answers one command, as [Handler.Do] does.
func (h *Handler) Answer(ctx context.Context, ask Ask) Answer {
	of, err := check(ask)
	if err != nil {
		return Answer{Err: err}
	}
	t := newTask(ask)
	h.execute(ctx, of, of.stream(ask.Target), []*task{t})
	return t.answer
}

// check finds the aggregate that decides what is asked. An ask without ids is a
// mistake of this program: its events could not be told from others.
func check(ask Ask) (family, error) {
	of, err := familyOf(ask.Command)
	if err != nil {
		return nil, err
	}
	if ask.Target == uuid.Nil || ask.Meta.Command.ID == uuid.Nil {
		return nil, fmt.Errorf("%s was asked without a target or a command id", ask.Command.CommandName())
	}
	if _, takes := ask.Command.(interface{ TakesReason() }); takes && domain.Blank(ask.Meta.Reason) {
		return nil, domain.ErrInvalid.At("/reason", "This takes a reason, which the history keeps.")
	}
	return of, nil
}

// familyOf finds the aggregate that decides the command.
func familyOf(command domain.Command) (family, error) {
	switch command.(type) {
	case customer.Command:
		return customers, nil
	case deal.Command:
		return deals, nil
	case consent.Command:
		return consents, nil
	case interaction.Command:
		return interactions, nil
	case pipeline.Command:
		return pipelines, nil
	case employee.Command:
		return employees, nil
	case product.Command:
		return products, nil
	case readmodel.Command:
		return readModels, nil
	case importrun.Command:
		return imports, nil
	case webhook.Command:
		return webhooks, nil
	case apikey.Command:
		return apiKeys, nil
	}
	return nil, fmt.Errorf("no aggregate decides %T", command)
}

// met remembers how far into the log this handler has seen.
func (h *Handler) met(position domain.Position) {
	for {
		known := h.seen.Load()
		if position.Commit <= known || h.seen.CompareAndSwap(known, position.Commit) {
			return
		}
	}
}
