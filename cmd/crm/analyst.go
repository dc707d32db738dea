package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/projections"
	"crm/projections/postgres"
)

// analystDSN is `crm analyst-dsn`.
type analystDSN struct {
	Data             string        `env:"CRM_DATA" type:"path" placeholder:"DIR" help:"Folder of a running crm up. Default .crm, unless --postgres is given."`
	Postgres         string        `env:"CRM_POSTGRES" placeholder:"postgres://…" help:"Connection string of the Postgres database for the read models, as of crm serve; its role needs CREATEROLE. --data goes before it."`
	PasswordFile     string        `env:"CRM_ANALYST_PASSWORD_FILE" type:"path" placeholder:"FILE" help:"File with the role's password; made with a random one if it is not there. Without it a new role of --postgres gets a random password, which is shown once, and an existing one keeps its own."`
	StatementTimeout time.Duration `default:"1m" env:"CRM_ANALYST_STATEMENT_TIMEOUT" placeholder:"DURATION" help:"How long one statement of an analyst may take, 1s to 24h. Default ${default}."`
	GuardLocks       bool          `help:"Also take advisory locks, with which analysts could keep a server from writing a read model, from every role of the database but who owns the books (schema crm) and who holds such a lock now: other programs lose them, and servers that log in by another role later. Needs a superuser and running servers; README tells how to undo it. A data folder's own Postgres always has it."`
	Connections      int           `default:"8" env:"CRM_ANALYST_CONNECTIONS" placeholder:"N" help:"Connections that analysts may have at a time, 1 to 1000. Default ${default}."`
}

// Validate is called with what was parsed.
func (a *analystDSN) Validate() error {
	var errs []error
	if a.StatementTimeout < time.Second || a.StatementTimeout > 24*time.Hour {
		errs = append(errs, fmt.Errorf("--statement-timeout %s is not within 1s to 24h", a.StatementTimeout))
	}
	if a.Connections < 1 || a.Connections > 1000 {
		errs = append(errs, fmt.Errorf("--connections %d is not within 1 to 1000", a.Connections))
	}
	if _, err := pgx.ParseConfig(a.Postgres); err != nil && a.Postgres != "" {
		errs = append(errs, errors.New("--postgres is not a connection string such as postgres://crm@localhost:5432/crm"))
	}
	return errors.Join(errs...)
}

// Run makes the role for analysts, or sets it right, and prints the connection
// string that they give to psql and to whatever else asks SQL.
func (a *analystDSN) Run(ctx context.Context, std streams) error {
	dsn := a.Postgres
	laptop := a.Data != "" || a.Postgres == ""
	if laptop {
		if a.Data == "" {
			a.Data = ".crm"
		}
		var err error
		if dsn, err = postgres.DSN(filepath.Join(a.Data, "postgres"), database); err != nil {
			return fmt.Errorf("crm up does not run in %s: %w", a.Data, err)
		}
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil && laptop {
		return fmt.Errorf("crm up does not run in %s: %w", a.Data, err)
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))

	password, err := a.password()
	if err != nil {
		return err
	}
	role := projections.Analyst{Password: password, StatementTimeout: a.StatementTimeout, Connections: a.Connections, GuardLocks: a.GuardLocks || laptop}
	var fresh string
	if password == "" && !laptop { // whose cluster lets in who may enter the folder, and asks no password
		fresh = rand.Text()
		role.NewPassword = fresh
	}
	name, created, err := role.Ensure(ctx, conn)
	if err != nil {
		return fmt.Errorf("analysts' role: %w", err)
	}
	if created && password == "" {
		password = fresh
	}
	switch may, err := projections.MayLock(ctx, conn, name); {
	case err != nil:
		return fmt.Errorf("analysts' role: %w", err)
	case may && a.GuardLocks:
		return fmt.Errorf("%s is there, but can take advisory locks still: --guard-locks needs a superuser, and the books that the first start of a server makes", name)
	case may && !laptop:
		_, _ = fmt.Fprintf(std.err, "%s can take advisory locks, and so keep a server from writing a read model: --guard-locks takes them from all roles but the servers'\n", name)
	}
	if !created && password == "" && !laptop {
		_, _ = fmt.Fprintf(std.err, "%s keeps its password, which is not shown again; --password-file gives it another one\n", name)
	}
	dsn, err = asRole(dsn, name, password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, dsn)
	return err
}

// password reads the password file, making it if need be; "" without one.
func (a *analystDSN) password() (string, error) {
	if a.PasswordFile == "" {
		return "", nil
	}
	file, err := os.OpenFile(a.PasswordFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		password := rand.Text()
		_, err := fmt.Fprintln(file, password)
		if err := errors.Join(err, file.Close()); err != nil {
			return "", fmt.Errorf("--password-file: %w", err)
		}
		return password, nil
	case !errors.Is(err, os.ErrExist):
		return "", usage(fmt.Errorf("--password-file: %w", err))
	}
	text, err := os.ReadFile(a.PasswordFile)
	if err != nil {
		return "", usage(fmt.Errorf("--password-file: %w", err))
	}
	password := strings.TrimRight(string(text), "\r\n")
	if len(password) < 12 {
		return "", usage(fmt.Errorf("--password-file %s does not hold a password of at least 12 characters", a.PasswordFile))
	}
	return password, nil
}

// keyword is one setting of a connection string that is no URL; its value may be
// quoted.
var keyword = regexp.MustCompile(`(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)`)

// asRole is a connection string for another role of the same database. It must not
// tell our own password, and leaves out what only this program's driver understands.
func asRole(dsn, role, password string) (string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		var kept []string
		for _, setting := range keyword.FindAllStringSubmatch(dsn, -1) {
			if !ours(setting[1]) {
				kept = append(kept, setting[1]+"="+setting[2])
			}
		}
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
		kept = append(kept, "user='"+quoted.Replace(role)+"'")
		if password != "" {
			kept = append(kept, "password='"+quoted.Replace(password)+"'")
		}
		return strings.Join(kept, " "), nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", errors.New("the connection string is not a URL") // and not what it is, password and all
	}
	query := u.Query()
	maps.DeleteFunc(query, func(name string, _ []string) bool { return ours(name) })
	u.User = nil
	switch {
	case u.Host == "": // a socket: not every client takes a user without a host
		query.Set("user", role)
		if password != "" {
			query.Set("password", password)
		}
	case password != "":
		u.User = url.UserPassword(role, password)
	default:
		u.User = url.User(role)
	}
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // as in RFC 3986 and libpq
	return u.String(), nil
}

// ours reports whether a setting of a connection string is about our role, or for
// our driver alone.
func ours(setting string) bool {
	switch setting {
	case "user", "password", "passfile", "sslkey", "sslcert", "sslpassword", "default_query_exec_mode":
		return true
	}
	return strings.HasPrefix(setting, "pool_") || strings.HasSuffix(setting, "_cache_capacity")
}
