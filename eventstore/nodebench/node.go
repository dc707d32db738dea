package nodebench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"golang.org/x/sync/errgroup"

	"crm/eventstore/embedded"
	"crm/eventstore/wire"
)

// A session is a node of this process and a client of it.
type session struct {
	node   *embedded.Node
	client *esdb.Client
	log    *wire.Conn
	served chan error
}

func open(dir string) (*session, error) {
	node, err := embedded.Open(embedded.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	l, err := embedded.ListenUnix(filepath.Join(dir, "..", "bench.sock"))
	if err != nil {
		return nil, errors.Join(err, node.Close())
	}
	s := &session{node: node, served: make(chan error, 1)}
	go func() { s.served <- node.Serve(l) }()
	settings, err := esdb.ParseConnectionString("esdb://socket?tls=false")
	if err == nil {
		settings.Address, settings.Logger = embedded.Address(l), esdb.NoopLogging()
		s.log = wire.New(settings)
		s.client, err = esdb.NewClient(settings)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *session) close() error {
	var errs []error
	if s.client != nil {
		errs = append(errs, s.client.Close(), s.log.Close())
	}
	return errors.Join(append(errs, s.node.Close(), <-s.served)...)
}

// appends lets so many writers append one event per call.
func (b *bench) appends(ctx context.Context, dir string, writers int) (_ pace, _ shared, err error) {
	s, err := open(dir)
	if err != nil {
		return pace{}, shared{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := (&storyteller{client: s.client}).append(ctx); err != nil { // connects
		return pace{}, shared{}, err
	}
	p, err := drive(ctx, writers, b.Duration, 1, func() func(context.Context) error {
		return (&storyteller{client: s.client}).append
	})
	stats := s.node.Stats()
	return p, shared{
		groups: float64(stats.Appended) / float64(max(1, stats.Groups.Count)), syncs: float64(stats.Appended) / float64(max(1, stats.Syncs.Count)),
	}, err
}

// shared is how many appends share a batch, and how many a sync.
type shared struct{ groups, syncs float64 }

// batches lets four writers append 500 events per call, each to a stream of its own.
func (b *bench) batches(ctx context.Context, dir string) (_ pace, err error) {
	s, err := open(dir)
	if err != nil {
		return pace{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return drive(ctx, 4, b.Duration, batch, func() func(context.Context) error {
		return func(ctx context.Context) error { return s.appendBatch(ctx, batch) }
	})
}

const batch = 500

func (s *session) appendBatch(ctx context.Context, events int) error {
	proposals := make([]esdb.EventData, events)
	for i := range proposals {
		proposals[i] = newEvent()
	}
	_, err := s.client.AppendToStream(ctx, newStream(), esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, proposals...)
	return err
}

// fill appends until the store holds so many events.
func fill(ctx context.Context, dir string, events int) (err error) {
	s, err := open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var writing errgroup.Group
	writing.SetLimit(4)
	for at := int(s.node.Stats().Position); at < events && ctx.Err() == nil; at += batch {
		writing.Go(func() error { return s.appendBatch(ctx, min(batch, events-at)) })
	}
	return errors.Join(writing.Wait(), ctx.Err())
}

// readByClient reads all of $all through the client.
func (s *session) readByClient(ctx context.Context) (events int, err error) {
	r, err := s.client.ReadAll(ctx, esdb.ReadAllOptions{From: esdb.Start{}}, math.MaxInt64)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		if _, err := r.Recv(); errors.Is(err, io.EOF) {
			return events, nil
		} else if err != nil {
			return events, err
		}
		events++
	}
}

// readByWire reads all of $all through our own reader.
func readByWire(ctx context.Context, log *wire.Conn) (events int, err error) {
	r, err := log.Read(ctx, wire.Log())
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		m, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return events, nil
		case err != nil:
			return events, err
		case m.Kind == wire.Appeared:
			events++
		}
	}
}

// counted is an error unless all events were read.
func counted(events, want int, err error) error {
	if err == nil && events != want {
		err = fmt.Errorf("%d of %d events were read", events, want)
	}
	return err
}
