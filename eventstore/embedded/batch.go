package embedded

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"golang.org/x/sync/errgroup"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// batchesInFlight is how many appends of one BatchAppend call may wait for the
// disk before the next is read.
const batchesInFlight = 256

// BatchAppend writes many appends over one call. They are answered in the order
// in which they were completed, without waiting for one before the next is read.
// A refused append ends neither the call nor the others.
func (s *streams) BatchAppend(call streamspb.Streams_BatchAppendServer) error {
	answers := make(chan *batch, batchesInFlight)
	g, ctx := errgroup.WithContext(call.Context())
	g.Go(func() error {
		defer close(answers)
		return s.receiveBatches(ctx, call, answers)
	})
	g.Go(func() error {
		for b := range answers {
			if b.fault == nil {
				_, b.fault = s.node.wait(ctx, &b.request)
			}
			if err := call.Send(b.answer(s.node.cfg.MaxAppendBytes)); err != nil {
				return err
			}
		}
		return nil
	})
	return toStatus(g.Wait(), call.SetTrailer)
}

// A batch is one append of a BatchAppend call. Its events may arrive in several
// messages.
type batch struct {
	request
	correlation *shared.UUID
	options     *streamspb.BatchAppendReq_Options
	deadline    time.Time // zero: none
	fault       error     // found before the writer saw it, or while waiting
}

func (s *streams) receiveBatches(ctx context.Context, call streamspb.Streams_BatchAppendServer, answers chan<- *batch) error {
	open := map[string]*batch{} // by correlation id, as it came
	for {
		msg, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		key, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg.GetCorrelationId())
		if err != nil {
			return err
		}
		b, ok := open[string(key)]
		if !ok {
			if len(open) >= batchesInFlight {
				return invalidArgument("more than %d appends are unfinished", batchesInFlight)
			}
			b = &batch{correlation: msg.GetCorrelationId(), options: msg.GetOptions()}
			b.fault = b.setOptions(msg.GetOptions(), s.node.cfg.now())
			open[string(key)] = b
		}
		for _, m := range msg.GetProposedMessages() {
			if b.fault == nil {
				b.fault = s.addProposal(&b.request, incomingOf(m))
			}
		}
		if !msg.GetIsFinal() {
			continue
		}
		delete(open, string(key))
		if b.fault == nil && !b.deadline.IsZero() && s.node.cfg.now().After(b.deadline) {
			b.fault = context.DeadlineExceeded
		}
		if b.fault == nil {
			b.fault = s.node.queue(ctx, &b.request)
		}
		select {
		case answers <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *batch) setOptions(o *streamspb.BatchAppendReq_Options, now time.Time) error {
	if o == nil {
		return invalidArgument("an append without options")
	}
	switch e := o.GetExpectedStreamPosition().(type) {
	case *streamspb.BatchAppendReq_Options_StreamPosition:
		b.expected = int64(e.StreamPosition) // the largest numbers are the special ones, negative
	case *streamspb.BatchAppendReq_Options_NoStream:
		b.expected = expectNoStream
	case *streamspb.BatchAppendReq_Options_Any:
		b.expected = expectAny
	case *streamspb.BatchAppendReq_Options_StreamExists:
		b.expected = expectStreamExists
	default:
		return invalidArgument("an append without an expected position")
	}
	switch d := o.GetDeadlineOption().(type) {
	case *streamspb.BatchAppendReq_Options_Deadline:
		b.deadline = now.Add(d.Deadline.AsDuration())
	case *streamspb.BatchAppendReq_Options_Deadline_21_10_0:
		b.deadline = d.Deadline_21_10_0.AsTime()
	}
	return b.setStream(o.GetStreamIdentifier())
}

// answer says what became of the batch, and repeats what the client needs to tell
// which it was.
func (b *batch) answer(limit int) *streamspb.BatchAppendResp {
	resp := &streamspb.BatchAppendResp{
		CorrelationId: b.correlation, StreamIdentifier: b.options.GetStreamIdentifier(),
	}
	switch e := b.options.GetExpectedStreamPosition().(type) {
	case *streamspb.BatchAppendReq_Options_StreamPosition:
		resp.ExpectedStreamPosition = &streamspb.BatchAppendResp_StreamPosition{StreamPosition: e.StreamPosition}
	case *streamspb.BatchAppendReq_Options_NoStream:
		resp.ExpectedStreamPosition = &streamspb.BatchAppendResp_NoStream{NoStream: &emptypb.Empty{}}
	case *streamspb.BatchAppendReq_Options_Any:
		resp.ExpectedStreamPosition = &streamspb.BatchAppendResp_Any{Any: &emptypb.Empty{}}
	case *streamspb.BatchAppendReq_Options_StreamExists:
		resp.ExpectedStreamPosition = &streamspb.BatchAppendResp_StreamExists{StreamExists: &emptypb.Empty{}}
	}
	if fault := b.refusal(limit); fault != nil {
		resp.Result = &streamspb.BatchAppendResp_Error{Error: fault}
	} else {
		resp.Result = &streamspb.BatchAppendResp_Success_{Success: batchSuccess(b.outcome)}
	}
	return resp
}

func batchSuccess(o outcome) *streamspb.BatchAppendResp_Success {
	success := &streamspb.BatchAppendResp_Success{
		CurrentRevisionOption: &streamspb.BatchAppendResp_Success_NoStream{NoStream: &emptypb.Empty{}},
		PositionOption:        &streamspb.BatchAppendResp_Success_NoPosition{NoPosition: &emptypb.Empty{}},
	}
	if o.current >= 0 {
		success.CurrentRevisionOption = &streamspb.BatchAppendResp_Success_CurrentRevision{CurrentRevision: uint64(o.current)}
	}
	if o.position != 0 {
		success.PositionOption = &streamspb.BatchAppendResp_Success_Position{
			Position: &shared.AllStreamPosition{CommitPosition: o.position, PreparePosition: o.position},
		}
	}
	return success
}

// refusal is the error inside the answer; nil if the batch was written. What
// Append says by trailers is said by the details here.
func (b *batch) refusal(limit int) *statuspb.Status {
	switch {
	case b.fault != nil:
		return b.faultStatus(limit)
	case b.outcome.verdict == deleted:
		return packed(codes.NotFound, "StreamDeleted", &shared.StreamDeleted{StreamIdentifier: b.options.GetStreamIdentifier()})
	case b.outcome.verdict == wrong:
		return packed(codes.AlreadyExists, "WrongExpectedVersion", b.conflict())
	default:
		return nil
	}
}

func (b *batch) faultStatus(limit int) *statuspb.Status {
	if errors.Is(b.fault, context.DeadlineExceeded) {
		return packed(codes.DeadlineExceeded, "Timeout", &shared.Timeout{})
	}
	if r, ok := errors.AsType[*refusal](b.fault); ok {
		switch exception := r.trailers.Get("exception"); {
		case len(exception) == 0:
		case exception[0] == "access-denied":
			return packed(codes.PermissionDenied, "AccessDenied", &shared.AccessDenied{})
		case exception[0] == "maximum-append-size-exceeded":
			return packed(codes.InvalidArgument, "MaximumAppendSizeExceeded",
				&shared.MaximumAppendSizeExceeded{MaxAppendSize: uint32(limit)})
		}
		if r == errFull || r == errStalled || r == errBroken || r == errClosing {
			return packed(r.code, r.message, &shared.Unknown{})
		}
		return packed(codes.InvalidArgument, r.message, &shared.BadRequest{Message: r.message})
	}
	return packed(codes.Unknown, b.fault.Error(), &shared.Unknown{})
}

func (b *batch) conflict() *shared.WrongExpectedVersion {
	w := &shared.WrongExpectedVersion{
		CurrentStreamRevisionOption: &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &emptypb.Empty{}},
	}
	if current := b.outcome.current; current >= 0 {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: uint64(current)}
	}
	switch b.expected {
	case expectNoStream:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &emptypb.Empty{}}
	case expectAny:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedAny{ExpectedAny: &emptypb.Empty{}}
	case expectStreamExists:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &emptypb.Empty{}}
	default:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: uint64(b.expected)}
	}
	return w
}

func packed(c codes.Code, message string, details proto.Message) *statuspb.Status {
	s := &statuspb.Status{Code: int32(c), Message: message}
	if a, err := anypb.New(details); err == nil { // fails only for messages without a descriptor
		s.Details = []*anypb.Any{a}
	}
	return s
}
