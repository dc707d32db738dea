package projections

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema crm, where the engine keeps its own books, up to
// date. Read models have no migrations: they are built anew. Several servers may
// call it at once; a database that is newer than this program is left alone.
// [Engine.Run] calls it by itself.
func Migrate(ctx context.Context, pool *pgxpool.Pool) (err error) {
	// Without the lock two servers that start at once could both try to create
	// the schema.
	if _, err := pool.Exec(ctx, `
		BEGIN;
		SELECT pg_advisory_xact_lock(hashtext('crm.migrations'));
		CREATE SCHEMA IF NOT EXISTS crm;
		COMMIT`); err != nil {
		return fmt.Errorf("create schema crm: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName("crm.migrations"), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
