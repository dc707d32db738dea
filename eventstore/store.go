package eventstore

import (
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
	// InFlight is how many calls run at once; others wait. Default 128.
	InFlight int
	// Log gets changes of state; at Debug also what the client says. Default:
	// nothing is logged.
	Log *slog.Logger
}

// Store is the log of all events, in EventStoreDB or the embedded node. It is
// safe for concurrent use.
type Store struct {
	codec  *codec
	client *esdb.Client
	lanes  *lanes
	tail   *tail
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
	if _, _, err := s.head(ctx, s.lanes.wait); err != nil {
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
	if cfg.InFlight == 0 {
		cfg.InFlight = 128
	}
	settings, err := cfg.settings()
	if err != nil {
		return nil, err
	}
	client, err := esdb.NewClient(settings)
	if err != nil {
		return nil, err
	}
	s := &Store{
		codec:  newCodec(registered, retired),
		client: client,
		lanes:  newLanes(cfg.InFlight, cfg.CallTimeout),
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
	settings.DefaultDeadline = &c.CallTimeout
	log := cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	settings.Logger = func(level esdb.LogLevel, format string, args ...any) {
		if log.Enabled(context.Background(), slog.LevelDebug) {
			log.Debug("event store client", slog.String("level", level), slog.String("message", fmt.Sprintf(format, args...)))
		}
	}
	return settings, nil
}

// Close waits for calls that run, ends the connection, and joins the store's
// goroutines. Subscribers must be closed before. While the node is away the
// client cannot be ended: then Close returns an error, and what is left ends
// with the process or when the node is back.
func (s *Store) Close() error {
	return s.lanes.close(func() { _ = s.client.Close() }) // it never fails
}

// Load gives the events of stream after a revision, in order;
// [domain.NoStream] gives all of them. A stream that is missing, or that an
// operator deleted softly, holds none. It returns [ErrHistoryMissing],
// [ErrTombstoned] or [domain.ErrStoreUnavailable].
func (s *Store) Load(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	var events []domain.Recorded
	err := persist(ctx, s.lanes.call, func(ctx context.Context) (err error) {
		events, err = s.read(ctx, stream, after)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", stream, err)
	}
	return events, nil
}

func (s *Store) read(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	options := esdb.ReadStreamOptions{From: esdb.Revision(uint64(after + 1))}
	reading, err := s.client.ReadStream(ctx, string(stream), options, math.MaxInt64)
	if err != nil {
		s.rediscover(ctx)
		return nil, err
	}
	defer reading.Close()
	var events []domain.Recorded
	for {
		resolved, err := reading.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return events, nil
		case isCode(err, esdb.ErrorCodeResourceNotFound):
			return nil, nil
		case err != nil:
			return nil, err
		}
		event := s.recorded(resolved.OriginalEvent())
		if event.Revision != after+1 {
			return nil, fmt.Errorf("%w: revision %d follows %d", ErrHistoryMissing, event.Revision, after)
		}
		after = event.Revision
		events = append(events, event)
	}
}

// rediscover makes the client look for the node anew, which it does after any
// failed call but a failed read: without this, a process that only reads would
// wait up to two minutes for a node that is back.
func (s *Store) rediscover(ctx context.Context) {
	if sub, err := s.client.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: esdb.End{}}); err == nil {
		_ = sub.Close()
	}
}

func (s *Store) recorded(e *esdb.RecordedEvent) domain.Recorded {
	event, data, meta := s.codec.decode(e.EventType, e.Data, e.UserMetadata)
	return domain.Recorded{
		ID:         e.EventID,
		Stream:     domain.Stream(e.StreamID),
		Revision:   domain.Revision(e.EventNumber),
		Position:   domain.Position(e.Position),
		RecordedAt: firstRecorded(e.CreatedDate, e.UserMetadata),
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
	options := esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}
	if expected != domain.NoStream {
		options.ExpectedRevision = esdb.Revision(uint64(expected))
	}
	var result *esdb.WriteResult
	err = persist(ctx, s.lanes.call, func(ctx context.Context) (err error) {
		result, err = s.client.AppendToStream(ctx, string(stream), options, proposals...)
		return err
	})
	if err != nil {
		return domain.Receipt{}, fmt.Errorf("append to %s: %w", stream, err)
	}
	return domain.Receipt{
		Revision: domain.Revision(result.NextExpectedVersion),
		Position: domain.Position{Commit: result.CommitPosition, Prepare: result.PreparePosition},
		Events:   len(events),
	}, nil
}

func (s *Store) proposals(events []domain.Proposed) ([]esdb.EventData, error) {
	proposals := make([]esdb.EventData, len(events))
	size := 0
	for i, e := range events {
		data, metadata, err := s.codec.encode(e.Event, e.Meta)
		if err != nil {
			return nil, err
		}
		proposals[i] = esdb.EventData{
			EventID: e.ID, EventType: e.Event.EventType(), ContentType: esdb.ContentTypeJson, Data: data, Metadata: metadata,
		}
		// EventStoreDB counts two bytes for a character of the type.
		size += len(data) + len(metadata) + 2*len(proposals[i].EventType)
	}
	if size > maxAppendBytes {
		return nil, domain.ErrTooLarge
	}
	return proposals, nil
}

// Head gives the position of the last event of ours in the log and when it was
// recorded; zero values when there is none.
func (s *Store) Head(ctx context.Context) (domain.Position, time.Time, error) {
	return s.head(ctx, s.lanes.call)
}

func (s *Store) head(ctx context.Context, through passage) (domain.Position, time.Time, error) {
	var head domain.Recorded
	err := persist(ctx, through, func(ctx context.Context) (err error) {
		head, err = s.last(ctx)
		return err
	})
	if err != nil {
		return domain.Position{}, time.Time{}, fmt.Errorf("find the end of the log: %w", err)
	}
	return head.Position, head.RecordedAt, nil
}

// last reads backwards past what the server keeps for itself. The server sends
// no further ahead than a connection's window holds.
func (s *Store) last(ctx context.Context) (domain.Recorded, error) {
	reading, err := s.client.ReadAll(ctx, esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}}, math.MaxInt64)
	if err != nil {
		s.rediscover(ctx)
		return domain.Recorded{}, err
	}
	defer reading.Close()
	for {
		resolved, err := reading.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return domain.Recorded{}, nil
		case err != nil:
			return domain.Recorded{}, err
		}
		if e := resolved.OriginalEvent(); !isSystem(e) {
			return s.recorded(e), nil
		}
	}
}

// isSystem tells the server's own events, and those of streams about streams,
// from ours.
func isSystem(e *esdb.RecordedEvent) bool {
	return strings.HasPrefix(e.StreamID, "$") || strings.HasPrefix(e.EventType, "$")
}
