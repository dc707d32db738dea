package projections

import (
	"fmt"
	"strings"

	"crm/domain"
)

// sequence notices that a stream comes without one of its events. It knows the
// streams that came lately, of the categories that the projection is about; rows
// that follow a stream notice it by themselves ([Versioned.Following]).
type sequence struct {
	categories map[string]bool
	// The last revision of each stream. When recent is full it takes earlier's
	// place, so that what has come lately is known.
	recent, earlier map[domain.Stream]domain.Revision

	gap   gap // the one met last
	times int // how often
}

// sequenceSize is how many streams each half knows: some megabytes for all read
// models together.
const sequenceSize = 8192

// gapTries is how often the log is asked again for what is missing.
const gapTries = 3

// gap is a stream that came without an event.
type gap struct {
	stream   domain.Stream
	revision domain.Revision // of the first that is missing
}

func (g gap) Error() string { return fmt.Sprintf("%s came without revision %d", g.stream, g.revision) }

// Unwrap gives [ErrMissing].
func (gap) Unwrap() error { return ErrMissing }

// newSequence is for a projection that handles these types of events, whose names
// begin with the category of their streams.
func newSequence(handles []string) sequence {
	s := sequence{categories: make(map[string]bool), recent: make(map[domain.Stream]domain.Revision), earlier: make(map[domain.Stream]domain.Revision)}
	for _, eventType := range handles {
		category, _, _ := strings.Cut(eventType, ".")
		s.categories[category] = true
	}
	return s
}

// follow takes the next event of a stream. It fails with a gap, and knows no more
// than before, where that is not the next one.
func (s *sequence) follow(e *domain.Recorded) error {
	if !s.categories[e.Stream.Category()] {
		return nil
	}
	last, known := s.recent[e.Stream]
	if !known {
		last, known = s.earlier[e.Stream]
	}
	if known && e.Revision > last+1 {
		return gap{e.Stream, last + 1}
	}
	s.note(e)
	return nil
}

// see takes an event for the last one of its stream.
func (s *sequence) see(e *domain.Recorded) {
	if s.categories[e.Stream.Category()] {
		s.note(e)
	}
}

func (s *sequence) note(e *domain.Recorded) {
	if len(s.recent) >= sequenceSize {
		s.recent, s.earlier = s.earlier, s.recent
		clear(s.recent) // its memory is used again
	}
	s.recent[e.Stream] = e.Revision
}

// lasts counts how often a gap was met, and reports whether the log has been asked
// for what is missing often enough.
func (s *sequence) lasts(met gap) bool {
	if met != s.gap {
		s.gap, s.times = met, 0
	}
	s.times++
	return s.times >= gapTries
}
