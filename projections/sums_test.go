package projections_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"crm/projections"
	"crm/projections/projectionstest"
)

type sumRow struct {
	Part  string  `db:"part"`
	Count int64   `db:"count"`
	Total big.Int `db:"total"`
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

// However a history is cut, the sums are those of all that was added, and a sum of
// nothing is no row.
func TestSumsAddUp(t *testing.T) {
	t.Parallel()
	sums := projections.NewSums[string, sumRow]("sums", "part")
	const n = 600
	r := seeded(1)
	parts, amounts := make([]string, n), make([]int64, n)
	want := map[string]*sumRow{}
	for i := range n {
		parts[i], amounts[i] = fmt.Sprint("part ", i%7), r.Int64()-math.MaxInt64/2
		if i%7 == 3 { // comes and goes
			amounts[i] = []int64{5, -5}[i/7%2]
		}
		if i >= n-n%14 && i%7 == 3 {
			amounts[i] = 0
		}
		if want[parts[i]] == nil {
			want[parts[i]] = &sumRow{Part: parts[i]}
		}
		sum := want[parts[i]]
		sum.Total.Add(&sum.Total, big.NewInt(amounts[i]))
		if amounts[i] != 0 {
			sum.Count += amounts[i] / max(amounts[i], -amounts[i])
		}
	}
	p := program{
		ddl: "CREATE TABLE sums (part text PRIMARY KEY, count bigint NOT NULL, total numeric NOT NULL)",
		step: func(w *projections.Writer, i int) {
			sums.Add(w, parts[i], func(sum *sumRow) {
				sum.Total.Add(&sum.Total, big.NewInt(amounts[i]))
				if amounts[i] != 0 {
					sum.Count += amounts[i] / max(amounts[i], -amounts[i])
				}
			})
		},
	}
	var lines []string
	for _, sum := range want {
		if sum.Count != 0 || sum.Total.Sign() != 0 {
			lines = append(lines, fmt.Sprint(sum.Part, " ", sum.Count, " ", sum.Total.String()))
		}
	}
	slices.Sort(lines)
	if len(lines) != 6 {
		t.Fatalf("one part comes to nothing, but %d are something", len(lines))
	}
	for _, size := range []int{1, 7, 100, n} {
		pool := projectionstest.Pool(t)
		if err := projectionstest.Replay(t.Context(), pool, p, projectionstest.Batches(steps(n), size)...); err != nil {
			t.Fatal(err)
		}
		rows, err := pool.Query(t.Context(), "SELECT part || ' ' || count || ' ' || total FROM program.sums ORDER BY 1")
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(lines, got); diff != "" {
			t.Errorf("in batches of %d (-want +got)\n%s", size, diff)
		}
	}
}

// What follows from a row is told of each batch once, as it was and as it is.
func TestSettledTellsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	type row struct {
		ID string `db:"id"`
		N  int    `db:"n"`
	}
	var told []string
	show := func(r *row) string {
		if r == nil {
			return "none"
		}
		return fmt.Sprint(r.ID, r.N)
	}
	table := projections.NewKeyed[string, row]("things", "id").Settled(func(_ *projections.Writer, before, after *row) {
		told = append(told, show(before)+" → "+show(after))
	})
	p := program{ddl: "CREATE TABLE things (id text PRIMARY KEY, n bigint NOT NULL)", step: func(w *projections.Writer, n int) {
		if n == 4 {
			table.Delete(w, "a")
			return
		}
		table.Update(w, "a", func(r *row) { r.N++ })
	}}
	if err := projectionstest.Replay(t.Context(), projectionstest.Pool(t), p, projectionstest.Batches(steps(6), 2)...); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"none → a2", "a2 → a4", "a4 → a1"}, told); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
