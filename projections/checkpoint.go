package projections

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
)

// Checkpoint is how far a set of tables is, as crm.projections has it.
type Checkpoint struct {
	// Position is up to where in the log the tables hold everything.
	Position domain.Position
	// Events is how many events went into the tables.
	Events int64
	// RecordedAt is when the store took the last of them; zero before the first.
	RecordedAt time.Time
	// Parked is how many streams the tables do not follow any further.
	Parked int

	build int64 // identity of the set of tables
	epoch int64 // ours; another one means that we were replaced
	live  bool  // the first catch-up is done, all indexes are there
}

// move is the arguments of crm.move_checkpoint.
func (c Checkpoint) move(to Checkpoint) [][]byte {
	args := make([][]byte, 0, 8)
	for _, n := range []int64{
		c.build, c.epoch,
		int64(c.Position.Commit), int64(c.Position.Prepare), int64(to.Position.Commit), int64(to.Position.Prepare),
		to.Events - c.Events,
	} {
		args = append(args, strconv.AppendInt(nil, n, 10))
	}
	if to.RecordedAt.IsZero() {
		return append(args, nil)
	}
	return append(args, to.RecordedAt.UTC().AppendFormat(nil, time.RFC3339Nano))
}

// moveSQL fails with fencedCode where the checkpoint is not what we left.
const moveSQL = "SELECT crm.move_checkpoint($1, $2, $3, $4, $5, $6, $7, $8)"

// Checkpoints tells how far each read model is, by name, as Postgres has it; none
// where no engine ever ran. It changes nothing.
func Checkpoints(ctx context.Context, pool *pgxpool.Pool) (map[string]domain.Position, error) {
	var there bool
	if err := pool.QueryRow(ctx, "SELECT to_regclass('crm.projections') IS NOT NULL").Scan(&there); err != nil {
		return nil, fmt.Errorf("look for checkpoints: %w", err)
	}
	if !there {
		return nil, nil
	}
	rows, err := pool.Query(ctx, "SELECT name, position_commit, position_prepare FROM crm.projections WHERE schema_name = name")
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	all := map[string]domain.Position{}
	var name string
	var commit, prepare int64
	_, err = pgx.ForEachRow(rows, []any{&name, &commit, &prepare}, func() error {
		all[name] = domain.Position{Commit: uint64(commit), Prepare: uint64(prepare)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	return all, nil
}
