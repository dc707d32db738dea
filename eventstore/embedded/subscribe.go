package embedded

import (
	"context"
	"math"

	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
)

// A subscription has no live mode. It is one loop that takes the wake channel,
// reads up to the horizon, and sleeps on the channel when there was nothing to
// read:
//
//	take the wake channel ──▶ read (next .. horizon], send ──▶ nothing new? CaughtUp once, sleep ──▶ again
//
// An event that becomes durable between reading and sleeping has closed the
// channel already. There is no hand-over from catching up to live, no buffer that
// overflows, and a slow reader slows nobody but itself.

// subscribe answers a subscription, which ends when the client goes, the node
// closes, or the stream is tombstoned.
func (r *reading) subscribe(o *streamspb.ReadReq_Options) error {
	r.follower = &follower{to: "all"}
	var next func() error // sends what has come since the last call
	var err error
	switch from := o.GetStreamOption().(type) {
	case *streamspb.ReadReq_Options_All:
		if r.filter != nil {
			r.follower.to = "all, filtered"
		}
		next, err = r.followAll(from.All)
	case *streamspb.ReadReq_Options_Stream:
		r.follower.to = "stream"
		if r.filter != nil {
			return invalidArgument("a filter on a single stream")
		}
		next, err = r.followStream(from.Stream)
	default:
		return invalidArgument("a subscription to neither a stream nor $all")
	}
	if err != nil {
		return err
	}
	r.node.followers.join(r.follower)
	defer r.node.followers.leave(r.follower)
	if err := r.call.Send(&streamspb.ReadResp{Content: &streamspb.ReadResp_Confirmation{
		Confirmation: &streamspb.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()},
	}}); err != nil {
		return err
	}
	for caughtUp := false; ; {
		wake := r.node.horizon.watch()
		before := r.horizon()
		if err := next(); err != nil {
			return err
		}
		r.follower.passed.Store(before)
		behind := r.horizon() - before
		// Under steady writes a reader may never come nearer than a few events.
		if !caughtUp && behind <= chunkFrames {
			caughtUp = true
			if err := r.call.Send(&streamspb.ReadResp{
				Content: &streamspb.ReadResp_CaughtUp_{CaughtUp: &streamspb.ReadResp_CaughtUp{}},
			}); err != nil {
				return err
			}
		}
		if behind > 0 {
			continue
		}
		select {
		case <-wake:
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
	}
}

// followAll follows the log from after a position on.
func (r *reading) followAll(o *streamspb.ReadReq_Options_AllOptions) (func() error, error) {
	var done uint64
	switch from := o.GetAllOption().(type) {
	case *streamspb.ReadReq_Options_AllOptions_Start:
	case *streamspb.ReadReq_Options_AllOptions_End:
		done = r.horizon()
	case *streamspb.ReadReq_Options_AllOptions_Position:
		done = from.Position.GetCommitPosition()
		if end := r.horizon(); done == math.MaxUint64 {
			done = end
		} else if done > end {
			// Nobody can have seen an event there. To wait would be to leave out
			// what comes until then.
			return nil, invalidPosition(done, end)
		}
	default:
		return nil, invalidArgument("a subscription to $all from neither a position, the start nor the end")
	}
	var k *checkpoints
	if r.filter != nil {
		if r.filter.interval == 0 {
			return nil, invalidArgument("a checkpoint interval of 0")
		}
		k = &checkpoints{interval: r.filter.interval}
	}
	r.follower.passed.Store(done)
	first := true
	return func() error {
		end := r.horizon()
		if err := r.sendLog(span{first: done + 1, last: end}, k); err != nil {
			return err
		}
		// At the end of the log for the first time, so that a reader of something
		// rare need not search it all again.
		if first && k != nil && k.since > 0 {
			k.add(&r.chunk, k.position)
			if err := r.flush(); err != nil {
				return err
			}
		}
		done, first = end, false
		return nil
	}, nil
}

// followStream follows one stream from after a revision on, whether or not it
// exists yet.
func (r *reading) followStream(o *streamspb.ReadReq_Options_StreamOptions) (func() error, error) {
	name := string(o.GetStreamIdentifier().GetStreamName())
	if name == "" {
		return nil, invalidArgument("a subscription without a stream name")
	}
	var next uint64
	switch from := o.GetRevisionOption().(type) {
	case *streamspb.ReadReq_Options_StreamOptions_Start:
	case *streamspb.ReadReq_Options_StreamOptions_End:
		h, err := loadHead(r.db, name, r.horizon())
		if err != nil {
			return nil, err
		}
		next = uint64(h.last + 1)
	case *streamspb.ReadReq_Options_StreamOptions_Revision:
		if next = from.Revision; next < math.MaxInt64 {
			next++
		}
	default:
		return nil, invalidArgument("a subscription from neither a revision, the start nor the end")
	}
	return func() error {
		h, err := loadHead(r.db, name, r.horizon())
		switch {
		case err != nil:
			return err
		case h.tombstoned():
			return streamDeleted(name)
		case h.gone() || next > uint64(h.last):
			return nil
		}
		s := r.shown(h)
		s.first = max(s.first, next)
		if err := r.sendStream(h.id, s); err != nil {
			return err
		}
		next = uint64(h.last) + 1
		return nil
	}, nil
}
