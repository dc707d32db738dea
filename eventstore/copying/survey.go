package copying

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/uuid"

	"crm/domain"
)

// A survey is what a whole log holds.
type survey struct {
	end     domain.Position   // of the last event seen
	next    map[string]uint64 // per stream: the revision that comes next
	events  uint64            // to be copied
	system  uint64            // events left out
	undated uint64            // events whose metadata cannot say when they were recorded
	states  states
}

// states are what is said about streams, by stream.
type states map[string]state

// A state is what holds for a stream beside its events.
type state struct {
	tombstoned bool
	id         uuid.UUID // of the event that says:
	metadata   []byte    // nil: nothing was said
	json       bool
}

func newSurvey() *survey { return &survey{next: map[string]uint64{}, states: states{}} }

// look looks at all of a log behind where it was before.
func (s *survey) look(ctx context.Context, l *log, progressed func(events uint64)) error {
	r := l.read(ctx, s.end)
	defer r.close()
	for {
		e, err := r.next()
		if e == nil || err != nil {
			return err
		}
		if err := s.add(e); err != nil {
			return l.explain(err)
		}
		s.end = e.position
		progressed(s.events)
	}
}

func (s *survey) add(e *event) error {
	switch e.role() {
	case system:
		s.system++
	case history:
		if next := s.next[e.stream]; e.revision != next {
			return &holeError{stream: e.stream, next: next, found: e.revision}
		}
		s.next[e.stream]++
		s.events++
		if !e.dated {
			s.undated++
		}
	default:
		s.states.note(e)
	}
	return nil
}

// note takes what e says about a stream, if it does.
func (s states) note(e *event) {
	switch e.role() {
	case about:
		stream := e.stream[len(metastreamPrefix):]
		of := s[stream]
		of.id, of.metadata, of.json = e.id, append([]byte{}, e.data...), e.json
		s[stream] = of
	case ending:
		s[e.stream] = state{tombstoned: true} // it takes what was said before with it
	case history, system:
	}
}

func (s state) same(as state) bool {
	return s.tombstoned == as.tombstoned && (s.tombstoned || bytes.Equal(s.metadata, as.metadata))
}

// A holeError is a stream that lacks events.
type holeError struct {
	stream      string
	next, found uint64
}

func (e *holeError) Error() string {
	what := fmt.Sprintf("the stream %s lacks what came between revisions %d and %d", e.stream, e.next-1, e.found)
	if e.next == 0 {
		what = fmt.Sprintf("the stream %s begins at revision %d", e.stream, e.found)
	}
	return what + ": a scavenge removed the rest, and no server takes a history with a hole; move it with a backup of that server, or by joining a new one to its cluster"
}
