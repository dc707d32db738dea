package eventstore

import (
	"context"
	"errors"
	"fmt"

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
)

// untilReached runs a call until a node was reached, or ctx ends, and turns its
// errors into those of the domain. The first try after a connection broke is made at
// once.
func (s *Store) untilReached(ctx context.Context, call func() error) error {
	for tries := 0; ; tries++ {
		err := call()
		if !errors.Is(err, wire.ErrUnreachable) {
			return refusal(err)
		}
		if tries > 0 && sleep(ctx, s.retry) != nil || ctx.Err() != nil {
			return refusal(fmt.Errorf("%w (%w)", ctx.Err(), err))
		}
	}
}

// refusal is the one place where an error of the wire becomes one of the domain.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err // the caller left; there is nobody to tell
	case errors.Is(err, wire.ErrWrongRevision):
		return fmt.Errorf("%w (%w)", domain.ErrStale, err)
	case errors.Is(err, wire.ErrStreamDeleted):
		return fmt.Errorf("%w (%w)", ErrTombstoned, err)
	case errors.Is(err, wire.ErrTooLarge):
		return fmt.Errorf("%w (%w)", domain.ErrTooLarge, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, wire.ErrClosed), errors.Is(err, wire.ErrUnreachable):
		return fmt.Errorf("%w (%w)", domain.ErrStoreUnavailable, err)
	case status.Code(err) == codes.Aborted: // both servers say so of a disk
		return fmt.Errorf("%w (%w)", domain.ErrStorageUnavailable, err)
	}
	return err
}
