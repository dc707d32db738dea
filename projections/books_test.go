package projections_test

import (
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"crm/projections"
	"crm/projections/projectionstest"
)

// Who only reads does not bring the books up to date; it says that they have to be.
func TestBooksOfAnOlderProgram(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	if _, err := pool.Exec(t.Context(), "CREATE SCHEMA crm"); err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { _ = db.Close() })
	older, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS("migrations"),
		goose.WithTableName("crm.migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := older.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	r := rebuilder(pool, newSource(nil, 50), notes{name: "notes"})
	if _, err := r.Builds(t.Context()); !errors.Is(err, projections.ErrOldBooks) {
		t.Errorf("builds: %v", err)
	}
	if _, err := r.Diff(t.Context(), "notes", 1, 2, 3, nil); !errors.Is(err, projections.ErrOldBooks) {
		t.Errorf("diff: %v", err)
	}
	if parked, err := (projections.ParkedStreams{DB: pool}).Of(t.Context(), "notes"); err != nil || len(parked) != 0 {
		t.Errorf("books that know of no parked streams have %v, %v", parked, err)
	}
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	if all, err := r.Builds(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("builds once the books are up to date: %+v, %v", all, err)
	}
}
