package importing

import (
	"slices"

	"github.com/google/uuid"
)

// A chunk is some hundred rows on their way, usually one request. The server
// carries out the commands of a request as if one after the other. Chunks are
// sent at the same time, unless one writes what another touches: then it waits
// for it, so that the order of the rows is kept.
//
//	chunk 1   register A, register B            ──▶
//	chunk 2   register C, link C to A  waits for 1 ──▶
//	chunk 3   register D, register E            ──▶
type chunk struct {
	rows     []*row
	commands []*Command
	size     int // bytes
	writes   map[uuid.UUID]bool
	needs    map[uuid.UUID]bool
	done     chan struct{} // closed when it was carried out
	told     chan struct{} // closed when it is known what became of it
}

// The size of a chunk and of a request.
const (
	maxCommands = 500       // in a request: the API's limit
	maxRequest  = 512 << 10 // bytes
)

func newChunk() *chunk {
	return &chunk{writes: map[uuid.UUID]bool{}, needs: map[uuid.UUID]bool{}, done: make(chan struct{}), told: make(chan struct{})}
}

// maxRows is how many rows a chunk has, also where they ask nothing.
const maxRows = 1000

// fits reports whether another row's commands go into the same request.
func (k *chunk) fits(commands []*Command) bool {
	if len(k.rows) >= maxRows {
		return false
	}
	size := k.size
	for _, c := range commands {
		size += c.size()
	}
	return len(k.commands) == 0 || len(k.commands)+len(commands) <= maxCommands && size <= maxRequest
}

// add takes a row's commands in.
func (k *chunk) add(r *row, commands []*Command) {
	k.rows = append(k.rows, r)
	k.commands = append(k.commands, commands...)
	for _, c := range commands {
		if !slices.Contains(r.targets, c.Target) {
			r.targets = append(r.targets, c.Target)
		}
		k.size += c.size()
		k.writes[c.Target] = true
		for _, id := range c.needs {
			k.needs[id] = true
		}
	}
}

// inFlight knows the chunks that are not done yet.
type inFlight struct {
	writers map[uuid.UUID][]*chunk
}

// enter notes the chunk and gives those it has to wait for: the earlier ones
// that write what it touches.
func (f *inFlight) enter(k *chunk) []*chunk {
	seen := map[*chunk]bool{}
	var before []*chunk
	for _, ids := range []map[uuid.UUID]bool{k.writes, k.needs} {
		for id := range ids {
			for _, writer := range f.writers[id] {
				if !seen[writer] {
					seen[writer] = true
					before = append(before, writer)
				}
			}
		}
	}
	for id := range k.writes {
		f.writers[id] = append(f.writers[id], k)
	}
	return before
}

// leave forgets a chunk that is done.
func (f *inFlight) leave(k *chunk) {
	for id := range k.writes {
		left := f.writers[id][:0:0]
		for _, other := range f.writers[id] {
			if other != k {
				left = append(left, other)
			}
		}
		if len(left) == 0 {
			delete(f.writers, id)
		} else {
			f.writers[id] = left
		}
	}
}
