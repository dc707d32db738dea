package projections

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// How long to wait before trying again.
const (
	firstPause   = 25 * time.Millisecond
	longestPause = 2 * time.Second
)

// batchTimeout is how long a transaction may take before the connection is given up:
// of a batch, or one of those that catch up with a parked stream. The end of a window has
// windowTimeout.
const batchTimeout = time.Minute

// fresh is how recently an event was recorded for its batch to count as the end
// of the log.
const fresh = 5 * time.Second

// model is one projection at work.
type model struct {
	engine     *Engine
	projection Projection
	log        *slog.Logger
	progress   progress
	lag        lag
	wake       chan struct{} // for tend, which looks after the connections

	mu       sync.Mutex // what follows is used by one at a time
	builder  *Builder   // nil while we do not lead
	conn     *pgx.Conn  // what we stand by on; nil while we lead
	quiet    bool       // no batch came since finishQuiet looked
	retrying bool       // the batch in hand failed before
	used     time.Time  // when the builder's connection last answered
	since    time.Time  // when we got the lead
	resigned time.Time  // when we gave it up for others
	tried    time.Time  // when we last asked for it
	watched  time.Time  // when we last looked whether the leader is alive
	lost     uint32     // the backend of the builder we dropped, which may not know; 0 for none
}

// checkpoint answers the subscriber where to start. It waits until this model
// leads its tables, be that never: until then, and when it has stopped, there is
// nothing to start.
func (m *model) checkpoint(ctx context.Context) (domain.Position, error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		position, err := m.position(ctx)
		if err == nil || ctx.Err() != nil {
			return position, err
		}
		if !m.passes(err) {
			m.stop(err)
			continue // until we lead again
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return domain.Position{}, ctx.Err()
		}
	}
}

func (m *model) position(ctx context.Context) (domain.Position, error) {
	checkpoint, err := m.led(ctx)
	if err != nil {
		return domain.Position{}, err
	}
	// Each time, and not only at the start: the log may come back from an outage
	// as it was yesterday.
	if reaches := m.engine.cfg.Reaches; reaches != nil && !checkpoint.Position.IsZero() {
		switch there, err := reaches(ctx, checkpoint.Position); {
		case err != nil:
			return domain.Position{}, err
		case !there:
			return domain.Position{}, &Failure{Class: WentBack, Position: checkpoint.Position}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.builder != nil { // or it was closed meanwhile
		checkpoint = m.builder.Checkpoint()
		m.reached(checkpoint)
	}
	return checkpoint.Position, nil
}

// led gives the checkpoint of the tables once they are ours.
func (m *model) led(ctx context.Context) (Checkpoint, error) {
	for {
		changed := m.progress.wait()
		m.mu.Lock()
		if m.builder != nil {
			defer m.mu.Unlock()
			return m.builder.Checkpoint(), nil
		}
		m.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Checkpoint{}, ctx.Err()
		}
	}
}

// drop gives up the lead. What the builder knew of the tables may be void. Called
// with the lock.
func (m *model) drop() {
	if m.builder != nil {
		m.lost = m.builder.conn.PgConn().PID()
		m.builder.Close()
		m.builder = nil
		m.change(slog.LevelInfo, func(p *progress) { p.leads = false })
		m.lookNow()
	}
}

// handle applies the batch of one message.
func (m *model) handle(msg *message.Message, working context.Context) error {
	batch, ok := m.engine.cfg.BatchOf(msg.Context())
	if !ok {
		return &Failure{Class: Broken, Detail: "a message without a batch"}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.quiet = false
	if err := m.open(msg.Context()); err != nil {
		return err
	}
	// Not under the message's context: when that ends, as it does on Close, pgx
	// would close the connection in the middle of the batch.
	before, start := m.builder.Checkpoint(), time.Now()
	traced, end := m.engine.cfg.Traced(working, m.projection.Name(), batch)
	err := m.builder.Apply(traced, batch)
	end(err)
	if err != nil {
		m.retrying = true
		reached := m.builder.Checkpoint() // a part of the batch may be there
		m.change(slog.LevelInfo, func(p *progress) { p.checkpoint = reached })
		if !errors.Is(err, ErrMissing) { // which the builder counts
			m.drop()
		}
		return err
	}
	m.used = time.Now()
	after := m.builder.Checkpoint()
	if after != before {
		m.engine.metrics.committed(m.projection.Name(), after.Events-before.Events, time.Since(start))
	}
	m.reached(after)
	if n := len(batch.Events); n > 0 && time.Since(batch.Events[n-1].RecordedAt) < fresh {
		m.finish(working)
	}
	return nil
}

// finishQuiet ends the first catch-up when no batch came since it last looked.
func (m *model) finishQuiet(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.quiet || m.builder == nil {
		m.quiet = true
		return
	}
	if !m.builder.Checkpoint().Position.IsZero() {
		m.finish(ctx)
	}
}

// finish ends the first catch-up, if that was not done before. When it fails for
// a while, the next batch or finishQuiet tries again. Called with the lock.
func (m *model) finish(ctx context.Context) {
	if m.builder.Live() {
		return
	}
	m.change(slog.LevelInfo, func(p *progress) { p.busy = true })
	defer m.change(slog.LevelInfo, func(p *progress) { p.busy = false })
	if err := m.builder.Finish(ctx); err != nil {
		if m.drop(); !m.passes(err) {
			m.fail(err)
		}
		return
	}
	m.reached(m.builder.Checkpoint())
}

// reached tells everyone how far the tables are, and that all is well.
func (m *model) reached(c Checkpoint) {
	m.retrying = false
	m.change(slog.LevelInfo, func(p *progress) { p.checkpoint, p.trouble = c, "" })
}

// change lets everyone know, and logs it when the state is another one than before.
func (m *model) change(level slog.Level, do func(*progress)) {
	if m.progress.change(do) {
		m.tell(level)
	}
}

// passes reports whether err goes away by itself, and lets everyone know that it
// has to.
func (m *model) passes(err error) bool {
	class, passes := passing(err)
	if passes {
		level := slog.LevelWarn
		if errors.Is(err, ErrFenced) || errors.Is(err, ErrOutOfStep) { // the tables change hands
			level = slog.LevelInfo
		}
		m.change(level, func(p *progress) { p.trouble = class })
	}
	return passes
}

// mayRetry reports whether the handler should just try again. Where our idea of
// the checkpoint is wrong, the subscriber has to start again instead.
func (m *model) mayRetry(err error) bool {
	return !standsBy(err) && m.passes(err) && !errors.Is(err, ErrFenced) && !errors.Is(err, ErrOutOfStep)
}

// stop is for errors that trying again does not help.
func (m *model) stop(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail(err)
}

// fail is stop, called with the lock. The lead is free for others; they may know
// better.
func (m *model) fail(err error) {
	m.drop()
	_ = m.leave(nil)
	failure, ok := errors.AsType[*Failure](lasting(err, domain.Position{}, ""))
	if !ok {
		class, _ := passing(err)
		failure = &Failure{Class: class, cause: err}
	}
	m.change(slog.LevelError, func(p *progress) { p.failure = failure })
}

func (m *model) stopped() bool {
	m.progress.mu.Lock()
	defer m.progress.mu.Unlock()
	return m.progress.failure != nil
}

// tell logs the state: classes, places and codes, no payload and no text of a
// foreign error.
func (m *model) tell(level slog.Level) {
	s := m.status()
	attrs := []slog.Attr{slog.String("state", string(s.State)), slog.String("position", s.Position.String())}
	if s.Class != "" {
		attrs = append(attrs, slog.String("class", string(s.Class)))
	}
	if f := s.Failure; f != nil {
		attrs = append(attrs, slog.String("failed_at", f.Position.String()), slog.String("event_type", f.EventType),
			slog.String("table", f.Table), slog.String("detail", f.Detail))
	}
	m.log.LogAttrs(context.Background(), level, "read model "+string(s.State), attrs...)
}

// acked is the outermost middleware. It lets a message be acked when it was
// applied, be nacked when the subscriber has to look at the checkpoint again, and
// keeps it while the model has stopped: what comes after must not be applied
// before it.
func (m *model) acked(ctx context.Context) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			own, cancel := context.WithCancel(msg.Context())
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			msg.SetContext(own)
			if !m.stopped() {
				began := time.Now()
				_, err := next(msg)
				_, passes := passing(err)
				switch {
				case err == nil:
					m.breathe(own, msg, time.Since(began))
					return nil, nil
				case own.Err() != nil:
					return nil, own.Err()
				case passes:
					msg.Nack() // an error would be logged as one, and this is how tables change hands
					return nil, nil
				}
				m.stop(err)
			}
			if err := m.revived(own); err != nil {
				return nil, err
			}
			msg.Nack() // others have gone on
			return nil, nil
		}
	}
}

const (
	crowd         = 16 // events of a batch that others are likely to follow soon
	breaths       = 3  // so that a model under load works a quarter of the time
	longestBreath = 100 * time.Millisecond
)

// breathe lets events gather after a batch of many, for some times as long as it took:
// a transaction has its price however few rows are in it, and under load the read
// models would take a processor that commands could have. Nobody waits for it: who
// reads their own write ends it, and a batch of few is not followed by it.
func (m *model) breathe(ctx context.Context, msg *message.Message, took time.Duration) {
	batch, ok := m.engine.cfg.BatchOf(msg.Context())
	if !ok || len(batch.Events) < crowd {
		return
	}
	asked, stop := m.progress.listen()
	defer stop()
	rest := time.NewTimer(min(breaths*took, longestBreath))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-asked:
	case <-ctx.Done():
	}
}

// revived blocks while the model has stopped.
func (m *model) revived(ctx context.Context) error {
	for {
		changed := m.progress.wait()
		if !m.stopped() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// close gives the connections back.
func (m *model) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop()
	_ = m.leave(nil)
}
