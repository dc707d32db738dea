package projections

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// pipelineRows is from how many rows on COPY pays for its round trips.
const pipelineRows = 200

// write brings the Writer's batch to Postgres: loads the keyed rows it touches, and
// the former versions that it changes, runs its changes and commits rows and
// checkpoint together.
//
// The rows are loaded before the transaction begins. That is safe: whoever
// changes them in between moves the checkpoint, and then ours does not move.
func (b *Builder) write(ctx context.Context, to Checkpoint) error {
	if b.writer.bulk {
		return b.gather(ctx)
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if err := b.fold(); err != nil {
		return b.confirm(ctx, err)
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	return b.store(ctx, to)
}

// prepare loads what the batch's changes begin with.
func (b *Builder) prepare(ctx context.Context) error {
	if err := b.bind(ctx); err != nil {
		return err
	}
	if err := b.load(ctx); err != nil {
		return err
	}
	return b.recall(ctx)
}

// fold runs what the batch's changes do.
func (b *Builder) fold() (missing error) {
	if err := b.guard(func() { missing = b.writer.fold() }); err != nil {
		return err
	}
	return missing
}

// settle adds what follows from the rows that are about to be written.
func (b *Builder) settle(ctx context.Context) error {
	if err := b.guard(b.writer.settle); err != nil {
		return b.confirm(ctx, err)
	}
	return b.bind(ctx) // changes may be the first to add rows to a table
}

// bind prepares the tables that are used for the first time.
func (b *Builder) bind(ctx context.Context) error {
	return b.each(func(buf buffer, _ *binding) error {
		_, err := b.bound(ctx, buf.table())
		return err
	})
}

// bound is the binding of a table, prepared if need be.
func (b *Builder) bound(ctx context.Context, t table) (*binding, error) {
	if bound := b.bindings[t]; bound != nil {
		return bound, nil
	}
	bound, err := bindTable(ctx, b.conn, b.schema, t)
	if err != nil {
		return nil, lasting(err, b.first, t.name())
	}
	b.bindings[t] = bound
	return bound, nil
}

// each visits what holds rows, in order of first use.
func (b *Builder) each(visit func(buf buffer, bound *binding) error) error {
	for _, buf := range b.writer.buffers {
		if buf.rows() == 0 {
			continue
		}
		if err := visit(buf, b.bindings[buf.table()]); err != nil {
			return err
		}
	}
	return nil
}

// load reads the stored rows of all keyed tables, in one round trip.
func (b *Builder) load(ctx context.Context) error {
	var sent pipelined
	var loaded []keyed
	err := b.each(func(buf buffer, bound *binding) error {
		k, ok := buf.(keyed)
		if !ok || k.fresh() == k.rows() {
			return nil
		}
		for i := k.fresh(); i < k.rows(); i++ {
			k.name(i)
		}
		if b.writer.bulk && b.window.whole {
			return nil
		}
		if err := bound.sort(k, upTo(k.rows())[k.fresh():], &b.scratch); err != nil {
			return b.refused(err, buf.table())
		}
		loaded = append(loaded, k)
		return b.refused(sent.add(&b.scratch, k.table(), bound.load, bound.keys, bound.order, k.key), k.table())
	})
	if err != nil || len(loaded) == 0 {
		return err
	}
	return sent.run(ctx, b, func(i int, rows *pgconn.ResultReader) error {
		k := loaded[i]
		bound := b.bindings[k.table()]
		for rows.NextRow() {
			values := rows.Values()
			slot := bound.order[binary.BigEndian.Uint64(values[0])-1]
			for c, column := range bound.columns {
				if err := column.read(values[c+1], k.row(slot)); err != nil {
					return b.refused(columnError{column.column, err}, k.table())
				}
			}
			k.fate(slot).stored = true
		}
		_, err := rows.Close()
		return err
	})
}

// recall reads the former versions that backdated events change. Mostly there are
// none, and nothing is asked.
func (b *Builder) recall(ctx context.Context) error {
	var sent pipelined
	var asked []versioned
	err := b.each(func(buf buffer, _ *binding) error {
		v, ok := buf.(versioned)
		if !ok {
			return nil
		}
		searches := v.seek()
		if searches == 0 {
			return nil
		}
		bound, err := b.bound(ctx, v.past())
		if err != nil {
			return err
		}
		if err := b.putOn(ctx, v.past().name()); err != nil {
			return err
		}
		asked = append(asked, v)
		return b.refused(sent.add(&b.scratch, v.past(), bound.load, bound.sought, upTo(searches), v.sought), v.past())
	})
	if err != nil || len(asked) == 0 {
		return err
	}
	return sent.run(ctx, b, func(i int, rows *pgconn.ResultReader) error {
		v := asked[i]
		bound := b.bindings[v.past()]
		for rows.NextRow() {
			values := rows.Values()
			into := v.found(int(binary.BigEndian.Uint64(values[0]) - 1))
			for c, column := range bound.columns {
				if err := column.read(values[c+1], into); err != nil {
					return b.refused(columnError{column.column, err}, v.past())
				}
			}
		}
		_, err := rows.Close()
		return err
	})
}

// sort orders rows by key, so that writes run along the index and builders lock in
// one order.
func (bound *binding) sort(k sorted, slots []int, scratch *[]byte) error {
	buf := (*scratch)[:0]
	type placed struct{ slot, from, to int }
	places := make([]placed, 0, len(slots))
	for _, i := range slots {
		from := len(buf)
		for _, c := range bound.keys {
			var err error
			if buf, err = c.write(buf, k.key(i)); err != nil {
				return columnError{c.column, err}
			}
		}
		const length = 4 // of the first column's value, not worth sorting by
		places = append(places, placed{i, from + length, len(buf)})
	}
	*scratch = buf
	slices.SortFunc(places, func(x, y placed) int { return bytes.Compare(buf[x.from:x.to], buf[y.from:y.to]) })
	bound.order = bound.order[:0]
	for _, p := range places {
		bound.order = append(bound.order, p.slot)
	}
	return nil
}

// store moves the checkpoint and writes all tables, in one transaction: below
// pipelineRows in one round trip, above with COPY for what is appended.
//
// The checkpoint goes first. Where another builder was faster, its rows are there
// already, and would be met as duplicates before the fence is.
func (b *Builder) store(ctx context.Context, to Checkpoint) error {
	var sent pipelined
	copying := b.writer.rows() >= pipelineRows
	if copying {
		sent.exec(b.prepared.begin)
	}
	if b.writer.rows() == 0 {
		// Nothing is lost with this commit but the way to the same place, so it
		// need not wait for the disk.
		sent.exec(b.prepared.relax)
	}
	sent.exec(b.prepared.move, b.checkpoint.move(to)...)
	b.note(&sent)
	if err := b.shrink(&sent); err != nil {
		return err
	}
	if copying { // which cannot be part of a pipeline
		if err := sent.run(ctx, b, nothing); err != nil {
			return err
		}
		sent = pipelined{}
	}
	err := b.each(func(buf buffer, bound *binding) error {
		switch buf := buf.(type) {
		case keyed:
			return b.refused(sent.addKeyed(&b.scratch, buf, bound), buf.table())
		case sorted:
			return b.refused(sent.addSums(&b.scratch, buf, bound), buf.table())
		}
		if copying {
			return b.copy(ctx, buf, bound, upTo(buf.rows()))
		}
		return b.refused(sent.add(&b.scratch, buf.table(), bound.insert, bound.columns, upTo(buf.rows()), buf.row), buf.table())
	})
	if err != nil {
		return err
	}
	if copying {
		sent.exec(b.prepared.commit)
	}
	return sent.run(ctx, b, nothing)
}

// shrink sends what goes before rows come, some of them with the same key.
func (b *Builder) shrink(sent *pipelined) error {
	return b.each(func(buf buffer, bound *binding) error {
		s, ok := buf.(shrinking)
		if !ok {
			return nil
		}
		return b.refused(sent.add(&b.scratch, s.table(), bound.remove, bound.keys, upTo(s.removals()), s.removal), s.table())
	})
}

// confirm is err if the tables are still ours. Otherwise the rows that led to it
// may be another builder's, and prove nothing.
func (b *Builder) confirm(ctx context.Context, err error) error {
	var sent pipelined
	sent.exec(b.prepared.move, b.checkpoint.move(b.checkpoint)...)
	if fence := sent.run(ctx, b, nothing); fence != nil {
		return fence
	}
	return err
}

// refused is the failure of a row that cannot be encoded or read.
func (b *Builder) refused(err error, of table) error {
	if err == nil {
		return nil
	}
	f := &Failure{Class: Rejected, Position: b.first, Table: of.name(), cause: err}
	if c, ok := errors.AsType[columnError](err); ok {
		f.Detail = "column " + c.column
	}
	return f
}

type columnError struct {
	column string
	error
}

func (e columnError) Unwrap() error { return e.error }
