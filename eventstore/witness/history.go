package witness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/anishathalye/porcupine"
)

// A History is what competing clients asked of a few streams, when, and what they
// were answered. NewHistory makes one.
type History struct {
	start   time.Time
	streams int

	mu         sync.Mutex
	operations map[string][]porcupine.Operation // by stream
	acked      []acked
}

// An acked append was answered with a position.
type acked struct {
	position       uint64
	called, answer int64
}

// NewHistory returns an empty history of clients that compete for some streams.
func NewHistory(streams int) *History {
	return &History{start: time.Now(), streams: streams, operations: map[string][]porcupine.Operation{}}
}

func (h *History) now() int64 { return int64(time.Since(h.start)) }

func (h *History) add(client int, called int64, in input, out output) {
	h.mu.Lock()
	defer h.mu.Unlock()
	op := porcupine.Operation{ClientId: client, Input: in, Call: called, Output: out, Return: h.now()}
	if out.unknown {
		op.Return = int64(1) << 62 // may take effect at any time, or never
	} else if out.position != 0 {
		// One sent again may have been written when it was sent first.
		h.acked = append(h.acked, acked{position: out.position, called: cmp.Or(in.sent, called), answer: op.Return})
	}
	h.operations[in.stream] = append(h.operations[in.stream], op)
}

// Len returns how many operations there are, and how many of an unknown end.
func (h *History) Len() (all, unknown int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ops := range h.operations {
		all += len(ops)
		for _, op := range ops {
			if op.Output.(output).unknown {
				unknown++
			}
		}
	}
	return all, unknown
}

// Check tells whether there is, for each stream, an order of its operations that
// explains every answer and in which none comes before one that had ended when it
// was called; and whether positions agree with the order of the calls. It gives
// up on a stream, with an error, after the time given.
func (h *History) Check(each time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	errs := faults{}
	for stream, ops := range h.operations {
		if len(errs.errs) == 3 { // to explain what cannot be explained takes long
			break
		}
		switch porcupine.CheckOperationsTimeout(streamModel, ops, each) {
		case porcupine.Ok:
		case porcupine.Illegal:
			errs.add(fmt.Errorf("no order of the %d operations on %s explains their answers", len(ops), stream))
		default:
			errs.add(fmt.Errorf("whether an order of the %d operations on %s explains them was not found out in %v", len(ops), stream, each))
		}
	}
	errs.add(h.checkPositions())
	return errs.err()
}

// checkPositions: an append that was answered before another was called is before
// it in the log.
func (h *History) checkPositions() error {
	slices.SortFunc(h.acked, func(a, b acked) int { return cmp.Compare(b.position, a.position) })
	later := acked{answer: int64(1) << 62} // the first answered of those with higher positions
	for _, a := range h.acked {
		if later.answer < a.called {
			return fmt.Errorf("an append was answered with position %d before that at %d was sent", later.position, a.position)
		}
		if a.answer < later.answer {
			later = a
		}
	}
	return nil
}

// A Contender is one of the clients that compete.
type Contender struct {
	history *History
	number  int
	rng     *rand.Rand
	appends uint64
	known   map[string]int64 // last revision it knows of
	doubt   *input           // ended unknown
}

// Contender returns client number n of the history.
func (h *History) Contender(n int, seed uint64) *Contender {
	return &Contender{history: h, number: n, rng: chance(seed, uint64(n)), known: map[string]int64{}}
}

// Run does some operations: appends that expect the revision the client knows of,
// a later one, no stream, or nothing, reads of a stream's last events, and appends sent again
// when their end is unknown. Some are given up early. It ends early with ctx, and
// with an error when an answer makes no sense.
func (c *Contender) Run(ctx context.Context, client *Client, operations int) error {
	for done := 0; done < operations && ctx.Err() == nil; done++ {
		call, cancel := ctx, func() {}
		if c.rng.IntN(40) == 0 {
			call, cancel = context.WithTimeout(ctx, time.Duration(c.rng.IntN(1000))*time.Microsecond)
		}
		err := c.operate(call, client)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Contender) operate(ctx context.Context, client *Client) error {
	if in := c.doubt; in != nil && c.rng.IntN(2) == 0 {
		c.doubt = nil
		return c.append(ctx, client, *in)
	}
	in := input{stream: fmt.Sprintf("contended-%d", c.rng.IntN(c.history.streams))}
	if c.rng.IntN(3) == 0 {
		return c.read(ctx, client, in)
	}
	in.expected = anyRevision
	known, ok := c.known[in.stream]
	if n := c.rng.IntN(10); n == 0 || !ok && n < 5 {
		in.expected = noStream
	} else if ok && n < 8 {
		in.expected = known
	} else if ok && n == 8 {
		in.expected = known + 1 + c.rng.Int64N(3) // of the future, or not any more
	}
	c.appends++
	for _, e := range eventsOf(uint64(c.number)<<40|c.appends, 1+c.rng.IntN(3), 32) {
		in.ids = append(in.ids, e.EventID)
	}
	return c.append(ctx, client, in)
}

func (c *Contender) append(ctx context.Context, client *Client, in input) error {
	events := make([]esdb.EventData, len(in.ids))
	for i, id := range in.ids {
		events[i] = eventOf(id)
	}
	var expected esdb.ExpectedRevision = esdb.Any{}
	switch {
	case in.expected == noStream:
		expected = esdb.NoStream{}
	case in.expected >= 0:
		expected = esdb.Revision(uint64(in.expected))
	}
	called, out := c.history.now(), output{}
	r, err := await(ctx, client, func(client *esdb.Client) (*esdb.WriteResult, error) {
		return client.AppendToStream(ctx, in.stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
	})
	e, isError := errors.AsType[*esdb.Error](err)
	switch {
	case err == nil:
		out.last, out.position = int64(r.NextExpectedVersion), r.CommitPosition
		c.known[in.stream] = out.last
	case isError && e.Code() == esdb.ErrorCodeWrongExpectedVersion:
		out.wrong = true
		delete(c.known, in.stream)
	case refused(err):
		return err
	default:
		out.unknown = true
		in.sent = cmp.Or(in.sent, called)
		c.doubt = &in
	}
	c.history.add(c.number, called, in, out)
	return nil
}

// tail is how many events a contender reads.
const tail = 10

func (c *Contender) read(ctx context.Context, client *Client, in input) error {
	in.read = true
	called, out := c.history.now(), output{last: noStream}
	events, err := await(ctx, client, func(client *esdb.Client) ([]*esdb.RecordedEvent, error) {
		return lastOf(ctx, client, in.stream)
	})
	if refused(err) {
		return err
	}
	if err != nil {
		return nil //nolint:nilerr // a read of an unknown end says nothing
	}
	for i, e := range events {
		if err := intact(e); err != nil {
			return err
		}
		if i == 0 {
			out.last = int64(e.EventNumber)
		}
		out.tail = append(out.tail, e.EventID)
	}
	c.known[in.stream] = out.last
	c.history.add(c.number, called, in, out)
	return nil
}

// lastOf reads the last events of a stream, newest first. Also receiving may not
// return while the node is away.
func lastOf(ctx context.Context, client *esdb.Client, stream string) ([]*esdb.RecordedEvent, error) {
	reading, err := client.ReadStream(ctx, stream, esdb.ReadStreamOptions{From: esdb.End{}, Direction: esdb.Backwards}, tail)
	if err != nil {
		return nil, err
	}
	defer reading.Close()
	var events []*esdb.RecordedEvent
	for {
		e, err := reading.Recv()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if coded, ok := errors.AsType[*esdb.Error](err); ok && coded.Code() == esdb.ErrorCodeResourceNotFound {
			return events, nil // no such stream
		}
		if err != nil {
			return nil, err
		}
		events = append(events, e.Event)
	}
}
