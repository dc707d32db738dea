package importing

import (
	"context"
	"slices"

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

// sending gathers rows into chunks and sends these, several at a time.
type sending struct {
	run   *run
	ctx   context.Context //nolint:containedctx // of the one import it lives for
	group *errgroup.Group
	chunk *chunk
}

// take adds a row to the chunk at hand. It waits when enough chunks are in
// flight, so that reading is never far ahead of the server.
func (s *sending) take(_ *job, of *row, commands []*Command, _ []error) error {
	if len(commands) > 0 {
		if !s.chunk.fits(commands) {
			s.flush()
		}
		s.chunk.add(of, commands)
	}
	return s.ctx.Err()
}

// flush sends the chunk at hand.
func (s *sending) flush() {
	k, r := s.chunk, s.run
	if len(k.rows) == 0 {
		return
	}
	s.chunk = newChunk()
	r.mu.Lock()
	before := r.flying.enter(k)
	r.mu.Unlock()
	s.group.Go(func() error {
		defer func() {
			r.mu.Lock()
			r.flying.leave(k)
			r.mu.Unlock()
			close(k.done)
		}()
		for _, earlier := range before {
			select {
			case <-earlier.done:
			case <-s.ctx.Done():
				return s.ctx.Err()
			}
		}
		return r.send(s.ctx, k)
	})
}

// send sends a chunk, and then what its rows change of what exists already.
func (r *run) send(ctx context.Context, k *chunk) error {
	accepted := map[string]int{}
	defer func() { r.count(accepted, k.rows) }()
	outcomes, err := r.sender.Send(ctx, k.commands)
	if err != nil {
		return err
	}
	var changes []*Command
	for i, c := range k.commands {
		switch o := outcomes[i]; {
		case c.alreadyThere(o):
			changes = append(changes, c.changes(r.plan.name)...)
		case !o.refused():
			accepted[c.Name]++
		case !c.pointless(): // else the reason is given already
			if err := r.refuse(c, o); err != nil {
				return err
			}
		}
	}
	outcomes, err = r.sender.Send(ctx, changes)
	if err != nil {
		return err
	}
	for i, c := range changes {
		switch o := outcomes[i]; {
		case o.refused():
			if err := r.refuse(c, o); err != nil {
				return err
			}
		case o.Events > 0:
			accepted[c.Name]++
			c.row.updated = true
		}
	}
	return nil
}

// refuse notes that the server wants nothing of the command. What the row would
// have done to a target that it could not create is then of no interest.
func (r *run) refuse(c *Command, o Outcome) error {
	if creates(c.Name) {
		c.row.dead = append(c.row.dead, c.Target)
	}
	return r.rejects.add(c.row, c.Name+": "+o.Problem.about(c.Body))
}

// pointless reports whether the command is about something that its row could
// not bring into being.
func (c *Command) pointless() bool {
	return slices.ContainsFunc(c.row.dead, func(id uuid.UUID) bool { return id == c.Target || slices.Contains(c.needs, id) })
}
