package readmodels

import (
	"context"

	"github.com/jackc/pgx/v5"

	"crm/projections"
)

// AskAll and AskSnapshot ask as the read models do.

func AskAll[R any](ctx context.Context, db projections.Querier, sql string) ([]R, error) {
	return all[R](ctx, db, sql)
}

func AskSnapshot[R any](ctx context.Context, db projections.Querier, sql string) (found []R, err error) {
	err = snapshot(ctx, db, func(tx pgx.Tx) (err error) {
		found, err = all[R](ctx, tx, sql)
		return err
	})
	return found, err
}
