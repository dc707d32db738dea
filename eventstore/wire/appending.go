package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
)

// An appending is one call of BatchAppend, which all appends share until it ends.
// One goroutine sends, one receives; the last of them ends the call.
type appending struct {
	conn   *Conn
	cancel context.CancelFunc
	queue  chan outgoing
	ended  chan struct{} // closed when err stands

	mu      sync.Mutex
	last    uint64                                     // number given to an append
	waiting map[uint64]chan *streamspb.BatchAppendResp // by number
	err     error                                      // why there are no more answers
}

var batchAppendCall = grpc.StreamDesc{StreamName: "BatchAppend", ServerStreams: true, ClientStreams: true}

// appending gives the call that is open, or opens one.
func (c *Conn) appending() (*appending, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.appends == nil {
		ctx, cancel := context.WithCancel(context.Background())
		c.appends = &appending{
			conn: c, cancel: cancel,
			queue: make(chan outgoing), ended: make(chan struct{}),
			waiting: map[uint64]chan *streamspb.BatchAppendResp{},
		}
		c.running.Go(func() { c.appends.run(ctx) })
	}
	return c.appends, nil
}

// ask sends an append and waits for its answer.
func (p *appending) ask(ctx context.Context, a Append) (*streamspb.BatchAppendResp, error) {
	number, answer := p.expect()
	defer p.forget(number)
	select {
	case p.queue <- a.request(number):
	case <-p.ended:
		return nil, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case r := <-answer:
		return r, nil
	case <-p.ended:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case r := <-answer: // came just before the end
		return r, nil
	default:
		return nil, p.err
	}
}

// expect gives the next append its number, and where the answer to it will come.
func (p *appending) expect() (uint64, <-chan *streamspb.BatchAppendResp) {
	answer := make(chan *streamspb.BatchAppendResp, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	p.waiting[p.last] = answer
	return p.last, answer
}

func (p *appending) forget(number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, number)
}

// answer hands an answer to who waits for it, if anybody still does.
func (p *appending) answer(r *streamspb.BatchAppendResp) {
	number, _ := number(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	if waiting := p.waiting[number]; waiting != nil {
		delete(p.waiting, number)
		waiting <- r
	}
}

// run carries appends to the node until the call breaks. Those that wait learn why.
func (p *appending) run(ctx context.Context) {
	defer p.cancel()
	p.err = p.carry(ctx)
	p.conn.mu.Lock()
	if p.conn.appends == p {
		p.conn.appends = nil
	}
	p.conn.mu.Unlock()
	close(p.ended)
}

func (p *appending) carry(ctx context.Context) error {
	l, err := p.conn.enter(ctx)
	if err != nil {
		return p.conn.explain(err, nil)
	}
	call, err := l.conn.NewStream(p.conn.outgoing(ctx), &batchAppendCall, streamspb.Streams_BatchAppend_FullMethodName, grpc.ForceCodecV2(frames))
	if err != nil {
		err = p.conn.explain(err, nil)
	} else {
		err = p.exchange(call)
	}
	p.conn.leave(l, errors.Is(err, ErrUnreachable))
	return err
}

func (p *appending) exchange(call grpc.ClientStream) error {
	broke := make(chan error, 1)
	p.conn.running.Go(func() { broke <- p.receive(call) })
	for {
		select {
		case request := <-p.queue:
			if err := call.SendMsg(request); err != nil && !errors.Is(err, io.EOF) { // EOF: receive tells why
				p.cancel()
				<-broke //nolint:errcheck // it says that the call was cancelled
				return p.conn.explain(err, nil)
			}
		case err := <-broke:
			return err
		}
	}
}

func (p *appending) receive(call grpc.ClientStream) error {
	for {
		answer := &streamspb.BatchAppendResp{}
		switch err := call.RecvMsg(answer); {
		case errors.Is(err, io.EOF): // a node that is about to leave
			return fmt.Errorf("%w: it ended the call", ErrUnreachable)
		case err != nil:
			return p.conn.explain(err, call.Trailer())
		}
		p.answer(answer)
	}
}
