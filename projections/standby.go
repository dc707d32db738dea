package projections

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/domain"
)

// How a model keeps the lead of its tables, or waits for it.
const (
	pingEvery  = 500 * time.Millisecond // on a leader's idle connection
	tryEvery   = 200 * time.Millisecond // a standby asks for the lead, and looks how far the leader is
	seeEvery   = 5 * time.Millisecond   // it looks while someone waits for a position
	watchEvery = time.Second            // it looks whether the leader is alive
	looksDead  = 3 * time.Second        // how long a leader says nothing that is
	aside      = 2 * time.Second        // how long one that resigned lets others go first
	answer     = 5 * time.Second        // within which Postgres answers, or the connection is given up
)

// errOlder is tables that are read and of an older version than the program's.
var errOlder = errors.New("the tables are of an older version")

// errNewer is tables that are read and of a newer version than the program's.
var errNewer = errors.New("the tables are of a newer version")

// standsBy reports whether err is why a model does not lead tables that are there.
func standsBy(err error) bool {
	return errors.Is(err, ErrLed) || errors.Is(err, errOlder) || errors.Is(err, errNewer)
}

// tend leads the model's tables or stands by, until ctx ends: what is to be done
// while no batch comes.
func (m *model) tend(ctx, working context.Context) {
	failed := firstPause
	for pause := time.Duration(0); ; {
		select {
		case <-time.After(pause):
		case <-m.wake:
		case <-ctx.Done():
			return
		}
		var err error
		if pause, err = m.look(working); err == nil {
			failed = firstPause
			continue
		}
		pause, failed = failed, min(2*failed, longestPause)
		if !m.passes(err) {
			m.stop(err)
		}
	}
}

// lookNow has tend look at once.
func (m *model) lookNow() {
	select {
	case m.wake <- struct{}{}:
	default: // it will
	}
}

// look does one step of tend and says when the next is due.
func (m *model) look(ctx context.Context) (time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped() {
		return tryEvery, m.revive(ctx)
	}
	if m.builder != nil {
		if left := pingEvery - time.Since(m.used); left > 0 {
			return left, nil
		}
		err := m.ping(ctx)
		if err == nil {
			return pingEvery, nil
		}
		m.drop()
		m.passes(err)
	}
	awaited := m.progress.awaited()
	var err error
	if awaited && m.conn != nil && time.Since(m.tried) < tryEvery {
		err = m.see(ctx)
	} else {
		err = m.open(ctx)
	}
	switch {
	case err == nil && m.builder != nil:
		return pingEvery, nil
	case err != nil && !standsBy(err):
		return 0, err
	case awaited:
		return seeEvery, nil
	default:
		return tryEvery, nil
	}
}

func (m *model) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	err := m.builder.held(ctx)
	m.used = time.Now()
	return err
}

// open makes m the one that writes the tables that are read. ErrLed, errOlder and
// errNewer say why it cannot be; it stands by then, on a connection of its own,
// and knows how far the tables are. Called with the lock.
func (m *model) open(ctx context.Context) error {
	if m.builder != nil {
		return nil
	}
	if err := m.engine.migrate(ctx); err != nil {
		return lasting(err, domain.Position{}, "")
	}
	if time.Since(m.resigned) < aside {
		return ErrLed
	}
	if err := m.connect(ctx); err != nil {
		return err
	}
	m.tried = time.Now()
	found, err := m.find(ctx)
	if err != nil {
		return m.leave(err)
	}
	if err := m.fits(found); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	b, err := newBuilder(ctx, m.conn, m.projection, found)
	switch {
	case errors.Is(err, ErrLed):
		m.standBy(found, "")
		return m.unseat(ctx, found)
	case err != nil:
		return m.leave(err)
	case b.schema != found.schema: // it was swapped for another one meanwhile
		return m.leave(ErrFenced)
	}
	b.Parking = m.engine.cfg.Parking
	m.builder, m.conn, m.lost = b, nil, 0
	m.used, m.since = time.Now(), time.Now()
	// What kept the last batch from being written may still be there.
	m.change(slog.LevelInfo, func(p *progress) {
		p.checkpoint, p.started, p.leads, p.leader = b.Checkpoint(), true, true, self()
		p.standby, p.older = false, false
		if !m.retrying {
			p.trouble = ""
		}
	})
	return nil
}

// connect makes the connection that we stand by on. Called with the lock.
func (m *model) connect(ctx context.Context) (err error) {
	if m.conn == nil {
		m.conn, err = connect(ctx, m.engine.pool, m.projection.Name())
	}
	return err
}

// find finds the tables that are read, or makes them where there are none, unless
// those are to come by a rebuild: then what it finds is of version 0.
func (m *model) find(ctx context.Context) (build, error) {
	quick, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	found, err := readBuild(quick, m.conn, m.projection.Name())
	if !errors.Is(err, pgx.ErrNoRows) {
		return found, err
	}
	ctx, cancel = context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	if due, err := m.engine.rebuilder.due(ctx, m.projection); err != nil || due {
		return build{}, err
	}
	return ensureRead(ctx, m.conn, m.projection)
}

// see looks how far the tables are that another one leads. Called with the lock.
func (m *model) see(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	found, err := readBuild(ctx, m.conn, m.projection.Name())
	if err != nil {
		return m.leave(err)
	}
	if err := m.fits(found); err != nil {
		return err
	}
	m.standBy(found, "")
	return ErrLed
}

// revive has a stopped model stand by again once others have got its tables
// further: a newer program knows what this one does not. Called with the lock.
func (m *model) revive(ctx context.Context) error {
	if err := m.connect(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	found, err := readBuild(ctx, m.conn, m.projection.Name())
	switch at, _ := m.progress.reached(); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return m.leave(err)
	case at.Position.Before(found.checkpoint.Position):
		m.progress.change(func(p *progress) { p.failure = nil })
		m.standBy(found, "")
	}
	return nil
}

// fits reports whether the tables are of the program's version.
func (m *model) fits(found build) error {
	switch {
	case found.version > m.projection.Version():
		m.standBy(found, Replaced)
		return errNewer
	case found.version < m.projection.Version():
		m.standBy(found, "")
		return errOlder
	default:
		return nil
	}
}

// standBy lets everyone know how far the tables are that another one leads.
func (m *model) standBy(found build, trouble Class) {
	m.retrying = false
	m.change(slog.LevelInfo, func(p *progress) {
		p.checkpoint, p.started, p.standby, p.leader, p.trouble = found.checkpoint, true, true, found.leader, trouble
		p.older = found.version < m.projection.Version()
	})
}

// unseat ends a leader that looks dead, so that the lead is free. Called with the
// lock.
func (m *model) unseat(ctx context.Context, led build) error {
	if m.lost == 0 && time.Since(m.watched) < watchEvery {
		return ErrLed
	}
	m.watched = time.Now()
	ended, err := unseat(ctx, m.conn, leaderLocks, led.id, looksDead, m.lost)
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return ErrLed // as where it belongs to another role: then its own server has to
	}
	if err != nil {
		return m.leave(err)
	}
	if ended {
		m.log.LogAttrs(ctx, slog.LevelWarn, "the leader of the read model was silent; its connection was ended",
			slog.String("leader", led.leader))
		m.lookNow()
	}
	m.lost = 0
	return ErrLed
}

// resign gives up the lead of a model that stands still while the log goes on: if
// what is broken is our way to the log, another server gets it further. Where there
// is none, or it is no better off, we have the lead again.
func (m *model) resign(after time.Duration) {
	if !m.mu.TryLock() {
		return // a batch is at work, be it for long
	}
	defer m.mu.Unlock()
	if m.builder == nil || time.Since(m.since) < after {
		return
	}
	m.drop()
	m.resigned = time.Now()
	m.log.Warn("the read model stands still; others may lead it")
	m.change(slog.LevelInfo, func(p *progress) { p.standby = true })
}

// leave gives up the connection that we stand by on. Called with the lock.
func (m *model) leave(why error) error {
	if m.conn != nil {
		closeNow(m.conn)
		m.conn = nil
	}
	return lasting(why, domain.Position{}, "")
}
