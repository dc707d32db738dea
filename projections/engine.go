package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"crm/domain"
)

// Config wires and tunes an [Engine]. Subscribe and BatchOf are needed; of the
// rest the zero value works.
type Config struct {
	// Subscribe makes the subscriber that feeds the named read model. It starts
	// at what checkpoint answers, asks again after a nack, and has one message in
	// flight. The engine closes it.
	Subscribe func(name string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber
	// SubscribeRebuild makes the subscriber that feeds rebuilds, as Subscribe does; large
	// batches pay. Default: Subscribe.
	SubscribeRebuild func(name string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber
	// BatchOf finds the events on the context of a message.
	BatchOf func(ctx context.Context) (domain.Batch, bool)
	// Reaches reports whether the log reaches a position, and waits while it does
	// not answer. A read model whose checkpoint the log does not reach stops with
	// [WentBack]: it holds what is no longer there, and would leave out what comes
	// in its place. Default: it is not asked.
	Reaches func(ctx context.Context, position domain.Position) (bool, error)
	// Head tells where the log ends: the position of its last event, and when that
	// was recorded. It is asked each second. Default: nobody knows how far a read
	// model is behind, nor whether it is stalled, and nothing is rebuilt.
	Head func(ctx context.Context) (domain.Position, time.Time, error)
	// StallAfter is how long a read model may stand still before the end of the log
	// until it counts as stalled. Default 20 s.
	StallAfter time.Duration
	// Parking is what becomes of events that cannot be applied.
	Parking Parking
	// Reactors do what is to be done outside of the database.
	Reactors []Reactor
	// Traced begins a span for a batch that a read model takes in; what it gives ends
	// it. Default: nothing is traced.
	Traced func(ctx context.Context, model string, batch domain.Batch) (context.Context, func(error))
	// Log gets one line per change of a read model's state. Default: nothing is logged.
	Log *slog.Logger
	// Registerer gets the engine's metrics. Default: there are none.
	Registerer prometheus.Registerer
	// CloseTimeout is how long a batch at work may go on after Close before it is
	// broken off. Default 5 s.
	CloseTimeout time.Duration
	// QuietAfter is how long the log must be quiet for the first catch-up to
	// count as done, and indexes to be made. Default 1 s.
	QuietAfter time.Duration
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.SubscribeRebuild == nil {
		c.SubscribeRebuild = c.Subscribe
	}
	if c.Traced == nil {
		c.Traced = func(ctx context.Context, _ string, _ domain.Batch) (context.Context, func(error)) {
			return ctx, func(error) {}
		}
	}
	c.CloseTimeout = cmp.Or(c.CloseTimeout, 5*time.Second)
	c.QuietAfter = cmp.Or(c.QuietAfter, time.Second)
	c.StallAfter = cmp.Or(c.StallAfter, 20*time.Second)
	return c
}

// topic is what every read model is fed with: the whole log.
const topic = "$all"

// Engine keeps the tables of its projections up with the log: one Watermill
// router, one handler and one Postgres connection per projection. Of several
// engines on one database, one leads each projection; the others stand by.
type Engine struct {
	cfg       Config
	pool      *pgxpool.Pool
	models    []*model
	reactors  []*reacting
	named     map[string]*model
	metrics   *metrics
	rebuilder *Rebuilder

	migrating sync.Mutex
	migrated  bool

	lifecycle sync.Mutex
	closing   chan struct{} // closed by Close
	done      chan struct{} // closed when Run is over; nil before
	closed    bool
}

// validName keeps a projection from taking a schema that is not a read model's.
var validName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,55}$`)

// NewEngine makes an engine; Run starts it. It panics where two projections have
// one name, or where a name cannot be a schema of its own: mistakes that no start
// survives.
func NewEngine(pool *pgxpool.Pool, cfg Config, projections ...Projection) *Engine {
	e := &Engine{cfg: cfg.withDefaults(), pool: pool, named: make(map[string]*model), closing: make(chan struct{})}
	e.metrics = newMetrics(e.Status)
	for _, p := range projections {
		name := p.Name()
		if !validName.MatchString(name) || name == "crm" || name == "public" || name == "information_schema" || strings.HasPrefix(name, "pg_") {
			panic(fmt.Sprintf("projections: %q cannot name a read model", name))
		}
		if e.named[name] != nil {
			panic(fmt.Sprintf("projections: two read models are called %q", name))
		}
		m := &model{
			engine: e, projection: p, log: e.cfg.Log.With(slog.String("read_model", name)), wake: make(chan struct{}, 1),
		}
		e.named[name] = m
		e.models = append(e.models, m)
	}
	for _, r := range e.cfg.Reactors {
		name := r.Name()
		if e.named[name] != nil || slices.ContainsFunc(e.reactors, func(other *reacting) bool { return other.reactor.Name() == name }) {
			panic(fmt.Sprintf("projections: reactor %q shares its name", name))
		}
		e.reactors = append(e.reactors, newReacting(e, r))
	}
	e.rebuilder = NewRebuilder(pool, RebuildConfig{
		Subscribe: e.cfg.SubscribeRebuild, BatchOf: e.cfg.BatchOf, Head: e.cfg.Head, Reaches: e.cfg.Reaches,
		Parking: e.cfg.Parking, CloseTimeout: e.cfg.CloseTimeout, Log: e.cfg.Log,
	}, projections...)
	if e.cfg.Registerer != nil {
		e.cfg.Registerer.MustRegister(e.metrics, newReactionMetrics(e.Reactions))
	}
	return e
}

// Rebuilder rebuilds what the engine keeps up. It is of use once Started has
// returned.
func (e *Engine) Rebuilder() *Rebuilder { return e.rebuilder }

// Run works until ctx ends or Close is called, and returns when everything it
// started has ended. It can be called once.
func (e *Engine) Run(ctx context.Context) error {
	e.lifecycle.Lock()
	if e.closed || e.done != nil {
		e.lifecycle.Unlock()
		return errors.New("projections: the engine ran or was closed before")
	}
	done := make(chan struct{})
	e.done = done
	e.lifecycle.Unlock()
	defer close(done)

	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: e.cfg.CloseTimeout + 5*time.Second}, e.routerLog())
	if err != nil {
		return fmt.Errorf("router: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Batches outlive ctx, so that the one at work is committed, but not by more
	// than CloseTimeout.
	working, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	context.AfterFunc(ctx, func() { time.AfterFunc(e.cfg.CloseTimeout, breakOff) })
	for _, m := range e.models {
		m.handleWith(ctx, working, router)
	}
	for _, r := range e.reactors {
		r.handleWith(working, router)
	}

	var started sync.WaitGroup
	var closeErr error
	over := make(chan struct{})
	for _, m := range e.models {
		started.Go(func() { m.tend(ctx, working) })
	}
	for _, r := range e.reactors {
		started.Go(func() { r.holdLead(over) })
	}
	started.Go(func() { e.watch(ctx) })
	started.Go(func() { e.maintain(ctx) })
	started.Go(func() { e.finishQuiet(ctx, working) })
	started.Go(func() {
		select {
		case <-e.closing:
		case <-ctx.Done():
		}
		cancel()
		select {
		case <-router.Running(): // before, Close would wait for handlers that never start
			closeErr = router.Close()
		case <-over:
		}
	})
	// Not under ctx: its end would stop the subscribers before the router knows
	// that it is closing.
	err = router.Run(context.WithoutCancel(ctx))
	if err == nil && ctx.Err() == nil {
		err = errors.New("projections: every subscription ended by itself")
	}
	close(over)
	cancel()
	started.Wait()
	for _, m := range e.models {
		m.close()
	}
	return errors.Join(err, closeErr)
}

// routerLog is Watermill's log. What it tells at Info are its own steps.
func (e *Engine) routerLog() watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(e.cfg.Log, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
}

// Close ends Run and waits for it: no new batches, those at work are committed,
// then connections are closed. It takes CloseTimeout at most, and a moment. Closing twice is fine.
func (e *Engine) Close() error {
	e.lifecycle.Lock()
	if !e.closed {
		e.closed = true
		close(e.closing)
	}
	done := e.done
	e.lifecycle.Unlock()
	if done != nil {
		<-done
	}
	return nil
}

// finishQuiet ends the first catch-up of models for which the log has become quiet.
func (e *Engine) finishQuiet(ctx, working context.Context) {
	tick := time.NewTicker(e.cfg.QuietAfter)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, m := range e.models {
				m.finishQuiet(working)
			}
		case <-ctx.Done():
			return
		}
	}
}

// maintain has the rebuilder do its part, when Postgres is there.
func (e *Engine) maintain(ctx context.Context) {
	if e.cfg.Head == nil {
		return
	}
	for pause := firstPause; e.migrate(ctx) != nil; pause = min(2*pause, longestPause) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
	e.rebuilder.Maintain(ctx)
}

// migrate brings the engine's own books up to date, once.
func (e *Engine) migrate(ctx context.Context) error {
	e.migrating.Lock()
	defer e.migrating.Unlock()
	if e.migrated {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	err := Migrate(ctx, e.pool)
	e.migrated = err == nil
	return err
}

// handleWith makes m a handler of the router: acked(retried(recovered(handle))).
func (m *model) handleWith(ctx, working context.Context, router *message.Router) {
	cfg := m.engine.cfg
	subscriber := cfg.Subscribe(m.projection.Name(), m.checkpoint)
	handler := router.AddConsumerHandler(m.projection.Name(), topic, subscriber, func(msg *message.Message) error {
		return m.handle(msg, working)
	})
	retry := middleware.Retry{
		MaxRetries: 1 << 30, InitialInterval: firstPause, MaxInterval: longestPause, Multiplier: 1.5, RandomizationFactor: 0.2,
		ShouldRetry: func(params middleware.RetryParams) bool { return m.mayRetry(params.Err) },
	}
	handler.AddMiddleware(m.acked(ctx), retry.Middleware, middleware.Recoverer)
}
