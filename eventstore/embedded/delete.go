package embedded

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Delete hides a stream's events; it can be appended to again and then goes on
// numbering.
func (s *streams) Delete(ctx context.Context, req *streamspb.DeleteReq) (*streamspb.DeleteResp, error) {
	r := &request{
		operation: softDelete,
		events:    []proposal{{kind: kindMetadata, json: true, data: softDeleteMetadata}},
	}
	o := req.GetOptions()
	switch e := o.GetExpectedStreamRevision().(type) {
	case *streamspb.DeleteReq_Options_Revision:
		r.expected = int64(e.Revision) // the largest numbers are the special ones, negative
	case *streamspb.DeleteReq_Options_NoStream:
		r.expected = expectNoStream
	case *streamspb.DeleteReq_Options_StreamExists:
		r.expected = expectStreamExists
	default:
		r.expected = expectAny
	}
	position, err := s.remove(ctx, r, o.GetStreamIdentifier(), "Delete")
	if err != nil {
		return nil, err
	}
	return &streamspb.DeleteResp{PositionOption: &streamspb.DeleteResp_Position_{
		Position: &streamspb.DeleteResp_Position{CommitPosition: position, PreparePosition: position},
	}}, nil
}

// Tombstone ends a stream for good: it can be neither read nor appended to again.
func (s *streams) Tombstone(ctx context.Context, req *streamspb.TombstoneReq) (*streamspb.TombstoneResp, error) {
	r := &request{operation: tombstone, events: []proposal{{kind: kindStreamDeleted}}}
	o := req.GetOptions()
	switch e := o.GetExpectedStreamRevision().(type) {
	case *streamspb.TombstoneReq_Options_Revision:
		r.expected = int64(e.Revision) // the largest numbers are the special ones, negative
	case *streamspb.TombstoneReq_Options_NoStream:
		r.expected = expectNoStream
	case *streamspb.TombstoneReq_Options_StreamExists:
		r.expected = expectStreamExists
	default:
		r.expected = expectAny
	}
	position, err := s.remove(ctx, r, o.GetStreamIdentifier(), "Tombstone")
	if err != nil {
		return nil, err
	}
	return &streamspb.TombstoneResp{PositionOption: &streamspb.TombstoneResp_Position_{
		Position: &streamspb.TombstoneResp_Position{CommitPosition: position, PreparePosition: position},
	}}, nil
}

func (s *streams) remove(ctx context.Context, r *request, id *shared.StreamIdentifier, name string) (uint64, error) {
	setTrailer := func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) } // fails only outside of a call
	if err := r.setStream(id); err != nil {
		return 0, toStatus(err, setTrailer)
	}
	if isMetastream(r.stream) {
		return 0, toStatus(invalidArgument("'%s' holds metadata; it goes with its stream", r.stream), setTrailer)
	}
	o, err := s.node.submit(ctx, r)
	switch {
	case err != nil:
	case o.verdict == deleted:
		err = streamDeleted(r.stream)
	case o.verdict == wrong:
		err = wrongRevision(name, r.stream, r.expected, o.current)
	}
	return o.position, toStatus(err, setTrailer)
}
