package projections

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// analystRole is the SQL for the role whose members of staff ask the read models
// with SQL: crm_analyst for the database crm. There is one for each database,
// since roles are the whole cluster's.
const analystRole = `left(current_database(), 55) || '_analyst'`

// Analyst is the read-only role of a database.
type Analyst struct {
	// Password is set when it is not empty. Only its SCRAM verifier leaves the
	// process, so that no server log can hold it.
	Password string
	// NewPassword is set like it, but only where the role is new.
	NewPassword string
	// StatementTimeout is how long one statement may take. Default 1 minute.
	StatementTimeout time.Duration
	// Connections is how many the role may have at a time. Default 8.
	Connections int
	// GuardLocks takes advisory locks from PUBLIC, where conn's role is a superuser
	// and there are books: a lock of a server could be held by an analyst else, and so
	// a read model be kept from being written. It keeps them for who owns the books and
	// for each role that holds or awaits such a lock in that moment. Everybody else of
	// the database loses them, also other programs, and servers that log in by another
	// role later, until they are granted again; see README.
	GuardLocks bool
}

// ErrAnalystRole is a role of the analysts' name that may do more than read.
var ErrAnalystRole = errors.New("a role of that name exists and may do more than read; rename it or take its rights away")

// Ensure makes the role or sets it right, lets it read all read models there are
// (those to come let it read them when they are made), and tells its name and
// whether it is new. Doing it twice changes nothing. It wants a role that may
// create roles and owns the read models.
//
// What protects the server are settings of the role: every transaction is read
// only, a statement and an idle transaction have their time, sorts that outgrow
// memory a GiB of disk (where conn's role may say so), and connections a limit.
// They guard against accidents. Who means harm can lift the timeout of a session,
// but still has no right to anything but SELECT on read models; and to advisory locks
// without GuardLocks: see [MayLock].
func (a Analyst) Ensure(ctx context.Context, conn *pgx.Conn) (role string, created bool, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT "+analystRole).Scan(&role); err != nil {
			return err
		}
		// Whoever does this at the same time would change the same rows of catalogs.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('crm.analyst'))"); err != nil {
			return err
		}
		var harmless bool
		switch err := tx.QueryRow(ctx, `
			SELECT rolcanlogin AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
			  AND NOT EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid)
			FROM pg_roles AS r WHERE rolname = $1`, role).Scan(&harmless); {
		case errors.Is(err, pgx.ErrNoRows):
			created = true
		case err != nil:
			return err
		case !harmless:
			return fmt.Errorf("%s: %w", role, ErrAnalystRole)
		}
		if err := a.alter(ctx, tx, role, created); err != nil {
			return err
		}
		narrowing := narrowing
		if a.GuardLocks {
			narrowing = append(slices.Clone(narrowing), guardLocks)
		}
		for _, narrower := range narrowing {
			if _, err := permitted(ctx, tx, narrower); err != nil {
				return err
			}
		}
		return grantAll(ctx, tx)
	})
	return role, created, err
}

// alter creates the role or sets it right.
func (a Analyst) alter(ctx context.Context, tx pgx.Tx, role string, create bool) error {
	name := pgx.Identifier{role}.Sanitize()
	statements := []string{
		"ALTER ROLE " + name + " CONNECTION LIMIT " + strconv.Itoa(cmp.Or(a.Connections, 8)),
		"ALTER ROLE " + name + " SET default_transaction_read_only = on",
		"ALTER ROLE " + name + " SET statement_timeout = " + strconv.FormatInt(cmp.Or(a.StatementTimeout, time.Minute).Milliseconds(), 10),
		"ALTER ROLE " + name + " SET idle_in_transaction_session_timeout = '1min'",
		"ALTER ROLE " + name + " SET max_parallel_workers_per_gather = 0", // the other cores are the server's
	}
	password := a.Password
	if create {
		statements = append([]string{"CREATE ROLE " + name + " LOGIN NOINHERIT"}, statements...)
		password = cmp.Or(password, a.NewPassword)
	}
	if password != "" {
		verifier, err := scramVerifier(password)
		if err != nil {
			return err
		}
		statements = append(statements, "ALTER ROLE "+name+" PASSWORD '"+verifier+"'")
	}
	for _, statement := range statements {
		done, err := permitted(ctx, tx, statement)
		if err != nil {
			return err
		}
		if !done {
			said, _, _ := strings.Cut(statement, " PASSWORD ")
			return fmt.Errorf("the role of this connection lacks the right to: %s; give it CREATEROLE, or connect as one that has it", said)
		}
	}
	_, err := permitted(ctx, tx, "ALTER ROLE "+name+" SET temp_file_limit = '1GB'") // only a superuser may
	return err
}

// MayLock reports whether a role may take advisory locks in the database of conn. It
// could hold a lock, then, that a server has to have for writing a read model: a read
// model that stands still, and is reported for it, until the session ends.
func MayLock(ctx context.Context, conn *pgx.Conn, role string) (may bool, err error) {
	err = conn.QueryRow(ctx, "SELECT has_function_privilege($1, 'pg_catalog.pg_advisory_lock(integer, integer)', 'EXECUTE')", role).Scan(&may)
	return may, err
}

// narrowing takes from PUBLIC what would let any role fill the disk of the database.
// Owners keep their rights; who may not say so leaves it.
var narrowing = []string{
	`DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$`,
	"REVOKE CREATE ON SCHEMA public FROM PUBLIC", // before Postgres 15 everybody could
	"REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC",
}

// guardLocks is the SQL of Analyst.GuardLocks.
const guardLocks = `
	DO $$
	DECLARE lock regprocedure; server name;
	BEGIN
		IF to_regnamespace('crm') IS NULL THEN RETURN; END IF;
		FOR lock IN SELECT oid FROM pg_proc
			WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^pg_(try_)?advisory_(xact_)?lock'
		LOOP
			FOR server IN
				SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'crm'
				UNION
				SELECT s.usename FROM pg_locks AS l JOIN pg_stat_activity AS s USING (pid)
				WHERE l.locktype = 'advisory' AND s.datname = current_database() AND s.usename <> ` + analystRole + `
			LOOP
				EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', lock, server);
			END LOOP;
			EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', lock);
		END LOOP;
	END $$`

// permitted runs a statement under a savepoint and reports whether we had the
// right to.
func permitted(ctx context.Context, tx pgx.Tx, statement string) (bool, error) {
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, statement)
		return err
	})
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == deniedCode {
		return false, nil
	}
	return err == nil, err
}

// grantAll lets the analysts read every build there is.
func grantAll(ctx context.Context, tx pgx.Tx) error {
	var there bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass('crm.projections') IS NOT NULL").Scan(&there); err != nil || !there {
		return err
	}
	// A build that is being made has put down its row before it looks for the
	// role. Either we see the row, or it sees the role.
	for _, statement := range []string{patience, "LOCK TABLE crm.projections IN SHARE MODE"} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	// One that is filled has its tables locked, and is granted when it is complete.
	rows, err := tx.Query(ctx, "SELECT schema_name FROM crm.projections WHERE state <> 'building' OR schema_name = name ORDER BY schema_name")
	if err != nil {
		return err
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, schema := range schemas {
		if err := grantRead(ctx, tx, schema); err != nil {
			return err
		}
	}
	return nil
}

// grantRead lets the analysts, where this database has any, read what is in a
// schema.
func grantRead(ctx context.Context, tx pgx.Tx, schema string) error {
	var role string
	err := tx.QueryRow(ctx, "SELECT rolname FROM pg_roles WHERE rolname = "+analystRole).Scan(&role)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	s, r := pgx.Identifier{schema}.Sanitize(), pgx.Identifier{role}.Sanitize()
	_, err = tx.Exec(ctx, "GRANT USAGE ON SCHEMA "+s+" TO "+r+"; GRANT SELECT ON ALL TABLES IN SCHEMA "+s+" TO "+r,
		pgx.QueryExecModeSimpleProtocol)
	return err
}

// scramVerifier is what Postgres keeps of a password (RFC 5802, RFC 7677).
func scramVerifier(password string) (string, error) {
	for _, c := range []byte(password) {
		if c < ' ' || c > '~' {
			return "", errors.New("the analysts' password may hold printable ASCII only") // else SASLprep would change it
		}
	}
	const iterations = 4096 // Postgres's own default
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails, crypto/rand says
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	sign := func(what string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(what))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(sign("Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, text(salt), text(stored[:]), text(sign("Server Key"))), nil
}
