package witness

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/eventstore/embedded"
	"crm/eventstore/faulttest"
)

// TestStreamsAreLinearizable has eight clients compete for fifty streams, 500
// operations each.
func TestStreamsAreLinearizable(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 4, Large: 40}, func(c *faulttest.Case) {
		connect := start(c.T, embedded.Config{MemTableBytes: 256 << 10, HeadCache: 16})
		h := NewHistory(50)
		var wg sync.WaitGroup
		for n := range 8 {
			client, contender := connect(), h.Contender(n, c.Seed)
			wg.Go(func() {
				if err := contender.Run(c.Context(), client, 500); err != nil {
					c.Error(err)
				}
			})
		}
		wg.Wait()
		all, unknown := h.Len()
		c.Logf("%d operations, the end of %d is unknown", all, unknown)
		if err := h.Check(time.Minute); err != nil {
			c.Error(err)
		}
	})
}

// TestHistoriesThatCannotBe shows that a history can be wrong: each has one answer
// that no order explains.
func TestHistoriesThatCannotBe(t *testing.T) {
	t.Parallel()
	ids := func(n ...uint64) (ids []uuid.UUID) {
		for _, n := range n {
			ids = append(ids, origin{append: n, size: 1}.id())
		}
		return ids
	}
	type operation struct {
		in  input
		out output
	}
	write := func(expected, last int64, n ...uint64) operation {
		return operation{input{expected: expected, ids: ids(n...)}, output{last: last}}
	}
	refusal := func(expected int64, n ...uint64) operation {
		return operation{input{expected: expected, ids: ids(n...)}, output{wrong: true}}
	}
	lost := func(expected int64, n ...uint64) operation {
		return operation{input{expected: expected, ids: ids(n...)}, output{unknown: true}}
	}
	read := func(newestFirst ...uint64) operation {
		return operation{input{read: true}, output{last: int64(len(newestFirst)) - 1, tail: ids(newestFirst...)}}
	}
	for _, c := range []struct {
		name string
		ops  []operation // one after the other
		ok   bool
	}{
		{"one after the other", []operation{write(noStream, 0, 1), write(0, 2, 2, 3), read(3, 2, 1), write(anyRevision, 3, 4), read(4, 3, 2, 1)}, true},
		{"a refusal", []operation{write(noStream, 0, 1), refusal(noStream, 2), read(1)}, true},
		{"sent again", []operation{write(noStream, 1, 1, 2), write(1, 2, 3), write(noStream, 1, 1, 2), write(anyRevision, 2, 3), read(3, 2, 1)}, true},
		{"an unknown end that happened", []operation{lost(noStream, 1), read(1)}, true},
		{"an unknown end that did not", []operation{lost(noStream, 1), read(), write(noStream, 0, 2), read(2)}, true},
		{"an unknown end that happened late", []operation{lost(anyRevision, 1), read(), write(noStream, 0, 2), read(1, 2)}, true},

		{"a lost event", []operation{write(noStream, 0, 1), read()}, false},
		{"a stale read", []operation{write(noStream, 0, 1), write(0, 1, 2), read(1)}, false},
		{"a read that goes back", []operation{lost(noStream, 1), read(1), read()}, false},
		{"half an append", []operation{write(noStream, 1, 1, 2), read(1)}, false},
		{"an event that came twice", []operation{write(noStream, 0, 1), write(anyRevision, 1, 1)}, false},
		{"two winners", []operation{write(noStream, 0, 1), write(noStream, 0, 2)}, false},
		{"a refusal of the right revision", []operation{write(noStream, 0, 1), refusal(0, 2)}, false},
		{"a refusal that wrote", []operation{write(noStream, 0, 1), refusal(noStream, 2), read(2, 1)}, false},
		{"a future revision accepted", []operation{write(noStream, 0, 1), write(5, 6, 2)}, false},
		{"a repetition refused", []operation{write(noStream, 0, 1), write(0, 1, 2), refusal(noStream, 1)}, false},
	} {
		h := NewHistory(1)
		for i, op := range c.ops {
			op.in.stream = "a"
			h.add(i, h.now(), op.in, op.out)
		}
		if err := h.Check(time.Minute); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	h := NewHistory(1)
	h.acked = []acked{{position: 2, called: 1, answer: 2}, {position: 1, called: 3, answer: 4}}
	if err := h.Check(time.Minute); err == nil || !strings.Contains(err.Error(), "before that at 1 was sent") {
		t.Errorf("positions against the order of calls: %v", err)
	}
}
