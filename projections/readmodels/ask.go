package readmodels

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/projections"
	"crm/projections/lists"
)

// asker is what a statement is run by: a pool, a connection or a transaction. It is
// declared where it is needed, as in package projections.
type asker interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// all collects the rows of a query, by the names of their columns.
func all[R any](ctx context.Context, db asker, sql string, args ...any) ([]R, error) {
	for i := range args {
		if byName, ok := args[i].(pgx.NamedArgs); ok {
			args[i] = named(byName)
		}
	}
	ask := func() (found []R, err error) {
		rows, err := db.Query(ctx, sql, args...)
		if err != nil {
			return nil, err
		}
		return collected[R](rows)
	}
	found, err := ask()
	if _, alone := db.(projections.Querier); alone { // in a transaction all of it has to be asked again
		for again := 0; outdated(err) && again < maxOutdated; again++ {
			found, err = ask()
		}
	}
	return found, unanswered(err)
}

// collected reads all rows into structs, by the names of their columns. It is
// pgx.CollectRows with pgx.RowToStructByNameLax, but looks for the fields once and not for
// each row, and grows once: for a page of wide rows that is a third of the time.
func collected[R any](rows pgx.Rows) ([]R, error) {
	defer rows.Close()
	var (
		row   R
		found []R
	)
	targets, err := targetsOf(reflect.ValueOf(&row).Elem(), rows.FieldDescriptions())
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row = *new(R) // what it points to is the former row's
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		if len(found) == 1 {
			found = slices.Grow(found, pageful)
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

// pageful is how many rows a query of more than one is made room for.
const pageful = 50

// targetsOf are where in a struct the columns go.
func targetsOf(row reflect.Value, columns []pgconn.FieldDescription) ([]any, error) {
	places, known := fieldPlaces.Load(row.Type())
	if !known {
		named := map[string][]int{}
		for _, field := range reflect.VisibleFields(row.Type()) {
			if field.IsExported() && !field.Anonymous {
				named[cmp.Or(field.Tag.Get("db"), strings.ToLower(field.Name))] = field.Index
			}
		}
		places, _ = fieldPlaces.LoadOrStore(row.Type(), named)
	}
	targets := make([]any, len(columns))
	for i, column := range columns {
		place, known := places.(map[string][]int)[column.Name]
		if !known {
			return nil, fmt.Errorf("readmodels: no field of %s takes the column %q", row.Type(), column.Name)
		}
		targets[i] = target(row.FieldByIndex(place))
	}
	return targets, nil
}

// target is where a column's value goes. An id is its bytes: into the type itself pgx
// writes by way of text.
func target(field reflect.Value) any {
	if field.Kind() == reflect.Struct && field.NumField() == 1 && field.Type().Field(0).Anonymous {
		field = field.Field(0) // a domain.ID
	}
	if id, is := reflect.TypeAssert[*uuid.UUID](field.Addr()); is {
		return (*[16]byte)(id)
	}
	return field.Addr().Interface()
}

// fieldPlaces are the indexes of the fields of each type of row, by column.
var fieldPlaces sync.Map

// unanswered says what became of a question: [lists.ErrTooCostly] where it took longer
// than the connections that reads have let it, which Postgres then ends; else what
// [projections.Unavailable] says.
func unanswered(err error) error {
	const canceled = "57014"
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == canceled {
		return lists.ErrTooCostly
	}
	return projections.Unavailable(err)
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

// oneState is a transaction that sees one state. That projections verifies in such a one
// too is no reason for the two to change together.
var oneState = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// snapshot runs several queries that see the same state.
func snapshot(ctx context.Context, db projections.Querier, ask func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, db, oneState, ask)
	for again := 0; outdated(err) && again < maxOutdated; again++ {
		err = pgx.BeginTxFunc(ctx, db, oneState, ask)
	}
	return unanswered(err)
}

// roomy runs a query that joins a large part of a table: in memory, and by no way that
// sorts it, which the planner takes when it expects as many groups as rows.
func roomy(ctx context.Context, db projections.Querier, ask func(pgx.Tx) error) error {
	return snapshot(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL work_mem = '64MB'; SET LOCAL enable_sort = off"); err != nil {
			return err
		}
		return ask(tx)
	})
}
