package embedded

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Stats are a node's figures at one moment. While the disk does not serve, those
// about it are as they were.
type Stats struct {
	Position      uint64         // of the last durable event
	Floor         uint64         // position of the floor: nothing up to there can be lost unnoticed
	Appended      uint64         // events since Open
	Groups        Histogram      // events in a batch, of those written since Open
	Syncs         Histogram      // seconds that a sync of the log file took, since Open
	Queued        int            // requests that wait for the writer
	Subscriptions []Subscription // open now
	DiskBytes     uint64         // used by the store
	DiskFull      bool           // a write waits for space
	DiskStalled   bool           // the disk does not answer
}

// A Histogram counts observations by size.
type Histogram struct {
	Count   uint64
	Sum     float64
	Buckets map[float64]uint64 // how many were at most so large
}

// A Subscription is one that is open.
type Subscription struct {
	// Number tells it from the others: the smallest that was free when it began, so
	// that there are no more numbers than were ever open at once.
	Number int
	// To is "all", "all, filtered" or "stream".
	To string
	// Behind is how many events of the log it has still to pass, of which it may want
	// none.
	Behind uint64
	// Age is how long the first of those has been in the log; 0 when there is none.
	Age time.Duration
}

// Stats returns the node's figures. It costs tens of microseconds, and a look-up
// for each subscription that is behind.
func (n *Node) Stats() Stats {
	s := Stats{
		Position:    n.horizon.position.Load(),
		Floor:       n.floor.position.Load(),
		Appended:    n.writer.appended.Load(),
		Groups:      n.writer.groupSizes.histogram(),
		Queued:      len(n.writer.queue),
		DiskFull:    n.disk.space.active(),
		DiskStalled: n.stall.active(),
	}
	n.storage.RLock()
	defer n.storage.RUnlock()
	serves := !n.closed && !n.hasFailed()
	if serves && !s.DiskFull && !s.DiskStalled { // or else Pebble may hold its locks
		n.known.Store(measure(n.db))
	}
	if known := n.known.Load(); known != nil {
		s.DiskBytes, s.Syncs = known.bytes, known.syncs
	}
	for number, f := range n.followers.list() {
		if f == nil {
			continue
		}
		sub := Subscription{Number: number, To: f.to}
		if at := f.passed.Load(); at < s.Position {
			sub.Behind = s.Position - at
			if serves {
				sub.Age = n.ageOf(at + 1)
			}
		}
		s.Subscriptions = append(s.Subscriptions, sub)
	}
	return s
}

// ageOf is how long the event at a position has been in the log.
func (n *Node) ageOf(position uint64) time.Duration {
	value, closer, err := n.db.Get(eventKey(position))
	if err != nil {
		return 0 // whoever reads it will say so
	}
	defer func() { _ = closer.Close() }()
	r, err := parseRecord(value, false)
	if err != nil {
		return 0
	}
	return max(0, n.cfg.now().Sub(time.Unix(0, r.created*100)))
}

// measured is what Pebble knows of the disk.
type measured struct {
	bytes uint64
	syncs Histogram
}

func measure(db *pebble.DB) *measured {
	m := db.Metrics()
	return &measured{bytes: m.DiskSpaceUsage(), syncs: secondsOf(m.LogWriter.FsyncLatency)}
}

// secondsOf takes over a histogram of nanoseconds, with a tenth of its hundred
// buckets: each at least twice the one before.
func secondsOf(from prometheus.Histogram) Histogram {
	var d dto.Metric
	if from == nil || from.Write(&d) != nil {
		return Histogram{}
	}
	h := Histogram{
		Count:   d.GetHistogram().GetSampleCount(),
		Sum:     d.GetHistogram().GetSampleSum() / float64(time.Second),
		Buckets: map[float64]uint64{},
	}
	last := 0.0
	for _, b := range d.GetHistogram().GetBucket() {
		if at := b.GetUpperBound() / float64(time.Second); at > 0 && at >= 2*last {
			h.Buckets[at] = b.GetCumulativeCount()
			last = at
		}
	}
	return h
}

// sizes counts sizes by their power of two. It is written by one goroutine.
type sizes struct {
	sum   atomic.Uint64
	upTo  [14]atomic.Uint64 // 1, 2, 4 … 4,096, and more
	count atomic.Uint64
}

func (s *sizes) observe(size int) {
	if size < 1 {
		return
	}
	s.sum.Add(uint64(size))
	s.upTo[min(bits.Len(uint(size-1)), len(s.upTo)-1)].Add(1)
	s.count.Add(1)
}

func (s *sizes) histogram() Histogram {
	h := Histogram{Count: s.count.Load(), Sum: float64(s.sum.Load()), Buckets: map[float64]uint64{}}
	passed := uint64(0)
	for i := range len(s.upTo) - 1 {
		passed += s.upTo[i].Load()
		h.Buckets[float64(uint64(1)<<i)] = passed
	}
	return h
}

// followers are the open subscriptions, at their numbers.
type followers struct {
	mu   sync.Mutex
	open []*follower // nil: the number is free
}

type follower struct {
	to     string
	passed atomic.Uint64 // position up to which it has seen the log
}

func (f *followers) join(one *follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if free := slices.Index(f.open, nil); free >= 0 {
		f.open[free] = one
	} else {
		f.open = append(f.open, one)
	}
}

func (f *followers) leave(one *follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.Index(f.open, one); i >= 0 {
		f.open[i] = nil
	}
}

// list is who is open, by number; nil where a number is free.
func (f *followers) list() []*follower {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.open)
}
