package projections

import (
	"context"
	"errors"
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

	build int64 // identity of the set of tables
	epoch int64 // ours; another one means that we were replaced
	live  bool  // the first catch-up is done
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
	rows, err := pool.Query(ctx, "SELECT schema_name, position_commit, position_prepare FROM crm.projections")
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

// take makes the tables of p ours: creates them where there are none or where
// they are of another version, and raises the epoch, so that whoever wrote them
// before cannot any more. Where keep is set, tables of another version are left
// alone and the answer is a [Replaced].
func take(ctx context.Context, conn *pgx.Conn, p Projection, keep bool) (Checkpoint, error) {
	var c Checkpoint
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// Two servers that start at once must not both create the tables.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('crm.projections ' || $1))", p.Name()); err != nil {
			return err
		}
		var version int
		var position [2]int64
		var recorded *time.Time
		err := tx.QueryRow(ctx, `
			UPDATE crm.projections SET epoch = epoch + 1 WHERE schema_name = @name
			RETURNING build, version, epoch, position_commit, position_prepare, events, recorded_at, state = 'live'`,
			pgx.NamedArgs{"name": p.Name()}).
			Scan(&c.build, &version, &c.epoch, &position[0], &position[1], &c.Events, &recorded, &c.live)
		if errors.Is(err, pgx.ErrNoRows) {
			c, err = create(ctx, tx, p)
			return err
		}
		if err != nil {
			return err
		}
		if version != p.Version() {
			if keep {
				return &Failure{Class: Replaced, Detail: "version " + strconv.Itoa(version)}
			}
			if err := drop(ctx, tx, p.Name()); err != nil {
				return err
			}
			c, err = create(ctx, tx, p)
			return err
		}
		c.Position = domain.Position{Commit: uint64(position[0]), Prepare: uint64(position[1])}
		if recorded != nil {
			c.RecordedAt = recorded.UTC()
		}
		return nil
	})
	return c, err
}

// patience is how long we queue for a lock that a reader of the tables holds.
// Others queue behind us.
const patience = "SET LOCAL lock_timeout = '2s'"

func drop(ctx context.Context, tx pgx.Tx, schema string) error {
	if _, err := tx.Exec(ctx, patience); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DROP SCHEMA "+pgx.Identifier{schema}.Sanitize()+" CASCADE"); err != nil {
		return fmt.Errorf("drop schema %s: %w", schema, err)
	}
	_, err := tx.Exec(ctx, "DELETE FROM crm.projections WHERE schema_name = $1", schema)
	return err
}

// create makes a schema that was not there: one that was, but not in our books,
// is not ours to touch.
func create(ctx context.Context, tx pgx.Tx, p Projection) (Checkpoint, error) {
	if _, err := tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{p.Name()}.Sanitize()); err != nil {
		return Checkpoint{}, fmt.Errorf("create schema %s: %w", p.Name(), err)
	}
	if err := define(ctx, tx, p.Name(), p.Schema().Tables); err != nil {
		return Checkpoint{}, err
	}
	var c Checkpoint
	err := tx.QueryRow(ctx, `
		INSERT INTO crm.projections (name, version, schema_name, state, epoch, position_commit, position_prepare, events)
		VALUES (@name, @version, @name, 'building', 1, 0, 0, 0)
		RETURNING build, epoch`,
		pgx.NamedArgs{"name": p.Name(), "version": p.Version()}).Scan(&c.build, &c.epoch)
	return c, err
}

// define runs DDL that names no schema in one.
func define(ctx context.Context, tx pgx.Tx, schema, ddl string) error {
	if _, err := tx.Exec(ctx, "SELECT set_config('search_path', $1, true)", pgx.Identifier{schema}.Sanitize()+", public"); err != nil {
		return err
	}
	_, err := tx.Conn().PgConn().Exec(ctx, ddl).ReadAll() // several statements
	return err
}

// finish creates the indexes and calls the tables live.
func finish(ctx context.Context, conn *pgx.Conn, c Checkpoint, p Projection, schema string) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, patience); err != nil {
			return err
		}
		if err := define(ctx, tx, schema, p.Schema().Indexes); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, table := range tables {
			if _, err := tx.Exec(ctx, "ANALYZE "+pgx.Identifier{schema, table}.Sanitize()); err != nil {
				return err
			}
		}
		done, err := tx.Exec(ctx, "UPDATE crm.projections SET state = 'live' WHERE build = $1 AND epoch = $2", c.build, c.epoch)
		if err == nil && done.RowsAffected() == 0 {
			return ErrFenced
		}
		return err
	})
}
