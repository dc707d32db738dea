package projectionstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
)

// Replay applies batches to the tables of p in an empty database, creating them,
// as the engine does: one transaction per batch, indexes at the end. Events
// without a position get one by their order. An error is a [projections.Failure]
// whose Unwrap tells what the projection said.
func Replay(ctx context.Context, pool *pgxpool.Pool, p projections.Projection, batches ...[]domain.Recorded) error {
	if err := projections.Migrate(ctx, pool); err != nil {
		return err
	}
	b, err := projections.OpenBuilder(ctx, pool, p)
	if err != nil {
		return err
	}
	defer b.Close()
	b.Parking.Max = -1 // what a projection cannot apply fails the test
	number := uint64(0)
	for _, events := range batches {
		batch := domain.Batch{Events: slices.Clone(events), After: b.Checkpoint().Position, Through: b.Checkpoint().Position}
		for i := range batch.Events {
			number++
			if e := &batch.Events[i]; e.Position.IsZero() {
				e.Position = domain.Position{Commit: number, Prepare: number}
			}
			batch.Through = batch.Events[i].Position
		}
		if err := b.Apply(ctx, batch); err != nil {
			return fmt.Errorf("%w: %w", err, cause(err))
		}
	}
	return b.Finish(ctx)
}

// Open leads the tables of p, which it creates, as soon as Postgres has noticed that the
// last leader is gone. The builder is closed when the test ends.
func Open(t *testing.T, pool *pgxpool.Pool, p projections.Projection) *projections.Builder {
	t.Helper()
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		b, err := projections.OpenBuilder(t.Context(), pool, p)
		if err == nil {
			t.Cleanup(b.Close)
			return b
		}
		if !errors.Is(err, projections.ErrLed) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// cause is the end of the chain, which a Failure keeps to itself.
func cause(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		err = inner.Unwrap()
	}
}

// Batches cuts a history into batches of size, the last one shorter.
func Batches(history []domain.Recorded, size int) [][]domain.Recorded {
	return slices.Collect(slices.Chunk(history, size))
}

// Shuffled cuts a history at random places, the same ones for the same seed:
// batches of one event and of hundreds.
func Shuffled(history []domain.Recorded, seed uint64) [][]domain.Recorded {
	random := rand.New(rand.NewPCG(seed, seed))
	var batches [][]domain.Recorded
	for rest := history; len(rest) > 0; {
		n := min(len(rest), 1<<random.IntN(9))
		batches = append(batches, rest[:n])
		rest = rest[n:]
	}
	return batches
}

// Tables are all rows in the tables of a schema, as sorted JSON texts by table:
// what two ways of building the same read model must agree on.
func Tables(ctx context.Context, pool *pgxpool.Pool, schema string) (map[string][]string, error) {
	rows, err := pool.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	tables := make(map[string][]string, len(names))
	for _, name := range names {
		rows, err := pool.Query(ctx, "SELECT to_jsonb(t)::text FROM "+pgx.Identifier{schema, name}.Sanitize()+" AS t")
		if err != nil {
			return nil, err
		}
		if tables[name], err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return nil, err
		}
		slices.SortFunc(tables[name], strings.Compare)
	}
	return tables, nil
}
