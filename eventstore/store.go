package eventstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"crm/domain"
	"crm/eventstore/wire"
)

// A Config says where the log is. One of ConnectionString and UnixSocket is
// needed; the zero value of the others works.
type Config struct {
	// ConnectionString is EventStoreDB's own: esdb://host:2113?tls=false, or
	// esdb+discover://user:password@cluster:2113.
	ConnectionString string
	// UnixSocket is the socket of a node on this machine: a path, or the
	// "unix:/path", percent-encoded, that the embedded node names as its address.
	UnixSocket string
	// CallTimeout is how long one call may take when its context ends no
	// earlier. Default 10 s.
	CallTimeout time.Duration
	// Log gets changes of state; at Debug also what the client says. Default:
	// nothing is logged.
	Log *slog.Logger
}

// Store is the log of all events, in EventStoreDB or the embedded node. It is
// safe for concurrent use.
type Store struct {
	codec   *codec
	log     *wire.Conn // reads
	appends *wire.Conn // on a connection of their own: a long read holds none of them up
	timeout time.Duration
	retry   time.Duration // between looking for a node that is away
	tail    *tail
}

// maxAppendBytes is what EventStoreDB takes at once, unless it is told otherwise.
const maxAppendBytes = 1 << 20

// Open connects to the log and reads its end, so that a wrong address shows at
// once. It waits for a node that does not answer yet until ctx ends, and returns
// [domain.ErrStoreUnavailable] when that is a deadline. A store that was opened
// must be closed.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s, err := connect(cfg)
	if err != nil {
		return nil, fmt.Errorf("eventstore: %w", err)
	}
	waiting := time.AfterFunc(patience, func() {
		cfg.Log.LogAttrs(ctx, slog.LevelWarn, "the event store does not answer yet")
	})
	defer waiting.Stop()
	if _, err := s.head(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("eventstore: open: %w", err), s.Close())
	}
	return s, nil
}

// patience is how long Open waits before it says so, and Close before it gives up.
const patience = 2 * time.Second

// connect makes a store whose first call connects.
func connect(cfg Config) (*Store, error) {
	if cfg.CallTimeout == 0 {
		cfg.CallTimeout = 10 * time.Second
	}
	settings, err := cfg.settings()
	if err != nil {
		return nil, err
	}
	s := &Store{
		codec:   newCodec(registered, retired),
		log:     wire.New(settings),
		appends: wire.New(settings),
		timeout: cfg.CallTimeout,
		retry:   max(time.Duration(settings.DiscoveryInterval), 10) * time.Millisecond,
	}
	s.tail = &tail{store: s, limit: tailBytes}
	return s, nil
}

func (c Config) settings() (*esdb.Configuration, error) {
	connection := c.ConnectionString
	switch {
	case (c.ConnectionString == "") == (c.UnixSocket == ""):
		return nil, errors.New("one of ConnectionString and UnixSocket is needed")
	case c.UnixSocket != "":
		connection = "esdb://socket?tls=false"
	}
	settings, err := esdb.ParseConnectionString(connection)
	switch {
	case err != nil && strings.Contains(connection, "@"): // the error would quote the password
		return nil, errors.New("the connection string cannot be read")
	case err != nil:
		return nil, fmt.Errorf("the connection string: %w", err)
	}
	if c.UnixSocket != "" {
		settings.Address = c.UnixSocket
		if !strings.HasPrefix(c.UnixSocket, "unix:") {
			path, err := filepath.Abs(c.UnixSocket)
			if err != nil {
				return nil, err
			}
			// The client reads it as a URL: a % or ? in a folder's name must not count.
			settings.Address = "unix:" + (&url.URL{Path: path}).EscapedPath()
		}
	}
	if settings.DisableTLS && settings.Username != "" {
		return nil, errors.New("the connection string has credentials and tls=false: the client would leave them out")
	}
	// After that many attempts the client would be dead for good.
	settings.MaxDiscoverAttempts = math.MaxInt
	log := cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	settings.Logger = func(level esdb.LogLevel, format string, args ...any) {
		if log.Enabled(context.Background(), slog.LevelDebug) {
			log.Debug("event store client", slog.String("level", level), slog.String("message", fmt.Sprintf(format, args...)))
		}
	}
	return settings, nil
}

// Close ends what runs, and joins the store's goroutines. Subscribers must be
// closed before. An append under way may have been stored or not.
func (s *Store) Close() error { return errors.Join(s.log.Close(), s.appends.Close()) }

// Load gives the events of stream after a revision, in order;
// [domain.NoStream] gives all of them. A stream that is missing, or that an
// operator deleted softly, holds none. It returns [ErrHistoryMissing],
// [ErrTombstoned] or [domain.ErrStoreUnavailable].
func (s *Store) Load(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var events []domain.Recorded
	err := s.untilReached(ctx, func() (err error) {
		events, err = s.load(ctx, stream, after)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", stream, err)
	}
	return events, nil
}

func (s *Store) load(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	reading, err := s.log.Read(ctx, wire.Stream(string(stream), uint64(after+1)))
	if err != nil {
		return nil, err
	}
	defer reading.Close()
	var events []domain.Recorded
	for {
		m, err := reading.Next()
		switch {
		case errors.Is(err, io.EOF) || err == nil && m.Kind == wire.NotFound:
			return events, nil
		case err != nil:
			return nil, err
		case m.Kind != wire.Appeared:
			continue
		}
		event := s.recorded(&m.Event)
		if event.Revision != after+1 {
			return nil, fmt.Errorf("%w: revision %d follows %d", ErrHistoryMissing, event.Revision, after)
		}
		after = event.Revision
		events = append(events, event)
	}
}

// recorded is the event as the domain knows it. It keeps nothing of e.
func (s *Store) recorded(e *wire.Event) domain.Recorded {
	event, data, meta := s.codec.decode(s.codec.nameOf(e.Type), bytes.Clone(e.Data), e.Metadata)
	return domain.Recorded{
		ID:         e.ID,
		Stream:     domain.Stream(e.Stream),
		Revision:   domain.Revision(e.Revision), // checked by wire
		Position:   domain.Position(e.Position),
		RecordedAt: firstRecorded(e.Created, e.Metadata),
		Event:      event,
		Data:       data,
		Meta:       meta,
	}
}

// Append stores events as the next ones after expected, all or none, and on
// disk when it returns. The same ids at the same expected revision are stored
// once, and answer the same receipt again. It returns [domain.ErrStale] when the
// stream is elsewhere, [domain.ErrTooLarge], [ErrTombstoned], and
// [domain.ErrStoreUnavailable]: then the events may have been stored, and the
// same append tells.
func (s *Store) Append(ctx context.Context, stream domain.Stream, expected domain.Revision, events []domain.Proposed) (domain.Receipt, error) {
	proposals, err := s.proposals(events)
	if err != nil {
		return domain.Receipt{}, fmt.Errorf("append to %s: %w", stream, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var written wire.Written
	err = s.untilReached(ctx, func() (err error) {
		written, err = s.appends.Append(ctx, wire.Append{Stream: string(stream), Expected: int64(expected), Events: proposals})
		return err
	})
	if err != nil {
		return domain.Receipt{}, fmt.Errorf("append to %s: %w", stream, err)
	}
	return domain.Receipt{
		Revision: domain.Revision(written.Revision), // a stream's revisions fit
		Position: domain.Position(written.Position),
		Events:   len(events),
	}, nil
}

func (s *Store) proposals(events []domain.Proposed) ([]wire.Proposal, error) {
	proposals := make([]wire.Proposal, len(events))
	size := 0
	for i, e := range events {
		data, metadata, err := s.codec.encode(e.Event, e.Meta)
		if err != nil {
			return nil, err
		}
		proposals[i] = wire.Proposal{ID: e.ID, Type: e.Event.EventType(), Data: data, Metadata: metadata}
		// EventStoreDB counts two bytes for a character of the type.
		size += len(data) + len(metadata) + 2*len(proposals[i].Type)
	}
	if size > maxAppendBytes {
		return nil, domain.ErrTooLarge
	}
	return proposals, nil
}

// Head gives the position of the last event of ours in the log and when it was
// recorded; zero values when there is none.
func (s *Store) Head(ctx context.Context) (domain.Position, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	head, err := s.head(ctx)
	return head.Position, head.RecordedAt, err
}

// At gives the event at a position; false where there is none of ours.
func (s *Store) At(ctx context.Context, position domain.Position) (event domain.Recorded, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err = s.untilReached(ctx, func() error {
		return s.newest(ctx, wire.From(wire.Position(position)), func(e *wire.Event) {
			if domain.Position(e.Position) == position && !isSystem(e.Stream, e.Type) {
				event, found = s.recorded(e), true
			}
		})
	})
	if err != nil {
		return domain.Recorded{}, false, fmt.Errorf("read the event at %s: %w", position, err)
	}
	return event, found, nil
}

func (s *Store) head(ctx context.Context) (domain.Recorded, error) {
	var head domain.Recorded
	err := s.untilReached(ctx, func() (err error) {
		head, err = s.last(ctx)
		return err
	})
	if err != nil {
		return domain.Recorded{}, fmt.Errorf("find the end of the log: %w", err)
	}
	return head, nil
}

// last reads backwards past what the server keeps for itself.
func (s *Store) last(ctx context.Context) (domain.Recorded, error) {
	for before := (wire.Position{}); ; {
		event, err := s.lastBefore(ctx, before)
		if err != nil || event.Position.IsZero() || !isSystem(string(event.Stream), event.Event.EventType()) {
			return event, err
		}
		before = wire.Position(event.Position)
	}
}

// lastBefore gives the last event before a position that passes the server's filter.
func (s *Store) lastBefore(ctx context.Context, before wire.Position) (event domain.Recorded, err error) {
	err = s.newest(ctx, wire.Backwards(before).Only(wire.Filter{TypePattern: notSystem}), func(e *wire.Event) { event = s.recorded(e) })
	return event, err
}

// newest gives use the first event that a query finds, if it finds one.
func (s *Store) newest(ctx context.Context, q wire.Query, use func(*wire.Event)) error {
	reading, err := s.log.Read(ctx, q.Limit(1))
	if err != nil {
		return err
	}
	defer reading.Close()
	for {
		m, err := reading.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case m.Kind == wire.Appeared:
			use(&m.Event)
			return nil
		}
	}
}

// notSystem is the pattern of types that are not the server's own. Servers and
// the node understand this and nothing cleverer alike.
const notSystem = `^[^\$].*`

// isSystem tells the server's own events, and those of streams about streams,
// from ours.
func isSystem[T ~string | ~[]byte](stream, eventType T) bool {
	return stream[0] == '$' || eventType[0] == '$'
}
