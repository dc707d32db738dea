package copying

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"crm/domain"
)

// A tally is one log so far: how many events, where the last one is, and the
// SHA-256 over all that copies share.
type tally struct {
	events uint64
	at     domain.Position
	digest hash.Hash
}

func newTally() tally { return tally{digest: sha256.New()} }

func (t *tally) add(e *event) {
	t.events++
	t.at = e.position
	e.addTo(t.digest)
}

func (t *tally) sum() string { return hex.EncodeToString(t.digest.Sum(nil)) }

// errShorter is a target that holds the beginning of the source, and no more.
var errShorter = errors.New("the target ends before the source")

// A DifferenceError is where two logs part.
type DifferenceError struct{ Detail string }

func (e *DifferenceError) Error() string { return e.Detail }

// compare goes on where it was: it reads both logs side by side as long as they
// are the same. It returns nil at the end of both, errShorter, or a
// [DifferenceError].
func (c *copier) compare(ctx context.Context) error {
	from, to := c.source.read(ctx, c.have.at), c.target.read(ctx, c.got.at)
	defer from.close()
	defer to.close()
	for {
		want, err := c.nextWanted(from)
		if err != nil {
			return err
		}
		found, err := c.nextFound(to)
		switch {
		case err != nil:
			return err
		case want == nil && found == nil:
			return nil
		case found == nil:
			return errShorter
		}
		difference := c.difference(want, found)
		if difference != nil && c.options.VerifyOnly {
			return errors.Join(difference, c.drain(from, to, want, found))
		}
		if difference != nil {
			return difference
		}
		c.have.add(want)
		c.got.add(found)
		c.progressed(c.have.events)
	}
}

// nextWanted is the source's next event to be copied; nil where the survey ended.
func (c *copier) nextWanted(r *reading) (*event, error) {
	for {
		e, err := r.next()
		if e == nil || err != nil || c.survey.end.Before(e.position) {
			return nil, err
		}
		if e.role() == history {
			return e, nil
		}
	}
}

// nextFound is the target's next event; it notes what is said about streams.
func (c *copier) nextFound(r *reading) (*event, error) {
	for {
		e, err := r.next()
		if e == nil || err != nil || e.role() == history {
			return e, err
		}
		c.states.note(e)
	}
}

func (c *copier) difference(want, found *event) error {
	if want == nil {
		return &DifferenceError{fmt.Sprintf("the target goes on where the source ends, with %s: it was written to", found)}
	}
	switch what := found.differs(want); {
	case what == "":
		return nil
	case what == "another event" && c.have.events == 0:
		return &DifferenceError{fmt.Sprintf("the target already holds something else, first %s, where the source begins with %s; copy to an empty store", found, want)}
	case what == "another event" && found.revision < c.survey.next[found.stream]:
		return &DifferenceError{fmt.Sprintf("after %d events that are the same, the target holds %s before %s: an append was overtaken; empty the target and copy anew, with one append in flight", c.have.events, found, want)}
	case what == "another event":
		return &DifferenceError{fmt.Sprintf("after %d events that are the same, the target holds %s where the source holds %s", c.have.events, found, want)}
	default:
		return &DifferenceError{fmt.Sprintf("%s, event %d: its %s in the target is not that of the source", want, c.have.events+1, what)}
	}
}

// drain adds up what is left of both logs, so that what is reported is the whole.
func (c *copier) drain(from, to *reading, want, found *event) error {
	for want != nil {
		c.have.add(want)
		var err error
		if want, err = c.nextWanted(from); err != nil {
			return err
		}
	}
	for found != nil {
		c.got.add(found)
		var err error
		if found, err = c.nextFound(to); err != nil {
			return err
		}
	}
	return nil
}
