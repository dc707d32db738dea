package importing

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// Sender carries commands out as if one after the other.
type Sender interface {
	// Send gives an outcome for each command, and asks again where another try
	// may be answered otherwise. The error ends the import: the context ended, or
	// nothing more is taken.
	Send(ctx context.Context, commands []*Command) ([]Outcome, error)
}

// Outcome is the answer to one command: an HTTP status, how many events the command
// left, or the problem.
type Outcome struct {
	Status  int     `json:"status"`
	Events  int     `json:"events"`
	Problem Problem `json:"problem"`
}

func (o Outcome) refused() bool { return o.Status >= 400 }

// Backoff is how long a Sender waits after the try-th failure, from 0: 100 ms, doubling
// up to 5 s, less up to half of it by chance.
func Backoff(try int) time.Duration {
	full := min(100*time.Millisecond<<min(try, 6), 5*time.Second)
	return full - rand.N(full/2) //nolint:gosec // it only spreads the load
}

// sending gathers rows into chunks and sends these, several at a time.
type sending struct {
	work   *Work
	ctx    context.Context //nolint:containedctx // of the one import it lives for
	group  *errgroup.Group
	chunk  *chunk
	latest *chunk // the one sent before
}

// take adds a row to the chunk at hand. It waits when enough chunks are in
// flight, so that reading is never far ahead of the server.
func (s *sending) take(of *row, commands []*Command, problems []error) error {
	if of.number < s.work.Done && of.number > 0 {
		return s.ctx.Err()
	}
	for _, problem := range problems {
		of.reject("%s", problem.Error())
	}
	if !s.chunk.fits(commands) {
		s.flush()
	}
	s.chunk.add(of, commands)
	return s.ctx.Err()
}

// flush sends the chunk at hand. Its results are told after those of the chunks
// before it, and until then it keeps its place among those in flight, so that what
// waits to be told does not pile up.
func (s *sending) flush() {
	k, w, before := s.chunk, s.work, s.latest
	if len(k.rows) == 0 {
		return
	}
	s.chunk, s.latest = newChunk(), k
	w.mu.Lock()
	writers := w.flying.enter(k)
	w.mu.Unlock()
	s.group.Go(func() error {
		for _, earlier := range writers {
			if err := earlier.wait(s.ctx, earlier.done); err != nil {
				return err
			}
		}
		accepted, err := w.send(s.ctx, k)
		w.mu.Lock()
		w.flying.leave(k)
		w.mu.Unlock()
		if err != nil {
			return err
		}
		close(k.done)
		if before != nil {
			if err := before.wait(s.ctx, before.told); err != nil {
				return err
			}
		}
		if err := w.tell(s.ctx, k, accepted); err != nil {
			return err
		}
		close(k.told)
		return nil
	})
}

// wait waits for what the chunk closes. A chunk that fails closes nothing, but then
// the context ends.
func (k *chunk) wait(ctx context.Context, closed <-chan struct{}) error {
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tell tells what became of a chunk's rows.
func (w *Work) tell(ctx context.Context, k *chunk, accepted map[string]int) error {
	results := Results{Rows: make([]Result, 0, len(k.rows)), Accepted: accepted}
	for _, r := range k.rows {
		if r.number >= w.Done {
			results.Rows = append(results.Rows, r.result())
		}
	}
	if w.After == nil || len(results.Rows) == 0 {
		return nil
	}
	return w.After(ctx, results)
}

// send sends a chunk, and then what its rows change of what exists already. It gives
// the commands that were accepted, by name.
func (w *Work) send(ctx context.Context, k *chunk) (map[string]int, error) {
	accepted := map[string]int{}
	if len(k.commands) == 0 {
		return accepted, nil
	}
	commands := k.commands
	if w.Before != nil {
		past, err := w.Before(ctx, streams(commands))
		if err != nil {
			return nil, err
		}
		commands = past.again(commands, w.Plan.Name)
	}
	outcomes, err := w.Sender.Send(ctx, commands)
	if err != nil {
		return nil, err
	}
	var changes []*Command
	for i, c := range commands {
		switch o := outcomes[i]; {
		case c.alreadyThere(o):
			changes = append(changes, c.changes(w.Plan.Name)...)
		case !o.refused():
			accepted[c.Name]++
		case !c.pointless(): // else the reason is given already
			c.refuse(o)
		}
	}
	if len(changes) == 0 {
		return accepted, nil
	}
	outcomes, err = w.Sender.Send(ctx, changes)
	if err != nil {
		return nil, err
	}
	for i, c := range changes {
		switch o := outcomes[i]; {
		case o.refused():
			c.refuse(o)
		case o.Events > 0:
			accepted[c.Name]++
			c.row.updated = true
		}
	}
	return accepted, nil
}

// refuse notes that nobody wants the command. What the row would have done to a
// target that it could not create is then of no interest.
func (c *Command) refuse(o Outcome) {
	if creates(c.Name) {
		c.row.dead = append(c.row.dead, c.Target)
	}
	c.row.reject("%s: %s", c.Name, o.Problem.about(c.Body))
}

// pointless reports whether the command is about something that its row could
// not bring into being.
func (c *Command) pointless() bool {
	return slices.ContainsFunc(c.row.dead, func(id uuid.UUID) bool { return id == c.Target || slices.Contains(c.needs, id) })
}
