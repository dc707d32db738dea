package projections

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"crm/domain"
)

// Reactor does something outside of the database because of an event: it sends mail,
// calls another system, asks a command. A [Projection] never does, so that rebuilding
// one can send nothing.
//
// It meets each event of its types in the order of the log, one at a time, at least
// once: a server that ends at the wrong moment leaves the last event to be met again.
// So its effect goes under a key made from the event's id. Of all servers on a database
// one runs it; only a process that did not run at all for some seconds may find, until
// it has noticed, that another one does too. A new one begins at the end
// of the log, unless it is a [Beginner]; what was before is not its business.
type Reactor interface {
	// Name keeps its place in the log. It is not shared with a read model.
	Name() string
	// Handles are the types of events that it wants to meet; none: all events.
	Handles() []string
	// React does what e asks for. While it fails it is asked again, for ever, and
	// nothing later is met before: to give up on an event is to return nil. An event
	// that cannot be read comes as [domain.Unreadable]; when it is given up, the log
	// of the engine tells where. React ends when ctx does: the engine is closed, or
	// another server is to take over.
	React(ctx context.Context, e domain.Recorded) error
}

// BatchReactor is a Reactor that meets together what has arrived together, where one
// transaction or one message for many events costs no more than for one.
type BatchReactor interface {
	Reactor
	// ReactAll is asked instead of React, with at least one event, in the order of the
	// log. After an error all of them are met again, also when they were done in part.
	ReactAll(ctx context.Context, events []domain.Recorded) error
}

// A Beginner is a Reactor that may have to do with what was before it.
type Beginner interface {
	Reactor
	// FromStart has it begin at the start of the log, where it is new.
	FromStart() bool
}

// reacting is one reactor at work.
type reacting struct {
	engine  *Engine
	reactor Reactor
	handles map[string]bool
	log     *slog.Logger

	lag lag

	mu     sync.Mutex
	seat   *seat // ours; nil or left while another server leads
	shown  Reaction
	booked booked // what whoever runs it has written down
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

// handle has the reactor meet the events of one message. A nack has the subscriber ask
// the checkpoint again.
func (r *reacting) handle(msg *message.Message, working context.Context) error {
	batch, ok := r.engine.cfg.BatchOf(msg.Context())
	if !ok {
		return &Failure{Class: Broken, Detail: "a message without a batch"}
	}
	s, at := r.place()
	if s == nil || at.Before(batch.After) {
		return ErrOutOfStep
	}
	s.busy.Lock()
	defer s.busy.Unlock()
	ctx, cancel := context.WithCancel(working)
	defer cancel()
	defer context.AfterFunc(msg.Context(), cancel)()
	defer context.AfterFunc(s.held, cancel)()
	if s.held.Err() != nil {
		return ErrFenced
	}
	wanted := r.wanted(batch.Events, at)
	if _, together := r.reactor.(BatchReactor); together && len(wanted) > 0 {
		if err := r.meet(ctx, wanted); err != nil {
			return err
		}
		return r.reached(ctx, s, batch.Through)
	}
	for i := range wanted {
		if err := r.meet(ctx, wanted[i:i+1]); err != nil {
			return err
		}
		if err := r.reached(ctx, s, wanted[i].Position); err != nil {
			return err
		}
	}
	return r.reached(ctx, s, batch.Through)
}

// wanted are the events behind at that the reactor wants to meet.
func (r *reacting) wanted(events []domain.Recorded, at domain.Position) []domain.Recorded {
	for len(events) > 0 && !at.Before(events[0].Position) {
		events = events[1:]
	}
	if len(r.handles) == 0 {
		return events
	}
	var wanted []domain.Recorded
	for i := range events {
		if e := &events[i]; r.handles[e.Event.EventType()] {
			wanted = append(wanted, *e)
		}
	}
	return wanted
}

// meet has the reactor react until it has: to one event, or to many together.
func (r *reacting) meet(ctx context.Context, events []domain.Recorded) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := r.react(ctx, events)
		if err == nil {
			r.well()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.fails(ctx, &events[0])
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *reacting) react(ctx context.Context, events []domain.Recorded) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic at %s", place())
		}
	}()
	if all, together := r.reactor.(BatchReactor); together {
		err = all.ReactAll(ctx, events)
	} else {
		err = r.reactor.React(ctx, events[0])
	}
	if err != nil {
		return err
	}
	for i := range events {
		if u, bad := events[i].Event.(domain.Unreadable); bad {
			r.log.LogAttrs(ctx, slog.LevelError, "reactor gave up an event that cannot be read", slog.String("position", events[i].Position.String()),
				slog.String("event_type", u.Type), slog.String("detail", u.Why))
		}
	}
	return nil
}

// fails tells once that the reactor does not get past an event. What it says may quote
// the event, and is not told.
func (r *reacting) fails(ctx context.Context, e *domain.Recorded) {
	r.mu.Lock()
	r.shown.Failures++
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

// reached notes how far the reactor is, also when ctx has ended: what was done is not
// to be done again.
func (r *reacting) reached(ctx context.Context, s *seat, at domain.Position) error {
	if _, known := r.place(); !known.Before(at) {
		return nil
	}
	err := s.ask(context.WithoutCancel(ctx), "UPDATE crm.reactors SET position_commit = $2, position_prepare = $3 WHERE name = $1",
		r.reactor.Name(), int64(at.Commit), int64(at.Prepare))
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown.Position = at
	return nil
}
