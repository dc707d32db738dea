package projections

import (
	"fmt"
	"reflect"
	"slices"
	"unsafe"
)

// table is one of Postgres's: a [Keyed], an [Appended], a [Sums], or the former
// versions of a [Versioned].
type table interface {
	name() string
	// shape is how a row lies in memory, and its key; nil where rows have none.
	shape() (row, key layout)
	// statements are what writing to it takes, into b.
	statements(b *binding, into string) []statement
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
//	big.Int                       numeric, whole numbers only
//	time.Time                     timestamptz, to the microsecond; date in UTC
//	uuid.UUID, domain.ID          uuid
//	[]byte, json.RawMessage       bytea, jsonb; nil is NULL
//	[]uuid.UUID, []domain.ID      uuid[], where the zero id is NULL; jsonb
//	[]int64                       bigint[]; jsonb
//	[]string, []time.Time         text[], timestamptz[]; jsonb
//	other structs, slices, maps   jsonb, by encoding/json
//
// Columns that R does not name get their default in a new row and are left alone
// in an old one.
type Keyed[K comparable, R any] struct {
	keyedShape
	settled func(w *Writer, before, after *R)
}

// NewKeyed describes a table by its row type R and its key columns, which are the
// table's primary key. K is the key column's type or, for a key of several
// columns, a struct with the same `db` tags. It panics where the types cannot be
// stored or do not fit each other.
func NewKeyed[K comparable, R any](table string, key ...string) *Keyed[K, R] {
	return &Keyed[K, R]{keyedShape: keyedShapeOf(table, reflect.TypeFor[K](), reflect.TypeFor[R](), key)}
}

// Settled has tell run for each row that a batch touched, after all changes: with
// the row as it was before the batch and as it is after it, nil where there is
// none. It is for what follows from rows, such as [Sums], and may add to tables;
// both rows are to be read only.
func (t *Keyed[K, R]) Settled(tell func(w *Writer, before, after *R)) *Keyed[K, R] {
	t.settled = tell
	return t
}

// Update changes the row of key. change gets the row as the events before left
// it; where there is none, a zero row with only the key set. It runs later, when
// the whole batch is known, in the order in which changes were asked for, across
// all tables; it may add rows to [Appended] tables and to [Sums], and must not ask
// for further changes.
// What it does to the key columns is ignored.
func (t *Keyed[K, R]) Update(w *Writer, key K, change func(row *R)) { t.ask(w, key, change) }

// Delete removes the row of key, if there is one.
func (t *Keyed[K, R]) Delete(w *Writer, key K) { t.ask(w, key, nil) }

func (t *Keyed[K, R]) ask(w *Writer, key K, change func(row *R)) {
	b := bufferOf(w, t, func() *keyedBuffer[K, R] { return newKeyedBuffer(t) })
	b.changes = append(b.changes, keyedChange[R]{slot: b.touch(key), change: change})
	w.ask(b, len(b.changes)-1)
}

// keyedShape is how rows with a key lie in memory.
type keyedShape struct {
	title string
	keys  layout // of the key, named as the key columns
	row   layout
	keyAt []int // where the key columns stand in row
}

func keyedShapeOf(table string, key, row reflect.Type, columns []string) keyedShape {
	t := keyedShape{title: table, keys: keyLayoutOf(table, key, columns), row: layoutOf(table, row)}
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

func (t keyedShape) name() string             { return t.title }
func (t keyedShape) shape() (row, key layout) { return t.row, t.keys }

func (t keyedShape) isKey(column int) bool { return slices.Contains(t.keyAt, column) }

// sign gives the row its key.
func (t keyedShape) sign(row, key unsafe.Pointer) {
	for k, field := range t.keys {
		field.kind.copy(t.row[t.keyAt[k]].of(row), field.of(key))
	}
}

// keyedBuffer folds a batch's changes, so that a row is loaded and written once
// however often it changes.
type keyedBuffer[K comparable, R any] struct {
	of      *Keyed[K, R]
	slots   map[K]int
	touched pages[keyedRow[K, R]] // in order of first touch
	before  map[int]R             // as the table has them, where it does and somebody is to be told
	known   int                   // how many rows stand as the table has them, or as changes left them
	changes []keyedChange[R]
}

type keyedRow[K comparable, R any] struct {
	key K
	row R
	fate
	begun bool // there is a row: in a versioned table, the one that is known first
}

// fate is what becomes of a row.
type fate struct {
	stored bool // the table has it
	gone   bool // it is not to be there after the batch
	asked  bool // changes were asked for since it was written
}

type keyedChange[R any] struct {
	slot   int
	change func(row *R) // nil deletes
}

func newKeyedBuffer[K comparable, R any](t *Keyed[K, R]) *keyedBuffer[K, R] {
	return &keyedBuffer[K, R]{of: t, slots: make(map[K]int), before: make(map[int]R)}
}

func (b *keyedBuffer[K, R]) table() table             { return b.of }
func (b *keyedBuffer[K, R]) rows() int                { return b.touched.len() }
func (b *keyedBuffer[K, R]) row(i int) unsafe.Pointer { return address(&b.touched.at(i).row) }
func (b *keyedBuffer[K, R]) key(i int) unsafe.Pointer { return address(&b.touched.at(i).key) }
func (b *keyedBuffer[K, R]) fate(i int) *fate         { return &b.touched.at(i).fate }
func (b *keyedBuffer[K, R]) name(i int)               { b.of.sign(b.row(i), b.key(i)) }

// touch is the slot of the row of key.
func (b *keyedBuffer[K, R]) touch(key K) int {
	slot, found := b.slots[key]
	if !found {
		slot = b.touched.len()
		b.slots[key] = slot
		b.touched.add(keyedRow[K, R]{key: key})
	}
	b.touched.at(slot).asked = true
	return slot
}

func (b *keyedBuffer[K, R]) fold(_ *Writer, index int) error {
	c := b.changes[index]
	r := b.touched.at(c.slot)
	r.gone = c.change == nil
	if r.gone {
		var zero R
		r.row = zero
		b.name(c.slot)
		return nil
	}
	c.change(&r.row)
	return nil
}

func (b *keyedBuffer[K, R]) fresh() int { return b.known }

func (b *keyedBuffer[K, R]) loaded() {
	if b.of.settled != nil {
		for i := b.known; i < b.touched.len(); i++ {
			b.remember(i)
		}
	}
	b.known = b.touched.len()
}

// remember keeps the row as the table has it.
func (b *keyedBuffer[K, R]) remember(i int) {
	if r := b.touched.at(i); r.stored {
		b.before[i] = r.row
	} else {
		delete(b.before, i)
	}
}

func (b *keyedBuffer[K, R]) folded(*Writer) { b.changes = emptied(b.changes) }

func (b *keyedBuffer[K, R]) settle(w *Writer) {
	if b.of.settled == nil {
		return
	}
	for i := range b.touched.len() {
		r := b.touched.at(i)
		if !r.asked {
			continue
		}
		var before, after *R
		if was, stored := b.before[i]; stored {
			before = &was
		}
		if !r.gone {
			b.name(i) // a change may have written over its key
			after = &r.row
		}
		b.of.settled(w, before, after)
	}
}

func (b *keyedBuffer[K, R]) reset() {
	clear(b.slots)
	clear(b.before)
	b.touched.reset()
	b.changes = emptied(b.changes)
	b.known = 0
}

func (b *keyedBuffer[K, R]) weight() int {
	return b.touched.room()*int(unsafe.Sizeof(keyedRow[K, R]{})) + b.touched.len()*(referred+mapped[K, int]()) +
		len(b.before)*mapped[int, R]()
}

// referred is what a row's fields lead to, about, in bytes.
const referred = 256

// mapped is what an entry of a map takes, about, in bytes: half of a map is empty.
func mapped[K comparable, V any]() int { return 2 * int(unsafe.Sizeof(*new(K))+unsafe.Sizeof(*new(V))) }

func (b *keyedBuffer[K, R]) written() {
	for i := range b.touched.len() {
		r := b.touched.at(i)
		if !r.asked {
			continue
		}
		r.stored, r.asked = !r.gone, false
		if b.of.settled != nil {
			b.remember(i)
		}
	}
}

// emptied keeps the memory and lets go of what it held.
func emptied[T any](of []T) []T {
	clear(of)
	return of[:0]
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

// Add appends a row. It may be called in Apply, and where [Keyed.Update] and
// [Keyed.Settled] say so.
func (t *Appended[R]) Add(w *Writer, row R) {
	w.add(t)
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

func (b *appendedBuffer[R]) reset() { b.added = emptied(b.added) }
