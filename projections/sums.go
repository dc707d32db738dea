package projections

import (
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"unsafe"
)

// Sums is a table of sums: a row per group, whose columns beside the key are added
// to and never read. A batch writes what it adds to each group, so nothing is
// loaded; a row whose columns are all zero is no row. Rows are described like those
// of [Keyed]; what is no key is int64, or big.Int where sums outgrow that. There are
// no floats: the sum of those depends on how the log is cut.
type Sums[K comparable, R any] struct{ keyedShape }

// NewSums describes a table by its row type R and its key, as [NewKeyed] does.
func NewSums[K comparable, R any](table string, key ...string) *Sums[K, R] {
	t := &Sums[K, R]{keyedShapeOf(table, reflect.TypeFor[K](), reflect.TypeFor[R](), key)}
	for i, f := range t.row {
		if !t.isKey(i) && (f.null || f.kind != int64Kind && f.kind != wideKind) {
			panic(fmt.Sprintf("projections: table %s: column %q is %s, which is not added up", table, f.column, f.typ))
		}
	}
	return t
}

// Add has to put down what is added to the sums of key: it finds there what the
// batch has added so far. It may be called in Apply, and where [Keyed.Update] and
// [Keyed.Settled] say so.
func (t *Sums[K, R]) Add(w *Writer, key K, to func(added *R)) {
	w.add(t)
	b := bufferOf(w, t, func() *sumsBuffer[K, R] { return &sumsBuffer[K, R]{of: t, slots: make(map[K]int)} })
	slot, found := b.slots[key]
	if !found {
		slot = len(b.added)
		b.slots[key] = slot
		b.added = append(b.added, sumsRow[K, R]{key: key})
	}
	to(&b.added[slot].row)
}

func (t *Sums[K, R]) statements(b *binding, into string) []statement {
	columns := b.values()
	add, zero := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		add[i] = fmt.Sprintf("%s = t.%s + EXCLUDED.%s", c, c, c)
		zero[i] = fmt.Sprintf("t.%s = 0", c)
	}
	return []statement{
		{"add", &b.upsert, b.upsertSQL(into, "UPDATE SET "+strings.Join(add, ", "))},
		{"sweep", &b.remove, b.removeSQL(into) + " AND " + strings.Join(zero, " AND ")},
	}
}

// sumsBuffer is what a batch adds.
type sumsBuffer[K comparable, R any] struct {
	of    *Sums[K, R]
	slots map[K]int
	added []sumsRow[K, R]
}

type sumsRow[K comparable, R any] struct {
	key K
	row R
}

func (b *sumsBuffer[K, R]) table() table             { return b.of }
func (b *sumsBuffer[K, R]) rows() int                { return len(b.added) }
func (b *sumsBuffer[K, R]) key(i int) unsafe.Pointer { return address(&b.added[i].key) }

func (b *sumsBuffer[K, R]) row(i int) unsafe.Pointer {
	b.of.sign(address(&b.added[i].row), b.key(i))
	return address(&b.added[i].row)
}

func (b *sumsBuffer[K, R]) nothing(i int) bool {
	row := address(&b.added[i].row)
	for c, f := range b.of.row {
		switch {
		case b.of.isKey(c):
		case f.kind == int64Kind && *(*int64)(f.of(row)) != 0, f.kind == wideKind && (*big.Int)(f.of(row)).Sign() != 0:
			return false
		}
	}
	return true
}

func (b *sumsBuffer[K, R]) weight() int {
	return cap(b.added) * (int(unsafe.Sizeof(sumsRow[K, R]{})) + mapped[K, int]())
}

func (b *sumsBuffer[K, R]) reset() {
	clear(b.slots)
	b.added = emptied(b.added)
}
