package copying

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"crm/domain"
	"crm/eventstore"
)

// A log is one of the two stores, over a connection of its own.
type log struct {
	name string // "source" or "target"
	cfg  eventstore.Config
	conn *grpc.ClientConn
}

// connect connects, anew if need be. Nothing may run over the old connection.
func (l *log) connect(ctx context.Context) error {
	l.close()
	conn, err := eventstore.Connect(ctx, l.cfg)
	if err != nil {
		return l.explain(err)
	}
	l.conn = conn
	return nil
}

func (l *log) close() {
	if l.conn != nil {
		_ = l.conn.Close() // it was only asked for what it said
		l.conn = nil
	}
}

func (l *log) stub() streamspb.StreamsClient { return streamspb.NewStreamsClient(l.conn) }

func (l *log) explain(err error) error { return fmt.Errorf("%s: %w", l.name, err) }

// leading makes a follower refuse: it may be behind.
func leading(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "requires-leader", "true")
}

// members are the processes that serve the log. Servers that do not say so have none.
func (l *log) members(ctx context.Context) (map[uuid.UUID]bool, error) {
	members := map[uuid.UUID]bool{}
	cluster, err := gossip.NewGossipClient(l.conn).Read(ctx, &shared.Empty{})
	switch status.Code(err) {
	case codes.OK:
	case codes.Unimplemented, codes.PermissionDenied:
		return members, nil
	default:
		return nil, l.explain(err)
	}
	for _, member := range cluster.GetMembers() {
		if id := idOf(member.GetInstanceId()); id != uuid.Nil {
			members[id] = true
		}
	}
	return members, nil
}

// A reading is $all from some place on, to its end, read ahead.
type reading struct {
	batches chan []event
	batch   []event // what is left of the last
	err     error   // why there is no further batch; nil at the end
	cancel  context.CancelFunc
}

const (
	readBatch = 256 // events
	readAhead = 8   // batches
)

// read reads $all behind a position. It must be closed.
func (l *log) read(ctx context.Context, after domain.Position) *reading {
	ctx, cancel := context.WithCancel(ctx)
	r := &reading{batches: make(chan []event, readAhead), cancel: cancel}
	go func() {
		defer close(r.batches)
		if err := r.receive(ctx, l, after); err != nil {
			r.err = l.explain(err)
		}
	}()
	return r
}

// next gives the next event; nil at the end.
func (r *reading) next() (*event, error) {
	for len(r.batch) == 0 {
		batch, more := <-r.batches
		if !more {
			return nil, r.err
		}
		r.batch = batch
	}
	e := &r.batch[0]
	r.batch = r.batch[1:]
	return e, nil
}

// close ends the reading and waits for it.
func (r *reading) close() {
	r.cancel()
	for range r.batches { //nolint:revive // it is to end
	}
}

func (r *reading) receive(ctx context.Context, l *log, after domain.Position) error {
	all := &streamspb.ReadReq_Options_AllOptions{AllOption: &streamspb.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}
	if !after.IsZero() {
		all.AllOption = &streamspb.ReadReq_Options_AllOptions_Position{
			Position: &streamspb.ReadReq_Options_Position{CommitPosition: after.Commit, PreparePosition: after.Prepare},
		}
	}
	call, err := l.stub().Read(leading(ctx), &streamspb.ReadReq{Options: &streamspb.ReadReq_Options{
		StreamOption:  &streamspb.ReadReq_Options_All{All: all},
		ReadDirection: streamspb.ReadReq_Options_Forwards,
		CountOption:   &streamspb.ReadReq_Options_Count{Count: math.MaxInt64},
		FilterOption:  &streamspb.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption:    &streamspb.ReadReq_Options_UUIDOption{Content: &streamspb.ReadReq_Options_UUIDOption_Structured{Structured: &shared.Empty{}}},
	}})
	if err != nil {
		return err
	}
	var batch []event
	send := func() error {
		select {
		case r.batches <- batch:
			batch = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		answer, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return send()
		}
		if err != nil {
			return err
		}
		recorded := answer.GetEvent().GetEvent()
		if recorded == nil {
			continue // a newer server's news
		}
		e, err := parse(recorded)
		if err != nil {
			return err
		}
		if !after.Before(e.position) {
			continue // a read from a position begins with the event there
		}
		if batch = append(batch, e); len(batch) == readBatch {
			if err := send(); err != nil {
				return err
			}
		}
	}
}

func parse(e *streamspb.ReadResp_ReadEvent_RecordedEvent) (event, error) {
	ticks, err := strconv.ParseInt(e.GetMetadata()["created"], 10, 64)
	if err != nil {
		return event{}, fmt.Errorf("the event at position %d has no time: %w", e.GetCommitPosition(), err)
	}
	const perSecond = 10_000_000
	return newEvent(event{
		id:       idOf(e.GetId()),
		stream:   string(e.GetStreamIdentifier().GetStreamName()),
		revision: e.GetStreamRevision(),
		position: domain.Position{Commit: e.GetCommitPosition(), Prepare: e.GetPreparePosition()},
		kind:     e.GetMetadata()["type"],
		json:     e.GetMetadata()["content-type"] == contentJSON,
		data:     e.GetData(),
		metadata: e.GetCustomMetadata(),
	}, time.Unix(ticks/perSecond, ticks%perSecond*100)), nil
}

const (
	contentJSON  = "application/json"
	contentBytes = "application/octet-stream"
)
