package embedded

import (
	"sync"
	"sync/atomic"
)

// A horizon is the position up to which the log is on disk. Nothing beyond it is
// ever shown: Pebble makes a batch visible before its log file is synced, and a
// projection that acted on such an event could outlive it.
type horizon struct {
	position atomic.Uint64

	mu    sync.Mutex
	moved chan struct{} // closed when position moves; nil while nobody waits
}

// watch returns a channel that is closed when the horizon next moves. Take it
// before reading the position: what comes between the two then closes it, and no
// event is missed.
func (h *horizon) watch() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.moved == nil {
		h.moved = make(chan struct{})
	}
	return h.moved
}

// advance moves the horizon and wakes all who wait.
func (h *horizon) advance(position uint64) {
	h.position.Store(position)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.moved != nil {
		close(h.moved)
		h.moved = nil
	}
}
