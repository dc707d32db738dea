package readmodels_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// Analysts find out what a thing is where they find the thing: in the database.
func TestEverythingIsDescribed(t *testing.T) {
	t.Parallel()
	_, pool := newWorld().build(t)
	const things = `
		WITH things AS (
		  SELECT c.relnamespace AS home, c.relname::text AS name, obj_description(c.oid, 'pg_class') AS text
		  FROM pg_class AS c WHERE c.relkind IN ('r', 'v', 'm')
		  UNION ALL
		  SELECT c.relnamespace, c.relname || '.' || a.attname, col_description(c.oid, a.attnum)
		  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		  WHERE c.relkind IN ('r', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
		  UNION ALL
		  SELECT p.pronamespace, p.proname || '()', obj_description(p.oid, 'pg_proc') FROM pg_proc AS p
		)
		SELECT n.nspname || '.' || t.name FROM things AS t JOIN pg_namespace AS n ON n.oid = t.home
		WHERE n.nspname IN (SELECT schema_name FROM crm.projections) AND (coalesce(t.text, '') = '') = $1 ORDER BY 1`
	ask := func(bare bool) []string {
		t.Helper()
		rows, err := pool.Query(t.Context(), things, bare)
		if err != nil {
			t.Fatal(err)
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if bare := ask(true); len(bare) > 0 {
		t.Errorf("without a COMMENT, %d of %d: %q", len(bare), len(bare)+len(ask(false)), bare)
	}
	if described := ask(false); len(described) < 300 {
		t.Errorf("only %d things are described", len(described))
	}
}
