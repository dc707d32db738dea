package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/net/netutil"

	"crm/cmd/crm/tracing"
	"crm/commands"
	"crm/domain"
	"crm/domain/pipeline"
	"crm/eventstore"
	"crm/eventstore/embedded"
	crmhttp "crm/http"
	"crm/http/answers"
	"crm/http/imports"
	"crm/http/webhooks"
	"crm/projections"
	"crm/projections/readmodels"
	"crm/projections/relay"
)

// errDisk is an event store that answers, but takes nothing.
var errDisk = errors.New("the event store's disk is full or stuck")

// What is asked and what is noted have connections of their own, so that neither waits
// for the other, and a question that takes long is ended where a rebuild is not. As a
// parameter of the connection the bound costs a question no round trip.
const (
	bookConnections = 8               // of imports, webhooks, answers to keys, rebuilds and checks
	readTimeout     = 5 * time.Second // of each statement of a read
)

// backends are what an app stands on.
type backends struct {
	connection string         // to EventStoreDB, or
	socket     string         // to the embedded event store
	node       *embedded.Node // of that, for its metrics; nil elsewhere
	postgres   string         // connection string
	rebuild    string         // what makes all read models anew
	tls        *tls.Config    // of the listener; nil: it is not encrypted
}

// app is the server: the object graph, from the listener to the pools.
type app struct {
	settings settings
	rebuild  string // what makes all read models anew
	log      *slog.Logger
	store    *eventstore.Store
	pool     *pgxpool.Pool // of what is noted
	reads    *pgxpool.Pool // of what is asked
	commands *commands.Handler
	engine   *projections.Engine
	relay    *relay.Relay // nil for none
	jobs     *projections.Jobs
	answers  *answers.Book
	surface  *crmhttp.Server
	webhooks *webhooks.Sender
	server   *http.Server
	// encrypted: it speaks TLS. Its TLSConfig does not tell, as net/http sets one anyway.
	encrypted bool
	tracing   *tracing.Tracing
	debug     func() // ends the debug listener
	listener  net.Listener
}

// openApp connects everything, and listens, but answers nothing yet. It waits
// for an event store that is away; Postgres may come later.
func openApp(ctx context.Context, s settings, b backends, keys map[string]crmhttp.Key, log *slog.Logger) (_ *app, err error) {
	a := &app{settings: s, rebuild: b.rebuild, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if b.node != nil {
		registry.MustRegister(nodeMetrics{b.node})
	}
	// The port first: that it is taken should not take a minute to find out.
	if a.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.Listen); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	a.listener = netutil.LimitListener(a.listener, s.MaxConnections)
	if a.store, err = eventstore.Open(ctx, eventstore.Config{ConnectionString: b.connection, UnixSocket: b.socket, Log: log}); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(b.postgres)
	if err != nil {
		return nil, usage(errors.New("the Postgres connection string is not one"))
	}
	config.MaxConns = bookConnections
	config.ConnConfig.RuntimeParams["jit"] = "off" // compiling a report takes longer than answering it
	if a.tracing, err = tracing.Open(ctx, buildVersion(), log); err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	a.tracing.Postgres(config)
	if a.debug, err = serveDebug(ctx, s.DebugListen, log); err != nil {
		return nil, err
	}
	if a.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	asking := config.Copy()
	asking.MaxConns = s.Connections
	asking.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(readTimeout.Milliseconds(), 10)
	if a.reads, err = pgxpool.NewWithConfig(ctx, asking); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	a.commands = commands.New(a.tracing.Log(a.store), commands.Config{CacheBytes: int64(s.StateCache) << 20})
	models := readmodels.NewModels(a.reads)
	var traced func(context.Context, string, domain.Batch) (context.Context, func(error))
	if a.tracing != nil {
		traced = a.tracing.Batch
	}
	relays, err := a.openRelay()
	if err != nil {
		return nil, err
	}
	reactors := append(relays, a.openWebhooks(registry))
	a.engine = projections.NewEngine(a.pool, projections.Config{
		Subscribe: func(_ string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
			return eventstore.NewSubscriber(a.store, eventstore.SubscriberConfig{Checkpoint: checkpoint, Log: log})
		},
		SubscribeRebuild: rebuildSubscriber(a.store, log),
		BatchOf:          eventstore.BatchOf,
		Parking:          projections.Parking{Load: a.store.Load},
		Reaches:          a.store.Reaches,
		Head:             a.store.Head,
		Reactors:         reactors,
		Log:              log,
		Registerer:       registry,
		Traced:           traced,
	}, models.Projections()...)
	a.jobs = projections.NewJobs(a.engine.Rebuilder())
	if a.answers, err = answers.Open(answers.Postgres{Pool: a.pool}, answers.Config{Log: log, Metrics: registry}); err != nil {
		return nil, err
	}
	tokens, err := s.tokens()
	if err != nil {
		return nil, usage(err)
	}
	limiting, err := s.limiting()
	if err != nil {
		return nil, usage(err)
	}
	details := map[string]func(context.Context) error{}
	if a.relay != nil {
		details["relay"] = a.relay.Check
	}
	a.surface, err = crmhttp.New(crmhttp.Config{
		Commands:  a.commands,
		Models:    models,
		WaitFor:   a.waitFor,
		Status:    a.engine.Status,
		Reactions: a.engine.Reactions,
		Jobs:      a.jobs,
		Events:    feedLog{a.store},
		PublicURL: s.PublicURL,
		Details:   details,
		Followers: s.FeedFollowers,
		Imports:   imports.Config{Pool: a.pool, Load: a.store.Load, Keep: s.ImportFiles},
		Webhooks:  a.webhooks,
		Keys:      keys,
		Tokens:    tokens,
		Limiting:  limiting,
		Answers:   a.answers,
		Ready: map[string]func(context.Context) error{
			"eventstore": func(ctx context.Context) error {
				if b.node != nil {
					if s := b.node.Stats(); s.DiskFull || s.DiskStalled {
						return errDisk
					}
				}
				_, _, err := a.store.Head(ctx)
				return err
			},
			"postgres":    a.pool.Ping,
			"read_models": func(context.Context) error { return a.engine.Healthy() },
		},
		Log:         log,
		Tracer:      a.tracing.Tracer(),
		Metrics:     registry,
		Version:     buildVersion(),
		MaxWait:     s.WaitTimeout,
		PhoneRegion: s.PhoneRegion,

		CommandsAtOnce: s.CommandsAtOnce, ReadsAtOnce: s.ReadsAtOnce, Patience: s.OverloadWait,
		RequireIfMatch: s.RequireIfMatch,
	})
	if err != nil {
		return nil, err
	}
	a.server = a.surface.Listener()
	a.server.TLSConfig, a.encrypted = b.tls, b.tls != nil
	return a, nil
}

// url is where the server listens.
func (a *app) url() string {
	if a.encrypted {
		return "https://" + a.listener.Addr().String()
	}
	return "http://" + a.listener.Addr().String()
}

// serve answers until the server is shut down.
func (a *app) serve() error {
	if a.encrypted {
		return a.server.ServeTLS(a.listener, "", "") // the certificate is in the config
	}
	return a.server.Serve(a.listener)
}

// run serves until ctx ends, or a part fails, and then stops in order: accept
// nothing new, answer what was accepted, end the read models, then the pools.
func (a *app) run(ctx context.Context, began func(context.Context) error) (err error) {
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.checkLog(ctx); err != nil {
		return err
	}
	failed := make(chan error, 2)
	engine, stopEngine := context.WithCancel(context.WithoutCancel(ctx))
	defer stopEngine()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := a.engine.Run(engine); err != nil {
			failed <- fmt.Errorf("read models: %w", err)
		}
	}()
	go func() {
		if err := a.serve(); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("http: %w", err)
		}
	}()
	var noting sync.WaitGroup
	noting.Go(func() { a.surface.NoteUses(engine) })
	noting.Go(func() { a.surface.Run(engine) })
	stopWebhooks := a.sendWebhooks(ctx)
	defer func() {
		a.jobs.Close()
		stopWebhooks()
		stopEngine()
		noting.Wait()
		<-ended
	}()
	if err := a.begin(ctx, began); err != nil {
		a.shutdown(ctx)
		return err
	}
	select {
	case <-ctx.Done():
		err = context.Cause(ctx)
		if errors.Is(err, context.Canceled) {
			err = nil // we were asked to
		}
	case err = <-failed:
	}
	a.shutdown(ctx)
	return err
}

// begin does what is done once at each start. It is over when commands are taken
// and the read models can be asked, be they behind; or, where they have no tables yet
// and the log is long, when it is known that they are to be built: /health/ready tells
// when they are there.
func (a *app) begin(ctx context.Context, began func(context.Context) error) error {
	if err := a.defineDefaultPipeline(ctx); err != nil {
		return err
	}
	_ = a.engine.Started(ctx) // it fails only when ctx ends
	select {
	case <-ctx.Done():
		return nil
	default:
		return began(ctx)
	}
}

// shutdown lets requests finish, but not for ever.
func (a *app) shutdown(ctx context.Context) {
	a.log.InfoContext(ctx, "stopping")
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.settings.ShutdownTimeout)
	defer cancel()
	if err := a.server.Shutdown(within); err != nil {
		a.log.WarnContext(within, "requests were cut off", slog.Any("error", err))
		_ = a.server.Close() // what it could say was said
	}
}

// close gives back what openApp took.
func (a *app) close() error {
	var err error
	if a.listener != nil {
		_ = a.listener.Close() // mostly closed before
	}
	if a.answers != nil {
		a.answers.Close()
	}
	if a.relay != nil {
		err = a.relay.Close()
	}
	for _, pool := range []*pgxpool.Pool{a.reads, a.pool} {
		if pool != nil {
			pool.Close()
		}
	}
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
	}
	if a.debug != nil {
		a.debug()
	}
	a.tracing.Close(context.Background()) // what ran has ended
	return err
}

// defineDefaultPipeline makes the pipeline that exists from the first start on.
// Later starts find it there.
func (a *app) defineDefaultPipeline(ctx context.Context) error {
	_, err := a.commands.Do(ctx, commands.Ask{
		Target:  domain.DefaultPipeline.UUID,
		Command: pipeline.Default,
		Meta: domain.Meta{
			OccurredAt: time.Now().UTC().Truncate(time.Microsecond),
			Actor:      "crm",
			Source:     domain.Source{Application: "crm"},
			Command:    domain.CommandRef{ID: uuid.NewSHA1(domain.Namespace, []byte("define default pipeline"))},
		},
	})
	if err != nil && !errors.Is(err, pipeline.ErrAlreadyDefined) {
		return fmt.Errorf("default pipeline: %w", err)
	}
	return nil
}

// announce prints the one line that says where the server is.
func (a *app) announce(out io.Writer, more string) error {
	_, err := fmt.Fprintf(out, "ready %s docs=%s/docs%s\n", a.url(), a.url(), more)
	return err
}
