package relay

import (
	"errors"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/cloudevents"
	"crm/domain/deal"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"nats://localhost:4222", "tls://a:4222,b:4222", "kafka://a:9092,b:9092?tls=true", "amqp://u:p@localhost/crm", "amqps://localhost",
	} {
		if _, err := ParseTarget(good, "", DefaultPrefix); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range [][3]string{
		{"", "", DefaultPrefix},
		{"localhost:4222", "", DefaultPrefix},
		{"http://hunter2@localhost", "", DefaultPrefix},
		{"nats://localhost?tls=true", "", DefaultPrefix},
		{"kafka://localhost?acks=0", "", DefaultPrefix},
		{"nats://localhost", "hunter2", DefaultPrefix},
		{"nats://localhost", "", ""},
		{"nats://localhost", "", "crm.>"},
		{"nats://localhost", "", ".crm"},
		{"nats://user:hunter2@local host", "", DefaultPrefix},
	} {
		if _, err := ParseTarget(bad[0], bad[1], bad[2]); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestErrorsDoNotTellThePassword(t *testing.T) {
	t.Parallel()
	at, err := ParseTarget("amqp://u@localhost", "hunter2", DefaultPrefix)
	if err != nil {
		t.Fatal(err)
	}
	if got := at.without(errors.New("dial amqp://u:hunter2@localhost")).Error(); got != "dial amqp://u:[password]@localhost" {
		t.Error(got)
	}
}

func someEvent() *domain.Recorded {
	return &domain.Recorded{
		ID: uuid.MustParse("0190a5a0-0000-7000-8000-00000000000e"), Event: deal.Reopened{}, Data: []byte(`{}`),
		Stream: domain.DealStream(domain.DealID{UUID: uuid.MustParse("0190a5a0-0000-7000-8000-000000000001")}),
	}
}

// Of Kafka the messages are tested, and that its client takes the settings.
func TestKafkaMessages(t *testing.T) {
	t.Parallel()
	at, err := ParseTarget("kafka://user@a:9092,b:9092?tls=true", "secret", "crm")
	if err != nil {
		t.Fatal(err)
	}
	settings := kafkaConfig(at)
	if err := settings.Validate(); err != nil || !settings.Net.TLS.Enable || settings.Net.SASL.Password != "secret" {
		t.Errorf("%v", err)
	}
	e := someEvent()
	r := New(Config{Target: at})
	m, err := byStream().Marshal(r.topic(e), r.message(e))
	if err != nil {
		t.Fatal(err)
	}
	key, _ := m.Key.Encode()
	value, _ := m.Value.Encode()
	if m.Topic != "crm" || string(key) != string(e.Stream) || !strings.Contains(string(value), `"type":"deal.reopened"`) {
		t.Errorf("%s, key %s: %s", m.Topic, key, value)
	}
	headers := map[string]string{}
	for _, h := range m.Headers {
		headers[string(h.Key)] = string(h.Value)
	}
	if headers[contentType] != cloudevents.ContentType {
		t.Errorf("headers %v", headers)
	}
	// All events of a stream go to one partition.
	partitioner := sarama.NewHashPartitioner(m.Topic)
	first, err := partitioner.Partition(m, 12)
	second, _ := partitioner.Partition(m, 12)
	if err != nil || first != second || !partitioner.RequiresConsistency() {
		t.Errorf("partitions %d and %d: %v", first, second, err)
	}
}

// Of AMQP the messages are tested, and where they go.
func TestAMQPMessages(t *testing.T) {
	t.Parallel()
	at, err := ParseTarget("amqp://u:p@localhost/crm", "", "crm.events")
	if err != nil {
		t.Fatal(err)
	}
	c, e, r := amqpConfig(at), someEvent(), New(Config{Target: at})
	if err := c.ValidatePublisher(); err != nil {
		t.Fatal(err)
	}
	topic := r.topic(e)
	if exchange, key := c.Exchange.GenerateName(topic), c.Publish.GenerateRoutingKey(topic); exchange != "crm.events" || key != "deal.reopened" || !c.Exchange.Durable || !c.Publish.ConfirmDelivery {
		t.Errorf("exchange %s, key %s", exchange, key)
	}
	p, err := c.Marshaler.Marshal(r.message(e))
	if err != nil {
		t.Fatal(err)
	}
	if p.MessageId != e.ID.String() || p.ContentType != cloudevents.ContentType || p.DeliveryMode != 2 || p.Headers[streamName] != string(e.Stream) || p.Headers[amqp.DefaultMessageUUIDHeaderKey] != nil {
		t.Errorf("%+v", p)
	}
}
