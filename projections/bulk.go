package projections

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/domain"
)

// window is what a builder in bulk has applied and not committed.
//
//	batch ──▶ changes run in memory ───────────────┐ rows that change: once, at the end
//	  └─────▶ rows that are added: COPY, at once   │
//	          ╰──────── one transaction ───────────╯──▶ checkpoint, commit
type window struct {
	since  Checkpoint // as the last commit left it
	begun  bool       // there is a transaction
	first  bool       // the tables were empty before it, and it has them to itself
	keys   []key      // that it has taken off, and puts on again (first.go)
	whole  bool       // all rows of the tables that change are in memory, so none is loaded
	events int64      // it ends after so many, or
	bytes  int        // when what is in memory takes so much, about; it is let go of then
	broken bool       // it failed, and nothing of it can be kept
}

// BulkLimits say when a window of [Builder.Bulk] ends. What it holds is what a crash or a
// lost connection costs: by default a few seconds of work, and half a minute or more of
// the first one, which is so much cheaper than those after it that it is long. Who stops
// in it has to make all keys to keep it (first.go): a [Rebuilder] has its CloseTimeout for
// that, and else begins anew.
type BulkLimits struct {
	Events int64 // after so many; default 250,000, of the first one 2,000,000
	// Bytes is when rows that change, and sums, take so much memory, about; default 256
	// MiB. What a batch and the end of a window take besides is not counted.
	Bytes int
}

const windowEvents = 250_000

// windowTimeout is how long the end of a window may take before the connection is given
// up. Seven builds may end their first ones at once, and sort, write and make the keys of
// 2,000,000 events each, on whatever disk there is.
const windowTimeout = 15 * time.Minute

// Bulk has the builder take what comes until [Builder.Finish] as fast as it can, for
// tables that nobody reads yet. Batches gather in a window, which is one transaction:
// rows that are added are sent at once, rows that change stay in memory and are
// written when the window ends, so once for all the batches in it. The tables are
// the same in the end: a window is a large batch that comes in pieces. The first one is
// special (first.go): until it ends the tables are locked, mostly.
//
// [Builder.Checkpoint] tells what was applied; what was not committed is lost with
// the connection, and who opens the build again finds the last window's end. So
// after any error the log is to be read from there. [Builder.Flush] ends a window by
// hand. An event that cannot be applied is found in a window as in a batch, but
// nothing of the window is kept: to come past it, go on without Bulk until it is
// behind.
//
// It does nothing where the first catch-up is done, nor where streams are parked:
// what of them is passed over is counted batch by batch.
func (b *Builder) Bulk(ctx context.Context) error {
	if b.checkpoint.live || b.writer.bulk || len(b.parked) > 0 {
		return nil
	}
	// Vacuuming a table that only grows, time and again, would cost as much as the
	// indexes. Finish gives it back.
	if err := pgx.BeginFunc(ctx, b.conn, func(tx pgx.Tx) error { return unvacuumed(ctx, tx, b.schema) }); err != nil {
		return lasting(err, domain.Position{}, "")
	}
	b.writer.reset()
	b.writer.bulk = true
	b.window = window{
		since: b.checkpoint, events: cmp.Or(b.Limits.Events, windowEvents), bytes: cmp.Or(b.Limits.Bytes, 256<<20),
	}
	if b.checkpoint.Position.IsZero() {
		b.window.first, b.window.whole, b.window.events = true, true, cmp.Or(b.Limits.Events, 8*windowEvents)
	}
	return nil
}

// InBulk reports whether batches gather in a window.
func (b *Builder) InBulk() bool { return b.writer.bulk }

// lostWindow reports whether the window holds a part of a batch that failed: nothing may
// be added to it, nor kept of it.
func (b *Builder) lostWindow() bool { return b.writer.bulk && b.window.broken }

// unvacuumed keeps Postgres from vacuuming and analyzing the tables by itself.
func unvacuumed(ctx context.Context, tx pgx.Tx, schema string) error {
	if _, err := tx.Exec(ctx, patience); err != nil {
		return err
	}
	tables, err := tablesOf(ctx, tx, schema)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := tx.Exec(ctx, "ALTER TABLE "+pgx.Identifier{schema, table}.Sanitize()+" SET (autovacuum_enabled = off)"); err != nil {
			return err
		}
	}
	return nil
}

// gather adds a batch to the window.
func (b *Builder) gather(ctx context.Context) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if err := b.fold(); err != nil {
		return err
	}
	if err := b.bind(ctx); err != nil { // changes may be the first to add rows to a table
		return err
	}
	return b.stream(ctx)
}

// endDue ends the window when it is due.
func (b *Builder) endDue(ctx context.Context) error {
	if !b.writer.bulk || b.checkpoint.Events-b.window.since.Events < b.window.events && !b.heavy() {
		return nil
	}
	return b.Flush(ctx)
}

// memory is what the windows of several builders take together.
type memory struct {
	limit int64 // in bytes
	taken atomic.Int64
}

// heavy reports whether the window takes too much memory: more than its part, and
// together with others more than there is. So who needs little leaves it to who needs
// much, and who ends a window for it has taken most.
func (b *Builder) heavy() bool {
	n := b.weight()
	if b.memory == nil {
		return n >= b.window.bytes
	}
	all := b.memory.taken.Add(int64(n - b.taken))
	b.taken = n
	return n >= b.window.bytes && all >= b.memory.limit
}

// weight is how much memory the window takes, about, in bytes.
func (b *Builder) weight() int {
	n := 0
	for _, buf := range b.writer.buffers {
		if s, stays := buf.(sorted); stays {
			n += s.weight()
		}
	}
	return n
}

// stream sends the rows that are added, and takes out what they replace.
func (b *Builder) stream(ctx context.Context) error {
	if b.writer.rows() == 0 {
		return nil
	}
	if err := b.begin(ctx); err != nil {
		return err
	}
	var sent pipelined
	if err := b.shrink(&sent); err != nil {
		return err
	}
	if err := sent.run(ctx, b, nothing); err != nil {
		return err
	}
	return b.each(func(buf buffer, bound *binding) error {
		if _, later := buf.(sorted); later {
			return nil
		}
		if err := b.copy(ctx, buf, bound, upTo(buf.rows())); err != nil {
			return err
		}
		buf.reset()
		return nil
	})
}

// begin begins the window's transaction, if it has none. Where somebody else reads the
// tables, the first window is one like others.
func (b *Builder) begin(ctx context.Context) error {
	if b.window.begun {
		return nil
	}
	var sent pipelined
	sent.exec(b.prepared.begin)
	b.window.begun = true
	if err := sent.run(ctx, b, nothing); err != nil || !b.window.first {
		return err
	}
	err := b.clear(ctx)
	if !isLockedOut(err) {
		return err
	}
	if err := b.rollBack(ctx); err != nil {
		return err
	}
	b.window.begun, b.window.first, b.window.keys = false, false, nil
	b.window.events = cmp.Or(b.Limits.Events, windowEvents)
	return b.begin(ctx)
}

// isLockedOut reports whether a lock was not to be had.
func isLockedOut(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (refused.Code == "55P03" || refused.Code == "40P01") // it took too long, or would for ever
}

// Flush ends the window: what was applied is committed. It does nothing outside of
// bulk, and gives [ErrOutOfStep] after an error, when there is nothing to be kept.
func (b *Builder) Flush(ctx context.Context) error {
	switch {
	case b.lostWindow():
		return ErrOutOfStep
	case !b.writer.bulk || b.checkpoint == b.window.since:
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, windowTimeout)
	defer cancel()
	err := b.flush(ctx, b.checkpoint)
	b.window.broken = err != nil
	return err
}

func (b *Builder) flush(ctx context.Context, to Checkpoint) error {
	b.first, b.writer.event = domain.Position{}, eventRef{} // what fails now may be of any batch
	if err := b.guard(b.writer.settle); err != nil {
		return err
	}
	if err := b.bind(ctx); err != nil {
		return err
	}
	if err := b.stream(ctx); err != nil { // of what settling has added
		return err
	}
	if err := b.each(func(buf buffer, bound *binding) error {
		switch buf := buf.(type) {
		case keyed:
			return b.rewrite(ctx, buf, bound)
		case summed:
			return b.addUp(ctx, buf, bound)
		default:
			return nil
		}
	}); err != nil {
		return err
	}
	if err := b.putOn(ctx, ""); err != nil {
		return err
	}
	var sent pipelined
	sent.exec(b.prepared.move, b.window.since.move(to)...)
	if b.window.begun {
		sent.exec(b.prepared.commit)
	}
	if err := sent.run(ctx, b, nothing); err != nil {
		return err
	}
	b.window.first, b.window.events = false, cmp.Or(b.Limits.Events, windowEvents)
	b.window.since, b.window.begun = to, false
	if b.heavy() {
		b.window.whole = false
		b.lighten()
	}
	return nil
}

// finishBulk ends the last window, and bulk with it.
func (b *Builder) finishBulk(ctx context.Context) error {
	if !b.writer.bulk {
		return nil
	}
	if err := b.Flush(ctx); err != nil {
		return err
	}
	b.writer.bulk = false
	b.lighten()
	return nil
}

// lighten gives back the memory that the window took, once it is written.
func (b *Builder) lighten() {
	b.writer.reset()
	b.writer.buffers = nil // and not reset, which would keep it
	b.heavy()
}
