package copying

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// unsettled are the streams about which the two logs do not say the same.
func (c *copier) unsettled() ([]string, error) {
	for stream := range c.states {
		if _, known := c.survey.states[stream]; !known {
			return nil, &DifferenceError{fmt.Sprintf("the target has metadata, or a deletion, of the stream %s, and the source has none", stream)}
		}
	}
	var streams []string
	for stream, want := range c.survey.states {
		if !want.same(c.states[stream]) {
			streams = append(streams, stream)
		}
	}
	return slices.Sorted(slices.Values(streams)), nil
}

// settle brings about what the source says about streams.
func (c *copier) settle(ctx context.Context, streams []string) error {
	for _, stream := range streams {
		want := c.survey.states[stream]
		set := c.setMetadata
		if want.tombstoned {
			set = c.tombstone
		}
		if err := set(leading(ctx), stream, want); err != nil {
			return c.target.explain(fmt.Errorf("metadata of %s: %w", stream, err))
		}
	}
	return nil
}

func (c *copier) setMetadata(ctx context.Context, stream string, want state) error {
	call, err := c.target.stub().Append(ctx)
	if err != nil {
		return err
	}
	// A failed Send says less than the answer.
	_ = call.Send(&streamspb.AppendReq{Content: &streamspb.AppendReq_Options_{Options: &streamspb.AppendReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(metastreamPrefix + stream)},
		ExpectedStreamRevision: &streamspb.AppendReq_Options_Any{Any: &shared.Empty{}},
	}}})
	_ = call.Send(&streamspb.AppendReq{Content: &streamspb.AppendReq_ProposedMessage_{ProposedMessage: &streamspb.AppendReq_ProposedMessage{
		Id: wireID(want.id), Metadata: systemMetadata(metadataKind, want.json), Data: want.metadata,
	}}})
	_, err = call.CloseAndRecv()
	return err
}

func (c *copier) tombstone(ctx context.Context, stream string, _ state) error {
	_, err := c.target.stub().Tombstone(ctx, &streamspb.TombstoneReq{Options: &streamspb.TombstoneReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(stream)},
		ExpectedStreamRevision: &streamspb.TombstoneReq_Options_Any{Any: &shared.Empty{}},
	}})
	return err
}

// count counts streams that are described, and streams that are no more.
func (s states) count() (metadata, tombstones int) {
	for state := range maps.Values(s) {
		if state.tombstoned {
			tombstones++
		} else {
			metadata++
		}
	}
	return metadata, tombstones
}
