package relay

import (
	"context"
	"log/slog"
	"strings"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
)

func connectKafka(_ context.Context, t Target, log *slog.Logger) (message.Publisher, error) {
	return kafka.NewPublisher(kafka.PublisherConfig{
		Brokers: strings.Split(t.url.Host, ","), Marshaler: byStream(), OverwriteSaramaConfig: kafkaConfig(t),
	}, watermill.NewSlogLogger(log))
}

// byStream has the events of a stream in one partition, and so in order.
func byStream() kafka.Marshaler {
	return kafka.NewWithPartitioningMarshaler(func(_ string, m *message.Message) (string, error) {
		return m.Metadata.Get(streamName), nil
	})
}

func kafkaConfig(t Target) *sarama.Config {
	c := kafka.DefaultSaramaSyncPublisherConfig()
	c.ClientID = "crm-relay"
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent, c.Net.MaxOpenRequests = true, 1 // else a retry could overtake
	c.Producer.Timeout = patience
	c.Producer.Retry.Max = 3 // the engine tries for ever
	c.Metadata.Retry.Max, c.Metadata.Timeout = 1, 2*patience
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = patience, 2*patience, patience
	c.Net.TLS.Enable = t.url.Query().Get("tls") == "true"
	if user := t.url.User; user != nil {
		c.Net.SASL.Enable, c.Net.SASL.User = true, user.Username()
		c.Net.SASL.Password, _ = user.Password()
	}
	return c
}
