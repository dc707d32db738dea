package projections

import (
	_ "embed"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unsafe"

	"crm/domain"
)

// Versioned is a [Keyed] table that remembers. The row of a key is what holds
// today; what held before stays in the table x_history, so that the function
// x_at(as_of, known_at) gives the rows as of any date, as known at any date:
//
//	the state as of T, known at K, is the fold, in the order of the log, of the
//	entity's events with occurred_at ≤ T and recorded_at ≤ K; no row where the
//	entity's first event is not among them ([Versioned.BegunByAny]: where none is)
//
// So an event changes every version that is valid at or after the instant at which
// it occurred. Mostly that is the current one alone: then the row as it was goes to
// the history, with one insert and nothing read. An event that occurred before the
// current version began is backdated: the versions from that instant on are loaded,
// each is known no longer, and comes back changed; the one that holds at that
// instant is cut in two.
//
//	T ^                          T ^
//	  |  current                   |          :  current, changed
//	o3+- - - -.........          o3+- - - -...:........
//	  |  version 2     :           |          :  version 2, changed
//	o2+- - - -.........         b +- - - - - -:- - - -       b: occurred
//	  |  version 1     :           | version 1:  version 1
//	o1+--------------> K         o1+----------+-------> K
//	                                          r: recorded
//
// Former versions are never changed but in their end. What began and ended in one
// instant of both clocks was never so, and is not kept: a command's events leave one
// version.
//
// The clock of the log is the store's and may stand still or go back; an entity's
// events are known no earlier than those before them.
type Versioned[K comparable, R any] struct {
	current  *Keyed[K, dated[R]]
	past     *past[K, R]
	revision func(*R) domain.Revision // nil where rows do not see every event of a stream
	retold   func(w *Writer, from, until time.Time, before, after *R)
	// anyBegins: an event that occurred before all others is where the entity begins.
	anyBegins bool
}

// dated is a row with since when it holds, by both clocks.
type dated[R any] struct {
	Row       R
	ValidFrom time.Time `db:"valid_from"` // when the event occurred that it begins with
	KnownFrom time.Time `db:"known_from"` // when the last event it knows of was recorded
}

// version is a row of the history: how long it held, and was known to.
type version[R any] struct {
	dated[R]
	ValidUntil   time.Time `db:"valid_until"`
	EndKnownFrom time.Time `db:"end_known_from"`
	KnownUntil   time.Time `db:"known_until"`
}

// NewVersioned describes a table as [NewKeyed] does. It has two columns besides those
// of R, both timestamptz: valid_from and known_from.
func NewVersioned[K comparable, R any](table string, key ...string) *Versioned[K, R] {
	shape := keyedShapeOf(table, reflect.TypeFor[K](), reflect.TypeFor[R](), key)
	// The row is the first field, so that its columns lie where they did.
	shape.row = append(shape.row, tagged[dated[R]](table)...)
	t := &Versioned[K, R]{current: &Keyed[K, dated[R]]{keyedShape: shape}}
	t.past = newPast[K, R](shape)
	return t
}

// Settled is [Keyed.Settled], of the current rows.
func (t *Versioned[K, R]) Settled(tell func(w *Writer, before, after *R)) *Versioned[K, R] {
	row := func(of *dated[R]) *R {
		if of == nil {
			return nil
		}
		return &of.Row
	}
	t.current.Settled(func(w *Writer, before, after *dated[R]) { tell(w, row(before), row(after)) })
	return t
}

// Retold has tell run whenever an event changes what is known of a stretch of time:
// from an instant until another one (not included), mostly [Infinity], the row is after
// and no longer before, which is nil where there was none. So each version that is
// known today has come once and, where it was known otherwise before, that has gone.
// What holds at no instant is not told. tell may add to tables; both rows are to be
// read only, and while it runs. It is for what follows from the past, such as [Sums]
// by time.
func (t *Versioned[K, R]) Retold(tell func(w *Writer, from, until time.Time, before, after *R)) *Versioned[K, R] {
	t.retold = tell
	return t
}

// BegunByAny says that any event may begin an entity: one that is recorded later and
// occurred before all others begins it earlier, as a consent that was given on paper and
// is entered after it was withdrawn. Without it an entity has no past before its first
// event in the log, as a customer has none before it was registered.
func (t *Versioned[K, R]) BegunByAny() *Versioned[K, R] {
	t.anyBegins = true
	return t
}

// Following says that a row follows one stream event by event; revision is the last
// one that it has seen. Where an event is not the next one the batch is
// [ErrMissing], and not applied.
func (t *Versioned[K, R]) Following(revision func(row *R) domain.Revision) *Versioned[K, R] {
	t.revision = revision
	return t
}

// Change has e change the row of key, and each of its versions that e is true of.
// change gets a version as the events before left it; for the first event of an
// entity, a zero row with only the key set. It runs later, like that of
// [Keyed.Update], and on several versions where e is backdated: what it does may
// depend on nothing but the row and e, and it may not add to tables. What it does to
// the key is ignored. Versions share what pointers and slices lead to, so it replaces
// those and never writes through them.
func (t *Versioned[K, R]) Change(w *Writer, key K, e domain.Recorded, change func(row *R)) {
	b := bufferOf(w, t.current, func() *versionedBuffer[K, R] {
		return &versionedBuffer[K, R]{keyedBuffer: *newKeyedBuffer(t.current), of: t, former: make(map[int]*former[R])}
	})
	b.changes = append(b.changes, versionedChange[R]{
		slot: b.touch(key), stream: e.Stream, revision: e.Revision,
		occurred: instant(e.Meta.OccurredAt), recorded: instant(e.RecordedAt), change: change,
	})
	w.ask(b, len(b.changes)-1)
}

// instant is t as a column keeps it.
func instant(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

//go:embed versioned.sql
var versionedSQL string

// Remembering adds to the tables what the history of those that are [Versioned] takes.
func (s Schema) Remembering(tables ...interface{ historySQL() string }) Schema {
	for _, t := range tables {
		s.Tables += "\n" + t.historySQL()
	}
	return s
}

func (t *Versioned[K, R]) historySQL() string {
	keys := make([]string, len(t.current.keys))
	for i, k := range t.current.keys {
		keys[i] = k.column
	}
	return strings.NewReplacer("{table}", t.current.title, "{key}", strings.Join(keys, ", ")).Replace(versionedSQL)
}

// past is the history of a versioned table.
type past[K comparable, R any] struct {
	title     string
	row, keys layout // keys: of the primary key, in the row
	search    layout
}

// search asks for the versions of an entity that still are what is known, and hold
// after an instant.
type search[K comparable] struct {
	Key   K
	Since time.Time `db:"since"`
}

func newPast[K comparable, R any](current keyedShape) *past[K, R] {
	t := &past[K, R]{title: current.title + "_history"}
	t.row = slices.Concat(current.row, tagged[version[R]](t.title))
	for _, at := range current.keyAt {
		t.keys = append(t.keys, t.row[at])
	}
	t.keys = append(t.keys, current.row[len(current.row)-2:]...) // valid_from, known_from
	t.search = slices.Concat(current.keys, tagged[search[K]](t.title))
	return t
}

// tagged is the layout of S without what it has inside.
func tagged[S any](table string) layout {
	var fields layout
	for f := range reflect.TypeFor[S]().Fields() {
		if column, is := f.Tag.Lookup("db"); is {
			fields = append(fields, fieldOf(table, column, f.Type, f.Offset))
		}
	}
	return fields
}

func (t *past[K, R]) name() string             { return t.title }
func (t *past[K, R]) shape() (row, key layout) { return t.row, t.keys }

func (t *past[K, R]) statements(b *binding, into string) []statement {
	return []statement{
		{"insert", &b.insert, b.insertSQL(into)},
		{"remove", &b.remove, b.removeSQL(into)},
		{"recall", &b.load, b.recallSQL(into, t.search)},
	}
}

// recallSQL answers what the searches of the parameters find.
func (b *binding) recallSQL(from string, search layout) string {
	for i, f := range search {
		c := b.keys[i] // the entity's key and then valid_from, which is an instant as well
		c.field = f
		b.sought = append(b.sought, c)
	}
	keys := b.sought[:len(b.sought)-1]
	return fmt.Sprintf("SELECT k.ordinal, t.%s FROM unnest(%s) WITH ORDINALITY AS k (%s, ordinal) JOIN %s AS t"+
		" ON %s AND t.known_until = 'infinity' AND t.valid_until > k.since",
		strings.Join(names(b.columns), ", t."), arrays(b.sought), strings.Join(names(b.sought), ", "), from, match(keys))
}

// pastBuffer is what a batch adds to the history, and takes out of it: versions that
// come back with an end, and those that were never so.
type pastBuffer[K comparable, R any] struct {
	of      *past[K, R]
	added   []version[R]
	removed []version[R]
}

func pastOf[K comparable, R any](w *Writer, t *past[K, R]) *pastBuffer[K, R] {
	return bufferOf(w, t, func() *pastBuffer[K, R] { return &pastBuffer[K, R]{of: t} })
}

func (b *pastBuffer[K, R]) table() table                 { return b.of }
func (b *pastBuffer[K, R]) rows() int                    { return len(b.added) }
func (b *pastBuffer[K, R]) row(i int) unsafe.Pointer     { return address(&b.added[i]) }
func (b *pastBuffer[K, R]) removals() int                { return len(b.removed) }
func (b *pastBuffer[K, R]) removal(i int) unsafe.Pointer { return address(&b.removed[i]) }

func (b *pastBuffer[K, R]) reset() { b.added, b.removed = emptied(b.added), emptied(b.removed) }
