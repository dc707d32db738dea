package answers

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

const (
	generations = 4       // filters
	lines       = 1 << 18 // of each, 64 bytes each: 16 MiB
	probes      = 5       // bits set for a command
)

// seen knows which commands may have been answered within the time that answers are
// kept: what it has not seen need not be looked up. What it takes for seen, and is not,
// is looked up for nothing.
//
// It is four blocked Bloom filters (Putze, Sanders, Singler 2007), a line of the
// processor's cache for each command. Each takes in commands for a third of the time; the
// fifth takes the place of the first. A filter's memory is taken when there is something
// to put into it.
type seen struct {
	each   time.Duration // that a filter takes in commands
	began  time.Time     // of the first filter
	filter [generations][]line
}

type line [8]uint64

// note takes a command that was answered so long ago.
func (s *seen) note(command uuid.UUID, ago time.Duration, now time.Time) {
	s.turn(now)
	i := int(ago / s.each)
	if i >= generations {
		return
	}
	if s.filter[i] == nil {
		s.filter[i] = make([]line, lines)
	}
	at, bits := place(command)
	for range probes {
		s.filter[i][at][bits>>6&7] |= 1 << (bits & 63)
		bits >>= 9
	}
}

// has reports whether the command may have been answered.
func (s *seen) has(command uuid.UUID, now time.Time) bool {
	s.turn(now)
	for _, filter := range s.filter {
		if filter != nil && holds(filter, command) {
			return true
		}
	}
	return false
}

func holds(filter []line, command uuid.UUID) bool {
	at, bits := place(command)
	for range probes {
		if filter[at][bits>>6&7]&(1<<(bits&63)) == 0 {
			return false
		}
		bits >>= 9
	}
	return true
}

// place is the line of a command, and where in it its bits are, nine for each. Its id is a
// hash already, but for the six bits that make it a UUID, which are none of these.
func place(command uuid.UUID) (at, bits uint64) {
	return uint64(binary.BigEndian.Uint32(command[0:4])) % lines, binary.BigEndian.Uint64(command[8:16]) & (1<<62 - 1)
}

func newSeen(keep time.Duration) seen { return seen{each: keep / (generations - 1)} }

// turn puts the filters one place further, when it is time.
func (s *seen) turn(now time.Time) {
	if s.began.IsZero() {
		s.began = now
	}
	for ; now.Sub(s.began) >= s.each; s.began = s.began.Add(s.each) {
		copy(s.filter[1:], s.filter[:generations-1])
		s.filter[0] = nil
	}
}
