package projections

import (
	"fmt"
	"reflect"
	"slices"
	"unsafe"
)

// table is a [Keyed] or an [Appended].
type table interface {
	name() string
	// shape is how a row lies in memory, and its key; nil where rows have none.
	shape() (row, key layout)
}

// Keyed is a table whose rows are found by a key and change over time.
//
// A row is a struct R whose every field has a `db:"column"` tag, in any order. A
// field that is a pointer is a column that may be NULL. Fields may be of these
// types, of types made from them, and of embedded structs of them:
//
//	string                        text, varchar, jsonb; date as "2006-01-02", where "" is NULL
//	bool                          boolean
//	int, int64, int32, int16      bigint, integer, smallint
//	float64                       double precision
//	time.Time                     timestamptz, to the microsecond; date in UTC
//	uuid.UUID, domain.ID          uuid
//	[]byte, json.RawMessage       bytea, jsonb; nil is NULL
//	other structs, slices, maps   jsonb, by encoding/json
//
// Columns that R does not name get their default in a new row and are left alone
// in an old one.
type Keyed[K comparable, R any] struct {
	title string
	keys  layout // of K, named as the key columns
	row   layout // of R
	keyAt []int  // where the key columns stand in row
}

// NewKeyed describes a table by its row type R and its key columns, which are the
// table's primary key. K is the key column's type or, for a key of several
// columns, a struct with the same `db` tags. It panics where the types cannot be
// stored or do not fit each other.
func NewKeyed[K comparable, R any](table string, key ...string) *Keyed[K, R] {
	t := &Keyed[K, R]{
		title: table,
		keys:  keyLayoutOf(table, reflect.TypeFor[K](), key),
		row:   layoutOf(table, reflect.TypeFor[R]()),
	}
	for _, k := range t.keys {
		at := slices.IndexFunc(t.row, func(f field) bool { return f.column == k.column })
		if at < 0 {
			panic(fmt.Sprintf("projections: table %s: the row has no key column %q", table, k.column))
		}
		if t.row[at].typ != k.typ {
			panic(fmt.Sprintf("projections: table %s: column %q is %s in the key and %s in the row",
				table, k.column, k.typ, t.row[at].typ))
		}
		t.keyAt = append(t.keyAt, at)
	}
	return t
}

// Update changes the row of key. change gets the row as the events before left
// it; where there is none, a zero row with only the key set. It runs later, when
// the whole batch is known, in the order in which changes were asked for, across
// all tables; it may [Appended.Add] rows, and must not ask for further changes.
// What it does to the key columns is ignored.
func (t *Keyed[K, R]) Update(w *Writer, key K, change func(row *R)) { t.ask(w, key, change) }

// Delete removes the row of key, if there is one.
func (t *Keyed[K, R]) Delete(w *Writer, key K) { t.ask(w, key, nil) }

func (t *Keyed[K, R]) name() string             { return t.title }
func (t *Keyed[K, R]) shape() (row, key layout) { return t.row, t.keys }

func (t *Keyed[K, R]) ask(w *Writer, key K, change func(row *R)) {
	b := bufferOf(w, t, func() *keyedBuffer[K, R] {
		return &keyedBuffer[K, R]{of: t, slots: make(map[K]int)}
	})
	slot, found := b.slots[key]
	if !found {
		slot = len(b.touched)
		b.slots[key] = slot
		b.touched = append(b.touched, keyedRow[K, R]{key: key})
	}
	b.changes = append(b.changes, keyedChange[R]{slot: slot, change: change})
	w.ask(b, len(b.changes)-1)
}

// keyedBuffer folds a batch's changes, so that a row is loaded and written once
// however often it changes.
type keyedBuffer[K comparable, R any] struct {
	of      *Keyed[K, R]
	slots   map[K]int
	touched []keyedRow[K, R] // in order of first touch
	changes []keyedChange[R]
}

type keyedRow[K comparable, R any] struct {
	key K
	row R
	fate
}

// fate is what becomes of a row.
type fate struct {
	stored bool // the table has it
	gone   bool // it is not to be there after the batch
}

type keyedChange[R any] struct {
	slot   int
	change func(row *R) // nil deletes
}

func (b *keyedBuffer[K, R]) table() table             { return b.of }
func (b *keyedBuffer[K, R]) rows() int                { return len(b.touched) }
func (b *keyedBuffer[K, R]) row(i int) unsafe.Pointer { return address(&b.touched[i].row) }
func (b *keyedBuffer[K, R]) key(i int) unsafe.Pointer { return address(&b.touched[i].key) }
func (b *keyedBuffer[K, R]) fate(i int) *fate         { return &b.touched[i].fate }

func (b *keyedBuffer[K, R]) fold(index int) {
	c := b.changes[index]
	r := &b.touched[c.slot]
	r.gone = c.change == nil
	if r.gone {
		var zero R
		r.row = zero
		b.name(c.slot)
		return
	}
	c.change(&r.row)
}

func (b *keyedBuffer[K, R]) name(i int) {
	for k, field := range b.of.keys {
		field.kind.copy(b.of.row[b.of.keyAt[k]].of(b.row(i)), field.of(b.key(i)))
	}
}

func (b *keyedBuffer[K, R]) reset() {
	clear(b.slots)
	clear(b.touched)
	clear(b.changes)
	b.touched, b.changes = b.touched[:0], b.changes[:0]
}

// Appended is a table to which rows are only ever added. Its rows are described
// like those of [Keyed].
type Appended[R any] struct {
	title string
	row   layout
}

// NewAppended describes a table by its row type R. It panics where R cannot be stored.
func NewAppended[R any](table string) *Appended[R] {
	return &Appended[R]{title: table, row: layoutOf(table, reflect.TypeFor[R]())}
}

// Add appends a row. It may be called in Apply and in a change func of [Keyed.Update].
func (t *Appended[R]) Add(w *Writer, row R) {
	b := bufferOf(w, t, func() *appendedBuffer[R] { return &appendedBuffer[R]{of: t} })
	b.added = append(b.added, row)
}

func (t *Appended[R]) name() string             { return t.title }
func (t *Appended[R]) shape() (row, key layout) { return t.row, nil }

type appendedBuffer[R any] struct {
	of    *Appended[R]
	added []R
}

func (b *appendedBuffer[R]) table() table             { return b.of }
func (b *appendedBuffer[R]) rows() int                { return len(b.added) }
func (b *appendedBuffer[R]) row(i int) unsafe.Pointer { return address(&b.added[i]) }

func (b *appendedBuffer[R]) reset() {
	clear(b.added)
	b.added = b.added[:0]
}
