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

// notMade reports whether Postgres says that there is no such table or schema.
func notMade(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (refused.Code == "42P01" || refused.Code == "3F000")
}

// ErrOldBooks is a database whose books a program of before wrote, and that is only
// read here: [Migrate] has not brought them up to date.
var ErrOldBooks = &domain.Error{
	Code: domain.Conflict, Slug: "read-model-books-outdated",
	Detail: "The books of the read models are of an older program. Start a server of this one, or rebuild a read model with it; both bring them up to date.",
}

// ofBooks says so where reading the books failed for a column that they lack; other
// errors are as Unavailable has them.
func ofBooks(err error) error {
	const undefinedColumn = "42703"
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == undefinedColumn {
		return fmt.Errorf("%w: %w", ErrOldBooks, err)
	}
	return Unavailable(err)
}

// Unavailable wraps in ErrUnavailable what asking again later may heal: Postgres is
// away, refuses for a moment, or has no such table yet. Other errors it returns as they
// are.
func Unavailable(err error) error {
	if _, said := errors.AsType[*domain.Error](err); said || err == nil {
		return err
	}
	if _, passes := passing(err); passes || notMade(err) { // yet
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
