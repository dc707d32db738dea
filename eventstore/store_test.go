package eventstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/domaintest"
)

// renamed is an event with the text in it.
func renamed(text string) domain.Event {
	return customer.DetailsChanged{Patch: domain.Patch[customer.Details]{Set: customer.Details{Name: domain.Personal(text)}}}
}

func newStream() domain.Stream {
	return domain.CustomerStream(domain.CustomerID{UUID: uuid.New()})
}

// proposed is one event for each text, of one command.
func proposed(texts ...string) []domain.Proposed {
	command := domain.CommandRef{Name: "customer.change_details", ID: uuid.New(), Fingerprint: "5d41402abc4b2a76b9719d911017c592"}
	events := make([]domain.Proposed, len(texts))
	for i, text := range texts {
		events[i] = domain.Proposed{ID: command.EventID(i), Event: renamed(text), Meta: domain.Meta{
			OccurredAt: time.Date(2026, 11, 22, 9, 30, 15, 123456000, time.UTC), Actor: "key-1", Command: command,
			Source: domain.Source{Application: "import", Import: "x-education", Row: "4711"},
		}}
	}
	return events
}

func appended(tb testing.TB, s *Store, stream domain.Stream, expected domain.Revision, events []domain.Proposed) domain.Receipt {
	tb.Helper()
	receipt, err := s.Append(tb.Context(), stream, expected, events)
	if err != nil {
		tb.Fatal(err)
	}
	return receipt
}

func TestLog(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	t.Run("embedded", func(t *testing.T) {
		domaintest.TestLog(t, func(*testing.T) domaintest.Log { return s }, renamed)
	})
}

func TestHead(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s, operator := n.open(t), n.operator(t)
	position, at, err := s.Head(t.Context())
	if err != nil || !position.IsZero() || !at.IsZero() {
		t.Fatalf("the head of an empty log is %v, %v, %v", position, at, err)
	}
	stream := newStream()
	receipt := appended(t, s, stream, domain.NoStream, proposed("a", "b"))
	// A soft delete leaves an event of the server's own behind.
	if _, err := operator.DeleteStream(t.Context(), string(stream), esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	position, at, err = s.Head(t.Context())
	if err != nil || position != receipt.Position || time.Since(at) > time.Minute {
		t.Errorf("the head is %v at %v (%v), want %v", position, at, err, receipt.Position)
	}
}

func TestWhatAnOperatorDeleted(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s, operator := n.open(t), n.operator(t)

	t.Run("softly", func(t *testing.T) {
		t.Parallel()
		stream := newStream()
		appended(t, s, stream, domain.NoStream, proposed("a", "b"))
		if _, err := operator.DeleteStream(t.Context(), string(stream), esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Fatal(err)
		}
		if events, err := s.Load(t.Context(), stream, domain.NoStream); err != nil || len(events) != 0 {
			t.Errorf("loaded %d events and %v, want none", len(events), err)
		}
		if receipt := appended(t, s, stream, domain.NoStream, proposed("c")); receipt.Revision != 2 {
			t.Errorf("the receipt is %+v, want the revision that the server counts on to", receipt)
		}
		if _, err := s.Load(t.Context(), stream, domain.NoStream); !errors.Is(err, ErrHistoryMissing) {
			t.Errorf("loaded a stream without its beginning: %v", err)
		}
	})

	t.Run("for good", func(t *testing.T) {
		t.Parallel()
		stream := newStream()
		appended(t, s, stream, domain.NoStream, proposed("a"))
		if _, err := operator.TombstoneStream(t.Context(), string(stream), esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), stream, domain.NoStream); !errors.Is(err, ErrTombstoned) {
			t.Errorf("load: %v", err)
		}
		if _, err := s.Append(t.Context(), stream, 0, proposed("b")); !errors.Is(err, ErrTombstoned) {
			t.Errorf("append: %v", err)
		}
	})
}

func TestUnregisteredEventIsRefused(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	stream := newStream()
	events := proposed("a")
	events[0].Event = domain.Unreadable{Type: "customer.unheard_of"}
	if _, err := s.Append(t.Context(), stream, domain.NoStream, events); err == nil {
		t.Error("an event that nothing could read was stored")
	}
}

// TestNodeAway has callers that must all hear of it in time; the store must work
// again when the node does.
func TestNodeAway(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s, err := Open(t.Context(), Config{UnixSocket: n.socket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	stream, events := newStream(), proposed("a")
	first := appended(t, s, stream, domain.NoStream, events)
	n.stop(t)

	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			var err error
			started := time.Now()
			if i%2 == 0 {
				_, err = s.Append(ctx, newStream(), domain.NoStream, proposed("lost"))
			} else {
				_, err = s.Load(ctx, stream, domain.NoStream)
			}
			if !errors.Is(err, domain.ErrStoreUnavailable) {
				t.Errorf("without a node: %v", err)
			}
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("a caller with 200 ms was kept for %v", took)
			}
		})
	}
	callers.Wait()

	n.start(t)
	if again := appended(t, s, stream, domain.NoStream, events); again != first {
		t.Errorf("after the restart the receipt is %+v, it was %+v", again, first)
	}
	if events, err := s.Load(t.Context(), stream, domain.NoStream); err != nil || len(events) != 1 {
		t.Errorf("after the restart the stream holds %d events, %v", len(events), err)
	}
}

// TestReadsFindTheNodeAgain has no other call that would make the client look.
func TestReadsFindTheNodeAgain(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := n.open(t)
	stream := newStream()
	appended(t, s, stream, domain.NoStream, proposed("a"))
	for range 2 {
		n.stop(t)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, err := s.Load(ctx, stream, domain.NoStream); !errors.Is(err, domain.ErrStoreUnavailable) {
			t.Errorf("without a node: %v", err)
		}
		cancel()
		n.start(t)
		if events, err := s.Load(t.Context(), stream, domain.NoStream); err != nil || len(events) != 1 {
			t.Errorf("after the restart the stream holds %d events, %v", len(events), err)
		}
	}
}

// TestFirstCallAfterARestart goes over a connection that is already dead.
func TestFirstCallAfterARestart(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := n.open(t)
	stream := newStream()
	for i := range 5 {
		appended(t, s, stream, domain.Revision(i-1), proposed("a"))
		n.stop(t)
		n.start(t)
	}
}

func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Load(ctx, newStream(), domain.NoStream); !errors.Is(err, context.Canceled) || errors.Is(err, domain.ErrStoreUnavailable) {
		t.Errorf("load: %v", err)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"nothing":                    {},
		"both":                       {ConnectionString: "esdb://localhost", UnixSocket: "s"},
		"no connection string":       {ConnectionString: "localhost:2113"},
		"credentials without TLS":    {ConnectionString: "esdb://admin:changeit@localhost?tls=false"},
		"a password that breaks it":  {ConnectionString: "esdb://admin:changeit%ZZ@localhost"},
		"a certificate without file": {ConnectionString: "esdb://localhost?tlsCaFile=/does/not/exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if s, err := Open(t.Context(), cfg); err == nil {
				_ = s.Close()
				t.Error("opened")
			} else if errors.Is(err, domain.ErrStoreUnavailable) || strings.Contains(err.Error(), "changeit") {
				t.Errorf("tried to connect, or told the password: %v", err)
			}
		})
	}
}

// TestOpenWaitsForTheNode starts it while Open waits.
func TestOpenWaitsForTheNode(t *testing.T) {
	t.Parallel()
	n := &node{dir: t.TempDir(), socket: filepath.Join(t.TempDir(), "s")}
	opened := make(chan error, 1)
	go func() {
		s, err := Open(t.Context(), Config{UnixSocket: n.socket, CallTimeout: time.Second})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Errorf("opened without a node: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	n.start(t)
	t.Cleanup(func() { n.stop(t) })
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func TestCloseWhileTheNodeIsAway(t *testing.T) {
	t.Parallel()
	n := &node{dir: t.TempDir(), socket: filepath.Join(t.TempDir(), "s")}
	s, err := connect(Config{UnixSocket: n.socket, CallTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Head(t.Context()); !errors.Is(err, domain.ErrStoreUnavailable) {
		t.Errorf("read without a node: %v", err)
	}
	if _, err := s.Append(t.Context(), newStream(), domain.NoStream, proposed("x")); !errors.Is(err, domain.ErrStoreUnavailable) {
		t.Errorf("append without a node: %v", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestClosedStore(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{UnixSocket: "unix:" + newNode(t).socket})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Load(t.Context(), newStream(), domain.NoStream); !errors.Is(err, domain.ErrStoreUnavailable) {
		t.Errorf("load after close: %v", err)
	}
}

// The client reads an address as a URL; a folder is called what its owner likes.
func TestASocketInAnyFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Müller & Söhne", "100%", "%41", "what? #1", `a"b\c'd:e`} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		n := &node{dir: t.TempDir(), socket: filepath.Join(dir, "s")}
		n.start(t)
		t.Cleanup(func() { n.stop(t) })
		for _, socket := range []string{n.socket, n.address} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			s, err := Open(ctx, Config{UnixSocket: socket})
			cancel()
			if err != nil {
				t.Errorf("%q: %v", socket, err)
				continue
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
