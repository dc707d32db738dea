package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"crm/domain"
)

// feed reads the log once and brings it to any number of builds, each over its
// own connection.
//
//	$all ──▶ subscriber ──▶ a batch ─┬─▶ shadow ──▶ Builder ──▶ course: finish, swap, compare
//	             ▲                   ├─▶ shadow
//	             │ checkpoint        └─▶ shadow
//	             └── the least of all ◀── ack when all have it
//
// It ends when each has come to the end of its course, or cannot go on.
type feed struct {
	rebuilder *Rebuilder
	task      Task
	display   display
	memory    memory          // of the windows of all
	working   context.Context // under which batches are written: it outlives that of run

	swapping  atomic.Pointer[shadow] // the one that may swap from the next round on
	turn      *shadow                // the one that may in this round; mu guards it
	comparing sync.Mutex

	mu      sync.Mutex // the loop and the subscriber's question touch the shadows
	shadows []*shadow
}

// shadow is one build that is being filled.
type shadow struct {
	projection Projection
	build      build
	course     course
	purpose    purpose         // that it gets with the lead; none: as it is
	builder    *Builder        // nil without a connection
	short      bool            // its first window is no longer than others
	careful    domain.Position // up to where it is not in bulk
	until      time.Time       // it may be led by someone else
	done       bool
	err        error

	bounded bool // by goal: nothing beyond is applied
	goal    domain.Position

	shown ModelProgress // display.mu guards it
}

// course is what becomes of a build.
type course interface {
	// step is asked after each batch, and a few times a second. It may move the
	// goal, and says when all is done.
	step(ctx context.Context, s *shadow) (done bool, err error)
	// release lets go of what is locked or held open between steps. It is called
	// when the next step is far, or will never be.
	release()
}

func newFeed(r *Rebuilder, task Task, tell func(Progress)) *feed {
	if tell == nil {
		tell = func(Progress) {}
	}
	return &feed{rebuilder: r, task: task, display: display{tell: tell}, memory: memory{limit: int64(r.cfg.Limits.Bytes)}}
}

func (f *feed) add(p Projection, b build, c course) *shadow {
	s := &shadow{projection: p, build: b, course: c, until: time.Now().Add(firstPatience), shown: ModelProgress{
		Name: p.Name(), Version: p.Version(), Build: b.id, Phase: Reading,
		Position: b.checkpoint.Position.String(), Events: b.checkpoint.Events, at: b.checkpoint.Position,
	}}
	f.shadows = append(f.shadows, s)
	return s
}

// beat is how often a course is asked, and progress told, while nothing happens.
const beat = 100 * time.Millisecond

// run feeds until every build is done or failed. When ctx ends, the batches at work
// and what is to be kept of them have the close timeout together.
func (f *feed) run(ctx context.Context) (err error) {
	working, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	f.working = working
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(ctx, func() { time.AfterFunc(f.rebuilder.cfg.CloseTimeout, breakOff) })()
	defer func() {
		cancel()
		f.close()
		f.report(true)
	}()
	f.report(true)
	subscriber := f.rebuilder.cfg.Subscribe("rebuild", f.checkpoint)
	defer func() {
		cancel()
		err = errors.Join(err, subscriber.Close())
	}()
	messages, err := subscriber.Subscribe(ctx, topic)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	pulse := time.NewTicker(beat)
	defer pulse.Stop()
	var inHand *message.Message
	var batch domain.Batch
	for f.left() {
		next := messages
		if inHand != nil { // one at a time
			next = nil
		}
		select {
		case msg, open := <-next:
			if !open {
				return errors.Join(errors.New("the subscription ended by itself"), ctx.Err())
			}
			var ok bool
			if batch, ok = f.rebuilder.cfg.BatchOf(msg.Context()); !ok {
				return &Failure{Class: Broken, Detail: "a message without a batch"}
			}
			inHand = msg
		case <-pulse.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch all, err := f.advance(ctx, batch); {
		case inHand == nil:
		case err != nil:
			inHand.Nack() // and the subscriber asks the checkpoint
			inHand, batch = nil, domain.Batch{}
		case all:
			inHand.Ack()
			f.read(len(batch.Events))
			inHand, batch = nil, domain.Batch{}
		}
		f.report(false)
	}
	return nil
}

// left reports whether anything is left to do.
func (f *feed) left() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.shadows {
		if s.active() {
			return true
		}
	}
	return false
}

func (s *shadow) active() bool { return !s.done && s.err == nil }

// checkpoint answers the subscriber where to start: where the last of them is. A build
// whose former leader is just going is waited for, as that is nothing to complain of.
func (f *feed) checkpoint(ctx context.Context) (domain.Position, error) {
	for {
		at, err := f.least(ctx)
		if class, _ := passing(err); err == nil || class != Fenced {
			return at, err
		}
		select {
		case <-time.After(beat):
		case <-ctx.Done():
			return at, ctx.Err()
		}
	}
}

func (f *feed) least(ctx context.Context) (domain.Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var least domain.Position
	first := true
	for _, s := range f.shadows {
		if !s.active() {
			continue
		}
		if err := f.open(ctx, s); err != nil {
			if passes := f.failed(s, err); passes {
				return domain.Position{}, err
			}
			continue
		}
		if at := s.at(); first || at.Before(least) {
			least, first = at, false
		}
	}
	return least, nil
}

// advance brings a batch to all, at once, and has each do what is next on its
// course. It reports whether all have the batch: one that has a goal may not want
// the rest of it yet. An error passes, but the batch has to come again.
//
// The one whose turn it is to swap goes first. While it holds up the writer of what
// is read, as it needs the next batch, the others take no step, which may be long:
// they only keep up, so that the next batch comes.
func (f *feed) advance(ctx context.Context, batch domain.Batch) (all bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	errs := make([]error, len(f.shadows))
	f.turn = f.swapping.Load()
	first := slices.Index(f.shadows, f.turn)
	if first >= 0 && f.turn.active() {
		errs[first] = f.take(ctx, f.turn, batch, true)
	}
	mayStep := f.turn == nil || f.swapping.Load() == nil
	var working sync.WaitGroup
	for i, s := range f.shadows {
		if i != first && s.active() {
			working.Go(func() { errs[i] = f.take(ctx, s, batch, mayStep) })
		}
	}
	working.Wait()
	all = true
	for i, s := range f.shadows {
		switch {
		case errs[i] != nil && f.failed(s, errs[i]):
			err = errs[i]
		case s.active() && s.at().Before(batch.Through):
			all = false
		}
	}
	return all, err
}

// take brings what of the batch lies before the shadow's goal to its build, and has
// it take a step on its course, if it may.
func (f *feed) take(ctx context.Context, s *shadow, batch domain.Batch, mayStep bool) error {
	for {
		if err := f.open(ctx, s); err != nil {
			return err
		}
		if part := s.part(batch); s.at().Before(part.Through) {
			err := s.builder.Apply(f.working, part) // not broken off: a window would be lost with it
			if err == nil {
				err = f.applied(ctx, s)
			}
			if err != nil {
				return err
			}
		}
		f.reached(s)
		if !mayStep {
			return nil
		}
		before := s.goal
		done, err := s.course.step(ctx, s)
		if done && err == nil {
			s.done = true
			f.letGo(s) // and whoever waits for the lead has it
		}
		if done || err != nil || s.goal == before || !s.at().Before(batch.Through) {
			return err
		}
	}
}

// applied commits what leads to the goal, which others are to see, and goes into bulk
// where that was given up for a while.
func (f *feed) applied(ctx context.Context, s *shadow) error {
	if s.bounded && !s.at().Before(s.goal) {
		return s.builder.Flush(f.working)
	}
	if s.at().Before(s.careful) {
		return nil
	}
	return s.builder.Bulk(ctx)
}

// part is what of the batch is not beyond the goal.
func (s *shadow) part(batch domain.Batch) domain.Batch {
	if !s.bounded || !s.goal.Before(batch.Through) {
		return batch
	}
	n := 0
	for n < len(batch.Events) && !s.goal.Before(batch.Events[n].Position) {
		n++
	}
	batch.Events, batch.Through = batch.Events[:n], s.goal
	return batch
}

func (s *shadow) at() domain.Position { return s.builder.Checkpoint().Position }

// open connects, if that is to do.
func (f *feed) open(ctx context.Context, s *shadow) (err error) {
	if s.builder != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	s.builder, err = openBuild(ctx, f.rebuilder.pool, s.projection, s.build)
	switch {
	case errors.Is(err, ErrFenced): // it is not there any more
		return f.gone(ctx, s)
	case err != nil:
		return err
	}
	if s.purpose != "" && s.purpose != s.build.purpose {
		if err := s.builder.dedicate(ctx, s.purpose); err != nil {
			return err
		}
		s.build.purpose = s.purpose
	}
	s.builder.Parking, s.builder.Limits, s.builder.memory = f.rebuilder.cfg.Parking, f.limits(s), &f.memory
	if s.at().Before(s.careful) {
		return nil
	}
	return s.builder.Bulk(ctx)
}

// limits are those of a build's windows.
func (f *feed) limits(s *shadow) BulkLimits {
	limits := f.rebuilder.cfg.Limits
	limits.Bytes = max(1, limits.Bytes/len(f.shadows))
	if s.short {
		limits.Events = cmp.Or(limits.Events, windowEvents)
	}
	return limits
}

// gone is why a build has gone.
func (f *feed) gone(ctx context.Context, s *shadow) error {
	all, err := buildsOf(ctx, f.rebuilder.pool, s.projection.Name())
	if err != nil {
		return err
	}
	for _, b := range all {
		if b.id == s.build.id {
			return ErrFenced // it is there again: look again
		}
	}
	return ErrCancelled
}

// close keeps what was applied to all, and lets go of everything.
func (f *feed) close() {
	var closing sync.WaitGroup
	for _, s := range f.shadows {
		closing.Go(func() {
			s.course.release() // first, as others wait for it
			f.letGo(s)
		})
	}
	closing.Wait()
}

// letGo keeps what was applied, if it can be, and gives up the connection.
func (f *feed) letGo(s *shadow) {
	if s.builder != nil {
		ctx, cancel := context.WithTimeout(f.working, f.rebuilder.cfg.CloseTimeout)
		defer cancel()
		_ = s.builder.Flush(ctx) // else it is done again
		s.builder.Close()
		s.builder = nil
	}
}
