package copying

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	runEvents = 500       // in one append, at most
	runBytes  = 256 << 10 // about; a single event may be larger
	slotBytes = 64 << 10  // what one append under way may take on average
)

// A run is neighbouring events of one stream, which go as one append.
type run struct {
	number uint64
	events []event
	weight int64 // of the window
}

// An appending is one BatchAppend call: what the source holds behind the mark,
// sent in order, with a bounded part of it not yet acknowledged. The first run goes
// alone: a target that refuses for a while will begin to take again with one of
// those, and not in the middle of many.
type appending struct {
	*copier
	call   streamspb.Streams_BatchAppendClient
	window *semaphore.Weighted
	size   int64         // of the window
	opened chan struct{} // closed when the first run was taken

	mu      sync.Mutex
	pending map[uint64]run
	sent    bool // nothing more will be
	acked   uint64
}

// errTaken ends an appending of which everything was acknowledged.
var errTaken = errors.New("all was taken")

// append sends what the target lacks. When it fails, only a comparison can tell
// what was taken.
func (c *copier) append(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	call, err := c.target.stub().BatchAppend(leading(ctx))
	if err != nil {
		return c.target.explain(err)
	}
	size := int64(c.options.InFlight) * slotBytes
	a := &appending{
		copier: c, call: call, size: size, window: semaphore.NewWeighted(size),
		opened: make(chan struct{}), pending: map[uint64]run{}, acked: c.have.events,
	}
	from := c.source.read(ctx, c.have.at)
	defer from.close()
	var sending sync.WaitGroup
	sending.Go(func() {
		if err := a.send(ctx, from); err != nil {
			end(err)
		}
	})
	end(a.receive())
	sending.Wait()
	if err := context.Cause(ctx); !errors.Is(err, errTaken) {
		return err
	}
	return nil
}

// send cuts the source into runs and sends them. It returns errTaken where all were
// acknowledged by then.
func (a *appending) send(ctx context.Context, from *reading) error {
	var r run
	bytes := 0
	for {
		e, err := a.nextWanted(from)
		if err != nil {
			return err
		}
		if n := len(r.events); n > 0 && (e == nil || e.stream != r.events[0].stream || n == runEvents || bytes+e.size() > runBytes) {
			r.weight = min(a.size, max(int64(bytes), slotBytes))
			if err := a.sendRun(ctx, r); err != nil {
				return err
			}
			r, bytes = run{number: r.number + 1}, 0
		}
		if e == nil {
			break
		}
		r.events = append(r.events, *e)
		bytes += e.size()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = true
	if len(a.pending) == 0 {
		return errTaken
	}
	return nil
}

func (a *appending) sendRun(ctx context.Context, r run) error {
	if err := a.window.Acquire(ctx, r.weight); err != nil {
		return err
	}
	a.mu.Lock()
	a.pending[r.number] = r
	a.mu.Unlock()
	if err := a.call.Send(r.request()); err != nil && !errors.Is(err, io.EOF) { // of which the receiver hears why
		return err
	}
	if r.number == 0 {
		select {
		case <-a.opened:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// receive takes the answers, until one is a refusal; errTaken when all were sent
// and are there. It does not wait for the end of the call: a server that has
// answered everything may never say so.
func (a *appending) receive() error {
	for {
		answer, err := a.call.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return a.target.explain(io.ErrUnexpectedEOF)
		case err != nil:
			return a.target.explain(err)
		}
		if err := a.take(answer); err != nil {
			return err
		}
	}
}

func (a *appending) take(answer *streamspb.BatchAppendResp) error {
	number := uint64(answer.GetCorrelationId().GetStructured().GetLeastSignificantBits())
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.pending[number]
	if !ok {
		return nil // of a call of this number we know nothing
	}
	delete(a.pending, number)
	a.window.Release(r.weight)
	if answer.GetSuccess() == nil {
		return a.target.explain(refusalOf(r, answer))
	}
	if number == 0 {
		close(a.opened)
	}
	a.acked += uint64(len(r.events))
	a.progressed(a.acked)
	if a.sent && len(a.pending) == 0 {
		return errTaken
	}
	return nil
}

// request is the run on the wire.
func (r run) request() *streamspb.BatchAppendReq {
	options := &streamspb.BatchAppendReq_Options{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(r.events[0].stream)},
	}
	if first := r.events[0].revision; first == 0 {
		options.ExpectedStreamPosition = &streamspb.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}
	} else {
		options.ExpectedStreamPosition = &streamspb.BatchAppendReq_Options_StreamPosition{StreamPosition: first - 1}
	}
	request := &streamspb.BatchAppendReq{
		CorrelationId: &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
			LeastSignificantBits: int64(r.number),
		}}},
		Options: options, IsFinal: true,
	}
	for _, e := range r.events {
		request.ProposedMessages = append(request.ProposedMessages, &streamspb.BatchAppendReq_ProposedMessage{
			Id: wireID(e.id), Metadata: systemMetadata(e.kind, e.json), CustomMetadata: e.metadata, Data: e.data,
		})
	}
	return request
}

const (
	contentJSON  = "application/json"
	contentBytes = "application/octet-stream"
)

func systemMetadata(kind string, json bool) map[string]string {
	content := contentBytes
	if json {
		content = contentJSON
	}
	return map[string]string{"type": kind, "content-type": content}
}

// A refusal is the target's no to one append.
type refusal struct {
	code codes.Code
	text string
}

func (r *refusal) Error() string { return r.text }

func refusalOf(r run, answer *streamspb.BatchAppendResp) error {
	status := answer.GetError()
	code := codes.Code(status.GetCode())
	what := &r.events[0]
	text := fmt.Sprintf("%s was refused: %s", what, status.GetMessage())
	switch {
	case code == codes.InvalidArgument && status.GetMessage() == "MaximumAppendSizeExceeded":
		text = fmt.Sprintf("%s of %d bytes is larger than it takes; raise its MaxAppendSize", what, what.size())
	case code == codes.NotFound:
		text = "the stream " + what.stream + " is deleted there for good"
	case code == codes.PermissionDenied:
		text = "writing to the stream " + what.stream + " is not allowed there"
	}
	return &refusal{code: code, text: text}
}
