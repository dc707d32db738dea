package copying

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	"crm/eventstore/wire"
)

// A log is one of the two stores, over connections of its own.
type log struct {
	name   string // "source" or "target"
	cfg    eventstore.Config
	reader *wire.Conn
	conn   *grpc.ClientConn // for all else
}

// connect connects, anew if need be. Nothing may run over the old connection.
func (l *log) connect(ctx context.Context) error {
	l.close()
	reader, err := eventstore.Reader(l.cfg)
	if err != nil {
		return l.explain(err)
	}
	l.reader = reader
	conn, err := eventstore.Connect(ctx, l.cfg)
	if err != nil {
		return l.explain(err)
	}
	l.conn = conn
	return nil
}

func (l *log) close() {
	if l.reader != nil {
		_ = l.reader.Close() // as below
		l.reader = nil
	}
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
	for range r.batches { // it is to end
	}
}

func (r *reading) receive(ctx context.Context, l *log, after domain.Position) error {
	all, err := l.reader.Read(ctx, wire.From(wire.Position(after)))
	if err != nil {
		return err
	}
	defer all.Close()
	var batch []event
	send := func() error {
		select {
		case r.batches <- batch:
			batch = make([]event, 0, readBatch)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	kinds := map[string]string{} // there are few, and many events
	for {
		m, err := all.Next()
		switch {
		case errors.Is(err, io.EOF):
			return send()
		case err != nil:
			return err
		case m.Kind != wire.Appeared || !after.Before(domain.Position(m.Event.Position)):
			continue // a read from a position begins with the event there
		}
		kind, known := kinds[string(m.Event.Type)]
		if !known {
			kind = string(m.Event.Type)
			kinds[kind] = kind
		}
		if batch = append(batch, newEvent(&m.Event, kind)); len(batch) == readBatch {
			if err := send(); err != nil {
				return err
			}
		}
	}
}
