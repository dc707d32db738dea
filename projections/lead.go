package projections

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
)

// ErrLed is what opening a build says while another connection leads it: there
// is one at a time that may write.
var ErrLed = errors.New("another builder leads these tables")

// OpenBuilder leads the tables of p that are read, and creates them where there
// are none. It fails with [ErrLed] while another builder has them, and with a
// [Failure] of class [Replaced] where they are of another version. The database
// is one that [Migrate] has seen.
func OpenBuilder(ctx context.Context, pool *pgxpool.Pool, p Projection) (*Builder, error) {
	conn, err := connect(ctx, pool, p.Name())
	if err != nil {
		return nil, err
	}
	found, err := ensureRead(ctx, conn, p)
	if err != nil {
		closeNow(conn)
		return nil, lasting(err, domain.Position{}, "")
	}
	return leadOver(ctx, conn, p, found)
}

// openBuild leads one build of p, over a connection of its own. ErrLed says that
// someone else does, ErrFenced that there is no such build any more, and a
// Failure of class Replaced that it is of another version.
func openBuild(ctx context.Context, pool *pgxpool.Pool, p Projection, of build) (*Builder, error) {
	conn, err := connect(ctx, pool, p.Name())
	if err != nil {
		return nil, err
	}
	return leadOver(ctx, conn, p, of)
}

// leadOver is openBuild with a connection, which it closes when it fails.
func leadOver(ctx context.Context, conn *pgx.Conn, p Projection, of build) (*Builder, error) {
	b, err := newBuilder(ctx, conn, p, of)
	if err != nil {
		closeNow(conn)
		return nil, err
	}
	return b, nil
}

// newBuilder leads a build over conn, which is the builder's if it succeeds, and
// as it was after ErrLed.
func newBuilder(ctx context.Context, conn *pgx.Conn, p Projection, of build) (*Builder, error) {
	if of.version != p.Version() {
		return nil, &Failure{Class: Replaced, Detail: "version " + strconv.Itoa(of.version)}
	}
	led, err := lead(ctx, conn, of.id)
	if err != nil {
		return nil, lasting(err, domain.Position{}, "")
	}
	b := &Builder{
		projection: p, schema: led.schema, conn: conn, checkpoint: led.checkpoint,
		handles: make(map[string]bool), bindings: make(map[table]*binding),
		parked: make(map[domain.Stream]Parked), skipped: make(map[domain.Stream][]span), sequence: newSequence(p.Handles()),
	}
	b.writer.skipped = b.wasSkipped
	for _, eventType := range p.Handles() {
		b.handles[eventType] = true
	}
	if err := b.recallParked(ctx); err != nil {
		return nil, lasting(err, domain.Position{}, "")
	}
	for _, s := range []statement{
		{"begin", &b.prepared.begin, "BEGIN"},
		{"relax", &b.prepared.relax, "SELECT set_config('synchronous_commit', 'off', true)"},
		{"move", &b.prepared.move, moveSQL},
		{"commit", &b.prepared.commit, "COMMIT"},
		{"park", &b.prepared.park, parkSQL},
		{"free", &b.prepared.free, freeSQL},
		{"wait", &b.prepared.wait, waitSQL},
		{"skip", &b.prepared.skip, skipSQL},
	} {
		if *s.into, err = conn.PgConn().Prepare(ctx, s.verb, s.sql, nil); err != nil {
			return nil, lasting(err, domain.Position{}, "")
		}
	}
	return b, nil
}

// ensureRead finds the build of p that is read, and creates it where there is
// none.
func ensureRead(ctx context.Context, conn *pgx.Conn, p Projection) (build, error) {
	var found build
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// Two servers that start at once must not both create the tables.
		if err := lockName(ctx, tx, p.Name()); err != nil {
			return err
		}
		var err error
		if found, err = readBuild(ctx, tx, p.Name()); errors.Is(err, pgx.ErrNoRows) {
			found, err = createRead(ctx, tx, p)
		}
		return err
	})
	return found, err
}

// connect opens a connection outside the pool: it is held for good, and requests
// must not wait for it.
func connect(ctx context.Context, pool *pgxpool.Pool, name string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*answer) // what dial has, and as much again
	defer cancel()
	conn, err := dial(ctx, pool, "crm projection "+name)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, session); err != nil {
		closeNow(conn)
		return nil, err
	}
	return conn, nil
}

// dial opens a connection like those of the pool. Postgres shows its title.
func dial(ctx context.Context, pool *pgxpool.Pool, title string) (*pgx.Conn, error) {
	cfg := pool.Config()
	if cfg.BeforeConnect != nil {
		if err := cfg.BeforeConnect(ctx, cfg.ConnConfig); err != nil {
			return nil, err
		}
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = title
	return pgx.ConnectConfig(ctx, cfg.ConnConfig)
}

// session is how a builder's connection is set up.
//
// Every row is reached by its primary key. A plan made while a table was empty
// would read all of it, and be kept while the table grows to millions of rows.
const session = `SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;` + noticing

// noticing has Postgres notice the end of a connection that ended without a word,
// so that its lock is free: between statements, while it sends, and in the middle
// of one.
const noticing = `
	SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 2;
	SET tcp_user_timeout = 6000; SET client_connection_check_interval = 1000`

// leaderLocks is the first half of the key of the advisory lock that the leader
// of a build holds; the second is the build.
const leaderLocks = 0x63726d // "crm"

// lead makes conn the one connection that may write a build, for as long as it
// lives, and raises the epoch, so that whoever wrote before cannot any more. It
// gives the build as its row has it then. ErrLed leaves conn as it was.
func lead(ctx context.Context, conn *pgx.Conn, id int64) (build, error) {
	var leads bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", leaderLocks, id).Scan(&leads); err != nil {
		return build{}, err
	}
	if !leads {
		return build{}, ErrLed
	}
	rows, err := conn.Query(ctx, `
		UPDATE crm.projections SET epoch = epoch + 1, leader = $2 WHERE build = $1
		RETURNING `+buildColumns, id, self())
	if err != nil {
		return build{}, err
	}
	b, err := pgx.CollectExactlyOneRow(rows, scanBuild)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrFenced // it was dropped
	}
	return b, err
}

// held makes sure that the connection answers and still leads: ErrFenced says that
// the build is another one's, or not where it was.
func (b *Builder) held(ctx context.Context) error {
	var ours bool
	err := b.conn.QueryRow(ctx, "SELECT epoch = $2 AND schema_name = $3 FROM crm.projections WHERE build = $1",
		b.checkpoint.build, b.checkpoint.epoch, b.schema).Scan(&ours)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !ours {
		return ErrFenced
	}
	return err
}

// dedicate says what the build is made for. Before it is led that is its leader's to
// say.
func (b *Builder) dedicate(ctx context.Context, why purpose) error {
	_, err := b.conn.Exec(ctx, "UPDATE crm.projections SET purpose = $3 WHERE build = $1 AND epoch = $2",
		b.checkpoint.build, b.checkpoint.epoch, string(why))
	return err
}

// leadOf is the condition for the row of pg_locks that is the lead of what is numbered
// of in SQL, among the locks of kind $1: [leaderLocks] or [reactorLocks].
func leadOf(of string) string {
	return `locktype = 'advisory' AND classid::bigint = $1 AND objid::bigint = ` + of + ` AND objsubid = 2 AND granted
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
}

// isLed reports whether somebody works on a build.
func isLed(ctx context.Context, db *pgxpool.Pool, id int64) (led bool, err error) {
	err = db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE "+leadOf("$2")+")", leaderLocks, id).Scan(&led)
	return led, err
}

// unseat ends the connection that leads a build, or a reactor, if it looks dead: Postgres has
// waited for its client for longer than silence, while every living leader says
// something each second; or it is the backend own, of which the caller knows that
// nobody speaks to it any more (0 for none). It reports whether it did. The epoch
// is what keeps the dead from writing, should they wake; this only frees the lock.
func unseat(ctx context.Context, db asker, locks, id int64, silence time.Duration, own uint32) (bool, error) {
	rows, err := db.Query(ctx, `
		SELECT pg_terminate_backend(pid)
		FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
		WHERE `+leadOf("$2")+` AND (a.wait_event_type = 'Client' AND a.state_change < clock_timestamp() - make_interval(secs => $3)
			OR pid = $4)`,
		locks, id, silence.Seconds(), int64(own))
	if err != nil {
		return false, err
	}
	ended, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	return len(ended) > 0, err
}

// self is this process, for people.
var self = sync.OnceValue(func() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return strings.TrimSpace(host) + " " + strconv.Itoa(os.Getpid())
})

// Close gives up the connection, and the lead with it, at once.
func (b *Builder) Close() {
	if b.memory != nil {
		b.memory.taken.Add(int64(-b.taken))
		b.taken = 0
	}
	closeNow(b.conn)
}

func closeNow(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // whatever it was doing is rolled back
}
