package readmodels_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/projections"
)

// The tables, the views and the past of every read model are the analysts' to read.
func TestAnalystsReadEveryModel(t *testing.T) {
	t.Parallel()
	_, pool := newWorld().build(t)
	var role string
	if err := pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) (err error) {
		role, _, err = projections.Analyst{}.Ensure(t.Context(), c.Conn())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	name := pgx.Identifier{role}.Sanitize()
	t.Cleanup(func() { // a role is the whole cluster's and outlives the database
		if _, err := pool.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+name+"; DROP ROLE "+name, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Error(err)
		}
	})
	cfg := pool.Config().ConnConfig.Copy()
	cfg.User = role
	analyst, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = analyst.Close(context.WithoutCancel(t.Context())) }()

	rows, err := pool.Query(t.Context(), `
		SELECT r.name FROM (
		  SELECT schemaname AS home, format('%I.%I', schemaname, tablename) AS name FROM pg_tables
		  UNION ALL SELECT schemaname, format('%I.%I', schemaname, viewname) FROM pg_views
		  UNION ALL SELECT n.nspname, format('%I.%I(now(), now())', n.nspname, p.proname)
		  FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.proname LIKE '%\_at'
		) AS r WHERE r.home IN (SELECT schema_name FROM crm.projections) ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	readable, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(readable) < 30 {
		t.Fatalf("only %d to read: %v, %v", len(readable), readable, err)
	}
	for _, from := range readable {
		if _, err := analyst.Exec(t.Context(), "SELECT * FROM "+from); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
}
