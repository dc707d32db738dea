package nodebench

import (
	"context"
	"encoding/binary"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

// perStream is how many events a stream of a single writer gets.
const perStream = 10

const (
	eventType     = "deal.stage-changed"
	eventData     = `{"from":"qualification","to":"proposal","probability":40,"amount":{"minor":1250000,"currency":"EUR"}}`
	eventMetadata = `{"schema":1,"occurred_at":"2026-01-02T03:04:05Z","actor":"user-17","command":{"name":"change-stage"}}`
)

func newEvent() esdb.EventData {
	return esdb.EventData{
		EventID: uuid.New(), EventType: eventType, ContentType: esdb.ContentTypeJson,
		Data: []byte(eventData), Metadata: []byte(eventMetadata),
	}
}

func newStream() string { return "deal-" + uuid.NewString() }

// A storyteller appends one event after the other, perStream to each stream.
type storyteller struct {
	client *esdb.Client
	stream string
	next   uint64 // revision
}

func (s *storyteller) append(ctx context.Context) error {
	options := esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}
	if s.next %= perStream; s.next == 0 {
		s.stream = newStream()
	} else {
		options.ExpectedRevision = esdb.Revision(s.next - 1)
	}
	_, err := s.client.AppendToStream(ctx, s.stream, options, newEvent())
	s.next++
	return err
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
