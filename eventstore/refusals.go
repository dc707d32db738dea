package eventstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"crm/domain"
	"crm/eventstore/wire"
)

var (
	// ErrTombstoned is a stream that an operator deleted for good.
	ErrTombstoned = &domain.Error{Code: domain.NotFound, Slug: "stream-deleted", Detail: "The resource was deleted from the event store for good."}
	// ErrHistoryMissing is a stream that lacks events: an operator truncated it,
	// deleted it softly and it was written to again, or the log is damaged. Its
	// state cannot be known.
	ErrHistoryMissing = errors.New("events of the stream are missing")

	errClosed = errors.New("the store is closed")
)

// attempts is how often a call is tried when the connection fails under it. The
// first call after a restart of the node always does, and it may be the second
// that finds the new one.
const attempts = 3

// A passage is a way to the client: with the store's time limit or without.
type passage func(context.Context, func(context.Context) error) error

// persist runs do against the client and turns its errors into those of the
// domain. It is tried again when the connection broke, which is safe: reads
// change nothing, and the ids of events keep an append from being stored twice.
func persist(ctx context.Context, through passage, do func(context.Context) error) error {
	return refusal(through(ctx, func(ctx context.Context) (err error) {
		for range attempts {
			if err = do(ctx); !connectionBroke(err) || ctx.Err() != nil {
				return err
			}
		}
		return err
	}))
}

// untilReached runs a read until a node was reached, or ctx ends, and turns its
// errors into those of the domain. The first try after a connection broke is made at
// once.
func (s *Store) untilReached(ctx context.Context, read func() error) error {
	for tries := 0; ; tries++ {
		err := read()
		if !errors.Is(err, wire.ErrUnreachable) {
			return refusal(err)
		}
		if tries > 0 && sleep(ctx, s.retry) != nil || ctx.Err() != nil {
			return refusal(fmt.Errorf("%w (%w)", ctx.Err(), err))
		}
	}
}

// connectionBroke reports whether the node was not reached, or left. A bare EOF
// is what the client makes of a connection that broke while it was sending.
func connectionBroke(err error) bool {
	return err != nil && (errors.Is(err, io.EOF) || status.Code(err) == codes.Unavailable ||
		isCode(err, esdb.ErrorUnavailable) || isCode(err, esdb.ErrorCodeNotLeader))
}

// refusal is the one place where an error of the client becomes one of the
// domain. Its FromError does not unwrap, and is not used.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err // the caller left; there is nobody to tell
	case isCode(err, esdb.ErrorCodeWrongExpectedVersion):
		return fmt.Errorf("%w (%w)", domain.ErrStale, err)
	case isCode(err, esdb.ErrorCodeStreamDeleted), errors.Is(err, wire.ErrStreamDeleted):
		return fmt.Errorf("%w (%w)", ErrTombstoned, err)
	case status.Code(err) == codes.InvalidArgument && strings.Contains(err.Error(), "Maximum Append Size"):
		return fmt.Errorf("%w (%w)", domain.ErrTooLarge, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errClosed), errors.Is(err, wire.ErrClosed),
		errors.Is(err, wire.ErrUnreachable), connectionBroke(err),
		isCode(err, esdb.ErrorCodeDeadlineExceeded), isCode(err, esdb.ErrorCodeConnectionClosed):
		return fmt.Errorf("%w (%w)", domain.ErrStoreUnavailable, err)
	case isCode(err, esdb.ErrorAborted), status.Code(err) == codes.Aborted: // both servers say so of a disk
		return fmt.Errorf("%w (%w)", domain.ErrStorageUnavailable, err)
	}
	return err
}

func isCode(err error, code esdb.ErrorCode) bool {
	e, ok := errors.AsType[*esdb.Error](err)
	return ok && e.Code() == code
}
