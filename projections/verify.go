package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Verify builds the named read models anew beside, all where none is named, from
// one reading of the log, up to where those are that are read, and compares. What
// is read is not held up: it is compared as a snapshot has it while it goes on.
// Of each table that differs it finds the first keys, as many as asked for.
//
// It compares the rows with what this program makes of the log, so it is refused
// with [ErrOtherVersion] where tables of another version are read. The error joins
// one for each read model that could not be compared.
func (r *Rebuilder) Verify(ctx context.Context, names []string, keys int, tell func(Progress)) ([]Comparison, error) {
	projections, err := r.find(names)
	if err != nil {
		return nil, err
	}
	f := newFeed(r, Verifying, tell)
	courses := make([]*proving, len(projections))
	defer func() {
		var dropping sync.WaitGroup
		for _, c := range courses {
			dropping.Go(c.end)
		}
		dropping.Wait()
	}()
	for i, p := range projections {
		read, err := readBuild(ctx, r.pool, p.Name())
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil, fmt.Errorf("verify %s: %w", p.Name(), ErrNoTables)
		case err != nil:
			return nil, fmt.Errorf("verify %s: %w", p.Name(), err)
		case read.version != p.Version():
			return nil, fmt.Errorf("verify %s, version %d, with version %d: %w", p.Name(), read.version, p.Version(), ErrOtherVersion)
		}
		if courses[i], err = r.prove(ctx, f, p, read, keys); err != nil {
			return nil, fmt.Errorf("verify %s: %w", p.Name(), err)
		}
	}
	if err := f.run(ctx); err != nil {
		return nil, err
	}
	var found []Comparison
	for _, c := range courses {
		if c.found != nil {
			found = append(found, *c.found)
		}
	}
	return found, f.failures()
}

// prove has the feed fill a new build of p up to where the one that is read is,
// and compare them.
func (r *Rebuilder) prove(ctx context.Context, f *feed, p Projection, read build, keys int) (*proving, error) {
	if err := r.sweep(ctx, p, keepRetired); err != nil {
		return nil, err
	}
	var b build
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) (err error) {
		b, err = createBuild(ctx, tx, p, compare)
		return err
	})
	if err != nil {
		return nil, err
	}
	c := r.follow(f, p, b, read, keys)
	c.ours = b
	return c, nil
}

// follow has the feed bring a build of p to where the one that is read is, and
// compare them.
func (r *Rebuilder) follow(f *feed, p Projection, b, read build, keys int) *proving {
	c := &proving{feed: f, keys: keys, version: read.version, since: time.Now()}
	s := f.add(p, b, c)
	s.bounded, s.goal, s.shown.target = true, read.checkpoint.Position, read.checkpoint.Position
	return c
}

// proving is the course of a build that is to be compared with the one that is
// read. Its goal is where that one is. When it is there, that one has gone on, so
// the goal is moved; the way becomes shorter each time. In the end a snapshot is
// taken, in which the read one stands still, and the build goes exactly there.
type proving struct {
	feed    *feed
	keys    int
	version int   // of the one that is read
	ours    build // dropped at the end; none where a build is compared that stays
	moved   int
	since   time.Time // when the goal was where the read one was

	still *still // nil before
	found *Comparison
}

// closeEnough is how often the goal is moved without a snapshot, which keeps
// Postgres from cleaning up.
const closeEnough = 3

func (c *proving) step(ctx context.Context, s *shadow) (done bool, err error) {
	there, err := c.feed.covers(ctx, s, s.goal, c.since)
	switch {
	case err != nil:
		return false, c.feed.bear(ctx, s, err)
	case !there:
		return false, nil
	case c.still == nil:
		return false, c.feed.bear(ctx, s, c.move(ctx, s))
	}
	c.feed.phase(s, Comparing)
	c.found, err = c.compare(ctx, s)
	c.release()
	if err != nil {
		return false, err
	}
	c.feed.phase(s, Compared)
	return true, nil
}

// move sets the goal to where the read one is now.
func (c *proving) move(ctx context.Context, s *shadow) error {
	read, err := readBuild(ctx, c.feed.rebuilder.pool, s.projection.Name())
	if err != nil {
		return err
	}
	at := read.checkpoint.Position
	if c.moved >= closeEnough || !s.at().Before(at) {
		if c.still, err = holdStill(ctx, c.feed.rebuilder.pool, s.projection.Name()); err != nil {
			return err
		}
		at = c.still.read.checkpoint.Position
	}
	c.moved++
	if read.version != c.version || at.Before(s.at()) { // swapped or rolled back meanwhile
		return ErrOtherVersion
	}
	s.goal, c.since = at, time.Now()
	return nil
}

// compare compares the build with the snapshot.
func (c *proving) compare(ctx context.Context, s *shadow) (found *Comparison, err error) {
	found = &Comparison{
		Name:   s.projection.Name(),
		Before: Side{Build: c.still.read.id, Version: c.still.read.version, Position: c.still.read.checkpoint.Position.String()},
		After:  Side{Build: s.build.id, Version: s.build.version, Position: s.goal.String()},
	}
	c.feed.comparing.Lock() // one after the other: each reads all it can
	defer c.feed.comparing.Unlock()
	found.Tables, err = c.still.against(ctx, c.feed.rebuilder.pool, c.still.read.schema, s.build.schema, c.keys)
	return found, err
}

// release lets go of the snapshot, if there is one.
func (c *proving) release() {
	if c.still != nil {
		c.still.close()
		c.still = nil
	}
}

// end drops the build, if it was made for this. c may be nil.
func (c *proving) end() {
	if c == nil || c.ours.id == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.feed.rebuilder.cfg.CloseTimeout)
	defer cancel()
	r := c.feed.rebuilder
	if _, err := r.drop(ctx, c.ours); err != nil { // the next sweep does it
		r.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "a build that was compared cannot be dropped yet",
			slog.String("read_model", c.ours.name), slog.Int64("build", c.ours.id), slog.Any("error", err))
	}
}

// still is what is read, as a snapshot has it: others write it on, but not here.
// Nor is it renamed meanwhile. To compare takes minutes, so neither this connection
// nor that of the other side is of the pool, for which requests would have to wait.
type still struct {
	conn *pgx.Conn
	tx   pgx.Tx
	read build
}

// frozen is a transaction that sees one state.
var frozen = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

func holdStill(ctx context.Context, pool *pgxpool.Pool, name string) (_ *still, err error) {
	conn, err := dial(ctx, pool, "crm comparing "+name)
	if err != nil {
		return nil, err
	}
	h := &still{conn: conn}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	// Before the transaction, whose snapshot is taken with its first statement.
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock_shared("+schemasLock+")", name); err != nil {
		return nil, err
	}
	if h.tx, err = conn.BeginTx(ctx, frozen); err != nil {
		return nil, err
	}
	h.read, err = readBuild(ctx, h.tx, name)
	return h, err
}

// against compares the tables in a schema that stands still with those in another one.
func (h *still) against(ctx context.Context, pool *pgxpool.Pool, before, after string, keys int) (tables []TableComparison, err error) {
	conn, err := dial(ctx, pool, "crm comparing "+h.read.name)
	if err != nil {
		return nil, err
	}
	defer closeNow(conn)
	err = pgx.BeginTxFunc(ctx, conn, frozen, func(tx pgx.Tx) (err error) {
		tables, err = compareBuilds(ctx, [2]seen{{before, h.tx}, {after, tx}}, keys)
		return err
	})
	return tables, err
}

// close ends the session, and with it all that it holds.
func (h *still) close() { closeNow(h.conn) }
