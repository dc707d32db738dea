package imports

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/commands"
	"crm/domain"
	"crm/domain/importrun"
	"crm/http/importing"
)

// Config is what [Jobs] need and how they are tuned.
type Config struct {
	// Pool is the database that holds files and results. Needed.
	Pool *pgxpool.Pool
	// Commands carries out what is asked of an import itself, and what undoes one. Needed.
	Commands *commands.Handler
	// Load reads a stream. Needed.
	Load func(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error)
	// Sender carries out what the rows of an import ask, in the name of who has started
	// it or resumed it last. Needed.
	Sender func(of Import, actor string) importing.Sender
	// DealsOf are the deals of a customer, as of a position of the log or later. Needed.
	DealsOf func(ctx context.Context, of domain.CustomerID, at domain.Position) ([]domain.DealID, error)
	// Keep is how long files and what became of rows are kept after the end, or after
	// the creation of an import that was never started. Default 30 days.
	Keep time.Duration
	// Log tells of the beginnings and ends of imports. Default: nothing is logged.
	Log *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Jobs are the imports of all servers on a database. They are safe for concurrent use.
type Jobs struct {
	cfg  Config
	poke chan struct{}

	drying sync.Mutex // one at a time
}

const (
	lookEvery    = time.Second      // for imports that nobody works on
	tidyEvery    = 10 * time.Minute // for files that are due
	deleteWithin = 10 * time.Second
	abandoned    = 24 * time.Hour // an upload that did not end
)

// locks is the first half of the key of the advisory lock that whoever works on an
// import holds; the second is a hash of its id.
const locks = 0x637269 // "cri"

// noticing has Postgres notice the end of a connection that ended without a word, so
// that its lock is free.
const noticing = `
	SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 2;
	SET tcp_user_timeout = 6000; SET client_connection_check_interval = 1000`

// New makes jobs. Run has them worked on.
func New(cfg Config) *Jobs {
	if cfg.Keep <= 0 {
		cfg.Keep = 30 * 24 * time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Jobs{cfg: cfg, poke: make(chan struct{}, 1)}
}

// wake has Run look at once.
func (j *Jobs) wake() {
	select {
	case j.poke <- struct{}{}:
	default:
	}
}

// Run works on imports, one at a time, until ctx ends. Imports that other servers
// work on are left to these; one whose server has gone is gone on with.
func (j *Jobs) Run(ctx context.Context) {
	look, tidy := time.NewTicker(lookEvery), time.NewTicker(tidyEvery)
	defer look.Stop()
	defer tidy.Stop()
	for {
		err := j.workOnAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tidy.C:
			err = errors.Join(err, j.tidy(ctx))
		default:
		}
		if err != nil && ctx.Err() == nil && !missing(err) {
			j.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "imports wait", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-j.poke:
		}
	}
}

// missing reports whether the tables are not there yet: the server has just started.
func missing(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == "42P01"
}

// workOnAll works on every import that nobody works on. Rows wait for the undo of an
// import with the same mapping, so that it does not take away what they have brought.
func (j *Jobs) workOnAll(ctx context.Context) error {
	rows, err := j.cfg.Pool.Query(ctx, `
		SELECT id FROM crm.imports AS i
		WHERE status = 'undoing' OR status = 'running' AND NOT EXISTS (
			SELECT FROM crm.imports AS u WHERE u.status = 'undoing' AND u.mapping = i.mapping)
		ORDER BY status DESC, started_at`)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	for _, id := range ids {
		err = errors.Join(err, j.workOn(ctx, id))
	}
	return err
}

// workOn works on one import, unless another server does.
func (j *Jobs) workOn(ctx context.Context, id uuid.UUID) error {
	conn, err := j.cfg.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	mine := false
	defer func() {
		if !mine {
			conn.Release()
			return
		}
		// Closed and not given back: nothing else frees the lock for sure.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteWithin)
		defer cancel()
		_ = conn.Hijack().Close(closing) // it goes away in any case
	}()
	if _, err := conn.Exec(ctx, noticing); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, hashtext($2))", locks, id.String()).Scan(&mine); err != nil || !mine {
		return err
	}
	return j.carryOut(ctx, conn.Conn(), id)
}

// carryOut works on an import until it is over, with the connection that holds its
// lock: what is recorded goes over it, so that who has lost the lock records nothing.
func (j *Jobs) carryOut(ctx context.Context, conn *pgx.Conn, id uuid.UUID) error {
	found, err := find(ctx, conn, id)
	if err != nil {
		return err
	}
	log := j.cfg.Log.With(slog.String("stream", string(domain.ImportStream(domain.ImportID{UUID: id}))))
	began := j.cfg.Now()
	switch found.Status {
	case importrun.Running:
		log.InfoContext(ctx, "import goes on", slog.Int64("done", found.Progress.rowsBelow))
		err = j.run(ctx, conn, found)
	case importrun.Undoing:
		log.InfoContext(ctx, "undo goes on", slog.Int64("done", found.Undo.Done))
		err = j.undo(ctx, conn, found)
	default: // another server has finished it meanwhile
		return nil
	}
	if err == nil {
		log.InfoContext(ctx, "import is over", slog.Duration("took", j.cfg.Now().Sub(began)))
	}
	return err
}

// say asks something of an import in the name of the program: that it is over, mostly.
// The same step of the same import is asked under the same id.
func (j *Jobs) say(ctx context.Context, id uuid.UUID, at domain.Revision, command importrun.Command) error {
	name := command.CommandName()
	_, err := j.cfg.Commands.Do(ctx, commands.Ask{
		Target: id, Command: command,
		Meta: domain.Meta{
			OccurredAt: j.cfg.Now().UTC().Truncate(time.Microsecond), Actor: "crm", CorrelationID: id.String(),
			Source:  domain.Source{Application: "crm"},
			Command: domain.CommandRef{ID: uuid.NewSHA1(id, []byte(name+"/"+strconv.FormatInt(int64(at), 10)))},
		},
	})
	if refused, ok := errors.AsType[*domain.Error](err); ok && refused.Code == domain.Conflict {
		err = nil // someone was quicker, with a cancellation mostly
	}
	if err != nil {
		return err
	}
	return j.Changed(ctx, id)
}

// tidy deletes files whose time is over, and what never came to its end.
func (j *Jobs) tidy(ctx context.Context) error {
	if _, err := j.cfg.Pool.Exec(ctx, "DELETE FROM crm.import_files WHERE NOT complete AND created_at < now() - $1::interval", abandoned); err != nil {
		return err
	}
	rows, err := j.cfg.Pool.Query(ctx, `
		SELECT id, revision FROM crm.imports
		WHERE NOT forgotten AND status NOT IN ('running', 'undoing') AND coalesce(ended_at, created_at) < now() - $1::interval`, j.cfg.Keep)
	if err != nil {
		return err
	}
	type due struct {
		ID       uuid.UUID
		Revision domain.Revision
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[due])
	for _, d := range all {
		err = errors.Join(err, j.forget(ctx, d.ID, d.Revision))
	}
	return err
}

// forget deletes the files of an import, their rows and the text of the mapping. The
// event comes first: from then on it cannot be resumed.
func (j *Jobs) forget(ctx context.Context, id uuid.UUID, at domain.Revision) error {
	if err := j.say(ctx, id, at, importrun.ForgetFiles{}); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, j.cfg.Pool, func(tx pgx.Tx) error {
		for _, sql := range []string{
			"DELETE FROM crm.import_files AS f USING crm.imports AS i WHERE f.import = i.id AND i.id = $1 AND i.forgotten",
			"DELETE FROM crm.import_rows AS r USING crm.imports AS i WHERE r.import = i.id AND i.id = $1 AND i.forgotten",
			"UPDATE crm.imports SET mapping_text = '', failure = '' WHERE id = $1 AND forgotten",
		} {
			if _, err := tx.Exec(ctx, sql, id); err != nil {
				return err
			}
		}
		return nil
	})
}
