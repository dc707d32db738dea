package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	"crm/domain"
	"crm/eventstore"
	"crm/http/webhooks"
)

// telling is how endpoints of other programs are told of events.
type telling struct {
	WebhookPrivate   bool          `name:"webhook-private" env:"CRM_WEBHOOK_PRIVATE" help:"Let webhooks go to http:// and to addresses of this machine and of private networks, for laptops and tests. Default: https:// to public addresses only."`
	WebhookRetention time.Duration `default:"720h" env:"CRM_WEBHOOK_RETENTION" placeholder:"DURATION" help:"How long deliveries of webhooks are kept after their end, at least 1h; 720h are 30 days. Default ${default}."`
}

// check refuses settings that cannot work.
func (t *telling) check() error {
	if t.WebhookRetention < time.Hour {
		return fmt.Errorf("--webhook-retention %s is not at least 1h", t.WebhookRetention)
	}
	return nil
}

// openWebhooks makes what turns events into deliveries, and what delivers them.
func (a *app) openWebhooks(registry prometheus.Registerer) *webhooks.Reactor {
	log := webhooks.Log{
		Subscribe: func(_ string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
			return eventstore.NewSubscriber(a.store, eventstore.SubscriberConfig{Checkpoint: checkpoint, Log: a.log})
		},
		BatchOf: eventstore.BatchOf, Load: a.store.Load, Head: a.store.Head,
	}
	book := webhooks.NewBook(a.pool, nil)
	a.webhooks = webhooks.NewSender(book, webhooks.Config{
		Do: a.commands.Do, Log: log, Installation: a.settings.PublicURL, Private: a.settings.WebhookPrivate, Retention: a.settings.WebhookRetention,
		UserAgent: "crm/" + buildVersion(), Slog: a.log, Registerer: registry,
	})
	return webhooks.NewReactor(book, log, a.settings.PublicURL, a.webhooks.Wake, a.log)
}

// sendWebhooks has the sender run until stop is called, which waits for its end.
func (a *app) sendWebhooks(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var sending sync.WaitGroup
	sending.Go(func() {
		if err := a.engine.Started(ctx); err != nil { // then there are tables
			a.log.DebugContext(ctx, "webhooks were not sent", slog.Any("error", err))
			return
		}
		a.webhooks.Run(ctx)
	})
	return func() { cancel(); sending.Wait() }
}

// waitFor waits for a read model, or for the book of webhooks.
func (a *app) waitFor(ctx context.Context, model string, position domain.Position) error {
	if model == webhooks.ReactorName {
		return a.webhooks.Book().WaitFor(ctx, position)
	}
	return a.engine.WaitFor(ctx, model, position)
}
