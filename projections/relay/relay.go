package relay

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync"
	"unicode"

	"github.com/ThreeDotsLabs/watermill/message"

	"crm/domain"
	"crm/domain/cloudevents"
)

// Name is the reactor's.
const Name = "relay"

// Metadata of a message beside its id: what it is, and for consumers that share work.
const (
	contentType = "Content-Type"
	streamName  = "Crm-Stream"
)

// lanes is how many events are under way at most, each of another stream.
const lanes = 32

// largest is how large an event may be, in bytes, so that every broker takes it as it
// is delivered: NATS and Kafka take 1 MiB with headers.
const largest = 900 << 10

// A Config says what is published where. Target is needed.
type Config struct {
	// Target is the broker.
	Target Target
	// Whole publishes events with their data and reason, personal data included.
	// Default: by reference.
	Whole bool
	// Selection are the events that are published. Default all.
	Selection domain.Selection
	// FromStart has a relay that is new begin at the start of the log. Default: at its end.
	FromStart bool
	// Installation is the URL of the installation, for the events' source.
	Installation string
	// Log gets the loss and the return of the broker. Default: nothing is logged.
	Log *slog.Logger
}

// Relay is the reactor that publishes. It connects when there is something to publish.
type Relay struct {
	cfg Config

	mu        sync.Mutex
	publisher message.Publisher // nil while there is no connection
	failing   bool              // and said so
	closed    bool
}

// New makes a relay, which is to be closed when the engine has ended.
func New(cfg Config) *Relay {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Relay{cfg: cfg}
}

// Name keeps its place in the log.
func (r *Relay) Name() string { return Name }

// Handles are all events: what is not selected is passed over.
func (r *Relay) Handles() []string { return nil }

// FromStart has a new relay begin at the start of the log.
func (r *Relay) FromStart() bool { return r.cfg.FromStart }

// React publishes one event.
func (r *Relay) React(ctx context.Context, e domain.Recorded) error {
	return r.ReactAll(ctx, []domain.Recorded{e})
}

// ReactAll publishes events and waits until the broker has them all. After an error
// some may have been published; none has before an earlier one of its stream.
func (r *Relay) ReactAll(ctx context.Context, events []domain.Recorded) error {
	publisher, err := r.connected(ctx)
	if err == nil {
		err = r.publish(ctx, publisher, events)
	}
	r.tell(ctx, err)
	return err
}

// publish deals the events out to lanes, by stream.
func (r *Relay) publish(ctx context.Context, publisher message.Publisher, events []domain.Recorded) error {
	var dealt [lanes][]*domain.Recorded
	for i := range events {
		if e := &events[i]; r.cfg.Selection.Holds(e) {
			lane := laneOf(e.Stream)
			dealt[lane] = append(dealt[lane], e)
		}
	}
	var publishing sync.WaitGroup
	failures := make([]error, lanes)
	for lane, events := range dealt {
		if len(events) == 0 {
			continue
		}
		publishing.Go(func() {
			for _, e := range events {
				if err := ctx.Err(); err != nil {
					failures[lane] = err
					return
				}
				if err := publisher.Publish(r.topic(e), r.message(e)); err != nil {
					failures[lane] = err
					return
				}
			}
		})
	}
	publishing.Wait()
	return errors.Join(failures...)
}

func laneOf(stream domain.Stream) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(stream)) // it never fails
	return int(hash.Sum32() % lanes)
}

// topic is the subject, topic or key under which an event is published.
func (r *Relay) topic(e *domain.Recorded) string {
	return r.cfg.Target.topic(plain(e.Event.EventType()))
}

// plain is a type as every broker takes it: words with dots between them.
func plain(eventType string) string {
	words := strings.FieldsFunc(eventType, func(r rune) bool { return r == '.' })
	for i, word := range words {
		words[i] = strings.Map(func(r rune) rune {
			if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-') {
				return r
			}
			return '_'
		}, word)
	}
	if len(words) == 0 {
		return "_"
	}
	return strings.Join(words, ".")
}

// message is an event as it is published, whole or by reference.
func (r *Relay) message(e *domain.Recorded) *message.Message {
	event := cloudevents.Of(r.cfg.Installation, e)
	if !r.cfg.Whole {
		event = event.Reference()
	}
	text := event.AppendJSON(nil)
	if len(text) > largest {
		event = event.Reference()
		text = event.AppendJSON(nil)
	}
	m := message.NewMessage(e.ID.String(), text)
	m.Metadata.Set(contentType, cloudevents.ContentType)
	m.Metadata.Set(streamName, string(e.Stream))
	return m
}

// connected is the publisher. What loses its connection later connects again by itself.
func (r *Relay) connected(ctx context.Context) (message.Publisher, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the relay is closed")
	}
	if r.publisher == nil {
		publisher, err := r.cfg.Target.connect(ctx, r.cfg.Log)
		if err != nil {
			return nil, err
		}
		r.publisher = publisher
	}
	return r.publisher, nil
}

// tell logs once that the broker takes nothing, and once that it does again. Errors of
// publishers speak of brokers and never quote an event.
func (r *Relay) tell(ctx context.Context, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil || (err != nil) == r.failing {
		return
	}
	r.failing = err != nil
	if r.failing {
		r.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "the broker takes no events", slog.String("reactor", Name), slog.Any("error", err))
	} else {
		r.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "the broker takes events again", slog.String("reactor", Name))
	}
}

// Check says what the broker last said: nil, when it took the last events.
func (r *Relay) Check(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failing {
		return errors.New("the broker takes no events")
	}
	return nil
}

// Close ends the connection.
func (r *Relay) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed = true; r.publisher == nil {
		return nil
	}
	return r.publisher.Close()
}
