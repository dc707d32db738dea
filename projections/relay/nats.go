package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// remembered is how long the stream that is made here knows the ids of events, to drop
// those that come again.
const remembered = 2 * time.Minute

// subjectOf has the type in it, so that consumers choose by subject.
func subjectOf(prefix, eventType string) string { return prefix + "." + eventType }

func connectNATS(_ context.Context, t Target, log *slog.Logger) (message.Publisher, error) {
	conn, err := nats.Connect(t.url.String(),
		nats.Name("crm relay"), nats.Timeout(patience),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		// What could not be sent is published again: kept back, it would come twice.
		nats.ReconnectBufSize(-1),
	)
	if err != nil {
		return nil, err
	}
	if err := ensureStream(conn, t.prefix); err != nil {
		conn.Close()
		return nil, err
	}
	return wmnats.NewPublisherWithNatsConn(conn, wmnats.PublisherPublishConfig{
		Marshaler:         natsMarshaler{},
		JetStream:         wmnats.JetStreamConfig{ConnectOptions: []nats.JSOpt{nats.MaxWait(patience)}},
		SubjectCalculator: wmnats.DefaultSubjectCalculator,
	}, watermill.NewSlogLogger(log))
}

// ensureStream makes a stream for the subjects, where there is none. One that is there
// is its operator's.
func ensureStream(conn *nats.Conn, prefix string) error {
	js, err := conn.JetStream(nats.MaxWait(patience))
	if err != nil {
		return err
	}
	subjects := prefix + ".>"
	_, err = js.StreamNameBySubject(subjects)
	if !errors.Is(err, nats.ErrNoMatchingStream) {
		return err
	}
	_, err = js.AddStream(&nats.StreamConfig{
		Name:        strings.ToUpper(strings.ReplaceAll(prefix, ".", "_")),
		Description: "Events of the CRM as CloudEvents",
		Subjects:    []string{subjects}, Storage: nats.FileStorage, Duplicates: remembered,
	})
	if err != nil {
		return fmt.Errorf("make the stream of %s: %w", subjects, err)
	}
	return nil
}

// natsMarshaler gives a message the id by which JetStream knows repetitions.
type natsMarshaler struct{}

// Marshal implements the publisher's interface.
func (natsMarshaler) Marshal(subject string, m *message.Message) (*nats.Msg, error) {
	header := nats.Header{nats.MsgIdHdr: []string{m.UUID}}
	for name, value := range m.Metadata {
		header[name] = []string{value}
	}
	return &nats.Msg{Subject: subject, Header: header, Data: m.Payload}, nil
}
