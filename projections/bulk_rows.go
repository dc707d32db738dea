package projections

import (
	"context"
	"slices"
)

// How a window's rows that change are written at its end: each once.

// rewriteRows is how many rows go in one statement that takes them as arrays.
const rewriteRows = 20_000

// rewrite writes the rows that changed in the window: what the table has is
// replaced, what it has not is added by COPY.
func (b *Builder) rewrite(ctx context.Context, k keyed, bound *binding) error {
	var came, changed, gone []int
	for i := range k.rows() {
		switch f := k.fate(i); {
		case !f.asked:
		case f.gone && f.stored:
			gone = append(gone, i)
		case f.gone:
		case f.stored:
			k.name(i) // a change may have written over its key
			changed = append(changed, i)
		default:
			k.name(i)
			came = append(came, i)
		}
	}
	if err := b.copySorted(ctx, k, bound, came); err != nil {
		return err
	}
	if err := bound.sort(k, changed, &b.scratch); err != nil {
		return b.refused(err, k.table())
	}
	for part := range slices.Chunk(bound.order, rewriteRows) {
		var sent pipelined
		if err := sent.add(&b.scratch, k.table(), bound.upsert, bound.columns, part, k.row); err != nil {
			return b.refused(err, k.table())
		}
		if err := sent.run(ctx, b, nothing); err != nil {
			return err
		}
	}
	var sent pipelined
	if err := sent.add(&b.scratch, k.table(), bound.remove, bound.keys, gone, k.key); err != nil {
		return b.refused(err, k.table())
	}
	k.written()
	return sent.run(ctx, b, nothing)
}

// copySorted adds rows in the order of their keys.
func (b *Builder) copySorted(ctx context.Context, k sorted, bound *binding, slots []int) error {
	if len(slots) == 0 {
		return nil
	}
	if err := bound.sort(k, slots, &b.scratch); err != nil {
		return b.refused(err, k.table())
	}
	return b.copy(ctx, k, bound, bound.order)
}

// addUp adds what the window has added to a table of sums. The first window finds
// nothing there to add it to.
func (b *Builder) addUp(ctx context.Context, s summed, bound *binding) error {
	defer s.reset()
	if b.window.first {
		var some []int
		for i := range s.rows() {
			if !s.nothing(i) {
				some = append(some, i)
			}
		}
		return b.copySorted(ctx, s, bound, some)
	}
	var sent pipelined
	if err := sent.addSums(&b.scratch, s, bound); err != nil {
		return b.refused(err, s.table())
	}
	return sent.run(ctx, b, nothing)
}
