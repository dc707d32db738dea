package commands

import (
	"fmt"
	"sync"
	"testing"

	"crm/domain"
)

func TestTheCacheKeepsWhatFits(t *testing.T) {
	t.Parallel()
	c := newCache(10 * (streamCost + 100))
	for i := range 100 {
		s := c.acquire(domain.Stream(fmt.Sprint("test-", i)))
		c.weigh(s, 100)
		c.release(s)
	}
	if len(c.byName) != 10 || c.recent.Len() != 10 || c.cost != 10*(streamCost+100) {
		t.Errorf("%d streams, %d in order, cost %d", len(c.byName), c.recent.Len(), c.cost)
	}
	if _, kept := c.byName["test-99"]; !kept {
		t.Error("the stream used last is gone")
	}
}

func TestAStreamInUseIsNotDropped(t *testing.T) {
	t.Parallel()
	c := newCache(0)
	held := c.acquire("test-held")
	c.weigh(held, 100)
	for i := range 10 {
		c.release(c.acquire(domain.Stream(fmt.Sprint("test-", i))))
	}
	if again := c.acquire("test-held"); again != held {
		t.Error("a stream in use has two turns")
	}
	c.release(held)
	c.release(held)
	if len(c.byName) != 0 || c.cost != 0 {
		t.Errorf("%d streams, cost %d", len(c.byName), c.cost)
	}
}

func TestTheCacheUnderManyUsers(t *testing.T) {
	t.Parallel()
	c := newCache(4 * streamCost)
	var users sync.WaitGroup
	for i := range 16 {
		users.Go(func() {
			for n := range 500 {
				s := c.acquire(domain.Stream(fmt.Sprint("test-", (i+n)%20)))
				c.weigh(s, int64(n))
				c.release(s)
			}
		})
	}
	users.Wait()
	sum := int64(0)
	for _, s := range c.byName {
		sum += s.cost
	}
	if c.cost != sum || c.cost > c.limit || len(c.byName) != c.recent.Len() {
		t.Errorf("cost %d, sum %d, limit %d", c.cost, sum, c.limit)
	}
}
