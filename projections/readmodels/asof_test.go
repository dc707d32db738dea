package readmodels_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// Asking for one key as of a date reads that key's versions. A page in an order that
// never changes walks the index of the current rows, and asks for each key.
func TestAsOfIsReachedByIndexes(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	if err := projectionstest.Replay(t.Context(), pool, readmodels.Customers{}, randomWorld(2000, 3).events); err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string]struct {
		sql   string
		wants []string
	}{
		"a card": {"SELECT name FROM customers.customers_at(@at, @known) WHERE customer_id = @id", []string{"customers_pk", "customers_history_pk"}},
		"a page": {`SELECT v.name FROM customers.customers AS c
			CROSS JOIN LATERAL (SELECT * FROM customers.customers_at(@at, @known) AS v WHERE v.customer_id = c.customer_id) AS v
			WHERE c.registered_at <= @at
			ORDER BY c.registered_at DESC, c.customer_id DESC LIMIT 2`, []string{"customers_by_age", "customers_pk", "customers_history_pk"}},
	} {
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		// The tables are small: what is asked is whether an index can serve at all.
		if _, err := tx.Exec(t.Context(), "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off"); err != nil {
			t.Fatal(err)
		}
		rows, err := tx.Query(t.Context(), "EXPLAIN "+query.sql,
			pgx.NamedArgs{"at": time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC), "known": nil, "id": customerID(1)})
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		plan := strings.Join(lines, "\n")
		for _, index := range query.wants {
			if !strings.Contains(plan, "using "+index+" ") {
				t.Errorf("%s does not use %s", name, index)
			}
		}
		if strings.Contains(plan, "Function Scan") || strings.Contains(plan, "Sort  ") || t.Failed() {
			t.Errorf("%s is planned as\n%s", name, plan)
		}
	}
}
