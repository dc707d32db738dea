package projections_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"crm/projections"
	"crm/projections/projectionstest"
)

// analysts makes the role of a test's database, as its superuser or somebody else.
func analysts(t *testing.T, pool, as *pgxpool.Pool, a projections.Analyst) string {
	t.Helper()
	var role string
	err := as.AcquireFunc(t.Context(), func(c *pgxpool.Conn) (err error) {
		role, _, err = a.Ensure(t.Context(), c.Conn())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Roles are the whole cluster's and outlive the database.
	t.Cleanup(func() {
		name := pgx.Identifier{role}.Sanitize()
		for _, statement := range []string{"DROP OWNED BY " + name, "DROP ROLE " + name} {
			if _, err := pool.Exec(context.WithoutCancel(t.Context()), statement); err != nil {
				t.Error(err)
			}
		}
	})
	return role
}

// connectAs connects to the pool's database as a role.
func connectAs(t *testing.T, pool *pgxpool.Pool, role string) *pgx.Conn {
	t.Helper()
	cfg := pool.Config().ConnConfig.Copy()
	cfg.User = role
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// openAll makes the tables of several read models.
func openAll(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	for _, p := range []projections.Projection{notes{name: "notes"}, things{"things"}} {
		if err := projectionstest.Replay(t.Context(), pool, p); err != nil {
			t.Fatal(err)
		}
	}
}

func sqlState(err error) string {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return refused.Code
}

func TestAnalystsReadAndDoNothingElse(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	openAll(t, pool)
	role := analysts(t, pool, pool, projections.Analyst{StatementTimeout: 300 * time.Millisecond, Connections: 2, GuardLocks: true})
	conn := connectAs(t, pool, role)

	rows, err := pool.Query(t.Context(), `
		SELECT format('%I.%I', schemaname, name) FROM (
		  SELECT schemaname, tablename AS name FROM pg_tables UNION ALL SELECT schemaname, viewname FROM pg_views
		) AS r WHERE schemaname IN (SELECT schema_name FROM crm.projections)`)
	if err != nil {
		t.Fatal(err)
	}
	readable, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(readable) < 7 {
		t.Fatalf("tables and views: %v, %v", readable, err)
	}
	for _, name := range readable {
		if _, err := conn.Exec(t.Context(), "SELECT * FROM "+name); err != nil {
			t.Errorf("reads %s: %v", name, err)
		}
	}

	if _, err := conn.Exec(t.Context(), "SELECT * FROM things.things_at('2026-01-01', NULL)"); err != nil {
		t.Errorf("reads the past: %v", err)
	}

	const denied, readOnly, tooLong = "42501", "25006", "57014"
	for _, lifted := range []bool{false, true} { // the role's settings, by the one they are for
		if lifted {
			if _, err := conn.Exec(t.Context(), "SET default_transaction_read_only = off"); err != nil {
				t.Fatal(err)
			}
		}
		for statement, want := range map[string][]string{
			"SELECT * FROM crm.projections":                                {denied},
			"SELECT crm.move_checkpoint(1, 1, 0, 0, 0, 0, 0, NULL)":        {denied},
			"UPDATE notes.subjects SET last_text = 'x'":                    {denied, readOnly},
			"DELETE FROM notes.subjects":                                   {denied, readOnly},
			"INSERT INTO things.things SELECT * FROM things.things":        {denied, readOnly},
			"TRUNCATE notes.subjects":                                      {denied, readOnly},
			"CREATE TABLE public.mine (i int)":                             {denied, readOnly},
			"CREATE TABLE notes.mine (i int)":                              {denied, readOnly},
			"CREATE TEMPORARY TABLE mine (i int)":                          {denied, readOnly},
			"CREATE SCHEMA mine":                                           {denied, readOnly},
			"CREATE ROLE mine":                                             {denied, readOnly},
			"DROP TABLE notes.subjects":                                    {denied, readOnly, "42501"},
			"SELECT lo_from_bytea(0, 'x')":                                 {denied},
			"SELECT pg_advisory_lock(6517357, 1)":                          {denied},
			"SELECT pg_advisory_lock_shared(1)":                            {denied},
			"SELECT pg_try_advisory_xact_lock(6517357, 1)":                 {denied},
			"SELECT rolpassword FROM pg_authid":                            {denied},
			"COPY (SELECT 1) TO '/dev/null'":                               {denied},
			"SELECT pg_read_file('PG_VERSION')":                            {denied},
			"ALTER ROLE " + pgx.Identifier{role}.Sanitize() + " SUPERUSER": {denied, readOnly},
			"SELECT * FROM notes.subjects FOR UPDATE":                      {denied, readOnly},
		} {
			if _, err := conn.Exec(t.Context(), statement); !slices.Contains(want, sqlState(err)) {
				t.Errorf("%s: %v, want one of %v (read only lifted: %t)", statement, err, want, lifted)
			}
		}
	}
	if _, err := conn.Exec(t.Context(), "SELECT pg_sleep(30)"); sqlState(err) != tooLong {
		t.Errorf("a statement of 30 s: %v", err)
	}

	second := connectAs(t, pool, role)
	cfg := pool.Config().ConnConfig.Copy()
	cfg.User = role
	if third, err := pgx.ConnectConfig(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "53300") {
		t.Errorf("a third connection: %v, %v", third, err)
	}
	var temp, parallel string
	err = second.QueryRow(t.Context(),
		"SELECT current_setting('temp_file_limit'), current_setting('max_parallel_workers_per_gather')").Scan(&temp, &parallel)
	if err != nil || temp != "1GB" || parallel != "0" {
		t.Errorf("temp_file_limit %s, parallel workers %s, %v", temp, parallel, err)
	}
}

// What is built after the role was made can be read as well, before it is read by
// others and under the name that it has then.
func TestAnalystsReadWhatIsBuiltLater(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	role := analysts(t, pool, pool, projections.Analyst{}) // before anything is there
	openAll(t, pool)
	conn := connectAs(t, pool, role)
	if _, err := conn.Exec(t.Context(), "SELECT * FROM notes.subjects, things.things, things.told"); err != nil {
		t.Error(err)
	}
	if _, err := pool.Exec(t.Context(), "ALTER SCHEMA notes RENAME TO notes__b7"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT * FROM notes__b7.subjects"); err != nil {
		t.Error(err)
	}
}

// The second time nothing changes, but for what is asked for.
func TestAnalystsRoleIsMadeOnce(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	role := analysts(t, pool, pool, projections.Analyst{Password: "first secret"})
	state := func() (text string) {
		t.Helper()
		if err := pool.QueryRow(t.Context(), "SELECT to_jsonb(r)::text FROM pg_authid AS r WHERE rolname = $1", role).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := state()
	if strings.Contains(first, "secret") || !strings.Contains(first, "SCRAM-SHA-256$4096:") {
		t.Errorf("the role is %s", first)
	}
	ensure := func(a projections.Analyst) error {
		return pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) error {
			_, created, err := a.Ensure(t.Context(), c.Conn())
			if created {
				t.Error("made twice")
			}
			return err
		})
	}
	if err := ensure(projections.Analyst{}); err != nil || state() != first {
		t.Errorf("%v, and the role is %s, was %s", err, state(), first)
	}
	var atOnce errgroup.Group
	for range 4 {
		atOnce.Go(func() error { return ensure(projections.Analyst{}) })
	}
	if err := atOnce.Wait(); err != nil || state() != first {
		t.Errorf("four at once: %v, and the role is %s", err, state())
	}
	if err := ensure(projections.Analyst{Password: "second"}); err != nil || state() == first {
		t.Errorf("%v, and the password is the old one", err)
	}
	if err := ensure(projections.Analyst{Password: "sécond"}); err == nil {
		t.Error("a password that a client would change was taken")
	}
	if _, err := pool.Exec(t.Context(), "ALTER ROLE "+pgx.Identifier{role}.Sanitize()+" CREATEDB"); err != nil {
		t.Fatal(err)
	}
	if err := ensure(projections.Analyst{}); !errors.Is(err, projections.ErrAnalystRole) {
		t.Errorf("a role that may create databases: %v", err)
	}
}

// In production the server is no superuser.
func TestAnalystsRoleWithoutASuperuser(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	var database string
	if err := pool.QueryRow(t.Context(), "SELECT current_database()").Scan(&database); err != nil {
		t.Fatal(err)
	}
	owner := pgx.Identifier{database + "_owner"}.Sanitize()
	for _, statement := range []string{
		"CREATE ROLE " + owner + " LOGIN", "GRANT CREATE ON DATABASE " + database + " TO " + owner,
	} {
		if _, err := pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, statement := range []string{"DROP OWNED BY " + owner + " CASCADE", "DROP ROLE " + owner} {
			if _, err := pool.Exec(context.WithoutCancel(t.Context()), statement); err != nil {
				t.Error(err)
			}
		}
	})
	cfg := pool.Config()
	cfg.ConnConfig.User = database + "_owner"
	own, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	openAll(t, own)
	err = own.AcquireFunc(t.Context(), func(c *pgxpool.Conn) error {
		_, _, err := projections.Analyst{}.Ensure(t.Context(), c.Conn())
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "CREATEROLE") {
		t.Fatalf("without the right to create roles: %v", err)
	}
	if _, err := pool.Exec(t.Context(), "ALTER ROLE "+owner+" CREATEROLE"); err != nil {
		t.Fatal(err)
	}
	conn := connectAs(t, pool, analysts(t, pool, own, projections.Analyst{}))
	if _, err := conn.Exec(t.Context(), "SELECT * FROM notes.subjects"); err != nil {
		t.Error(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TEMPORARY TABLE mine (i int)"); err == nil {
		t.Error("makes tables")
	}
	if _, err := conn.Exec(t.Context(), "SELECT * FROM crm.projections"); sqlState(err) != "42501" {
		t.Errorf("reads the books: %v", err)
	}

	// Only a superuser can take the locks from the analysts, who asks for it; servers keep them.
	for _, step := range []struct {
		as  *pgxpool.Pool
		a   projections.Analyst
		may bool
	}{
		{own, projections.Analyst{GuardLocks: true}, true},
		{pool, projections.Analyst{}, true},
		{pool, projections.Analyst{GuardLocks: true}, false},
		{pool, projections.Analyst{}, false},
	} {
		ensure(t, step.as, step.a)
		if may := mayLock(t, pool, conn.Config().User); may != step.may {
			t.Errorf("%+v: may take locks: %t", step, may)
		}
	}
	openAll(t, own)
}

// ensure sets the role of a test's database right.
func ensure(t *testing.T, as *pgxpool.Pool, a projections.Analyst) {
	t.Helper()
	err := as.AcquireFunc(t.Context(), func(c *pgxpool.Conn) error {
		_, _, err := a.Ensure(t.Context(), c.Conn())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func mayLock(t *testing.T, pool *pgxpool.Pool, role string) (may bool) {
	t.Helper()
	err := pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) (err error) {
		may, err = projections.MayLock(t.Context(), c.Conn(), role)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return may
}

// Servers need not own their books: who holds a lock when it is guarded keeps it, and
// who logs in by another role later is told what it lacks.
func TestGuardedLocksOfServersThatOwnNothing(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	openAll(t, pool)
	role := analysts(t, pool, pool, projections.Analyst{})
	running, later := login(t, pool, "running"), login(t, pool, "later")

	projectionstest.Open(t, running, notes{name: "notes"})
	ensure(t, pool, projections.Analyst{GuardLocks: true})
	if mayLock(t, pool, role) {
		t.Error("analysts may take locks still")
	}
	projectionstest.Open(t, running, things{"things"})

	_, err := projections.OpenBuilder(t.Context(), later, things{"things"})
	var refused *projections.Failure
	if !errors.As(err, &refused) || refused.Class != projections.Denied || !strings.Contains(refused.Detail, "pg_advisory_xact_lock") {
		t.Errorf("a role without locks: %v", err)
	}
	const undo = `
		DO $$
		DECLARE lock regprocedure;
		BEGIN
			FOR lock IN SELECT oid FROM pg_proc WHERE proname ~ '^pg_(try_)?advisory_(xact_)?lock' LOOP
				EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', lock);
			END LOOP;
		END $$`
	if _, err := pool.Exec(t.Context(), undo); err != nil {
		t.Fatal(err)
	}
	if _, err := projections.OpenBuilder(t.Context(), later, things{"things"}); !errors.Is(err, projections.ErrLed) {
		t.Errorf("with locks again: %v", err)
	}
}

// login makes a role that may use all that the pool's has made so far, and owns none
// of it.
func login(t *testing.T, pool *pgxpool.Pool, suffix string) *pgxpool.Pool {
	t.Helper()
	cfg := pool.Config()
	cfg.ConnConfig.User = cfg.ConnConfig.Database + "_" + suffix
	name := pgx.Identifier{cfg.ConnConfig.User}.Sanitize()
	for _, statement := range []string{
		"CREATE ROLE " + name + " LOGIN",
		"GRANT CREATE ON DATABASE " + pgx.Identifier{cfg.ConnConfig.Database}.Sanitize() + " TO " + name,
		"GRANT ALL ON SCHEMA crm, notes, things TO " + name,
		"GRANT ALL ON ALL TABLES IN SCHEMA crm, notes, things TO " + name,
	} {
		if _, err := pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // roles are the whole cluster's
		for _, statement := range []string{"DROP OWNED BY " + name, "DROP ROLE " + name} {
			if _, err := pool.Exec(context.WithoutCancel(t.Context()), statement); err != nil {
				t.Error(err)
			}
		}
	})
	own, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	return own
}
