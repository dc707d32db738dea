package embedded

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/google/uuid"
)

// An op is one request of a test. It is sent as a fresh request each time.
type op struct {
	operation operation
	stream    string
	expected  int64
	events    []proposal
	// overlapping says that another op has some of the events, and not all.
	overlapping bool
}

func (o *op) request() *request {
	r := &request{operation: o.operation, stream: o.stream, expected: o.expected, events: slices.Clone(o.events)}
	for i := range r.events {
		r.size += r.events[i].size()
	}
	return r
}

func (o *op) String() string {
	return fmt.Sprintf("%s to %q after %d, %d events", [...]string{"append", "soft delete", "tombstone"}[o.operation], o.stream, o.expected, len(o.events))
}

// A workload makes up ops that make sense one after the other: it has a notion of
// where each stream ends. Where that is wrong the op is refused, which is as good.
type workload struct {
	rng     *rand.Rand
	streams []string
	last    map[string]int64
	made    []*op
	largest int // bytes of one event
}

func newWorkload(rng *rand.Rand) *workload {
	w := &workload{rng: rng, last: map[string]int64{}, largest: 40 << 10}
	// Names that would run into each other, were they not kept apart.
	for _, name := range []string{"a", "a\x00b", "a\x00", "ab", "$a", "é", "é"}[:1+rng.IntN(7)] {
		w.enter(name)
	}
	for i := range rng.IntN(30) {
		w.enter(fmt.Sprint("s", i))
	}
	return w
}

func (w *workload) enter(stream string) {
	w.streams = append(w.streams, stream)
	w.last[stream] = -1
}

// ops makes up n more.
func (w *workload) ops(n int) []*op {
	first := len(w.made)
	for range n {
		o := w.next()
		w.note(o)
		w.made = append(w.made, o)
	}
	return w.made[first:]
}

func (w *workload) next() *op {
	stream := w.streams[w.rng.IntN(len(w.streams))]
	switch p := w.rng.IntN(100); {
	case p < 60:
		return &op{stream: stream, expected: w.expect(stream), events: w.events(1)}
	case p < 76:
		return &op{stream: stream, expected: w.expect(stream), events: w.events(2 + w.rng.IntN(12))}
	case p < 86 && len(w.made) > 0: // the same again
		return w.made[w.rng.IntN(len(w.made))]
	case p < 88 && len(w.made) > 0: // more than was sent before, or less
		before := w.made[w.rng.IntN(len(w.made))]
		o := *before
		if o.operation == appendEvents {
			before.overlapping, o.overlapping = true, true
			o.events = append(slices.Clone(o.events[:w.rng.IntN(len(o.events)+1)]), w.events(1)...)
		}
		return &o
	case p < 92:
		return &op{stream: metastreamOf(stream), expected: expectAny, events: w.metadata()}
	case p < 95:
		return &op{operation: softDelete, stream: stream, expected: expectAny, events: []proposal{
			{kind: kindMetadata, json: true, data: softDeleteMetadata},
		}}
	case p < 96:
		return &op{operation: tombstone, stream: stream, expected: expectAny, events: []proposal{{kind: kindStreamDeleted}}}
	default:
		return &op{stream: stream, expected: w.expect(stream)}
	}
}

// expect is what a writer expects of a stream, mostly rightly.
func (w *workload) expect(stream string) int64 {
	switch p := w.rng.IntN(20); {
	case p < 12:
		return w.last[stream]
	case p < 16:
		return expectAny
	case p < 17:
		return expectStreamExists
	case p < 18:
		return expectNoStream
	default:
		return max(-1, w.last[stream]+int64(w.rng.IntN(5))-2)
	}
}

func (w *workload) events(n int) []proposal {
	events := make([]proposal, n)
	for i := range events {
		var id uuid.UUID
		binary.BigEndian.PutUint64(id[:8], w.rng.Uint64())
		binary.BigEndian.PutUint64(id[8:], w.rng.Uint64())
		events[i] = proposal{
			id: id, kind: fmt.Sprint("kind.", w.rng.IntN(5)), json: w.rng.IntN(2) == 0,
			data: w.bytes(w.size()), metadata: w.bytes(w.rng.IntN(100)),
		}
	}
	return events
}

func (w *workload) size() int {
	switch p := w.rng.IntN(100); {
	case p < 90:
		return w.rng.IntN(300)
	case p < 99:
		return w.rng.IntN(min(w.largest, 4000))
	default:
		return w.rng.IntN(w.largest) // may be more than half a memtable
	}
}

func (w *workload) bytes(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 8 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], w.rng.Uint64())
		copy(b[i:], word[:])
	}
	return b
}

func (w *workload) metadata() []proposal {
	e := w.events(1)
	e[0].kind, e[0].json = kindMetadata, true
	switch w.rng.IntN(4) {
	case 0:
		e[0].data = fmt.Appendf(nil, `{"$maxCount":%d}`, 1+w.rng.IntN(20))
	case 1:
		e[0].data = fmt.Appendf(nil, `{"$tb":%d}`, w.rng.IntN(50))
	case 2:
		e[0].data = fmt.Appendf(nil, `{"$maxAge":%d,"mine":1}`, 1+w.rng.IntN(1000))
	default: // not JSON
	}
	return e
}

// note keeps the notion of where streams end.
func (w *workload) note(o *op) {
	last, known := w.last[o.stream]
	switch {
	case !known:
	case o.operation == tombstone:
		w.last[o.stream] = math.MaxInt64 - 2 // later ops are refused; the name goes on as another's
		i := slices.Index(w.streams, o.stream)
		delete(w.last, o.stream)
		w.streams = slices.Delete(w.streams, i, i+1)
		w.enter(o.stream + "'")
	case o.operation == appendEvents && (o.expected == last || o.expected == expectAny):
		w.last[o.stream] = last + int64(len(o.events))
	}
}

// resume looks up where the streams end in a store.
func (w *workload) resume(n *Node) error {
	for stream := range w.last {
		h, err := loadHead(n.db, stream, everything)
		if err != nil {
			return err
		}
		w.last[stream] = min(h.last, math.MaxInt64-2)
	}
	return nil
}
