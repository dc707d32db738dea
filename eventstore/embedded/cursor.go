package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
	"google.golang.org/grpc"
)

const (
	chunkFrames     = 512
	chunkBytes      = 256 << 10
	chunkConsidered = 16 << 10 // events looked at before an iterator is given up, matching or not
)

// A chunk is frames ready to be sent, back to back in one buffer. Events are read
// a chunk at a time, so that no iterator, which keeps old tables on disk, is open
// while a slow reader takes its time.
type chunk struct {
	buf  []byte
	ends []int
	last int // size of the chunk before, which the next is likely to have
}

func (c *chunk) full() bool { return len(c.ends) >= chunkFrames || len(c.buf) >= chunkBytes }

func (c *chunk) end() { c.ends = append(c.ends, len(c.buf)) }

// send sends the frames and empties the chunk. The bytes belong to gRPC
// afterwards, which may still be writing them.
func (c *chunk) send(call grpc.ServerStream) error {
	start := 0
	for _, end := range c.ends {
		if err := call.SendMsg(frame(c.buf[start:end:end])); err != nil {
			return err
		}
		start = end
	}
	c.last, c.buf, c.ends = len(c.buf), nil, c.ends[:0]
	return nil
}

// expect says how many events the first chunk will have at most.
func (c *chunk) expect(events uint64) {
	const typical = 512 // bytes of a frame
	c.last = int(min(events, chunkFrames)) * typical
}

// grow makes room for about as much as the chunk before held. Grown by doubling, a
// replay's chunks were seven tenths of all that it allocated.
func (c *chunk) grow() {
	if c.buf == nil {
		c.buf = make([]byte, 0, c.last+c.last/8)
	}
}

// A cursor walks over the log or over one stream and turns what it passes into
// frames. Its bounds are inclusive and shrink as it goes; it has arrived when
// they have crossed.
type cursor struct {
	db        pebble.Reader
	form      idForm
	backwards bool
	left      uint64 // frames still wanted
	oldest    int64  // ticks: events created before are not shown
}

func newCursor(db pebble.Reader, form idForm) *cursor {
	return &cursor{db: db, form: form, left: math.MaxUint64, oldest: math.MinInt64}
}

// span is what a cursor has still to pass: positions of the log, or revisions of
// a stream.
type span struct{ first, last uint64 }

func (s span) empty() bool { return s.first > s.last }

// passed takes everything up to n, in the cursor's direction, out of the span.
func (s *span) passed(n uint64, backwards bool) {
	switch {
	case !backwards:
		s.first = n + 1
	case n == 0:
		s.first, s.last = 1, 0
	default:
		s.last = n - 1
	}
}

// fillLog adds events of the log within s to c. checkpoints, if not nil, is told
// of every event considered.
func (u *cursor) fillLog(c *chunk, s *span, f *filter, checkpoints *checkpoints) (err error) {
	it, err := u.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(s.first), UpperBound: eventKey(s.last + 1)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	considered := 0
	for ok := u.begin(it); ok && u.left > 0; ok = u.step(it) {
		if c.full() || considered >= chunkConsidered {
			return nil
		}
		position, ok := positionOf(it.Key())
		if !ok || len(it.Value()) < len(uuid.UUID{}) {
			return errDamaged
		}
		match, err := f.match(it.Value())
		if err != nil {
			return fmt.Errorf("event at position %d: %w", position, err)
		}
		if match {
			c.grow()
			c.buf = appendEventFrame(c.buf, it.Value(), position, u.form)
			c.end()
			u.left--
		}
		checkpoints.considered(c, position)
		considered++
		s.passed(position, u.backwards)
	}
	if err := it.Error(); err != nil {
		return err
	}
	s.first, s.last = 1, 0 // nothing is left
	return nil
}

// fillStream adds events of a stream within s, a span of revisions, to c. Both
// bounds are durable.
func (u *cursor) fillStream(c *chunk, stream uint64, s *span) (err error) {
	revisions, err := u.db.NewIter(&pebble.IterOptions{
		LowerBound: revisionKey(stream, int64(s.first)),
		UpperBound: revisionKey(stream, int64(s.last)+1),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, revisions.Close()) }()
	events, err := u.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(0), UpperBound: []byte{eventPrefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, events.Close()) }()
	for ok := u.begin(revisions); ok && u.left > 0; ok = u.step(revisions) {
		if c.full() {
			return nil
		}
		_, revision, ok := revisionOf(revisions.Key())
		if !ok {
			return errDamaged
		}
		position, err := numberOf(revisions.Value())
		if err != nil {
			return err
		}
		key := eventKey(position)
		if !events.SeekGE(key) || !bytes.Equal(events.Key(), key) || len(events.Value()) < len(uuid.UUID{}) {
			return errors.Join(fmt.Errorf("event at position %d: %w", position, errDamaged), events.Error())
		}
		young, err := u.young(events.Value())
		if err != nil {
			return err
		}
		if young {
			c.grow()
			c.buf = appendEventFrame(c.buf, events.Value(), position, u.form)
			c.end()
			u.left--
		}
		s.passed(uint64(revision), u.backwards)
	}
	if err := revisions.Error(); err != nil {
		return err
	}
	s.first, s.last = 1, 0
	return nil
}

func (u *cursor) young(value []byte) (bool, error) {
	if u.oldest == math.MinInt64 {
		return true, nil
	}
	r, err := parseRecord(value, false)
	return r.created >= u.oldest, err
}

func (u *cursor) begin(it *pebble.Iterator) bool {
	if u.backwards {
		return it.Last()
	}
	return it.First()
}

func (u *cursor) step(it *pebble.Iterator) bool {
	if u.backwards {
		return it.Prev()
	}
	return it.Next()
}

// checkpoints tells a subscriber with a filter how far its search has come, so
// that it need not search again what holds nothing for it.
type checkpoints struct {
	interval int // events between two
	since    int // events considered since the last
	position uint64
}

func (k *checkpoints) considered(c *chunk, position uint64) {
	if k == nil {
		return
	}
	k.position = position
	if k.since++; k.since >= k.interval {
		k.add(c, position)
	}
}

func (k *checkpoints) add(c *chunk, position uint64) {
	c.buf = appendCheckpointFrame(c.buf, position)
	c.end()
	k.since = 0
}
