package embedded

import (
	"context"
	"errors"
	"io"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// streams is the service event_store.client.streams.Streams.
type streams struct {
	streamspb.UnimplementedStreamsServer
	node *Node
}

// maxStreamName is how long a stream's name may be, in bytes.
const maxStreamName = 4 << 10

// Append reads one append, writes it and answers when it is durable.
func (s *streams) Append(call streamspb.Streams_AppendServer) error {
	answer, err := s.append(call)
	if err != nil {
		return toStatus(err, call.SetTrailer)
	}
	return call.SendMsg(answer)
}

// append gives the answer: a frame, or a message for the rarer ones.
func (s *streams) append(call streamspb.Streams_AppendServer) (any, error) {
	r, err := s.receiveAppend(call)
	if err != nil {
		return nil, err
	}
	o, err := s.node.submit(call.Context(), r)
	if err != nil {
		return nil, err
	}
	switch o.verdict {
	case deleted:
		return nil, streamDeleted(r.stream)
	case wrong:
		return appendConflict(r.expected, o.current), nil
	default:
		return appendSuccessFrame(nil, o), nil
	}
}

// receiveAppend reads a whole append. It reads to the end even when it has found
// a fault: if the server ends the call while the client still sends, the Go
// client reports a bare EOF and the cause is lost.
func (s *streams) receiveAppend(call streamspb.Streams_AppendServer) (*request, error) {
	r := &request{operation: appendEvents}
	msg, err := call.Recv()
	if errors.Is(err, io.EOF) {
		return nil, invalidArgument("an append without options")
	}
	if err != nil {
		return nil, err
	}
	fault := r.setOptions(msg.GetOptions())
	for {
		var p incoming
		err := call.RecvMsg(&p)
		if errors.Is(err, io.EOF) {
			return r, fault
		}
		if err != nil {
			return nil, err
		}
		if fault == nil {
			fault = s.addProposal(r, p)
		}
	}
}

func (r *request) setOptions(o *streamspb.AppendReq_Options) error {
	if o == nil {
		return invalidArgument("an append without options")
	}
	switch e := o.GetExpectedStreamRevision().(type) {
	case *streamspb.AppendReq_Options_Revision:
		r.expected = int64(e.Revision) // the largest numbers are the special ones, negative
	case *streamspb.AppendReq_Options_NoStream:
		r.expected = expectNoStream
	case *streamspb.AppendReq_Options_Any:
		r.expected = expectAny
	case *streamspb.AppendReq_Options_StreamExists:
		r.expected = expectStreamExists
	default:
		return invalidArgument("an append without an expected revision")
	}
	return r.setStream(o.GetStreamIdentifier())
}

// setStream names the request's stream and checks what the request expects of it.
func (r *request) setStream(id *shared.StreamIdentifier) error {
	r.stream = string(id.GetStreamName())
	switch {
	case r.stream == "" || r.stream == metastreamPrefix:
		return invalidArgument("a request without a stream name")
	case len(r.stream) > maxStreamName:
		return invalidArgument("a stream name of %d bytes; at most %d", len(r.stream), maxStreamName)
	case r.stream == "$all":
		return accessDenied()
	case r.expected < 0 && r.expected != expectNoStream && r.expected != expectAny && r.expected != expectStreamExists:
		return invalidArgument("'%d' is not a valid expected revision", r.expected)
	}
	return nil
}

func (s *streams) addProposal(r *request, p incoming) error {
	switch {
	case p.fault != nil:
		return p.fault
	case !p.typed:
		return missingMetadata(metadataType)
	case !p.described:
		return missingMetadata(metadataContentType)
	case p.kind == "" || p.id == [16]byte{}:
		return invalidArgument("an event with an empty type or an id of zeros")
	}
	if r.size += p.size(); r.size > s.node.cfg.MaxAppendBytes {
		r.events = nil
		return appendTooLarge(s.node.cfg.MaxAppendBytes)
	}
	r.events = append(r.events, p.proposal)
	return nil
}

// queue hands r to the writer; wait waits for its answer. Between the two a
// caller may queue more.
func (n *Node) queue(ctx context.Context, r *request) error {
	if n.shortens(r) {
		return accessDenied()
	}
	r.done = make(chan struct{})
	full, stalled := n.disk.full(), n.stall.began()
	select {
	case <-full:
		return errFull
	case <-n.failed:
		return errBroken
	case <-stalled:
		return errStalled
	default:
	}
	select {
	case n.writer.queue <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.failed:
		return errBroken
	case <-full:
		return errFull
	case <-stalled:
		return errStalled
	}
}

// wait returns the answer to r. An error says nothing about whether r was
// written: the caller sends it again, under the same event ids.
func (n *Node) wait(ctx context.Context, r *request) (outcome, error) {
	select {
	case <-r.done:
		return r.outcome, r.outcome.err
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	case <-n.failed:
		return outcome{}, errBroken
	case <-n.disk.full():
		return outcome{}, errFull
	case <-n.stall.began():
		return outcome{}, errStalled
	}
}

func (n *Node) submit(ctx context.Context, r *request) (outcome, error) {
	if err := n.queue(ctx, r); err != nil {
		return outcome{}, err
	}
	return n.wait(ctx, r)
}

// appendConflict fills the fields for old and for current clients; the old ones
// spell NoStream as the largest number.
func appendConflict(expected, current int64) *streamspb.AppendResp {
	w := &streamspb.AppendResp_WrongExpectedVersion{}
	empty := &shared.Empty{}
	if current >= 0 {
		w.CurrentRevisionOption_20_6_0 = &streamspb.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{CurrentRevision_20_6_0: uint64(current)}
		w.CurrentRevisionOption = &streamspb.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(current)}
	} else {
		w.CurrentRevisionOption_20_6_0 = &streamspb.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: empty}
		w.CurrentRevisionOption = &streamspb.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: empty}
	}
	switch expected {
	case expectAny:
		w.ExpectedRevisionOption_20_6_0 = &streamspb.AppendResp_WrongExpectedVersion_Any_20_6_0{Any_20_6_0: empty}
		w.ExpectedRevisionOption = &streamspb.AppendResp_WrongExpectedVersion_ExpectedAny{ExpectedAny: empty}
	case expectStreamExists:
		w.ExpectedRevisionOption_20_6_0 = &streamspb.AppendResp_WrongExpectedVersion_StreamExists_20_6_0{StreamExists_20_6_0: empty}
		w.ExpectedRevisionOption = &streamspb.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: empty}
	default:
		w.ExpectedRevisionOption_20_6_0 = &streamspb.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: uint64(expected)} // NoStream becomes the largest number
		if expected == expectNoStream {
			w.ExpectedRevisionOption = &streamspb.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: empty}
		} else {
			w.ExpectedRevisionOption = &streamspb.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: uint64(expected)}
		}
	}
	return &streamspb.AppendResp{Result: &streamspb.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: w}}
}
