package projections

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// What a build is made for.
type purpose string

const (
	serve   purpose = "serve"   // to be read one day
	hold    purpose = "hold"    // to be read when somebody says so
	compare purpose = "compare" // to prove another one right, and be dropped
)

// The states of a build, in crm.projections.
const (
	buildBuilding = "building" // in its first catch-up, indexes missing
	buildReady    = "ready"    // complete, but another one is read
	buildLive     = "live"     // it is what is read
	buildRetired  = "retired"  // it was
)

// build is one set of tables of a projection, as its row in crm.projections has
// it. The one whose schema is the projection's name is what is read.
type build struct {
	id         int64
	name       string // of the projection
	version    int    // of the code that fills it
	schema     string
	state      string
	purpose    purpose
	leader     string    // host and process that led it last, "" for none
	retiredAt  time.Time // zero when it was not
	young      bool      // who has made it may be about to lead it
	checkpoint Checkpoint
}

// read reports whether b is the build that queries see.
func (b build) read() bool { return b.schema == b.name }

const buildColumns = `build, name, version, schema_name, state, purpose, coalesce(leader, ''), retired_at,
	created_at > now() - interval '1 minute', epoch, position_commit, position_prepare, events, recorded_at`

// scanBuild reads buildColumns.
func scanBuild(row pgx.CollectableRow) (build, error) {
	var b build
	var retired, recorded *time.Time
	var commit, prepare int64
	c := &b.checkpoint
	err := row.Scan(&b.id, &b.name, &b.version, &b.schema, &b.state, &b.purpose, &b.leader, &retired,
		&b.young, &c.epoch, &commit, &prepare, &c.Events, &recorded)
	if err != nil {
		return build{}, err
	}
	c.build, c.live = b.id, b.state != buildBuilding
	c.Position = domain.Position{Commit: uint64(commit), Prepare: uint64(prepare)}
	if recorded != nil {
		c.RecordedAt = recorded.UTC()
	}
	if retired != nil {
		b.retiredAt = retired.UTC()
	}
	return b, nil
}

// buildsOf lists the builds of a projection, the oldest first.
func buildsOf(ctx context.Context, db asker, name string) ([]build, error) {
	rows, err := db.Query(ctx, "SELECT "+buildColumns+" FROM crm.projections WHERE name = $1 ORDER BY build", name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanBuild)
}

// readBuild finds the build of a projection that queries see; pgx.ErrNoRows where
// there is none.
func readBuild(ctx context.Context, db asker, name string) (build, error) {
	rows, err := db.Query(ctx, "SELECT "+buildColumns+" FROM crm.projections WHERE schema_name = $1", name)
	if err != nil {
		return build{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanBuild)
}

// createBuild makes an empty set of tables for p beside the one that is read, in
// a schema of its own.
func createBuild(ctx context.Context, tx pgx.Tx, p Projection, why purpose) (build, error) {
	id, err := nextBuild(ctx, tx)
	if err != nil {
		return build{}, err
	}
	return makeBuild(ctx, tx, p, id, shadowSchema(p.Name(), id), why)
}

// shadowSchema is where a build is that is not read.
func shadowSchema(name string, id int64) string {
	return name + "__b" + strconv.FormatInt(id, 10)
}

// createRead makes an empty set of tables for p where queries look. The caller
// has seen that there is none, under lockName.
func createRead(ctx context.Context, tx pgx.Tx, p Projection) (build, error) {
	id, err := nextBuild(ctx, tx)
	if err != nil {
		return build{}, err
	}
	return makeBuild(ctx, tx, p, id, p.Name(), serve)
}

// nextBuild is an identity that no build has had.
func nextBuild(ctx context.Context, tx pgx.Tx) (id int64, err error) {
	err = tx.QueryRow(ctx, "SELECT nextval(pg_get_serial_sequence('crm.projections', 'build'))").Scan(&id)
	return id, err
}

// lockName keeps others from creating, swapping or dropping builds of a
// projection until tx ends.
func lockName(ctx context.Context, tx pgx.Tx, name string) error {
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('crm.projections ' || $1))", name)
	return err
}

// makeBuild makes a schema that was not there: one that was, but not in our
// books, is not ours to touch.
func makeBuild(ctx context.Context, tx pgx.Tx, p Projection, id int64, schema string, why purpose) (build, error) {
	if _, err := tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize()); err != nil {
		return build{}, fmt.Errorf("create schema %s: %w", schema, err)
	}
	if err := define(ctx, tx, schema, p.Schema().Tables); err != nil {
		return build{}, err
	}
	rows, err := tx.Query(ctx, `
		INSERT INTO crm.projections
			(build, name, version, schema_name, state, purpose, epoch, position_commit, position_prepare, events)
		OVERRIDING SYSTEM VALUE
		VALUES (@build, @name, @version, @schema, 'building', @purpose, 0, 0, 0, 0)
		RETURNING `+buildColumns, pgx.NamedArgs{
		"build": id, "name": p.Name(), "version": p.Version(), "schema": schema, "purpose": string(why),
	})
	if err != nil {
		return build{}, err
	}
	b, err := pgx.CollectExactlyOneRow(rows, scanBuild)
	if err != nil {
		return build{}, err
	}
	return b, grantRead(ctx, tx, schema) // after the row: see grantAll
}

// define runs DDL that names no schema in one.
func define(ctx context.Context, tx pgx.Tx, schema, ddl string) error {
	if _, err := tx.Exec(ctx, "SELECT set_config('search_path', $1, true)", pgx.Identifier{schema}.Sanitize()+", public"); err != nil {
		return err
	}
	_, err := tx.Conn().PgConn().Exec(ctx, ddl).ReadAll() // several statements
	return err
}

// patience is how long we queue for a lock that a reader of the tables holds.
// Others queue behind us.
const patience = "SET LOCAL lock_timeout = '2s'"

// dropBuild drops the tables of a build and forgets it. Who led it meets
// ErrFenced.
func dropBuild(ctx context.Context, tx pgx.Tx, b build) error {
	if _, err := tx.Exec(ctx, patience); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM crm.projections WHERE build = $1", b.id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DROP SCHEMA "+pgx.Identifier{b.schema}.Sanitize()+" CASCADE"); err != nil {
		return fmt.Errorf("drop schema %s: %w", b.schema, err)
	}
	return nil
}

func tablesOf(ctx context.Context, tx pgx.Tx, schema string) ([]string, error) {
	rows, err := tx.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// fewStatistics is for the ANALYZE at the end of a build. It sorts 300 rows for each
// unit, so that at the default of 100 it takes as long as the indexes do; 30 tell the
// planner what it needs to know of new tables. Autovacuum looks closer when they grow.
const fewStatistics = "SET LOCAL default_statistics_target = 30"

// noStatistics has nobody gather statistics of what is inside arrays and documents, which
// is four tenths of the work: queries find rows by other columns.
const noStatistics = `
	DO $$
	DECLARE of record;
	BEGIN
	  FOR of IN
	    SELECT a.attrelid::regclass AS table, a.attname AS column
	    FROM pg_attribute AS a
	    JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'
	    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema()
	    JOIN pg_type AS t ON t.oid = a.atttypid AND (t.typcategory = 'A' OR t.typname IN ('json', 'jsonb'))
	    WHERE a.attnum > 0 AND NOT a.attisdropped
	  LOOP
	    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', of.table, of.column);
	  END LOOP;
	END $$`

// finish creates the indexes and calls the tables complete.
func finish(ctx context.Context, conn *pgx.Conn, c Checkpoint, p Projection, schema string) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, patience); err != nil {
			return err
		}
		if err := define(ctx, tx, schema, p.Schema().Indexes); err != nil {
			return err
		}
		tables, err := tablesOf(ctx, tx, schema)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, fewStatistics); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, noStatistics); err != nil {
			return err
		}
		for _, table := range tables {
			name := pgx.Identifier{schema, table}.Sanitize()
			if _, err := tx.Exec(ctx, "ALTER TABLE "+name+" RESET (autovacuum_enabled)"); err != nil { // see Bulk
				return err
			}
			if _, err := tx.Exec(ctx, "ANALYZE "+name); err != nil {
				return err
			}
		}
		done, err := tx.Exec(ctx, `
			UPDATE crm.projections SET state = CASE WHEN schema_name = name THEN 'live' ELSE 'ready' END
			WHERE build = $1 AND epoch = $2`, c.build, c.epoch)
		switch {
		case err != nil:
			return err
		case done.RowsAffected() == 0:
			return ErrFenced
		}
		return grantRead(ctx, tx, schema) // after the row: see grantAll
	})
}
