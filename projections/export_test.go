package projections

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// CreateBuild and OpenBuild are what builds beside the one that is read are made
// and filled with.

func CreateBuild(ctx context.Context, pool *pgxpool.Pool, p Projection) (id int64, schema string, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		b, err := createBuild(ctx, tx, p, serve)
		id, schema = b.id, b.schema
		return err
	})
	return id, schema, err
}

func OpenBuild(ctx context.Context, pool *pgxpool.Pool, p Projection, id int64) (*Builder, error) {
	all, err := buildsOf(ctx, pool, p.Name())
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		if b.id == id {
			return openBuild(ctx, pool, p, b)
		}
	}
	return openBuild(ctx, pool, p, build{id: id, version: p.Version()})
}

// Beside is which build counts as the rebuild under way.
var Beside = beside
