package embedded

import (
	"context"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// Read answers reads and subscriptions, of a stream and of $all.
func (s *streams) Read(req *streamspb.ReadReq, call streamspb.Streams_ReadServer) error {
	return toStatus(s.read(req.GetOptions(), call), call.SetTrailer)
}

func (s *streams) read(o *streamspb.ReadReq_Options, call streamspb.Streams_ReadServer) error {
	if o == nil {
		return invalidArgument("a read without options")
	}
	r, err := s.newReading(o, call)
	if err != nil {
		return err
	}
	defer r.stop()
	switch o.GetCountOption().(type) {
	case *streamspb.ReadReq_Options_Subscription:
		if r.backwards {
			return invalidArgument("a subscription that goes backwards")
		}
		return r.subscribe(o)
	case *streamspb.ReadReq_Options_Count:
		r.left = o.GetCount()
	default:
		return invalidArgument("a read without a count")
	}
	switch o.GetStreamOption().(type) {
	case *streamspb.ReadReq_Options_All:
		return r.readAll(o.GetAll())
	case *streamspb.ReadReq_Options_Stream:
		return r.readStream(o.GetStream())
	default:
		return invalidArgument("a read of neither a stream nor $all")
	}
}

// A reading is one call of Read.
type reading struct {
	*cursor
	node   *Node
	call   streamspb.Streams_ReadServer
	ctx    context.Context // ends with the call and with the node
	stop   func()
	filter *filter
	chunk  chunk

	follower *follower // of a subscription: how far it is
}

func (s *streams) newReading(o *streamspb.ReadReq_Options, call streamspb.Streams_ReadServer) (*reading, error) {
	r := &reading{cursor: newCursor(s.node.db, structuredIDs), node: s.node, call: call}
	if _, ok := o.GetUuidOption().GetContent().(*streamspb.ReadReq_Options_UUIDOption_String_); ok {
		r.form = stringIDs
	}
	r.backwards = o.GetReadDirection() == streamspb.ReadReq_Options_Backwards
	if f, ok := o.GetFilterOption().(*streamspb.ReadReq_Options_Filter); ok {
		var err error
		if r.filter, err = parseFilter(f.Filter); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(call.Context())
	stop := context.AfterFunc(s.node.ctx, func() { cancel(context.Cause(s.node.ctx)) })
	r.ctx, r.stop = ctx, func() { stop(); cancel(nil) }
	return r, nil
}

// horizon is where the log ends for readers now.
func (r *reading) horizon() uint64 { return r.node.horizon.position.Load() }

// flush sends the chunk, unless the call or the node has ended.
func (r *reading) flush() error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return r.chunk.send(r.call)
}

// sendLog sends the events of the log within s.
func (r *reading) sendLog(s span, k *checkpoints) error {
	r.chunk.expect(min(s.last-s.first+1, r.left))
	for !s.empty() && r.left > 0 {
		if err := r.fillLog(&r.chunk, &s, r.filter, k); err != nil {
			return err
		}
		if err := r.flush(); err != nil {
			return err
		}
		if r.follower != nil && !s.empty() {
			r.follower.passed.Store(s.first - 1)
		}
	}
	return nil
}

// sendStream sends a stream's events within s.
func (r *reading) sendStream(stream uint64, s span) error {
	r.chunk.expect(min(s.last-s.first+1, r.left))
	for !s.empty() && r.left > 0 {
		if err := r.fillStream(&r.chunk, stream, &s); err != nil {
			return err
		}
		if err := r.flush(); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads the raw log: also what streams no longer show. From a position it
// begins with the event there when it goes forwards, with the one before when it
// goes backwards.
func (r *reading) readAll(o *streamspb.ReadReq_Options_AllOptions) error {
	end := r.horizon()
	s := span{first: 1, last: end}
	switch from := o.GetAllOption().(type) {
	case *streamspb.ReadReq_Options_AllOptions_Start:
		if r.backwards {
			return nil
		}
	case *streamspb.ReadReq_Options_AllOptions_End:
		if !r.backwards {
			return nil
		}
	case *streamspb.ReadReq_Options_AllOptions_Position:
		position := from.Position.GetCommitPosition()
		switch {
		case position == math.MaxUint64: // how some clients spell the end
			if !r.backwards {
				return nil
			}
		case position > end+1:
			return invalidPosition(position, end)
		case r.backwards && position == 0:
			return nil
		case r.backwards:
			s.last = min(end, position-1)
		default:
			s.first = max(1, position)
		}
	default:
		return invalidArgument("a read of $all from neither a position, the start nor the end")
	}
	return r.sendLog(s, nil)
}

// readStream reads what a stream shows: both ways from a revision on, inclusive.
func (r *reading) readStream(o *streamspb.ReadReq_Options_StreamOptions) error {
	name := string(o.GetStreamIdentifier().GetStreamName())
	if name == "" {
		return invalidArgument("a read without a stream name")
	}
	h, err := loadHead(r.db, name, r.horizon())
	if err != nil {
		return err
	}
	if h.tombstoned() {
		return streamDeleted(name)
	}
	if h.gone() {
		return r.call.Send(&streamspb.ReadResp{Content: &streamspb.ReadResp_StreamNotFound_{
			StreamNotFound: &streamspb.ReadResp_StreamNotFound{
				StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)},
			},
		}})
	}
	s := r.shown(h)
	switch from := o.GetRevisionOption().(type) {
	case *streamspb.ReadReq_Options_StreamOptions_Start:
		if r.backwards {
			s.last = 0 // the first revision, if it is still shown
		}
	case *streamspb.ReadReq_Options_StreamOptions_End:
		if !r.backwards {
			return nil
		}
	case *streamspb.ReadReq_Options_StreamOptions_Revision:
		if r.backwards {
			s.last = min(s.last, from.Revision)
		} else {
			s.first = max(s.first, from.Revision)
		}
	default:
		return invalidArgument("a read from neither a revision, the start nor the end")
	}
	return r.sendStream(h.id, s)
}

// shown is the span of revisions that a stream's metadata leaves, and sets how
// old events may be.
func (r *reading) shown(h *head) span {
	if h.retention.maxAge > 0 {
		r.oldest = ticks(r.node.cfg.now().Add(-h.retention.maxAge))
	} else {
		r.oldest = math.MinInt64
	}
	return span{first: uint64(h.retention.first(h.last)), last: uint64(h.last)}
}

func invalidPosition(position, end uint64) error {
	return invalidArgument("position %d is not one of this log, which ends at %d", position, end)
}
