package commands

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"crm/domain"
)

// task is one command on its way through the loop.
type task struct {
	Ask
	answer Answer
	// remembered says that the answer is the one given before.
	remembered bool
	// twin is the same command earlier in the same run; its answer is this one's.
	twin *task
}

func newTask(ask Ask) *task {
	ask.Meta.Command.Name = ask.Command.CommandName()
	return &task{Ask: ask}
}

func refuse(tasks []*task, err error) {
	for _, t := range tasks {
		t.answer = Answer{Err: err}
	}
}

// execute answers commands of one stream in order, in as few appends as the
// store allows. Commands that are refused do not stop those after them; a store
// that fails does.
func (h *Handler) execute(ctx context.Context, of family, name domain.Stream, tasks []*task) {
	s := h.streams.acquire(name)
	defer h.streams.release(s)
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		refuse(tasks, fmt.Errorf("wait for %s: %w", name, ctx.Err()))
		return
	}
	finished := false
	defer func() {
		if !finished { // a panic: what is known may be half evolved
			s.known = nil
		}
		h.keep(s)
	}()
	limit, attempt := len(tasks), 0
	for len(tasks) > 0 {
		run := tasks[:min(limit, len(tasks))]
		switch err := h.attempt(ctx, of, s, run, attempt); {
		case err == nil:
			tasks, attempt = tasks[len(run):], 0
		case errors.Is(err, domain.ErrTooLarge) && len(run) > 1:
			limit = len(run) / 2
		case errors.Is(err, domain.ErrTooLarge):
			refuse(run, err)
			tasks = tasks[len(run):]
		case errors.Is(err, domain.ErrStale) && attempt+1 < h.cfg.Attempts:
			if attempt++; attempt > 1 { // the first may just be a stream that was not known here
				pause(ctx, attempt)
			}
		case errors.Is(err, domain.ErrStale):
			refuse(tasks, domain.ErrContended)
			tasks = nil
		default:
			refuse(tasks, err)
			tasks = nil
		}
	}
	finished = true
}

// attempt decides the run on what is known of the stream and stores what comes
// of it in one append. After an error nothing of the run is answered, and
// nothing is known of the stream any more: Evolve may have reused its maps.
func (h *Handler) attempt(ctx context.Context, of family, s *stream, run []*task, attempt int) (err error) {
	defer func() {
		if err != nil {
			s.known = nil
		}
	}()
	proven := false // what is known was read from the log just now
	switch {
	case s.known != nil:
	case attempt == 0 && of.creates(run[0].Command):
		s.known = newHistory(of) // most likely there is no such stream; the append will tell
	default:
		if s.known, err = h.load(ctx, of, s.name); err != nil {
			return err
		}
		proven = true
	}
	stood := s.known.end()
	proposed, err := s.known.decide(ctx, h, run)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if len(proposed) == 0 && !proven && !allRemembered(run) {
		// No append will tell whether these answers rest on an old state.
		moved, err := h.catchUp(ctx, s)
		if err != nil {
			return err
		}
		if moved {
			stood = s.known.end()
			if proposed, err = s.known.decide(ctx, h, run); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	if len(proposed) == 0 {
		s.known.settle(run, stood)
		return nil
	}
	seen := h.seen.Load()
	receipt, err := h.log.Append(ctx, s.name, stood.Revision, proposed)
	if err != nil {
		return err
	}
	s.known.extend(receipt, proposed)
	s.known.settle(run, stood)
	if seen == 0 || receipt.Position.Commit <= seen {
		// A position from before: an earlier try has stored these events already.
		// What the log holds then is not for sure what was decided now, since a
		// price or a probability may have changed between.
		s.known = nil
	}
	h.met(receipt.Position)
	return nil
}

// load reads and folds a whole stream.
func (h *Handler) load(ctx context.Context, of family, name domain.Stream) (*history, error) {
	known := newHistory(of)
	return known, h.read(ctx, name, known)
}

// catchUp reads what was written since, and reports whether that was anything.
func (h *Handler) catchUp(ctx context.Context, s *stream) (bool, error) {
	before := s.known.revision
	err := h.read(ctx, s.name, s.known)
	return s.known.revision != before, err
}

func (h *Handler) read(ctx context.Context, name domain.Stream, known *history) error {
	recorded, err := h.log.Load(ctx, name, known.revision)
	if err != nil {
		return err
	}
	if err := known.fold(recorded); err != nil {
		return err
	}
	h.met(known.position)
	return nil
}

// keep leaves what is known of the stream to the next command, and to those of
// other streams.
func (h *Handler) keep(s *stream) {
	if s.known != nil && s.known.revision == domain.NoStream {
		s.known = nil
	}
	if s.known == nil {
		h.streams.weigh(s, 0)
		return
	}
	if value := s.known.state.facts(); value != nil {
		s.learn(facts{value: value, revision: s.known.revision, at: time.Now()})
	}
	h.streams.weigh(s, s.known.cost)
}

// pause waits a random while that grows with the attempts, so that processes
// which write the same stream get out of step.
func pause(ctx context.Context, attempt int) {
	timer := time.NewTimer(rand.N(time.Duration(attempt) * time.Millisecond)) //nolint:gosec // nothing secret about it
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
