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

// A build that waits for a word of somebody is no rebuild under way.
func TestBuildToBeReadNext(t *testing.T) {
	t.Parallel()
	build := func(id int64, version int, state, purpose string, read bool) projections.BuildStatus {
		return projections.BuildStatus{Name: "notes", Build: id, Version: version, State: state, Purpose: purpose, Read: read}
	}
	live := build(1, 1, "live", "serve", true)
	for name, test := range map[string]struct {
		beside []projections.BuildStatus
		want   int64
	}{
		"none":                {nil, 0},
		"under way":           {[]projections.BuildStatus{build(2, 1, "building", "serve", false)}, 2},
		"about to be swapped": {[]projections.BuildStatus{build(2, 1, "ready", "serve", false)}, 2},
		"the newest":          {[]projections.BuildStatus{build(2, 1, "ready", "serve", false), build(3, 1, "building", "serve", false)}, 3},
		"ours first":          {[]projections.BuildStatus{build(2, 1, "building", "serve", false), build(3, 7, "building", "serve", false)}, 2},
		"kept":                {[]projections.BuildStatus{build(2, 1, "ready", "hold", false)}, 0},
		"to be compared":      {[]projections.BuildStatus{build(2, 1, "building", "compare", false)}, 0},
		"retired":             {[]projections.BuildStatus{build(2, 1, "retired", "serve", false)}, 0},
		"of another":          {[]projections.BuildStatus{{Name: "things", Build: 2, State: "building", Purpose: "serve"}}, 0},
	} {
		got := int64(0)
		if b := projections.Beside(append([]projections.BuildStatus{live}, test.beside...), notes{name: "notes"}); b != nil {
			got = b.Build
		}
		if got != test.want {
			t.Errorf("%s: build %d, want %d", name, got, test.want)
		}
	}
}

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
