package projections

import (
	"maps"
	"slices"
	"time"
	"unsafe"

	"crm/domain"
)

// versionedBuffer folds a batch's changes into the current rows, and into what
// becomes history.
type versionedBuffer[K comparable, R any] struct {
	keyedBuffer[K, dated[R]] // of the current rows
	of                       *Versioned[K, R]
	changes                  []versionedChange[R]
	begins                   []begin            // by slot
	former                   map[int]*former[R] // by slot; only of rows with backdated changes
	searches                 []search[K]
	searching                []int // the slots of the searches
	before                   R     // a version as it was, while somebody is told
}

type versionedChange[R any] struct {
	slot               int
	stream             domain.Stream
	revision           domain.Revision
	occurred, recorded time.Time
	change             func(row *R)
}

// former is the versions of one row that hold no longer, but are still what is known
// of the past, as far as the batch's changes may reach.
type former[R any] struct {
	versions []version[R]
	stored   int // how many of them, in front, the table has
}

// begin is since when a row holds, if there is one, as the changes that were looked at
// will leave it.
type begin struct {
	at     time.Time
	exists bool
}

// seek finds the rows with backdated changes and makes the searches for their former
// versions: one for each row that the table has. The rows are loaded.
func (b *versionedBuffer[K, R]) seek() int {
	for i := len(b.begins); i < b.touched.len(); i++ {
		r := b.touched.at(i)
		b.begins = append(b.begins, begin{r.row.ValidFrom, r.exists()})
	}
	since := make(map[int]time.Time) // when the earliest backdated change of a slot occurred
	for i := range b.changes {
		c := &b.changes[i]
		if row := &b.begins[c.slot]; !row.exists || !c.occurred.Before(row.at) {
			*row = begin{c.occurred, true}
			continue
		}
		if first, found := since[c.slot]; !found || c.occurred.Before(first) {
			since[c.slot] = c.occurred
		}
	}
	for _, slot := range slices.Sorted(maps.Keys(since)) {
		b.former[slot] = &former[R]{}
		if r := b.touched.at(slot); r.exists() {
			b.searching = append(b.searching, slot)
			b.searches = append(b.searches, search[K]{Key: r.key, Since: since[slot]})
		}
	}
	return len(b.searches)
}

func (b *versionedBuffer[K, R]) sought(i int) unsafe.Pointer { return address(&b.searches[i]) }
func (b *versionedBuffer[K, R]) past() table                 { return b.of.past }

// found is where a version is read into that the i-th search found.
func (b *versionedBuffer[K, R]) found(i int) unsafe.Pointer {
	f := b.former[b.searching[i]]
	f.versions = append(f.versions, version[R]{})
	f.stored++
	return address(&f.versions[f.stored-1])
}

func (b *versionedBuffer[K, R]) fold(w *Writer, index int) error {
	c := &b.changes[index]
	r := b.touched.at(c.slot)
	exists := r.exists()
	if next := b.next(w, c, &r.row.Row, exists); next != c.revision {
		return gap{c.stream, min(next, c.revision)}
	}
	recorded := c.recorded
	if exists {
		recorded = later(recorded, r.row.KnownFrom)
	}
	switch row := &r.row; {
	case exists && c.occurred.Before(row.ValidFrom):
		b.backdate(w, c, r, recorded)
	case exists && (row.ValidFrom.Before(c.occurred) || row.KnownFrom.Before(recorded)):
		b.leave(w, c.slot, version[R]{*row, c.occurred, recorded, Infinity})
		fallthrough
	default:
		b.alter(w, c, row, exists, c.occurred, Infinity, recorded)
	}
	r.begun = true
	return nil
}

// next is the revision that the row's stream goes on with: the change's own, unless
// events are missing.
func (b *versionedBuffer[K, R]) next(w *Writer, c *versionedChange[R], row *R, exists bool) domain.Revision {
	if b.of.revision == nil {
		return c.revision
	}
	next := domain.NoStream + 1
	if exists {
		next = b.of.revision(row) + 1
	}
	for next < c.revision && w.skipped != nil && w.skipped(c.stream, next) {
		next++
	}
	return next
}

// alter runs the change on one version, or on none before the first, and says since
// when that holds, until when, and since when it is known.
func (b *versionedBuffer[K, R]) alter(w *Writer, c *versionedChange[R], row *dated[R], exists bool, holds, until, known time.Time) {
	tell := b.of.retold
	if !holds.Before(until) {
		tell = nil // it holds at no instant, and other batches may have forgotten it
	}
	if tell != nil {
		b.before = row.Row
	}
	w.phase = changing
	c.change(&row.Row)
	w.phase = folding
	row.ValidFrom, row.KnownFrom = holds, known
	b.of.current.sign(address(row), b.key(c.slot)) // the change may have written over its key
	switch {
	case tell == nil:
	case exists:
		tell(w, holds, until, &b.before, &row.Row)
	default:
		tell(w, holds, until, nil, &row.Row)
	}
}

// leave adds a version to the past.
func (b *versionedBuffer[K, R]) leave(w *Writer, slot int, was version[R]) {
	if f := b.former[slot]; f != nil {
		f.versions = append(f.versions, was)
		return
	}
	past := pastOf(w, b.of.past)
	past.added = append(past.added, was)
}

// backdate changes all versions that hold at or after the instant at which the event
// occurred, which lies before the current version.
func (b *versionedBuffer[K, R]) backdate(w *Writer, c *versionedChange[R], r *keyedRow[K, dated[R]], recorded time.Time) {
	f := b.former[c.slot]
	begins := r.row.ValidFrom
	for i := range f.versions {
		v := f.versions[i]
		if v.KnownUntil.Before(Infinity) || !c.occurred.Before(v.ValidUntil) {
			continue
		}
		begins = earlier(begins, v.ValidFrom)
		f.versions[i].KnownUntil = recorded
		v.KnownFrom, v.EndKnownFrom = recorded, recorded
		if v.ValidFrom.Before(c.occurred) {
			unchanged := v
			unchanged.ValidUntil = c.occurred
			f.versions = append(f.versions, unchanged)
			v.ValidFrom = c.occurred
		}
		b.alter(w, c, &v.dated, true, v.ValidFrom, v.ValidUntil, recorded)
		f.versions = append(f.versions, v)
	}
	if b.of.anyBegins && c.occurred.Before(begins) {
		first := version[R]{ValidUntil: begins, EndKnownFrom: recorded, KnownUntil: Infinity}
		b.of.current.sign(address(&first.dated), b.key(c.slot))
		b.alter(w, c, &first.dated, false, c.occurred, begins, recorded)
		f.versions = append(f.versions, first)
	}
	f.versions = append(f.versions, version[R]{r.row, Infinity, recorded, recorded})
	b.alter(w, c, &r.row, true, r.row.ValidFrom, Infinity, recorded)
}

// exists reports whether there is a row, in the table or made since.
func (r *keyedRow[K, R]) exists() bool { return r.stored || r.begun }

// folded puts down the former versions of the rows with backdated changes.
func (b *versionedBuffer[K, R]) folded(w *Writer) {
	if len(b.former) > 0 {
		past := pastOf(w, b.of.past)
		for slot := range b.touched.len() {
			if f := b.former[slot]; f != nil {
				b.put(past, f)
			}
		}
	}
	b.forget()
}

func (b *versionedBuffer[K, R]) put(past *pastBuffer[K, R], f *former[R]) {
	for i := range f.versions {
		v := &f.versions[i]
		if i < f.stored {
			if v.KnownUntil.Equal(Infinity) {
				continue // as it was
			}
			past.removed = append(past.removed, *v)
		}
		if !v.empty() {
			past.added = append(past.added, *v)
		}
	}
}

// empty reports whether there is no instant at which the version holds and is known.
func (v *version[R]) empty() bool {
	return !v.KnownFrom.Before(v.KnownUntil) ||
		!v.ValidFrom.Before(v.ValidUntil) && !v.KnownFrom.Before(v.EndKnownFrom)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (b *versionedBuffer[K, R]) weight() int {
	return b.keyedBuffer.weight() + cap(b.begins)*int(unsafe.Sizeof(begin{}))
}

func (b *versionedBuffer[K, R]) reset() {
	b.keyedBuffer.reset()
	b.begins = emptied(b.begins)
	b.forget()
}

// forget lets go of the changes and what they took.
func (b *versionedBuffer[K, R]) forget() {
	clear(b.former)
	b.changes, b.searches, b.searching = emptied(b.changes), emptied(b.searches), emptied(b.searching)
}
