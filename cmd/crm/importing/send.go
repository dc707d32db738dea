package importing

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// sending gathers rows into chunks and sends these, several at a time.
type sending struct {
	run   *run
	ctx   context.Context //nolint:containedctx // of the one import it lives for
	group *errgroup.Group
	chunk *chunk
}

// take adds a row to the chunk at hand. It waits when enough chunks are in
// flight, so that reading is never far ahead of the server.
func (s *sending) take(_ *job, of *row, commands []*command, _ []error) error {
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
	outcomes, err := r.client.send(ctx, k.commands)
	if err != nil {
		return err
	}
	var changes []*command
	for i, c := range k.commands {
		switch o := outcomes[i]; {
		case c.alreadyThere(o):
			changes = append(changes, c.changes(r.plan.name)...)
		case !o.refused():
			accepted[c.name]++
		case !c.pointless(): // else the reason is given already
			if err := r.refuse(c, o); err != nil {
				return err
			}
		}
	}
	outcomes, err = r.client.send(ctx, changes)
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
			accepted[c.name]++
			c.row.updated = true
		}
	}
	return nil
}

// refuse notes that the server wants nothing of the command. What the row would
// have done to a target that it could not create is then of no interest.
func (r *run) refuse(c *command, o outcome) error {
	if creates(c.name) {
		c.row.dead = append(c.row.dead, c.target)
	}
	return r.rejects.add(c.row, c.name+": "+o.Problem.about(c.body))
}

// pointless reports whether the command is about something that its row could
// not bring into being.
func (c *command) pointless() bool {
	return slices.ContainsFunc(c.row.dead, func(id uuid.UUID) bool { return id == c.target || slices.Contains(c.needs, id) })
}
