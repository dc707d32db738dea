package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// Reactor does something outside of the database because of an event: it sends mail,
// calls another system, asks a command. A [Projection] never does, so that rebuilding
// one can send nothing.
//
// It meets each event of its types in the order of the log, one at a time, at least
// once: a server that ends at the wrong moment leaves the last event to be met again.
// So its effect goes under a key made from the event's id. A new one begins at the end
// of the log; what was before is not its business.
type Reactor interface {
	// Name keeps its place in the log. It is not shared with a read model.
	Name() string
	// Handles are the types of events that it wants to meet.
	Handles() []string
	// React does what e asks for. While it fails it is asked again, for ever, and
	// nothing later is met before: to give up on an event is to return nil. ctx ends
	// when the engine does, or when another server has taken over.
	React(ctx context.Context, e domain.Recorded) error
}

// Reaction is how a reactor is, as this engine sees it.
type Reaction struct {
	Name string
	// Leads reports whether this engine runs it.
	Leads bool
	// Position is up to where in the log it has met everything, where this engine
	// runs it.
	Position domain.Position
	// Failing is since when it has failed with the event after Position; zero when it
	// does not.
	Failing time.Time
}

// Reactions tells of each reactor, in the order they were given.
func (e *Engine) Reactions() []Reaction {
	all := make([]Reaction, len(e.reactors))
	for i, r := range e.reactors {
		r.mu.Lock()
		all[i] = r.shown
		r.mu.Unlock()
	}
	return all
}

// A reactor is led for as long as lease; the leader prolongs it every third of that.
const lease = 3 * time.Second

// reacting is one reactor at work.
type reacting struct {
	engine  *Engine
	reactor Reactor
	handles map[string]bool
	log     *slog.Logger

	mu    sync.Mutex
	epoch int64 // ours; 0 while another server leads
	shown Reaction
	lost  context.CancelFunc // ends what is at work when the lead is lost
}

func newReacting(e *Engine, r Reactor) *reacting {
	known := &reacting{
		engine: e, reactor: r, handles: make(map[string]bool),
		log: e.cfg.Log.With(slog.String("reactor", r.Name())), shown: Reaction{Name: r.Name()},
	}
	for _, eventType := range r.Handles() {
		known.handles[eventType] = true
	}
	return known
}

// handleWith makes r a handler of the router.
func (r *reacting) handleWith(working context.Context, router *message.Router) {
	subscriber := r.engine.cfg.Subscribe(r.reactor.Name(), r.checkpoint)
	router.AddConsumerHandler("reactor "+r.reactor.Name(), topic, subscriber, func(msg *message.Message) error {
		return r.handle(msg, working)
	})
}

// checkpoint answers the subscriber where to start, once this engine leads.
func (r *reacting) checkpoint(ctx context.Context) (domain.Position, error) {
	for {
		at, err := r.lead(ctx)
		if err == nil {
			return at, nil
		}
		pause := tryEvery
		if !errors.Is(err, ErrLed) {
			pause = longestPause
			r.log.LogAttrs(ctx, slog.LevelWarn, "reactor cannot begin", slog.String("class", string(classOf(err))))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return domain.Position{}, ctx.Err()
		}
	}
}

func classOf(err error) Class {
	class, _ := passing(err)
	return class
}

// lead takes the lease, where it is free, and tells where to go on.
func (r *reacting) lead(ctx context.Context) (at domain.Position, err error) {
	r.mu.Lock()
	led := r.epoch != 0
	at = r.shown.Position
	r.mu.Unlock()
	if led {
		return at, nil
	}
	if err := r.engine.migrate(ctx); err != nil {
		return at, err
	}
	if err := r.enter(ctx); err != nil {
		return at, err
	}
	var epoch, commit, prepare int64
	err = r.engine.pool.QueryRow(ctx, `
		UPDATE crm.reactors SET epoch = epoch + 1, leader = $2, leased_until = clock_timestamp() + $3::interval
		WHERE name = $1 AND leased_until <= clock_timestamp()
		RETURNING epoch, position_commit, position_prepare`, r.reactor.Name(), self(), lease.String()).Scan(&epoch, &commit, &prepare)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return at, ErrLed
	case err != nil:
		return at, err
	}
	at = domain.Position{Commit: uint64(commit), Prepare: uint64(prepare)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch, r.shown.Leads, r.shown.Position = epoch, true, at
	r.log.LogAttrs(ctx, slog.LevelInfo, "reactor runs here", slog.String("position", at.String()))
	return at, nil
}

// enter has a new reactor begin at the end of the log.
func (r *reacting) enter(ctx context.Context) error {
	var there bool
	err := r.engine.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM crm.reactors WHERE name = $1)", r.reactor.Name()).Scan(&there)
	if err != nil || there {
		return err
	}
	var end domain.Position
	if head := r.engine.cfg.Head; head != nil {
		if end, _, err = head(ctx); err != nil {
			return err
		}
	}
	_, err = r.engine.pool.Exec(ctx, `
		INSERT INTO crm.reactors (name, epoch, position_commit, position_prepare, leader, leased_until)
		VALUES ($1, 0, $2, $3, '', '-infinity') ON CONFLICT DO NOTHING`, r.reactor.Name(), int64(end.Commit), int64(end.Prepare))
	return err
}

// keep prolongs the lease until all is over, and gives it back then.
func (r *reacting) keep(over <-chan struct{}) {
	ctx := context.Background()
	tick := time.NewTicker(lease / 3)
	defer tick.Stop()
	held := time.Now()
	for {
		select {
		case <-tick.C:
			within, cancel := context.WithTimeout(ctx, lease/3)
			err := r.hold(within, "leased_until = clock_timestamp() + $3::interval", lease.String())
			cancel()
			switch {
			case err == nil:
				held = time.Now()
			case errors.Is(err, ErrFenced) || time.Since(held) > lease:
				r.lose()
			}
		case <-over:
			within, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_ = r.hold(within, "leased_until = '-infinity'") // else it runs out
			return
		}
	}
}

// hold changes the reactor's row, if we lead; ErrFenced if someone else does.
func (r *reacting) hold(ctx context.Context, set string, args ...any) error {
	r.mu.Lock()
	epoch := r.epoch
	r.mu.Unlock()
	if epoch == 0 {
		return nil
	}
	done, err := r.engine.pool.Exec(ctx, "UPDATE crm.reactors SET "+set+" WHERE name = $1 AND epoch = $2",
		append([]any{r.reactor.Name(), epoch}, args...)...)
	if err == nil && done.RowsAffected() == 0 {
		err = ErrFenced
	}
	return err
}

// lose stops what is at work: another server leads, or may.
func (r *reacting) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch, r.shown.Leads, r.shown.Failing = 0, false, time.Time{}
	if r.lost != nil {
		r.lost()
	}
}

// handle has the reactor meet the events of one message. A nack has the subscriber ask
// the checkpoint again.
func (r *reacting) handle(msg *message.Message, working context.Context) error {
	batch, ok := r.engine.cfg.BatchOf(msg.Context())
	if !ok {
		return &Failure{Class: Broken, Detail: "a message without a batch"}
	}
	ctx, cancel := context.WithCancel(working)
	defer cancel()
	defer context.AfterFunc(msg.Context(), cancel)()
	r.mu.Lock()
	at, led := r.shown.Position, r.epoch != 0
	r.lost = cancel
	r.mu.Unlock()
	if !led || at.Before(batch.After) {
		return ErrOutOfStep
	}
	for i := range batch.Events {
		e := &batch.Events[i]
		if !at.Before(e.Position) || !r.handles[e.Event.EventType()] {
			continue
		}
		if err := r.meet(ctx, e); err != nil {
			return err
		}
		if err := r.reached(ctx, e.Position); err != nil {
			return err
		}
	}
	return r.reached(ctx, batch.Through)
}

// meet has the reactor react until it has.
func (r *reacting) meet(ctx context.Context, e *domain.Recorded) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := r.react(ctx, e)
		if err == nil {
			r.well()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.fails(ctx, e)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *reacting) react(ctx context.Context, e *domain.Recorded) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic at %s", place())
		}
	}()
	if _, bad := e.Event.(domain.Unreadable); bad {
		return &Failure{Class: Unreadable, Position: e.Position, EventType: e.Event.EventType()}
	}
	return r.reactor.React(ctx, *e)
}

// fails tells once that the reactor does not get past an event. What it says may quote
// the event, and is not told.
func (r *reacting) fails(ctx context.Context, e *domain.Recorded) {
	r.mu.Lock()
	first := r.shown.Failing.IsZero()
	if first {
		r.shown.Failing = time.Now()
	}
	r.mu.Unlock()
	if first {
		r.log.LogAttrs(ctx, slog.LevelWarn, "reactor fails", slog.String("position", e.Position.String()),
			slog.String("event_type", e.Event.EventType()))
	}
}

func (r *reacting) well() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown.Failing = time.Time{}
}

// reached notes how far the reactor is.
func (r *reacting) reached(ctx context.Context, at domain.Position) error {
	r.mu.Lock()
	known := !r.shown.Position.Before(at)
	r.mu.Unlock()
	if known {
		return nil
	}
	if err := r.hold(ctx, "position_commit = $3, position_prepare = $4", int64(at.Commit), int64(at.Prepare)); err != nil {
		if errors.Is(err, ErrFenced) {
			r.lose()
		}
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch == 0 {
		return ErrFenced
	}
	r.shown.Position = at
	return nil
}
