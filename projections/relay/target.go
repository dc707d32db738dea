package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// patience is how long a broker may take to answer.
const patience = 3 * time.Second

// Target is a broker and a name there. The zero value is none.
type Target struct {
	url    *url.URL
	prefix string
}

// DefaultPrefix is the beginning of subjects, the topic, or the exchange, where none is
// said.
const DefaultPrefix = "crm.events"

var validPrefix = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// ParseTarget reads the URL of a broker: nats://host:4222, tls://host:4222 for NATS
// over TLS, kafka://host:9092 with ?tls=true for TLS, amqp://host/vhost or amqps://.
// NATS and Kafka take several hosts with commas. A user and password may be in it; a
// password that is given beside it wins. Errors quote nothing of it.
func ParseTarget(text, password, prefix string) (Target, error) {
	at, err := url.Parse(text)
	if err != nil || at.Host == "" {
		return Target{}, errors.New("the broker is not a URL such as nats://localhost:4222")
	}
	if publishers[at.Scheme].connect == nil {
		return Target{}, fmt.Errorf("%s is no broker that is known: nats, tls (NATS), kafka, amqp or amqps", at.Scheme)
	}
	for name := range at.Query() {
		if at.Scheme != "kafka" || name != "tls" {
			return Target{}, fmt.Errorf("a broker's URL has no parameter %q", name)
		}
	}
	if password != "" {
		if at.User.Username() == "" {
			return Target{}, errors.New("there is a password for the broker, and no user in its URL")
		}
		at.User = url.UserPassword(at.User.Username(), password)
	}
	if !validPrefix.MatchString(prefix) {
		return Target{}, fmt.Errorf("%q is no prefix: words of letters, digits, - and _ with dots between them", prefix)
	}
	return Target{url: at, prefix: prefix}, nil
}

// publishers are the kinds of brokers by scheme.
var publishers = map[string]struct {
	connect func(context.Context, Target, *slog.Logger) (message.Publisher, error)
	topic   func(prefix, eventType string) string
}{
	"nats":  {connectNATS, subjectOf},
	"tls":   {connectNATS, subjectOf},
	"kafka": {connectKafka, func(prefix, _ string) string { return prefix }},
	"amqp":  {connectAMQP, func(_, eventType string) string { return eventType }},
	"amqps": {connectAMQP, func(_, eventType string) string { return eventType }},
}

func (t Target) connect(ctx context.Context, log *slog.Logger) (message.Publisher, error) {
	publisher, err := publishers[t.url.Scheme].connect(ctx, t, log)
	if err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", t.without(err))
	}
	return publisher, nil
}

func (t Target) topic(eventType string) string {
	return publishers[t.url.Scheme].topic(t.prefix, eventType)
}

// without takes the password out of what a client says.
func (t Target) without(err error) error {
	password, secret := t.url.User.Password()
	if !secret || !strings.Contains(err.Error(), password) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), password, "[password]"))
}
