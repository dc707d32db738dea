package embedded

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"crm/eventstore/faulttest"
)

// A jumpyClock is set forth and back by up to an hour whenever it is asked to.
type jumpyClock struct{ offset atomic.Int64 }

func (c *jumpyClock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *jumpyClock) jump(rng *rand.Rand) {
	c.offset.Store(rng.Int64N(int64(2*time.Hour)) - int64(time.Hour))
}

// TestOrderDoesNotDependOnTheClock sets the clock by up to an hour either way,
// again and again, while writers append and over restarts. Positions and revisions
// go on by one, readers see the same order, and created never goes back.
func TestOrderDoesNotDependOnTheClock(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 10, Large: 100}, func(c *faulttest.Case) {
		clock := &jumpyClock{}
		cfg := Config{Dir: c.TempDir(), MemTableBytes: minMemTable, now: clock.now}
		j := &journal{}
		for life := range 3 {
			clock.jump(c.Rand)
			s := start(c.T, cfg)
			var wg sync.WaitGroup
			for w := range 4 {
				wg.Go(func() {
					stream := fmt.Sprintf("s%d-%d", life, w)
					for revision := int64(-1); revision < 100; revision++ {
						if err := j.write(c.Context(), s.Node, stream, revision, make([]byte, 100)); err != nil {
							c.Error(err)
						}
					}
				})
			}
			jumping, done := context.WithCancel(c.Context())
			go func() {
				wg.Wait()
				done()
			}()
			for end := s.horizon.position.Load(); jumping.Err() == nil; end += 1 + uint64(c.Rand.IntN(40)) {
				_ = reach(jumping, s.Node, end) // or the writers are done
				clock.jump(c.Rand)
			}
			j.check(c.T, s.Node)
			last, created := uint64(0), time.Time{}
			for _, e := range s.readAll(c.T, esdb.Start{}, esdb.Forwards) {
				if e.Position.Commit != last+1 || e.CreatedDate.Before(created) {
					c.Errorf("%s@%d at %d, created %v; the one before at %d, created %v",
						e.StreamID, e.EventNumber, e.Position.Commit, e.CreatedDate, last, created)
				}
				last, created = e.Position.Commit, e.CreatedDate
			}
			if want := uint64(404 * (life + 1)); last != want {
				c.Errorf("%d events, want %d", last, want)
			}
			s.stop(c.T)
		}
	})
}
