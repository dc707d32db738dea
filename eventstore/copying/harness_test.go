package copying

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"crm/eventstore"
	"crm/eventstore/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is an embedded node that can be stopped and started again in place.
type node struct {
	dir, socket string
	running     *embedded.Node
	served      chan error
}

func newNode(tb testing.TB) *node {
	tb.Helper()
	sockets, err := os.MkdirTemp("", "c") //nolint:usetesting // whose folder may have too long a name for a socket
	if err != nil {
		tb.Fatal(err)
	}
	n := &node{dir: tb.TempDir(), socket: filepath.Join(sockets, "s")}
	n.start(tb)
	tb.Cleanup(func() {
		n.stop(tb)
		_ = os.RemoveAll(sockets)
	})
	return n
}

func (n *node) start(tb testing.TB) {
	tb.Helper()
	running, err := embedded.Open(embedded.Config{Dir: n.dir})
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := embedded.ListenUnix(n.socket)
	if err != nil {
		tb.Fatal(err)
	}
	n.running, n.served = running, make(chan error, 1)
	go func(served chan<- error) { served <- running.Serve(listener) }(n.served)
}

func (n *node) stop(tb testing.TB) {
	tb.Helper()
	if n.running == nil {
		return
	}
	if err := n.running.Close(); err != nil {
		tb.Error(err)
	}
	if err := <-n.served; err != nil {
		tb.Error(err)
	}
	n.running = nil
}

func (n *node) config() eventstore.Config { return eventstore.Config{UnixSocket: n.socket} }

// client is the client that everybody uses.
func (n *node) client(tb testing.TB) *esdb.Client {
	tb.Helper()
	settings, err := esdb.ParseConnectionString("esdb://localhost:1?tls=false")
	if err != nil {
		tb.Fatal(err)
	}
	settings.Address = "unix:" + n.socket
	settings.Logger = func(esdb.LogLevel, string, ...any) {}
	client, err := esdb.NewClient(settings)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// A writer makes up histories.
type writer struct {
	tb     testing.TB
	client *esdb.Client
	rng    *rand.Rand
	next   map[string]uint64
}

func newWriter(tb testing.TB, n *node, rng *rand.Rand) *writer {
	tb.Helper()
	return &writer{tb: tb, client: n.client(tb), rng: rng, next: map[string]uint64{}}
}

func (w *writer) append(stream string, events ...esdb.EventData) {
	w.tb.Helper()
	options := esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}
	if next := w.next[stream]; next > 0 {
		options.ExpectedRevision = esdb.Revision(next - 1)
	}
	if _, err := w.client.AppendToStream(context.WithoutCancel(w.tb.Context()), stream, options, events...); err != nil {
		w.tb.Fatalf("append to %s: %v", stream, err)
	}
	w.next[stream] += uint64(len(events))
}

// some appends about that many events to a few streams, of every kind.
func (w *writer) some(count int) {
	w.tb.Helper()
	for count > 0 {
		n := 1 + w.rng.IntN(5)
		if w.rng.IntN(50) == 0 {
			n = 100 + w.rng.IntN(600)
		}
		events := make([]esdb.EventData, n)
		for i := range events {
			events[i] = w.event()
		}
		w.append(fmt.Sprintf("%s-%d", []string{"customer", "deal", "α β/%", "x"}[w.rng.IntN(4)], w.rng.IntN(20)), events...)
		count -= n
	}
}

// oddMetadata is what other programs write.
var oddMetadata = []string{``, `{}`, ` { } ` + "\n", `null`, `[1]`, `not JSON`, "\x00\xff", `{"a":{"b":[1,2]}}`, `{"$correlationId":"c"}` + "\n"}

func (w *writer) event() esdb.EventData {
	e := esdb.EventData{EventID: w.id(), EventType: "deal.won", ContentType: esdb.ContentTypeJson, Data: []byte(`{"value":7}`)}
	switch w.rng.IntN(10) {
	case 0:
		e.Metadata = []byte(oddMetadata[w.rng.IntN(len(oddMetadata))])
	case 1:
		e.ContentType, e.Data = esdb.ContentTypeBinary, make([]byte, w.rng.IntN(5000))
	case 2:
		e.EventType, e.Data = "$>", []byte("0@deal-1") // a link, resolved by nobody
	default:
		e.Metadata = fmt.Appendf(nil, `{"schema":1,"occurred_at":"2026-11-22T09:30:15Z","actor":"key-%d"}`, w.rng.IntN(100))
	}
	return e
}

func (w *writer) id() uuid.UUID {
	id, err := uuid.NewRandomFromReader(w)
	if err != nil {
		w.tb.Fatal(err)
	}
	return id
}

// Read makes the ids come from the seed.
func (w *writer) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(w.rng.Uint32())
	}
	return len(p), nil
}

// say sets the metadata of a stream.
func (w *writer) say(stream, metadata string) {
	w.tb.Helper()
	e := esdb.EventData{EventID: w.id(), EventType: "$metadata", ContentType: esdb.ContentTypeJson, Data: []byte(metadata)}
	if _, err := w.client.AppendToStream(w.tb.Context(), "$$"+stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, e); err != nil {
		w.tb.Fatal(err)
	}
}

// stored is an event as the client reads it from $all.
func stored(tb testing.TB, n *node) []*esdb.RecordedEvent {
	tb.Helper()
	r, err := n.client(tb).ReadAll(tb.Context(), esdb.ReadAllOptions{From: esdb.Start{}}, math.MaxInt64)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	var events []*esdb.RecordedEvent
	for {
		e, err := r.Recv()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			tb.Fatal(err)
		}
		events = append(events, e.Event)
	}
}
