package readmodels_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// A swap for tables whose columns have other types is not noticed by who asks, on
// whatever connection their statement was prepared.
func TestReadersDoNotNoticeOtherTypes(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	for i, kind := range []string{"integer", "bigint", "text"} {
		exec(t, pool, fmt.Sprintf("CREATE SCHEMA m%d; CREATE TABLE m%d.t (v) AS SELECT 7::%s", i, i, kind))
	}
	exec(t, pool, "ALTER SCHEMA m0 RENAME TO m")
	type row struct {
		V any `db:"v"`
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var asked atomic.Int64
	var asking sync.WaitGroup
	for i := range 6 {
		asking.Go(func() {
			ask := readmodels.AskAll[row]
			if i%2 == 0 {
				ask = readmodels.AskSnapshot[row]
			}
			for ; ctx.Err() == nil; asked.Add(1) {
				found, err := ask(context.WithoutCancel(ctx), pool, "SELECT v FROM m.t")
				if err != nil || len(found) != 1 || fmt.Sprint(found[0].V) != "7" {
					t.Errorf("%v: %v", found, err)
					return
				}
			}
		})
	}
	for swap := range 12 {
		for before := asked.Load(); asked.Load() < before+30 && !t.Failed(); {
			exec(t, pool, "SELECT pg_sleep(0.005)")
		}
		exec(t, pool, fmt.Sprintf("BEGIN; ALTER SCHEMA m RENAME TO m%d; ALTER SCHEMA m%d RENAME TO m; COMMIT", swap%3, (swap+1)%3))
	}
	stop()
	asking.Wait()
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
