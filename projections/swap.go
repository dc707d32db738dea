package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
)

// How long the builder of what is read waits for a swap at most, and how long it
// is left in peace when that was not enough.
const (
	pinnedFor   = time.Second
	unpinnedFor = 500 * time.Millisecond
)

// unpinned has Postgres let go of the row should we not come back to it: this
// process is stopped, or a batch takes the other builds long.
const unpinned = "SET LOCAL idle_in_transaction_session_timeout = '1500ms'"

// swap has the build take the place of the one that is read, when it has seen all
// that that one has. It first locks the row of that one, so that it gets no
// further: both follow the log, and who is ahead is chance. Then the build
// follows until it is there, which takes a batch or two. Readers wait for nothing.
func (c *replacing) swap(ctx context.Context, s *shadow) (done bool, err error) {
	if c.held == nil {
		// One at a time, as each lock takes a connection of the pool, and not before the
		// others know: while the row is locked none of them does what may take long.
		if c.feed.turn != s {
			if !time.Now().Before(c.again) && c.feed.swapping.CompareAndSwap(nil, s) {
				c.mine = s
			}
			return false, nil
		}
		if c.held, err = pinRead(ctx, c.feed.rebuilder.pool, s.projection); err != nil {
			c.release()
			return false, c.later(ctx, s, err)
		}
	}
	held := c.held
	there, err := c.feed.covers(ctx, s, held.read.checkpoint.Position, held.since)
	if err == nil && !there && time.Since(held.since) < pinnedFor {
		return false, nil // but with the next batch
	}
	if err == nil && there {
		done, err = true, held.replace(ctx, s.build.id, s.builder.Checkpoint())
	}
	took := time.Since(held.since)
	c.release()
	if !done || err != nil {
		return false, c.later(ctx, s, err)
	}
	c.feed.swapped(s, took)
	return true, nil
}

// later has the swap tried again in a while, unless err lasts.
func (c *replacing) later(ctx context.Context, s *shadow, err error) error {
	c.again = time.Now().Add(unpinnedFor)
	return c.feed.bear(ctx, s, err)
}

// release lets go of the row, if it is locked, and has others swap.
func (c *replacing) release() {
	if c.held != nil {
		c.held.close()
		c.held = nil
	}
	if c.mine != nil {
		c.feed.swapping.CompareAndSwap(c.mine, nil)
		c.mine = nil
	}
}

// pin is the build that is read, locked: it gets no further while we look.
type pin struct {
	tx    pgx.Tx
	name  string
	since time.Time
	read  build // the zero build where nothing is read
}

// pinRead locks the row of the build of p that is read. It is refused where that
// is of a newer version.
func pinRead(ctx context.Context, pool *pgxpool.Pool, p Projection) (_ *pin, err error) {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	tx, err := pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	h := &pin{tx: tx, name: p.Name()}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if _, err := tx.Exec(ctx, unpinned); err != nil {
		return nil, err
	}
	if err := lockSchemas(ctx, tx, p.Name()); err != nil {
		return nil, err
	}
	h.since = time.Now()
	rows, err := tx.Query(ctx, "SELECT "+buildColumns+" FROM crm.projections WHERE schema_name = $1 FOR UPDATE", p.Name())
	if err != nil {
		return nil, err
	}
	h.read, err = pgx.CollectExactlyOneRow(rows, scanBuild)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return h, nil
	case err != nil:
		return nil, err
	case h.read.version > p.Version():
		return nil, ErrOtherVersion
	}
	return h, nil
}

// lockSchemas keeps others from renaming the schemas of a projection's builds
// until tx ends, and waits for those who rely on the names.
func lockSchemas(ctx context.Context, tx pgx.Tx, name string) error {
	if _, err := tx.Exec(ctx, patience); err != nil {
		return err
	}
	if err := lockName(ctx, tx, name); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+schemasLock+")", name)
	return err
}

// schemasLock is the key of the lock that those hold who rely on the names of the
// schemas: catalogs show the present, whatever a transaction's snapshot.
const schemasLock = "hashtext('crm.projections schemas ' || $1)"

// replace renames the schemas and commits. What is read is never behind what was
// read: callers have been told its position.
func (h *pin) replace(ctx context.Context, id int64, at Checkpoint) error {
	if h.read.id == id {
		return nil // the answer to a commit was lost
	}
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	var ready bool
	err := h.tx.QueryRow(ctx,
		"SELECT epoch = $2 AND state IN ('ready', 'retired') FROM crm.projections WHERE build = $1 FOR UPDATE", id, at.epoch).Scan(&ready)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrCancelled
	case err != nil:
		return err
	case !ready:
		return ErrFenced
	}
	if err := h.retire(ctx); err != nil {
		return err
	}
	if err := h.put(ctx, id); err != nil {
		return err
	}
	return h.tx.Commit(ctx)
}

// retire renames what is read, so that nothing is, and fences its builder.
func (h *pin) retire(ctx context.Context) error {
	if h.read.id == 0 {
		return nil
	}
	aside := shadowSchema(h.name, h.read.id)
	if err := rename(ctx, h.tx, h.name, aside); err != nil {
		return err
	}
	_, err := h.tx.Exec(ctx, `
		UPDATE crm.projections SET schema_name = $2, state = 'retired', retired_at = now(), epoch = epoch + 1
		WHERE build = $1`, h.read.id, aside)
	return err
}

// put makes a build what is read. Its position is never less than of what was
// read before, of which it has all events.
func (h *pin) put(ctx context.Context, id int64) error {
	if err := rename(ctx, h.tx, shadowSchema(h.name, id), h.name); err != nil {
		return err
	}
	at := h.read.checkpoint.Position
	_, err := h.tx.Exec(ctx, `
		UPDATE crm.projections
		SET schema_name = name, state = 'live', purpose = 'serve', retired_at = NULL, epoch = epoch + 1,
			(position_commit, position_prepare) =
				(SELECT * FROM (VALUES (position_commit, position_prepare), ($2::bigint, $3::bigint)) AS p ORDER BY 1 DESC, 2 DESC LIMIT 1)
		WHERE build = $1`, id, int64(at.Commit), int64(at.Prepare))
	return err
}

func rename(ctx context.Context, tx pgx.Tx, from, to string) error {
	_, err := tx.Exec(ctx, fmt.Sprintf("ALTER SCHEMA %s RENAME TO %s", pgx.Identifier{from}.Sanitize(), pgx.Identifier{to}.Sanitize()))
	return err
}

func (h *pin) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = h.tx.Rollback(ctx) // after a commit it does nothing
}

// ErrNothingRetired is a rollback with nothing to go back to.
var ErrNothingRetired = &domain.Error{
	Code: domain.Conflict, Slug: "read-model-nothing-retired",
	Detail: "No former build of this read model is kept.",
}

// Rollback makes what was read before the last swap what is read again, and keeps
// the other, so that a second Rollback undoes the first. It gives the version that
// is read now.
//
// A build of this program's version first catches up, beside: callers have been
// told how far the tables are, and an answer may not lack what they rely on. When
// ctx ends before, by whatever end, it is one that was retired, as before, and the
// next Rollback goes on with it. A build of another version is
// read as it is, and goes on when a program of that version runs; else it stands
// still.
//
// tell is as in [Rebuilder.Rebuild].
func (r *Rebuilder) Rollback(ctx context.Context, name string, tell func(Progress)) (version int, err error) {
	p, err := r.named(name)
	if err != nil {
		return 0, err
	}
	var former build
	err = r.patiently(ctx, func(tx pgx.Tx) error {
		var err error
		former, err = r.goBack(ctx, tx, p)
		return err
	})
	if err == nil && former.version == p.Version() {
		f := newFeed(r, RollingBack, tell)
		f.add(p, former, &replacing{feed: f})
		if err = f.run(ctx); err == nil {
			err = f.failures()
		}
	}
	if err != nil {
		return 0, fmt.Errorf("roll %s back: %w", name, err)
	}
	r.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "rolled back", slog.String("read_model", name), slog.Int("version", former.version))
	return former.version, nil
}

// goBack finds the build of p that was read last. One of p's version is yet to catch
// up; another one is read from now on.
func (r *Rebuilder) goBack(ctx context.Context, tx pgx.Tx, p Projection) (former build, err error) {
	if err := lockSchemas(ctx, tx, p.Name()); err != nil {
		return former, err
	}
	h := &pin{tx: tx, name: p.Name()}
	all, err := buildsOf(ctx, tx, p.Name())
	if err != nil {
		return former, err
	}
	for _, b := range all {
		switch {
		case b.read():
			h.read = b
		case b.state == buildRetired && !b.retiredAt.Before(former.retiredAt):
			former = b
		}
	}
	if former.id == 0 {
		return former, ErrNothingRetired
	}
	if former.version == p.Version() {
		return former, nil
	}
	if err := h.retire(ctx); err != nil {
		return former, err
	}
	h.read.checkpoint = former.checkpoint // it goes back, and on from there
	return former, h.put(ctx, former.id)
}

// Cancel drops the builds of a read model that are neither read nor kept for a
// rollback: a rebuild or verification that is under way, wherever that is, ends
// with [ErrCancelled]. A rollback under way is left alone: what it reads on from was
// kept for it, and it is over soon. It gives how many builds there were.
func (r *Rebuilder) Cancel(ctx context.Context, name string) (dropped int, err error) {
	if _, err := r.named(name); err != nil {
		return 0, err
	}
	all, err := buildsOf(ctx, r.pool, name)
	if err != nil {
		return 0, err
	}
	for _, b := range all {
		if b.read() || b.state == buildRetired {
			continue
		}
		there, err := r.drop(ctx, b)
		if err != nil {
			return dropped, fmt.Errorf("cancel the rebuild of %s: %w", name, err)
		}
		if there {
			dropped++
		}
	}
	return dropped, nil
}

// drop drops a build, unless it came to be read meanwhile. Who writes it is told
// to stop, as a large batch may hold its tables for long.
func (r *Rebuilder) drop(ctx context.Context, b build) (there bool, err error) {
	err = r.patiently(ctx, func(tx pgx.Tx) error {
		if err := lockName(ctx, tx, b.name); err != nil {
			return err
		}
		there = false
		now, err := buildsOf(ctx, tx, b.name)
		if err != nil {
			return err
		}
		for _, is := range now {
			there = there || is.id == b.id && !is.read()
		}
		if !there {
			return nil
		}
		if _, err := tx.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE "+leadOf("$2"), leaderLocks, b.id); err != nil {
			return err
		}
		return dropBuild(ctx, tx, b)
	})
	return there, err
}

// patiently runs a transaction again while it meets locks, for a while.
func (r *Rebuilder) patiently(ctx context.Context, do func(pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, r.pool, do)
		if class, passes := passing(err); err == nil || !passes || class != Busy || isRefusal(err) || try == 5 {
			return err
		}
	}
}
