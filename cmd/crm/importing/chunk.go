package importing

import (
	"strings"

	"github.com/google/uuid"
)

// A chunk is some hundred rows on their way. The server keeps the order of
// commands within one request only where they are about the same stream, so a
// chunk's commands go in levels: one request after another, each holding nothing
// that needs what the same request brings into being.
//
//	level 0   customer.register A   customer.register B   …
//	level 1   consent.object A      interaction.log B     link A → B
//
// Chunks are sent at the same time, unless one writes what another touches:
// then it waits for it, so that the order of the rows is kept.
type chunk struct {
	rows    []*row
	levels  [][]*command
	size    int
	writes  map[uuid.UUID]bool
	needs   map[uuid.UUID]bool
	created map[uuid.UUID]int  // the level that brings it into being
	last    map[streamName]int // the level of the stream's last command
	done    chan struct{}
}

type streamName struct {
	category string
	id       uuid.UUID
}

// The size of a chunk and of a request.
const (
	maxCommands = 500       // in a request: the API's limit
	maxRequest  = 512 << 10 // bytes
	chunkTarget = 400       // commands in a level that make a chunk full
)

func newChunk() *chunk {
	return &chunk{
		writes: map[uuid.UUID]bool{}, needs: map[uuid.UUID]bool{},
		created: map[uuid.UUID]int{}, last: map[streamName]int{},
		done: make(chan struct{}),
	}
}

// add puts a row's commands where they belong.
func (k *chunk) add(r *row, commands []*command) {
	k.rows = append(k.rows, r)
	k.size += len(r.raw)
	for _, c := range commands {
		category, _, _ := strings.Cut(c.name, ".")
		stream := streamName{category, c.target}
		level := k.last[stream]
		for _, id := range c.needs {
			if at, here := k.created[id]; here && (id != c.target || needsCustomer(c.name)) {
				level = max(level, at+1)
			}
			k.needs[id] = true
		}
		if creates(c.name) {
			if _, again := k.created[c.target]; !again {
				k.created[c.target] = level
			}
		}
		k.last[stream] = level
		k.writes[c.target] = true
		for len(k.levels) <= level {
			k.levels = append(k.levels, nil)
		}
		k.levels[level] = append(k.levels[level], c)
		k.size += c.size()
	}
}

func (k *chunk) full() bool {
	if k.size >= maxRequest || len(k.rows) >= chunkTarget {
		return true
	}
	for _, level := range k.levels {
		if len(level) >= chunkTarget {
			return true
		}
	}
	return false
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
