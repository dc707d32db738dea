package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// A service is a node that serves on a socket of its own, with the client that
// everybody uses.
type service struct {
	*Node
	address string
	client  *esdb.Client
}

// start opens a node and serves it until the test ends or stop is called.
func start(tb testing.TB, cfg Config) *service {
	tb.Helper()
	if cfg.Dir == "" {
		cfg.Dir = tb.TempDir()
	}
	n, err := Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return serve(tb, n)
}

func serve(tb testing.TB, n *Node) *service {
	tb.Helper()
	dir, err := os.MkdirTemp("", "n") //nolint:usetesting // whose folder may have too long a name for a socket
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := ListenUnix(filepath.Join(dir, "s"))
	if err != nil {
		tb.Fatal(err)
	}
	s := &service{Node: n, address: Address(l)}
	served := make(chan error, 1)
	go func() { served <- n.Serve(l) }()
	s.client = newClient(tb, s.address)
	tb.Cleanup(func() {
		s.stop(tb)
		if err := <-served; err != nil {
			tb.Error(err)
		}
	})
	return s
}

func (s *service) stop(tb testing.TB) {
	tb.Helper()
	_ = s.client.Close()
	if err := s.Close(); err != nil && s.Err() == nil {
		tb.Error(err)
	}
}

func newClient(tb testing.TB, address string) *esdb.Client {
	tb.Helper()
	cfg, err := esdb.ParseConnectionString("esdb://localhost:1?tls=false")
	if err != nil {
		tb.Fatal(err)
	}
	cfg.Address = address
	cfg.Logger = func(esdb.LogLevel, string, ...any) {}
	client, err := esdb.NewClient(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// dial returns the generated stub, for what the client cannot say.
func (s *service) dial(tb testing.TB) streamspb.StreamsClient {
	tb.Helper()
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return streamspb.NewStreamsClient(conn)
}

func event(kind string) esdb.EventData {
	return esdb.EventData{
		EventID: uuid.New(), EventType: kind, ContentType: esdb.ContentTypeJson,
		Data: []byte(`{"a":1}`), Metadata: []byte(`{"m":2}`),
	}
}

func eventsOf(kind string, n int) []esdb.EventData {
	events := make([]esdb.EventData, n)
	for i := range events {
		events[i] = event(kind)
	}
	return events
}

func (s *service) append(
	tb testing.TB, stream string, expected esdb.ExpectedRevision, events ...esdb.EventData,
) *esdb.WriteResult {
	tb.Helper()
	r, err := s.client.AppendToStream(tb.Context(), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
	if err != nil {
		tb.Fatalf("append to %s: %v", stream, err)
	}
	return r
}

// collect drains a read. It returns the error the read ended with, nil at its end.
func collect(r *esdb.ReadStream, err error) ([]*esdb.RecordedEvent, error) {
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var events []*esdb.RecordedEvent
	for {
		e, err := r.Recv()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, e.Event)
	}
}

func (s *service) readAll(tb testing.TB, from esdb.AllPosition, d esdb.Direction) []*esdb.RecordedEvent {
	tb.Helper()
	events, err := collect(s.client.ReadAll(tb.Context(), esdb.ReadAllOptions{From: from, Direction: d}, 1<<40))
	if err != nil {
		tb.Fatalf("read $all: %v", err)
	}
	return events
}

func (s *service) readStream(ctx context.Context, stream string, from esdb.StreamPosition, d esdb.Direction) ([]*esdb.RecordedEvent, error) {
	return collect(s.client.ReadStream(ctx, stream, esdb.ReadStreamOptions{From: from, Direction: d}, 1<<40))
}

// names writes events as stream@revision, for comparing.
func names(events []*esdb.RecordedEvent) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s@%d", e.StreamID, e.EventNumber))
	}
	return out
}

func code(err error) esdb.ErrorCode {
	if e, ok := errors.AsType[*esdb.Error](err); ok {
		return e.Code()
	}
	return -1
}

// grpcCode finds the gRPC status that the client wrapped.
func grpcCode(err error) codes.Code {
	if e, ok := errors.AsType[*esdb.Error](err); ok {
		return status.Code(e.Err())
	}
	return status.Code(err)
}
