package witness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// A Load says what writers append.
type Load struct {
	Batch   int           // an append has 1 to Batch events, most have one; at least 1
	Bytes   int           // an event's data has fewer
	Timeout time.Duration // of a call; 0: none
	Pause   time.Duration // between two calls of a writer; 0: none
	// After, if any, is called by every writer after each append that was
	// acknowledged, with the number of its events.
	After func(events int)
}

// Writers append, each to streams of its own at the revision it knows, and all to
// a shared one at any.
type Writers struct {
	load    Load
	journal *Journal
	each    []*writer
}

type writer struct {
	*Writers
	number  uint64
	rng     *rand.Rand
	appends uint64
	streams []*ownStream
	doubt   *appending // sent, and not yet known to be written or not
}

type ownStream struct {
	name string
	next uint64
}

type appending struct {
	own      *ownStream // nil: the shared stream
	stream   string
	expected esdb.ExpectedRevision
	events   []esdb.EventData
}

// NewWriters returns n writers, who note in j what is acknowledged. A seed makes
// the same requests.
func NewWriters(j *Journal, n int, seed uint64, load Load) *Writers {
	w := &Writers{load: load, journal: j}
	for i := range n {
		w.each = append(w.each, &writer{Writers: w, number: uint64(i), rng: chance(seed, uint64(i))})
	}
	return w
}

// Run has all append until ctx ends, and whatever fails is in doubt and sent
// again. It returns an error when an answer cannot be right.
func (w *Writers) Run(ctx context.Context, client *Client) error {
	return w.all(ctx, func(ctx context.Context, w *writer) error {
		for ctx.Err() == nil {
			if w.doubt == nil {
				w.doubt = w.think()
			}
			if err := w.send(ctx, client); err != nil {
				return err
			}
			if w.load.Pause > 0 {
				rest(ctx, w.load.Pause)
			}
		}
		return nil
	})
}

// Finish sends again what is in doubt, until it is acknowledged.
func (w *Writers) Finish(ctx context.Context, client *Client) error {
	return w.all(ctx, func(ctx context.Context, w *writer) error {
		for w.doubt != nil {
			if err := w.send(ctx, client); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
}

// InDoubt returns how many appends are neither acknowledged nor refused. The
// writers must rest.
func (w *Writers) InDoubt() (n int) {
	for _, each := range w.each {
		if each.doubt != nil {
			n++
		}
	}
	return n
}

// all runs every writer to its end; the first error stops the others.
func (w *Writers) all(parent context.Context, run func(context.Context, *writer) error) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, len(w.each))
	for i, each := range w.each {
		wg.Go(func() {
			if errs[i] = run(ctx, each); errs[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	f := faults{}
	for _, err := range errs {
		if parent.Err() != nil || !errors.Is(err, context.Canceled) { // else it is another's error that counts
			f.add(err)
		}
	}
	return f.err()
}

// think makes up the next append.
func (w *writer) think() *appending {
	w.appends++
	size := 1
	if w.load.Batch > 1 && w.rng.IntN(4) == 0 {
		size = 1 + w.rng.IntN(w.load.Batch)
	}
	a := &appending{events: eventsOf(w.number<<40|w.appends, size, w.load.Bytes)}
	switch n := w.rng.IntN(20); {
	case n == 0:
		a.stream, a.expected = "shared", esdb.Any{}
		return a
	case n == 1 || len(w.streams) == 0:
		w.streams = append(w.streams, &ownStream{name: fmt.Sprintf("own-%d-%d", w.number, len(w.streams))})
		a.own = w.streams[len(w.streams)-1]
	default:
		a.own = w.streams[w.rng.IntN(len(w.streams))]
	}
	a.stream = a.own.name
	switch {
	case a.own.next == 0:
		a.expected = esdb.NoStream{}
	case w.rng.IntN(10) == 0:
		a.expected = esdb.Any{}
	default:
		a.expected = esdb.Revision(a.own.next - 1)
	}
	return a
}

// send sends what is in doubt once. It returns an error only for an answer that
// cannot be right.
func (w *writer) send(ctx context.Context, client *Client) error {
	call := ctx
	if w.load.Timeout > 0 {
		var cancel context.CancelFunc
		call, cancel = context.WithTimeout(ctx, w.load.Timeout)
		defer cancel()
	}
	a := w.doubt
	// The call is left alone rather than cancelled: the client reads a cancelled
	// call's trailers while gRPC still writes them. Its own deadline ends it.
	uncancelled := context.WithoutCancel(ctx)
	r, err := await(call, client, func(client *esdb.Client) (*esdb.WriteResult, error) {
		return client.AppendToStream(uncancelled, a.stream, esdb.AppendToStreamOptions{ExpectedRevision: a.expected}, a.events...)
	})
	if err != nil {
		if refused(err) {
			return fmt.Errorf("append to %s, expected %v: %w", a.stream, a.expected, err)
		}
		rest(ctx, 5*time.Millisecond)
		return nil
	}
	w.doubt = nil
	n := uint64(len(a.events))
	if a.own != nil {
		if a.own.next += n; r.NextExpectedVersion != a.own.next-1 {
			return fmt.Errorf("append of %d to %s, expected %v: ends at %d", n, a.stream, a.expected, r.NextExpectedVersion)
		}
	}
	if r.NextExpectedVersion+1 < n || r.CommitPosition < n || r.CommitPosition != r.PreparePosition {
		return fmt.Errorf("append of %d to %s: %+v", n, a.stream, *r)
	}
	for i, e := range a.events {
		back := n - 1 - uint64(i)
		f := Fact{Stream: a.stream, Revision: r.NextExpectedVersion - back, ID: e.EventID}
		if err := w.journal.Heard(r.CommitPosition-back, f); err != nil {
			return err
		}
	}
	if w.load.After != nil {
		w.load.After(len(a.events))
	}
	return nil
}

// refused tells whether an error is the node's decision. All others leave open
// whether the call was carried out.
func refused(err error) bool {
	e, ok := errors.AsType[*esdb.Error](err)
	if !ok {
		return false
	}
	switch e.Code() {
	case esdb.ErrorCodeWrongExpectedVersion, esdb.ErrorCodeStreamDeleted, esdb.ErrorCodeAccessDenied,
		esdb.ErrorCodeUnsupportedFeature, esdb.ErrorCodeResourceNotFound, esdb.ErrorCodeNotLeader:
		return true
	default:
		return false
	}
}

// rest waits, but not beyond ctx.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
