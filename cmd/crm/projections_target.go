package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/eventstore"
	"crm/eventstore/embedded"
	"crm/projections"
	"crm/projections/postgres"
	"crm/projections/readmodels"
)

// modelsTarget is whose read models are looked after, and by whom: this process
// does the work beside servers that run, or with nothing else running, unless a
// server is asked to.
type modelsTarget struct {
	Data       string `env:"CRM_DATA" type:"path" placeholder:"DIR" help:"Data folder, the same as of crm up, which may run or not. Default .crm, unless --eventstore or --server is given."`
	EventStore string `name:"eventstore" env:"CRM_EVENTSTORE" placeholder:"esdb://…" help:"Connection string of EventStoreDB, as of crm serve; with --postgres. --data goes before them."`
	Postgres   string `env:"CRM_POSTGRES" placeholder:"postgres://…" help:"Connection string of the Postgres database for the read models, as of crm serve."`
	Server     string `placeholder:"URL" help:"Base URL of a server that is to do it."`
	KeyFile    string `default:".crm/admin.key" env:"CRM_CLIENT_KEY_FILE" placeholder:"FILE" help:"File with the API key for --server. Default ${default}."`
	trust
}

// log takes what goes wrong: the rest is told by the progress and the result.
func (t *modelsTarget) log(std streams) *slog.Logger {
	return (&logging{LogLevel: slog.LevelWarn}).logger(std.err)
}

// Validate is called with what was parsed.
func (t *modelsTarget) Validate() error {
	switch {
	case t.Server != "":
		return checkServer(t.Server)
	case t.Data != "":
		return nil
	case (t.EventStore == "") != (t.Postgres == ""):
		return errors.New("--eventstore and --postgres go together")
	case t.EventStore != "":
		return (&production{EventStore: t.EventStore, Postgres: t.Postgres}).check()
	}
	return nil
}

// with has use look after the read models.
func (t *modelsTarget) with(ctx context.Context, std streams, use func(rebuilding) error) error {
	return t.look(ctx, std, projections.Migrate, use)
}

// reading has use look at the read models, with a role that may only read if need be.
func (t *modelsTarget) reading(ctx context.Context, std streams, use func(rebuilding) error) error {
	return t.look(ctx, std, func(context.Context, *pgxpool.Pool) error { return nil }, use)
}

func (t *modelsTarget) look(
	ctx context.Context, std streams, prepare func(context.Context, *pgxpool.Pool) error, use func(rebuilding) error,
) error {
	if t.Server != "" {
		server, err := t.remote()
		if err != nil {
			return err
		}
		return use(server)
	}
	return t.open(ctx, std, func(store *eventstore.Store, pool *pgxpool.Pool) error {
		if err := prepare(ctx, pool); err != nil {
			return err
		}
		return callers(use(newRebuilder(store, pool, t.log(std))))
	})
}

// callers marks what is the caller's to mend.
func callers(err error) error {
	if errors.Is(err, projections.ErrUnknownModel) {
		return usage(err)
	}
	return err
}

// remote is the server that is to do it.
func (t *modelsTarget) remote() (*remoteModels, error) {
	c := connection{Server: t.Server, KeyFile: t.KeyFile}
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	client, err := t.client()
	return &remoteModels{client: client, server: t.Server, key: key}, err
}

// storeTimeout is how long the event store may take to answer.
const storeTimeout = 15 * time.Second

// open connects to the event store and to Postgres, while use runs. It writes nothing.
func (t *modelsTarget) open(ctx context.Context, std streams, use func(*eventstore.Store, *pgxpool.Pool) error) (err error) {
	log := t.log(std)
	config, dsn := eventstore.Config{ConnectionString: t.EventStore, Log: log}, t.Postgres
	if t.Data != "" || t.EventStore == "" {
		socket, folder, release, failed := t.folder(ctx, log)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, release()) }()
		config, dsn = eventstore.Config{UnixSocket: socket, Log: log}, folder
	}
	opening, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	store, err := eventstore.Open(opening, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	defer pool.Close()
	if err := pool.Ping(opening); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return use(store, pool)
}

// folder finds what runs in the data folder or, when nothing does, runs it until
// release is called.
func (t *modelsTarget) folder(ctx context.Context, log *slog.Logger) (socket, dsn string, release func() error, err error) {
	folder := dataFolder{Data: t.Data}
	if folder.Data == "" {
		folder.Data = ".crm"
	}
	if err := folder.mustHaveEvents(); err != nil {
		if t.Data == "" {
			err = usage(fmt.Errorf("%w; name another data folder (--data), a server (--server), or both databases (--eventstore, --postgres)", err))
		}
		return "", "", nil, err
	}
	if dsn, err = postgres.DSN(filepath.Join(folder.Data, "postgres"), database); err != nil {
		return "", "", nil, err
	}
	socket = embedded.SocketAt(folder.socket())
	if served(ctx, socket) {
		if conn, err := pgx.Connect(ctx, dsn); err != nil {
			return "", "", nil, fmt.Errorf("the event store in %s is served, but no Postgres beside it: %w", folder.Data, err)
		} else {
			return socket, dsn, func() error { return nil }, conn.Close(ctx)
		}
	}
	l, err := startLaptop(ctx, folder.Data, storing{}, log)
	if err != nil {
		return "", "", nil, folder.advise(err)
	}
	return l.events.socket, l.postgres, func() error {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return l.stop(within)
	}, nil
}

// served reports whether somebody listens at a socket.
func served(ctx context.Context, socket string) bool {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// newRebuilder rebuilds all read models.
func newRebuilder(store *eventstore.Store, pool *pgxpool.Pool, log *slog.Logger) *projections.Rebuilder {
	return projections.NewRebuilder(pool, projections.RebuildConfig{
		Subscribe: rebuildSubscriber(store, log), BatchOf: eventstore.BatchOf,
		Head: store.Head, Reaches: store.Reaches, Parking: projections.Parking{Load: store.Load}, Log: log,
	}, readmodels.NewModels(pool).Projections()...)
}

// What a rebuild reads at once: batches that pay for their commits, and of which
// three fit into memory several times.
const (
	rebuildEvents = 20_000
	rebuildBytes  = 32 << 20
)

// rebuildSubscriber makes subscribers that feed rebuilds.
func rebuildSubscriber(store *eventstore.Store, log *slog.Logger) func(string, func(context.Context) (domain.Position, error)) message.Subscriber {
	return func(_ string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
		return eventstore.NewSubscriber(store, eventstore.SubscriberConfig{
			Checkpoint: checkpoint, MaxBatch: rebuildEvents, MaxBytes: rebuildBytes, Log: log,
		})
	}
}
