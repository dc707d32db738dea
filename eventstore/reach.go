package eventstore

import (
	"context"
	"fmt"
	"time"

	"crm/domain"
	"crm/eventstore/wire"
)

// reachPatience is how long a member of a cluster that is behind the others may
// take to have what they have.
const reachPatience = time.Second

// Reaches reports whether the log reaches a position that it once gave out. If it
// does not, the log went back: it was restored from before, or lost its end.
// While no node answers it waits; it returns ctx.Err() when ctx ends first.
//
// Positions are all that is compared. A log that went back and has grown past
// position since, or that is another log altogether, may well reach it.
func (s *Store) Reaches(ctx context.Context, position domain.Position) (bool, error) {
	for began := time.Now(); ; {
		end, err := s.end(ctx)
		if err != nil {
			return false, err
		}
		if !end.Before(position) {
			return true, nil
		}
		if time.Since(began) >= reachPatience {
			return false, nil
		}
		if err := sleep(ctx, reachPatience/5); err != nil {
			return false, err
		}
	}
}

// end gives the position of the last event in the log, the server's own included;
// zero when it is empty.
func (s *Store) end(ctx context.Context) (domain.Position, error) {
	var end domain.Position
	err := s.untilReached(ctx, func() error {
		return s.newest(ctx, wire.Backwards(wire.Position{}), func(e *wire.Event) { end = domain.Position(e.Position) })
	})
	if err != nil {
		return domain.Position{}, fmt.Errorf("find the end of the log: %w", err)
	}
	return end, nil
}
