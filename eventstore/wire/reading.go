package wire

import (
	"context"
	"errors"
	"fmt"
	"io"

	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// ErrStreamDeleted is a stream that was deleted for good.
var ErrStreamDeleted = errors.New("wire: the stream was tombstoned")

// A frame is a message as it came. It holds gRPC's buffers until the next.
type frame struct{ buffer mem.Buffer }

func (f *frame) free() {
	if f.buffer != nil {
		f.buffer.Free()
		f.buffer = nil
	}
}

// outgoing is a message as it will be sent.
type outgoing []byte

// codec hands frames over as they are and leaves other messages to protobuf.
type codec struct{ encoding.CodecV2 }

var frames = codec{encoding.GetCodecV2(proto.Name)}

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(outgoing); ok {
		return mem.BufferSlice{mem.SliceBuffer(m)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal implements encoding.CodecV2. Most messages lie in one buffer, and are
// not copied.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*frame); ok {
		f.free()
		f.buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// A Reading is one call. It belongs to one goroutine.
type Reading struct {
	conn   *Conn
	link   *link
	ctx    context.Context // the caller's
	cancel context.CancelFunc
	call   grpc.ClientStream
	frame  frame
	msg    Message
	err    error // why there is nothing more; nil while there is
}

var readCall = grpc.StreamDesc{StreamName: "Read", ServerStreams: true}

// Read asks. What the node says of the query is heard from Next. A reading must be
// closed, or read to an error.
func (c *Conn) Read(ctx context.Context, q Query) (*Reading, error) {
	l, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	r := &Reading{conn: c, link: l, ctx: ctx}
	ctx, r.cancel = context.WithCancel(ctx)
	r.call, err = l.conn.NewStream(c.outgoing(ctx), &readCall, streamspb.Streams_Read_FullMethodName, grpc.ForceCodecV2(frames))
	if err == nil {
		err = r.call.SendMsg(q.request)
	}
	if err == nil || errors.Is(err, io.EOF) { // EOF: Next tells why
		err = r.call.CloseSend()
	}
	if err != nil {
		r.call = nil // has no trailers
		return nil, r.end(err)
	}
	return r, nil
}

// Subscribe asks with a query that [Follow] made, and waits until the subscription
// stands.
func (c *Conn) Subscribe(ctx context.Context, q Query) (*Reading, error) {
	r, err := c.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	m, err := r.Next()
	if err == nil && m.Kind != Confirmed {
		err = r.end(fmt.Errorf("%w: a subscription that begins unconfirmed", ErrMalformed))
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Next gives the next message, valid until the next call. It returns io.EOF at the
// end of a read, [ErrStreamDeleted], [ErrUnreachable], [ErrMalformed], the
// context's error, or what the node says as a gRPC status; and the same for ever.
func (r *Reading) Next() (*Message, error) {
	if r.err != nil {
		return nil, r.err
	}
	if err := r.call.RecvMsg(&r.frame); err != nil {
		return nil, r.end(err)
	}
	if err := r.msg.parse(r.frame.buffer.ReadOnlyData()); err != nil {
		return nil, r.end(err)
	}
	return &r.msg, nil
}

// Close ends the call. What Next gave is no longer valid.
func (r *Reading) Close() { _ = r.end(ErrClosed) }

// end gives the call up and says why, once.
func (r *Reading) end(err error) error {
	if r.err != nil {
		return r.err
	}
	r.err = r.explain(err)
	r.cancel()
	r.frame.free()
	r.conn.leave(r.link, errors.Is(r.err, ErrUnreachable))
	return r.err
}

// explain tells errors apart by what can be done about them.
func (r *Reading) explain(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, ErrClosed) || errors.Is(err, ErrMalformed) {
		return err
	}
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if r.call == nil {
		return r.conn.explain(err, nil)
	}
	return r.conn.explain(err, r.call.Trailer())
}
