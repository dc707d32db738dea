package projections

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/domain"
)

// reactorLocks is the first half of the key of the advisory lock that the leader of a
// reactor holds; the second is the reactor's number.
const reactorLocks = 0x637272 // "crr"

// lettingGo is how long a leader of a reactor goes on without an answer of Postgres,
// from when the last answer was asked for. A lock that is free does not say that it
// has noticed: so who follows a leader that did not sign off waits for so long, and
// for pingEvery, in which React ends.
const lettingGo = looksDead * 2 / 3

// seat is the lead of a reactor, which lasts no longer than its connection.
type seat struct {
	number int64
	held   context.Context // ends with the lead
	leave  context.CancelFunc
	gone   chan struct{} // closed when the connection is
	busy   sync.Mutex    // the reactor is at work

	mu    sync.Mutex // one statement at a time
	conn  *pgx.Conn
	heard time.Time // when that was asked which Postgres answered last
}

// ask is the way to the connection of the seat. An error is the end of the lead.
func (s *seat) ask(ctx context.Context, sql string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.Err() != nil {
		return ErrFenced
	}
	asked := time.Now()
	ctx, cancel := context.WithDeadline(ctx, s.heard.Add(lettingGo))
	defer cancel()
	if _, err := s.conn.Exec(ctx, sql, args...); err != nil {
		s.leave()
		return err
	}
	s.heard = asked
	return nil
}

// end signs off, once the reactor is no longer at work, and frees the lock.
func (s *seat) end() {
	s.busy.Lock()
	defer s.busy.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithDeadline(context.Background(), s.heard.Add(lettingGo))
	defer cancel()
	_, _ = s.conn.Exec(ctx, "UPDATE crm.reactors SET leader = '' WHERE number = $1", s.number) // else the next one waits
	closeNow(s.conn)
	close(s.gone)
}

// checkpoint answers the subscriber where to start, once this engine leads.
func (r *reacting) checkpoint(ctx context.Context) (domain.Position, error) {
	for {
		if s, at := r.place(); s != nil {
			return at, nil
		}
		err := r.stand(ctx)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return domain.Position{}, ctx.Err()
		}
		class, _ := passing(err)
		r.log.LogAttrs(ctx, slog.LevelWarn, "reactor cannot begin", slog.String("class", string(class)))
		select {
		case <-time.After(longestPause):
		case <-ctx.Done():
			return domain.Position{}, ctx.Err()
		}
	}
}

// place is the seat of this engine and how far the reactor is; nil while another
// server leads.
func (r *reacting) place() (*seat, domain.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seat != nil && r.seat.held.Err() != nil {
		r.seat = nil
	}
	return r.seat, r.shown.Position
}

// stand waits for the lead, on a connection that keeps it then.
func (r *reacting) stand(ctx context.Context) (err error) {
	if err := r.engine.migrate(ctx); err != nil {
		return err
	}
	conn, err := dial(ctx, r.engine.pool, "crm reactor "+r.reactor.Name())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			closeNow(conn)
		}
	}()
	if _, err := conn.Exec(ctx, noticing); err != nil {
		return err
	}
	number, err := r.enter(ctx, conn)
	if err != nil {
		return err
	}
	for watched := time.Now(); ; {
		err := r.lead(ctx, conn, number)
		if !errors.Is(err, ErrLed) {
			return err
		}
		if time.Since(watched) >= watchEvery {
			watched = time.Now()
			if err := r.unseat(ctx, conn, number); err != nil {
				return err
			}
		}
		select {
		case <-time.After(tryEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// enter has a new reactor begin at the end of the log, or at its start, and gives its number.
func (r *reacting) enter(ctx context.Context, conn *pgx.Conn) (number int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	const find = "SELECT number FROM crm.reactors WHERE name = $1"
	err = conn.QueryRow(ctx, find, r.reactor.Name()).Scan(&number)
	if !errors.Is(err, pgx.ErrNoRows) {
		return number, err
	}
	var end domain.Position
	first, begins := r.reactor.(Beginner)
	if head := r.engine.cfg.Head; head != nil && (!begins || !first.FromStart()) {
		if end, _, err = head(ctx); err != nil {
			return 0, err
		}
	}
	_, err = conn.Exec(ctx, `
		INSERT INTO crm.reactors (name, position_commit, position_prepare, leader)
		VALUES ($1, $2, $3, '') ON CONFLICT DO NOTHING`, r.reactor.Name(), int64(end.Commit), int64(end.Prepare))
	if err == nil {
		err = conn.QueryRow(ctx, find, r.reactor.Name()).Scan(&number)
	}
	return number, err
}

// lead takes the lock, where it is free, and finds out where to go on. ErrLed leaves
// conn as it was.
func (r *reacting) lead(ctx context.Context, conn *pgx.Conn, number int64) error {
	locking, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	var leads, signedOff bool
	if err := conn.QueryRow(locking, "SELECT pg_try_advisory_lock($1, $2)", reactorLocks, number).Scan(&leads); err != nil {
		return err
	}
	if !leads {
		return ErrLed
	}
	err := conn.QueryRow(locking, "SELECT leader = '' FROM crm.reactors WHERE number = $1", number).Scan(&signedOff)
	if err != nil {
		return err
	}
	if !signedOff {
		select {
		case <-time.After(lettingGo + pingEvery): // less than looksDead, or others would unseat us
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ctx, cancel = context.WithTimeout(ctx, lettingGo)
	defer cancel()
	s := &seat{number: number, gone: make(chan struct{}), conn: conn, heard: time.Now()}
	var commit, prepare int64
	err = conn.QueryRow(ctx, `
		UPDATE crm.reactors SET leader = $2 WHERE number = $1 RETURNING position_commit, position_prepare`,
		number, self()).Scan(&commit, &prepare)
	if err != nil {
		return err
	}
	s.held, s.leave = context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(s.held, s.end)
	at := domain.Position{Commit: uint64(commit), Prepare: uint64(prepare)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seat, r.shown.Position, r.shown.Failing = s, at, time.Time{}
	r.log.LogAttrs(ctx, slog.LevelInfo, "reactor runs here", slog.String("position", at.String()))
	return nil
}

// unseat ends a leader that looks dead.
func (r *reacting) unseat(ctx context.Context, conn *pgx.Conn, number int64) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	ended, err := unseat(ctx, conn, reactorLocks, number, looksDead, 0)
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return nil // as where it belongs to another role: then its own server has to
	}
	if ended {
		r.log.LogAttrs(ctx, slog.LevelWarn, "the leader of the reactor was silent; its connection was ended")
	}
	return err
}

// holdLead has the lead last until all is over, and gives it back then.
func (r *reacting) holdLead(over <-chan struct{}) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if s, _ := r.place(); s != nil {
				_ = s.ask(context.Background(), "SELECT 1") // it lets go by itself
			}
		case <-over:
			s, _ := r.place()
			if s == nil {
				return
			}
			s.leave()
			select {
			case <-s.gone:
			case <-time.After(time.Second): // the reactor does not heed its context
			}
			return
		}
	}
}
