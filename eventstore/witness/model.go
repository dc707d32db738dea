package witness

import (
	"slices"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
)

const (
	noStream    = -1 // as an expected revision, and as the last one of no events
	anyRevision = -2
)

// An input is one operation on a stream.
type input struct {
	stream   string
	read     bool // the last events, newest first; else an append
	expected int64
	ids      []uuid.UUID
	sent     int64 // when it was sent first, if this is not the first time
}

// An output is the answer to an input.
type output struct {
	unknown  bool // the operation was carried out, or will be, or not
	wrong    bool // another revision was expected
	last     int64
	position uint64
	tail     []uuid.UUID
}

// A history of a stream is its last event and what was before it; nil is a stream
// without events.
type state struct {
	before   *state
	revision int64
	id       uuid.UUID
	hash     uint64 // of all ids up to here
}

func (s *state) last() int64 {
	if s == nil {
		return noStream
	}
	return s.revision
}

func (s *state) then(id uuid.UUID) *state {
	hash := uint64(14695981039346656037)
	if s != nil {
		hash = s.hash
	}
	for _, b := range id {
		hash = (hash ^ uint64(b)) * 1099511628211
	}
	return &state{before: s, revision: s.last() + 1, id: id, hash: hash}
}

// at returns the state that ended with a revision.
func (s *state) at(revision int64) *state {
	for s != nil && s.revision > revision {
		s = s.before
	}
	return s
}

// find returns the state that ended with an id, nil if there was none.
func (s *state) find(id uuid.UUID) *state {
	for s != nil && s.id != id {
		s = s.before
	}
	return s
}

// endsWith tells whether the last events have these ids, newest first.
func (s *state) endsWith(ids []uuid.UUID) bool {
	for _, id := range ids {
		if s == nil || s.id != id {
			return false
		}
		s = s.before
	}
	return true
}

// streamModel is what EventStoreDB promises for one stream: an append happens at
// the revision it expects or is refused, one sent again is answered as at first,
// and a read shows all that came before it.
var streamModel = porcupine.Model{
	Init: func() any { return (*state)(nil) },
	Step: func(before, in, out any) (bool, any) {
		return step(before.(*state), in.(input), out.(output))
	},
	Equal: func(a, b any) bool {
		x, y := a.(*state), b.(*state)
		return x == y || x != nil && y != nil && x.hash == y.hash && x.revision == y.revision
	},
}

func step(s *state, in input, out output) (bool, *state) {
	if in.read {
		whole := int64(len(out.tail)) == min(tail, s.last()+1)
		return whole && out.last == s.last() && s.endsWith(out.tail), s
	}
	last, after := appendTo(s, in)
	switch {
	case out.unknown: // one that was never carried out comes after all others
		return true, after
	case out.wrong:
		return last == noStream, s
	default:
		return last == out.last, after
	}
}

func backwards(ids []uuid.UUID) []uuid.UUID {
	ids = slices.Clone(ids)
	slices.Reverse(ids)
	return ids
}

// appendTo returns the revision that an append is answered with, noStream if it
// is refused, and the state after it.
func appendTo(s *state, in input) (last int64, after *state) {
	first := in.expected + 1
	if in.expected == anyRevision {
		first = s.last() + 1
		if known := s.find(in.ids[0]); known != nil {
			first = known.revision
		}
	}
	last = first + int64(len(in.ids)) - 1
	switch {
	case first == s.last()+1:
		for _, id := range in.ids {
			s = s.then(id)
		}
		return last, s
	case first <= s.last() && last <= s.last() && s.at(last).endsWith(backwards(in.ids)):
		return last, s // sent again
	default:
		return noStream, s
	}
}
