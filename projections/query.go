package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/domain"
)

// Querier is what read models are asked through: a pool or a connection.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// ErrUnavailable is Postgres being away, too slow, or without the tables yet.
var ErrUnavailable = &domain.Error{
	Code: domain.Unavailable, Slug: "read-models-unavailable",
	Detail: "The read models cannot be asked right now. Try again.",
}

// Page is one page of a list. Next is the mark of its last item where more follow,
// else nil: the page after it is what the same question answers after that mark.
// Rows that come into being meanwhile move nothing: a mark is a place in the order,
// not a count.
type Page[T, Mark any] struct {
	Items []T
	Next  *Mark
}

// AgeMark is a place in a list that is newest first.
type AgeMark struct {
	At time.Time
	ID uuid.UUID
}

// NameMark is a place in a list by name.
type NameMark struct {
	Name string
	ID   uuid.UUID
}

// pageOf makes a page of rows that were asked for with a limit one higher. The limit
// is at least 1.
func pageOf[Row, T, Mark any](rows []Row, limit int, item func(Row) T, mark func(T) Mark) Page[T, Mark] {
	shown := rows[:min(len(rows), limit)]
	page := Page[T, Mark]{Items: make([]T, len(shown))}
	for i, row := range shown {
		page.Items[i] = item(row)
	}
	if len(rows) > limit {
		next := mark(page.Items[limit-1])
		page.Next = &next
	}
	return page
}

// asker is what a statement is run by: a Querier or a transaction.
type asker interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// all collects the rows of a query, by the names of their columns.
func all[R any](ctx context.Context, db asker, sql string, args ...any) ([]R, error) {
	ask := func() (found []R, err error) {
		rows, err := db.Query(ctx, sql, args...)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByName[R])
	}
	found, err := ask()
	if _, alone := db.(Querier); alone { // in a transaction all of it has to be asked again
		for again := 0; outdated(err) && again < maxOutdated; again++ {
			found, err = ask()
		}
	}
	return found, unavailable(err)
}

// outdated reports whether a statement was prepared for tables that were swapped
// for others since, with columns of other types. It is prepared anew when it is
// asked again; each connection may meet this once after a swap.
func outdated(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == "0A000"
}

// maxOutdated is how many connections one question may meet whose statements are
// outdated.
const maxOutdated = 32

// one is the only row of a query, or missing where there is none.
func one[R any](ctx context.Context, db asker, missing error, sql string, args ...any) (R, error) {
	var none R
	rows, err := all[R](ctx, db, sql, args...)
	switch {
	case err != nil:
		return none, err
	case len(rows) == 0:
		return none, missing
	}
	return rows[0], nil
}

// snapshot runs several queries that see the same state.
func snapshot(ctx context.Context, db Querier, ask func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, db, frozen, ask)
	for again := 0; outdated(err) && again < maxOutdated; again++ {
		err = pgx.BeginTxFunc(ctx, db, frozen, ask)
	}
	return unavailable(err)
}

// unavailable marks the errors that asking again later may heal.
func unavailable(err error) error {
	if _, said := errors.AsType[*domain.Error](err); said || err == nil {
		return err
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refused.Code {
		case "42P01", "3F000": // no such table, no such schema: not built yet
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	if _, passes := passing(err); passes {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
