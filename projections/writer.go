package projections

import (
	"fmt"
	"unsafe"

	"crm/domain"
)

// Writer collects what a batch of events writes. Nothing reaches Postgres before
// the whole batch was applied; then the rows that keyed tables touch are loaded
// once, the changes run in the order in which they were asked for, and all tables
// are written in one transaction with the checkpoint.
//
// A Writer belongs to one goroutine and lives as long as a call of [Projection.Apply].
type Writer struct {
	buffers []buffer // in order of first use
	steps   []step   // changes to keyed rows, in the order asked for
	event   eventRef
	folding bool // the steps are running: rows may be added, but no more changes asked for
}

// buffer holds what a batch writes to one table. Rows are handed out by address,
// so that what encodes them need not know their type.
type buffer interface {
	table() table
	rows() int
	row(i int) unsafe.Pointer
	// reset forgets the batch and keeps the memory.
	reset()
}

// keyed is the buffer of a keyed table.
type keyed interface {
	buffer
	key(i int) unsafe.Pointer
	fate(i int) *fate
	// name gives row i its key.
	name(i int)
	// fold runs the index-th change asked for.
	fold(index int)
}

// step is one change of one keyed row.
type step struct {
	buffer keyed
	index  int
	event  eventRef
}

// eventRef says which event is at work, for whoever has to tell.
type eventRef struct {
	at        domain.Position
	eventType string
}

// bufferOf is the buffer of t, made by fresh on first use. A projection has a
// handful of tables, which a loop finds faster than a map does.
func bufferOf[B buffer](w *Writer, t table, fresh func() B) B {
	for _, b := range w.buffers {
		if b.table() == t {
			return b.(B)
		}
	}
	b := fresh()
	w.buffers = append(w.buffers, b)
	return b
}

func (w *Writer) ask(b keyed, index int) {
	if w.folding {
		panic(fmt.Sprintf("projections: a change func may add rows, but not change rows of %s", b.table().name()))
	}
	w.steps = append(w.steps, step{buffer: b, index: index, event: w.event})
}

// fold runs the changes. It leaves w.event at the one whose change is running,
// for whoever recovers.
func (w *Writer) fold() {
	w.folding = true
	for _, s := range w.steps {
		w.event = s.event
		s.buffer.fold(s.index)
	}
	w.folding = false
}

func (w *Writer) rows() int {
	n := 0
	for _, b := range w.buffers {
		n += b.rows()
	}
	return n
}

func (w *Writer) reset() {
	clear(w.steps) // the closures hold events
	w.steps, w.folding, w.event = w.steps[:0], false, eventRef{}
	for _, b := range w.buffers {
		b.reset()
	}
}
