package commands

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"crm/domain"
)

// stream is what this process knows of one stream.
type stream struct {
	name domain.Stream
	// turn holds a token while a writer is at work, so that the writers of one
	// process queue up instead of racing. Only its holder touches known.
	turn  chan struct{}
	known *history // nil when nothing is known
	// facts is what other streams' commands may look at without a turn.
	facts atomic.Pointer[facts]

	// The cache's, under its lock.
	users   int
	cost    int64
	element *list.Element
}

// streamCost is what a stream weighs in memory beside its history.
const streamCost = 1024

// facts is what is known of an aggregate, as of a revision and a moment.
type facts struct {
	value    any // nil when it does not exist
	revision domain.Revision
	at       time.Time
}

// learn keeps the facts unless later ones are known.
func (s *stream) learn(latest facts) {
	for {
		known := s.facts.Load()
		if known != nil && known.revision > latest.revision {
			return
		}
		if s.facts.CompareAndSwap(known, &latest) {
			return
		}
	}
}

// cache keeps the streams used last, as many as fit. A stream in use is never
// dropped, so that a stream has one turn at most.
type cache struct {
	limit int64

	mu     sync.Mutex
	byName map[domain.Stream]*stream
	recent *list.List // of *stream, the one used last in front
	cost   int64
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, byName: map[domain.Stream]*stream{}, recent: list.New()}
}

// acquire gives the stream of that name, which stays until it is released.
func (c *cache) acquire(name domain.Stream) *stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.byName[name]
	if !ok {
		s = &stream{name: name, turn: make(chan struct{}, 1), cost: streamCost}
		s.element = c.recent.PushFront(s)
		c.byName[name] = s
		c.cost += streamCost
	}
	s.users++
	c.recent.MoveToFront(s.element)
	return s
}

// release gives a stream back, and drops the least recently used ones that are
// too many, and those of which nothing is known.
func (c *cache) release(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.users--
	if s.users == 0 && s.cost <= streamCost && s.facts.Load() == nil {
		c.drop(s)
	}
	for element := c.recent.Back(); element != nil && c.cost > c.limit; {
		last := element.Value.(*stream)
		element = element.Prev()
		if last.users == 0 {
			c.drop(last)
		}
	}
}

func (c *cache) drop(s *stream) {
	c.recent.Remove(s.element)
	delete(c.byName, s.name)
	c.cost -= s.cost
}

// weigh notes what the history of a stream in use costs from now on.
func (c *cache) weigh(s *stream, history int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cost += streamCost + history - s.cost
	s.cost = streamCost + history
}
