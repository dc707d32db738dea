package projectionstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/projections/postgres"
)

// patience bounds what the tests need from the server besides their own statements.
const patience = time.Minute

// Pool returns connections to an empty database, which is dropped when tb ends.
// At most eight are open at a time.
func Pool(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	cfg, err := pgxpool.ParseConfig(DSN(tb))
	if err != nil {
		tb.Fatalf("test database: %v", err)
	}
	cfg.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(tb.Context()), cfg)
	if err != nil {
		tb.Fatalf("test database: %v", err)
	}
	tb.Cleanup(func() {
		closed := make(chan struct{})
		go func() { pool.Close(); close(closed) }()
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			tb.Errorf("%d connections were not given back to the pool", pool.Stat().AcquiredConns())
		}
	})
	return pool
}

// DSN returns the connection string of an empty database, which is dropped when
// tb ends.
func DSN(tb testing.TB) string {
	tb.Helper()
	running, err := shared()
	if missing, ok := errors.AsType[*postgres.NotFoundError](err); ok && os.Getenv("CI") == "" {
		tb.Skipf("this test needs Postgres: %v; or name a server in CRM_TEST_POSTGRES", missing)
	}
	if err != nil {
		tb.Fatalf("test database: %v", err)
	}
	name := "crm_test_" + strings.ToLower(rand.Text()[:16])
	dsn, err := withDatabase(running.dsn, name)
	if err != nil {
		tb.Fatalf("test database: %v", err)
	}
	// template0 because nobody can be connected to it, which would make the copy fail.
	if err := tell(running.dsn, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'"); err != nil {
		tb.Fatalf("create test database: %v", err)
	}
	tb.Cleanup(func() {
		if err := tell(running.dsn, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("drop test database: %v", err)
		}
	})
	return dsn
}

func tell(dsn, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// withDatabase makes a connection string name another database.
func withDatabase(dsn, name string) (string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " dbname=" + name, nil // of two, the last counts
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("CRM_TEST_POSTGRES: %w", errors.Unwrap(err)) // unwrapped, it does not quote the password
	}
	u.Path = "/" + name
	return u.String(), nil
}
