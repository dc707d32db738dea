package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/domain"
)

// Querier is what read models are asked through: a pool or a connection.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// asker is what a statement is run by: a Querier or a transaction.
type asker interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// ErrUnavailable is Postgres being away, too slow, or without the tables yet.
var ErrUnavailable = &domain.Error{
	Code: domain.Unavailable, Slug: "read-models-unavailable",
	Detail: "The read models cannot be asked right now. Try again.",
}

// What Postgres says of what is not there.
const (
	noTable  = "42P01"
	noSchema = "3F000"
)

// Unavailable wraps in ErrUnavailable what asking again later may heal: Postgres is
// away, refuses for a moment, or has no such table yet. Other errors it returns as they
// are.
func Unavailable(err error) error {
	if _, said := errors.AsType[*domain.Error](err); said || err == nil {
		return err
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refused.Code {
		case noTable, noSchema: // not built yet
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	if _, passes := passing(err); passes {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
