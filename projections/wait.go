package projections

import (
	"context"
	"sync"

	"crm/domain"
)

// The refusals of [Engine.WaitFor].
var (
	// ErrUnknownModel is the name of no read model.
	ErrUnknownModel = &domain.Error{
		Code: domain.NotFound, Slug: "unknown-read-model",
		Detail: "There is no read model of that name.",
	}
	// ErrStopped is a read model that will not get further without an operator.
	ErrStopped = &domain.Error{
		Code: domain.Unavailable, Slug: "read-model-stopped",
		Detail: "This read model has stopped at an event it cannot apply, so it does not show newer changes.",
	}
)

// WaitFor blocks until model has applied position, so that a caller sees its own
// write. Position is one of the log, as in [domain.Receipt]; it returns at once
// for the zero position and for one that was reached before. It returns ctx.Err()
// when ctx ends first, [ErrUnknownModel] for a strange name and [ErrStopped] for
// a model that stands still before position. Where another server leads the
// model, this one looks every 5 ms how far it is.
func (e *Engine) WaitFor(ctx context.Context, model string, position domain.Position) error {
	m := e.named[model]
	if m == nil {
		return ErrUnknownModel
	}
	for asked := false; ; {
		there, stopped, changed := m.progress.at(position)
		switch {
		case there:
			return nil
		case stopped:
			return ErrStopped
		case !asked:
			asked = true
			m.progress.await(1)
			defer m.progress.await(-1)
			if m.progress.follows() {
				m.lookNow() // the leader may be there already
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Started blocks until every read model has found or made its tables, so that it
// can be asked, be it behind, or knows that they are to be built first, all from one
// reading of the log: [Engine.Healthy] says when they are there. While Postgres is away
// it waits. It returns ctx.Err() when ctx ends first.
func (e *Engine) Started(ctx context.Context) error {
	for _, m := range e.models {
		for {
			started, changed := m.progress.begun()
			if started {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// progress is what others may know of a model while it works. The zero value has
// not started.
type progress struct {
	mu         sync.Mutex
	checkpoint Checkpoint
	started    bool          // it knows its tables
	leads      bool          // it writes them
	standby    bool          // others may write them
	older      bool          // they are of an older version than the program's
	leader     string        // who writes them, or did last
	trouble    Class         // why it is not getting on, "" when it is
	failure    *Failure      // why it stopped
	waiting    int           // how many wait for a position
	busy       bool          // making indexes
	changed    chan struct{} // closed with the next change, if someone waits
	asked      chan struct{} // closed when someone begins to wait, if the model listens
}

// at reports whether position was reached, whether it never will be, and what to
// wait for.
func (p *progress) at(position domain.Position) (there, stopped bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.checkpoint.Position.Before(position), p.failure != nil, p.next()
}

// reached reports how far the tables are, and whether work that is not to be seen
// there is going on.
func (p *progress) reached() (Checkpoint, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.checkpoint, p.busy
}

// begun reports whether the model has its tables, and what to wait for.
func (p *progress) begun() (started bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.started, p.next()
}

// wait gives what to wait for.
func (p *progress) wait() (changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next()
}

// await counts those who wait for a position.
func (p *progress) await(more int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting += more
	if p.asked != nil && p.waiting > 0 {
		close(p.asked)
		p.asked = nil
	}
}

// listen gives what is closed once someone waits for a position, and ends that.
func (p *progress) listen() (asked <-chan struct{}, stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	listening := make(chan struct{})
	if p.waiting > 0 {
		close(listening)
		return listening, func() {}
	}
	p.asked = listening
	return listening, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = nil
	}
}

// follows reports whether others write the tables.
func (p *progress) follows() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.standby
}

// awaited reports whether someone waits for a position.
func (p *progress) awaited() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting > 0
}

// next is closed at the next change. The lock is held.
func (p *progress) next() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// change does what it is given under the lock, wakes who waits, and reports
// whether the state is another than before.
func (p *progress) change(do func(*progress)) (changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.state()
	do(p)
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
	return p.state() != before
}
