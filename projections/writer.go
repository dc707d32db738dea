package projections

import (
	"fmt"
	"iter"
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
	phase   phase
	bulk    bool // batches gather in the buffers
	// skipped tells whether an event was left out on purpose, so that it is not
	// missed; nil where none is.
	skipped func(domain.Stream, domain.Revision) bool
}

// phase is what a batch is at, which decides what it may ask of the Writer.
type phase int

const (
	applying phase = iota // changes may be asked for and rows added
	folding               // rows may be added
	changing              // a change that may run on several versions of a row: neither
)

// buffer holds what a batch writes to one table. Rows are handed out by address,
// so that what encodes them need not know their type.
type buffer interface {
	table() table
	rows() int
	row(i int) unsafe.Pointer
	// reset forgets the batch and keeps the memory.
	reset()
}

// sorted is a buffer whose rows have a key. In bulk they stay from batch to batch.
type sorted interface {
	buffer
	key(i int) unsafe.Pointer
	// weight is how much memory it takes, about, in bytes: for rows, room for more, and
	// what finds them.
	weight() int
}

// keyed is the buffer of a table whose rows change.
type keyed interface {
	sorted
	fate(i int) *fate
	// name gives row i its key.
	name(i int)
	// fresh is the first of the rows that may be other in the table, and are to be
	// loaded.
	fresh() int
	// loaded is called when the rows stand as the table has them.
	loaded()
	// fold runs the index-th change asked for.
	fold(w *Writer, index int) error
	// folded is called when all changes of a batch ran.
	folded(w *Writer)
	// settle is called when all changes ran that are to be written, and written when
	// they were.
	settle(w *Writer)
	written()
}

// versioned is the buffer of a table that remembers.
type versioned interface {
	keyed
	past() table
	// seek tells how many searches for former versions the batch takes; the rows
	// are loaded.
	seek() int
	sought(i int) unsafe.Pointer
	// found is where to read a version that search i found.
	found(i int) unsafe.Pointer
}

// summed is the buffer of a table of sums.
type summed interface {
	sorted
	// nothing reports whether row i adds nothing.
	nothing(i int) bool
}

// shrinking is a buffer that takes rows out of its table before it adds some.
type shrinking interface {
	buffer
	removals() int
	removal(i int) unsafe.Pointer
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
	if w.phase != applying {
		panic(fmt.Sprintf("projections: a change func may add rows, but not change rows of %s", b.table().name()))
	}
	w.steps = append(w.steps, step{buffer: b, index: index, event: w.event})
}

// add is asked before rows are added to t.
func (w *Writer) add(t table) {
	if w.phase == changing {
		panic(fmt.Sprintf("projections: a change of a versioned row runs on several versions, so it may not add to %s", t.name()))
	}
}

// fold runs the changes. It leaves w.event at the one whose change is running,
// for whoever recovers.
func (w *Writer) fold() error {
	w.phase = folding
	for k := range w.keyed() {
		k.loaded()
	}
	for _, s := range w.steps {
		w.event = s.event
		if err := s.buffer.fold(w, s.index); err != nil {
			return err
		}
	}
	for k := range w.keyed() {
		k.folded(w)
	}
	w.phase = applying
	return nil
}

// settle has what follows from the rows added.
func (w *Writer) settle() {
	w.phase = folding
	for k := range w.keyed() {
		k.settle(w)
	}
	w.phase = applying
}

// keyed are the buffers of the tables whose rows change.
func (w *Writer) keyed() iter.Seq[keyed] {
	return func(yield func(keyed) bool) {
		for _, b := range w.buffers {
			if k, ok := b.(keyed); ok && !yield(k) {
				return
			}
		}
	}
}

func (w *Writer) rows() int {
	n := 0
	for _, b := range w.buffers {
		n += b.rows()
	}
	return n
}

// reset forgets the batch. In bulk the rows of tables whose rows change are kept:
// what changed of them is yet to be written.
func (w *Writer) reset() {
	w.steps, w.phase, w.event = emptied(w.steps), applying, eventRef{} // the closures hold events
	for _, b := range w.buffers {
		if _, unwritten := b.(sorted); !unwritten || !w.bulk {
			b.reset()
		}
	}
}
