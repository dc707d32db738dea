package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"
)

// A journal is what the callers of a node were told and shown: the truth that a
// recovered store is held against. Writers and readers add to it at the same time.
type journal struct {
	mu    sync.Mutex
	told  []answer
	shown [][]byte // messages to readers, as they went to the network
	end   uint64   // the furthest horizon anybody saw
}

// An answer is what the node said to an op; never an error, which says nothing.
type answer struct {
	op *op
	outcome
}

// asOf is the journal up to now, with what is to be seen of n, if there is one.
// It was all told and shown before asOf returns.
func (j *journal) asOf(n *Node) *journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n != nil {
		j.end = max(j.end, n.horizon.position.Load())
	}
	return &journal{told: slices.Clone(j.told), shown: slices.Clone(j.shown), end: j.end}
}

func (j *journal) note(o *op, out outcome) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.told = append(j.told, answer{o, out})
}

// send sends one op and notes the answer.
func (j *journal) send(ctx context.Context, n *Node, o *op) (outcome, error) {
	out, err := n.submit(ctx, o.request())
	if err == nil {
		j.note(o, out)
	}
	return out, err
}

// write appends one event at the revision that the caller knows.
func (j *journal) write(ctx context.Context, n *Node, stream string, expected int64, data []byte) error {
	out, err := j.send(ctx, n, &op{stream: stream, expected: expected, events: []proposal{{id: uuid.New(), kind: "x", data: data}}})
	if err != nil {
		return err
	}
	if out.verdict != accepted || out.current != expected+1 {
		return fmt.Errorf("%s after %d: %+v", stream, expected, out)
	}
	return nil
}

// run has writers append to streams of their own until ctx ends or the node refuses.
func (j *journal) run(ctx context.Context, n *Node, writers int, data func() []byte) *sync.WaitGroup {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for revision := int64(-1); ctx.Err() == nil; revision++ {
				if err := j.write(ctx, n, fmt.Sprint("s", w), revision, data()); err != nil {
					return
				}
			}
		})
	}
	return &wg
}

// errStopped is what play returns when it was told to stop.
var errStopped = errors.New("stopped")

// play sends ops in order, as many at a time as width says, and waits for their
// answers before it sends the next ones. It returns how many were answered; those
// after may have been sent.
func (j *journal) play(ctx context.Context, n *Node, ops []*op, width func() int, stop <-chan struct{}) (int, error) {
	answered := 0
	for len(ops) > answered {
		window := ops[answered:min(len(ops), answered+width())]
		requests := make([]*request, len(window))
		for i, o := range window {
			requests[i] = o.request()
			if err := n.queue(ctx, requests[i]); err != nil {
				return answered, err
			}
		}
		for i, r := range requests {
			select {
			case <-r.done:
			case <-stop:
				return answered, errStopped
			case <-n.failed:
				return answered, errBroken
			case <-n.disk.full():
				return answered, errFull
			case <-n.stall.began():
				return answered, errStalled
			}
			if r.outcome.err != nil {
				return answered, r.outcome.err
			}
			j.note(window[i], r.outcome)
			answered++
		}
	}
	return answered, nil
}

// follow has readers note what they are shown: one follows the log, one a stream.
// They must be stopped before the node closes, as its server would stop them.
func (j *journal) follow(ctx context.Context, n *Node, stream string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, o := range []*streamspb.ReadReq_Options{
		{StreamOption: &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
			AllOption: &streamspb.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
		}}},
		{StreamOption: &streamspb.ReadReq_Options_Stream{Stream: &streamspb.ReadReq_Options_StreamOptions{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)},
			RevisionOption:   &streamspb.ReadReq_Options_StreamOptions_Start{Start: &shared.Empty{}},
		}}},
	} {
		o.CountOption = &streamspb.ReadReq_Options_Subscription{Subscription: &streamspb.ReadReq_Options_SubscriptionOptions{}}
		wg.Go(func() { _ = (&streams{node: n}).Read(&streamspb.ReadReq{Options: o}, &reader{ctx: ctx, journal: j}) })
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// shownLog returns the messages of a read of the whole log, nil if that fails.
func shownLog(n *Node) [][]byte {
	r := &reader{ctx: n.ctx, journal: &journal{}}
	err := (&streams{node: n}).Read(&streamspb.ReadReq{Options: &streamspb.ReadReq_Options{
		StreamOption: &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
			AllOption: &streamspb.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
		}},
		CountOption: &streamspb.ReadReq_Options_Count{Count: 1 << 40},
	}}, r)
	if err != nil {
		return nil
	}
	return r.journal.shown
}

// A reader is the network's end of a Read call: what the node sends is in the
// journal before the node knows that it was sent.
type reader struct {
	streamspb.Streams_ReadServer
	ctx     context.Context
	journal *journal
}

func (r *reader) Context() context.Context { return r.ctx }

func (r *reader) SetTrailer(metadata.MD) {}

func (r *reader) Send(m *streamspb.ReadResp) error { return r.SendMsg(m) }

func (r *reader) SendMsg(m any) error {
	b, err := newWireCodec().Marshal(m)
	if err != nil {
		return err
	}
	message := b.Materialize()
	b.Free()
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	r.journal.shown = append(r.journal.shown, message)
	return nil
}
