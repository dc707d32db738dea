package relay

import (
	"context"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	amqp091 "github.com/rabbitmq/amqp091-go"
)

func connectAMQP(_ context.Context, t Target, log *slog.Logger) (message.Publisher, error) {
	return amqp.NewPublisher(amqpConfig(t), watermill.NewSlogLogger(log))
}

// amqpConfig publishes to a durable topic exchange, by type, and has the broker confirm
// each message.
func amqpConfig(t Target) amqp.Config {
	c := amqp.NewDurableTopicConfig(t.url.String(), t.prefix, "")
	c.Exchange.Durable = true
	c.Publish.ConfirmDelivery = true
	c.Publish.ChannelPoolSize = lanes
	c.Marshaler = amqp.DefaultMarshaler{PostprocessPublishing: func(p amqp091.Publishing) amqp091.Publishing {
		p.MessageId, _ = p.Headers[amqp.DefaultMessageUUIDHeaderKey].(string)
		p.ContentType, _ = p.Headers[contentType].(string)
		delete(p.Headers, amqp.DefaultMessageUUIDHeaderKey)
		delete(p.Headers, contentType)
		return p
	}}
	return c
}
