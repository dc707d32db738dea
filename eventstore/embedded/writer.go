package embedded

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	groupBytes    = 4 << 20 // a group takes no further request beyond this, far below half a memtable
	groupRequests = 512
	queueLength   = 1024 // requests that wait for the writer before callers wait to queue
	groupsInSync  = 256  // groups that may wait for the disk; Pebble syncs all that wait at once
)

// An operation is what a request does to its stream.
type operation uint8

const (
	appendEvents operation = iota
	softDelete
	tombstone
)

// A request asks the writer to change one stream.
type request struct {
	operation operation
	stream    string
	expected  int64
	events    []proposal
	size      int // bytes of the events, for the size of a group
	outcome   outcome
	done      chan struct{} // closed by the finisher when outcome stands
}

// An outcome is the answer to a request.
type outcome struct {
	err      error // the request was not decided; it may or may not have been written
	verdict  verdict
	current  int64  // revision of the stream's last event after the request, -1 if it has none
	position uint64 // of the request's last event; 0 if it wrote none
}

// A writer is the one goroutine that changes the store. It decides about requests
// against the newest state, in flight or not, gathers what has queued up into one
// batch, gives that to Pebble without waiting for the disk, and goes on. A second
// goroutine, the finisher, waits for each batch's sync in order, moves the
// horizon, then answers.
//
//	requests ──▶ queue ──▶ writer ──▶ batch visible, not durable ──▶ finisher ──▶ horizon, readers, answers
//
// So appends share syncs, and position order is commit order is the order in
// which readers see events. Every answer, refusals too, goes through the
// finisher: nobody hears about a state that a crash could still take back.
type writer struct {
	db      *pebble.DB
	horizon *horizon
	now     func() time.Time
	fail    func(error)
	failed  func() bool
	durable func(position uint64) error // the log is on disk so far; called before anyone is told

	hold   sync.Mutex // held by who needs the log file as it is
	queue  chan *request
	stop   chan struct{} // closed: take no further request
	groups chan *group

	heads        *simplelru.LRU[string, *head] // as of the last group handed to Pebble
	nextPosition uint64
	nextStream   uint64
	created      int64 // ticks; never goes backwards
	scratch      []byte

	pulse    pulse         // of groups
	appended atomic.Uint64 // events

	groupSizes sizes // in events
}

// A group is the requests of one batch.
type group struct {
	batch    *pebble.Batch // nil: nothing to write
	requests []*request
	touched  map[string]struct{} // streams written to, by the name without $$
	size     int
	last     uint64 // position of the last event
	events   int
	err      error
}

func newWriter(db *pebble.DB, h *horizon, cfg Config, fail func(error), failed func() bool) (*writer, error) {
	heads, err := simplelru.NewLRU[string, *head](cfg.HeadCache, nil)
	if err != nil {
		return nil, err
	}
	w := &writer{
		db: db, horizon: h, now: cfg.now, fail: fail, failed: failed,
		queue: make(chan *request, queueLength), stop: make(chan struct{}), groups: make(chan *group, groupsInSync),
		heads:   heads,
		durable: func(uint64) error { return nil },
	}
	return w, w.resume()
}

// resume finds where the log ends. All of it is durable: it was just read from disk.
func (w *writer) resume() (err error) {
	it, err := w.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(0), UpperBound: []byte{eventPrefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if it.Last() {
		last, ok := positionOf(it.Key())
		if !ok {
			return errDamaged
		}
		r, err := parseRecord(it.Value(), false)
		if err != nil {
			return fmt.Errorf("event at position %d: %w", last, err)
		}
		w.nextPosition, w.created = last, r.created
	}
	w.horizon.advance(w.nextPosition)
	w.nextPosition++ // the first position is 1: clients take 0 for the start
	if err := it.Error(); err != nil {
		return err
	}
	streams, err := w.db.NewIter(&pebble.IterOptions{LowerBound: revisionKey(0, 0), UpperBound: []byte{revisionPrefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, streams.Close()) }()
	if streams.Last() {
		id, _, ok := revisionOf(streams.Key())
		if !ok {
			return errDamaged
		}
		w.nextStream = id
	}
	w.nextStream++
	return streams.Error()
}

// run is the writer's goroutine.
func (w *writer) run() {
	defer close(w.groups)
	for {
		select {
		case r := <-w.queue:
			w.gather(r)
		case <-w.stop:
			return
		}
	}
}

// gather decides about r and about what else has queued up, and commits it.
func (w *writer) gather(r *request) {
	g := &group{}
	for {
		// A request sees the stream as the group before left it. Were its stream
		// touched by this very group, it would have to look into a batch that
		// cannot be read yet.
		if _, again := g.touched[originalOf(r.stream)]; again {
			w.commit(g)
			g = &group{}
		}
		g.requests = append(g.requests, r)
		g.size += r.size
		if err := w.decide(g, r); err != nil {
			// The batch may hold half of the request, and the heads what was not
			// written.
			w.fail(err)
			g.err = err
			break
		}
		if g.size >= groupBytes || len(g.requests) >= groupRequests {
			break
		}
		select {
		case r = <-w.queue:
			continue
		default:
		}
		break
	}
	w.commit(g)
}

// commit hands the group to Pebble, and on to the finisher.
func (w *writer) commit(g *group) {
	w.pulse.begun.Add(1)
	switch {
	case g.err == nil && w.failed():
		g.err = errBroken
		fallthrough
	case g.err != nil:
		g.batch = nil // never applied: garbage
	case g.batch != nil:
		w.hold.Lock()
		err := w.db.ApplyNoSyncWait(g.batch, pebble.Sync)
		w.hold.Unlock()
		if err != nil {
			w.fail(err)
			g.batch, g.err = nil, err
		}
	}
	w.groups <- g
}

// finish is the finisher's goroutine. A request is answered only after its group
// and all before it are durable, and never again once the node has failed.
func (w *writer) finish() {
	for g := range w.groups {
		w.answer(g)
		w.pulse.done.Add(1)
	}
}

// answer waits for one group's sync.
func (w *writer) answer(g *group) {
	if g.batch != nil {
		if err := g.batch.SyncWait(); err != nil {
			w.fail(fmt.Errorf("sync the log: %w", err))
		}
	}
	if g.batch != nil && !w.failed() {
		if err := w.durable(g.last); err != nil {
			w.fail(err)
		}
	}
	if g.err != nil || w.failed() {
		for _, r := range g.requests {
			r.outcome = outcome{err: errBroken}
			close(r.done)
		}
		return
	}
	if g.batch != nil {
		_ = g.batch.Close() // only gives its memory back
		w.groupSizes.observe(g.events)
		w.appended.Add(uint64(g.events))
		w.horizon.advance(g.last)
	}
	for _, r := range g.requests {
		close(r.done)
	}
}

// decide checks a request and, if it is accepted, adds its events to the group's batch.
func (w *writer) decide(g *group, r *request) error {
	h, err := w.head(r.stream)
	if err != nil {
		return err
	}
	// The head of the stream's metadata costs a look-up, and few requests need it.
	meta := &head{last: -1}
	if r.operation == softDelete || h.retention.softDeleted() || r.expected == expectStreamExists && h.last < 0 {
		if meta, err = w.head(metastreamOf(r.stream)); err != nil {
			return err
		}
	}
	var ids []uuid.UUID
	if r.operation == appendEvents {
		ids = make([]uuid.UUID, len(r.events))
		for i := range r.events {
			ids[i] = r.events[i].id
		}
	} else {
		// An id that cannot be known: a deletion is never taken for a repetition.
		r.events[0].id = uuid.New()
		ids = []uuid.UUID{r.events[0].id}
	}
	d, err := checkCommit(w.db, h, meta.last >= 0, r.expected, ids)
	if err != nil {
		return err
	}
	if r.operation == softDelete && d.verdict == accepted && h.last < 0 && meta.last < 0 {
		d.verdict = wrong // nothing to delete
	}
	r.outcome = outcome{verdict: d.verdict, current: h.last}
	switch d.verdict {
	case accepted:
		return w.write(g, r, h, meta)
	case repeated:
		r.outcome.current = d.last
		r.outcome.position, err = readNumber(w.db, revisionKey(h.id, d.last))
		return err
	default:
		return nil
	}
}

// write adds an accepted request to the batch.
func (w *writer) write(g *group, r *request, h, meta *head) error {
	switch r.operation {
	case softDelete:
		if err := w.add(g, metastreamOf(r.stream), meta, meta.last+1, r.events); err != nil {
			return err
		}
	case tombstone:
		if err := w.add(g, r.stream, h, deletedRevision, r.events); err != nil {
			return err
		}
	default:
		if len(r.events) == 0 {
			return w.revive(g, r, h, meta) // nothing is enough to revive
		}
		if err := w.add(g, r.stream, h, h.last+1, r.events); err != nil {
			return err
		}
	}
	r.outcome.current, r.outcome.position = h.last, w.nextPosition-1
	return w.revive(g, r, h, meta)
}

// add writes events to a stream from revision first on and moves its head.
func (w *writer) add(g *group, stream string, h *head, first int64, events []proposal) error {
	if g.batch == nil {
		g.batch = w.db.NewBatch()
		g.touched = make(map[string]struct{})
		w.created = max(w.created, ticks(w.now()))
	}
	g.touched[originalOf(stream)] = struct{}{}
	if h.id == 0 {
		h.id = w.nextStream
		w.nextStream++
		if err := g.batch.Set(nameKey(stream), number(h.id), nil); err != nil {
			return err
		}
	}
	for i := range events {
		p, revision := &events[i], first+int64(i)
		if revision < 0 || w.nextPosition == math.MaxUint64 {
			return errors.New("embedded: numbers are used up")
		}
		w.scratch = appendRecord(w.scratch[:0], stream, revision, w.nextPosition, w.created, p)
		position := number(w.nextPosition)
		if err := errors.Join(
			g.batch.Set(eventKey(w.nextPosition), w.scratch, nil),
			g.batch.Set(revisionKey(h.id, revision), position, nil),
			// One higher than the revision, so that 0 says unknown.
			g.batch.Set(idKey(h.id, p.id), number(uint64(revision)+1), nil),
		); err != nil {
			return err
		}
		g.last = w.nextPosition
		w.nextPosition++
		g.events++
		h.last = revision
	}
	return nil
}

// head returns the newest head of a stream.
func (w *writer) head(stream string) (*head, error) {
	if h, ok := w.heads.Get(stream); ok {
		return h, nil
	}
	h, err := loadHead(w.db, stream, everything)
	if err != nil {
		return nil, err
	}
	w.heads.Add(stream, h)
	return h, nil
}
