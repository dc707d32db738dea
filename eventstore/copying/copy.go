package copying

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"crm/domain"
	"crm/eventstore"
	"crm/eventstore/wire"
)

// Options say what to copy where. Source and Target are needed; the zero value of
// the others works.
type Options struct {
	Source, Target eventstore.Config
	// VerifyOnly compares and writes nothing.
	VerifyOnly bool
	// InFlight is how many appends are under way at once. Default 256; 1 waits for
	// each.
	InFlight int
	// Patience is how long a store may be away, or refuse for want of time or space,
	// before the run gives up. Default 1 min.
	Patience time.Duration
	// Out gets progress. Default: nothing is said.
	Out io.Writer
	// Terminal says that Out is one, and is drawn on.
	Terminal bool
}

// A Report is what a run did and found.
type Report struct {
	Source, Target Tally
	Streams        int             // that hold the source's events
	Appended       uint64          // events that the target got in this run
	System         uint64          // events of the source's servers, left out
	Undated        uint64          // events whose metadata is no JSON object: their time is the target's
	Metadata       int             // streams of which something is said
	Tombstones     int             // streams that were deleted for good
	End            domain.Position // where the source ended when the run began
	Appending      time.Duration   // how long it took to append
}

// A Tally is one log: how many events were compared, and the SHA-256 over all
// that copies share, as hexadecimal text.
type Tally struct {
	Events uint64
	Digest string
}

var (
	// ErrSame is a source that is its own target.
	ErrSame = errors.New("source and target are the same event store")
	// ErrAway is a store that did not answer for longer than Options.Patience.
	ErrAway = errors.New("gave up waiting; run it again, and it goes on where it was")
)

// Run copies what the target lacks, and verifies all of it. When it succeeds, both
// hold the same up to where the source ended when it began. It returns a
// [DifferenceError] when they do not and cannot; the report then holds what was
// found so far, and with VerifyOnly all of it.
func Run(ctx context.Context, options Options) (Report, error) {
	options.InFlight = cmp.Or(options.InFlight, 256)
	options.Patience = cmp.Or(options.Patience, time.Minute)
	options.Out = cmp.Or[io.Writer](options.Out, io.Discard)
	c := &copier{
		options: options,
		source:  log{name: "source", cfg: options.Source},
		target:  log{name: "target", cfg: options.Target},
		survey:  newSurvey(), states: states{}, have: newTally(), got: newTally(), first: -1,
		display: newDisplay(options.Out, options.Terminal),
	}
	defer c.source.close()
	defer c.target.close()
	err := c.run(ctx)
	c.display.close()
	return c.report(), err
}

// A copier is one run.
type copier struct {
	options        Options
	source, target log
	survey         *survey // of the source
	states         states  // of the target, as far as it was read
	have, got      tally   // of source and target, as far as they are the same
	first          int64   // how many events the target held at first; -1: not known yet
	appending      time.Duration
	conflicts      int // without getting on

	display *display
	moved   atomic.Int64 // when it last got on, in Unix nanoseconds
}

func (c *copier) run(ctx context.Context) error {
	if err := c.persist(ctx, c.begin); err != nil {
		return err
	}
	c.display.stage("reading the source", 0, 0)
	if err := c.persist(ctx, func(ctx context.Context) error { return c.survey.look(ctx, &c.source, c.progressed) }); err != nil {
		return err
	}
	c.display.stage("comparing", c.have.events, c.survey.events)
	return c.persist(ctx, c.approach)
}

// begin makes sure that there are two stores.
func (c *copier) begin(ctx context.Context) error {
	sources, err := c.source.members(ctx)
	if err != nil {
		return err
	}
	targets, err := c.target.members(ctx)
	if err != nil {
		return err
	}
	for id := range targets {
		if sources[id] {
			return ErrSame
		}
	}
	return nil
}

// approach compares, appends, and compares again, until nothing is left to do.
func (c *copier) approach(ctx context.Context) error {
	for {
		err := c.compare(ctx)
		switch {
		case err == nil:
			streams, err := c.unsettled()
			switch {
			case err != nil || len(streams) == 0:
				return err
			case c.options.VerifyOnly:
				return &DifferenceError{fmt.Sprintf("metadata, or the deletion, of the stream %s differ", streams[0])}
			}
			if err := c.settle(ctx, streams); err != nil {
				return err
			}
		case errors.Is(err, errShorter) && c.options.VerifyOnly:
			return &DifferenceError{fmt.Sprintf("the target ends after %d of %d events", c.have.events, c.survey.events)}
		case errors.Is(err, errShorter):
			c.display.stage("copying", c.have.events, c.survey.events)
			if c.first < 0 {
				c.first = int64(c.have.events)
			}
			before, began := c.moved.Load(), time.Now()
			err := c.append(ctx)
			c.appending += time.Since(began)
			if err != nil {
				return c.conflict(err, c.moved.Load() != before)
			}
			c.display.stage("verifying", c.have.events, c.survey.events)
		default:
			return err
		}
	}
}

// conflict gives a refused revision the chance to be what is left of an append
// under way when a connection broke. If it stays, the target's log does not show
// what its streams hold.
func (c *copier) conflict(err error, gotOn bool) error {
	r, ok := errors.AsType[*refusal](err)
	if !ok || r.code != codes.AlreadyExists || gotOn {
		c.conflicts = 0
		return err
	}
	if c.conflicts++; c.conflicts < 5 {
		return err
	}
	return &DifferenceError{fmt.Sprintf("the target's log ends after %d events, but: %s", c.have.events, r.text)}
}

// persist does something over fresh connections until it succeeds, fails for
// good, or got nowhere for too long.
func (c *copier) persist(ctx context.Context, do func(context.Context) error) error {
	c.moved.Store(time.Now().UnixNano())
	for failures := 0; ; failures++ {
		err := errors.Join(c.source.connect(ctx), c.target.connect(ctx))
		if err == nil {
			err = do(ctx)
		}
		switch {
		case err == nil || ctx.Err() != nil:
			return cmp.Or(ctx.Err(), err)
		case final(err):
			return err
		case time.Since(time.Unix(0, c.moved.Load())) > c.options.Patience:
			return fmt.Errorf("%w: %w", ErrAway, err)
		}
		c.display.note(err)
		select {
		case <-time.After(min(50*time.Millisecond<<min(failures, 5), time.Second)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// progressed notes that something was achieved, and how many events are done.
func (c *copier) progressed(events uint64) {
	c.moved.Store(time.Now().UnixNano())
	c.display.done.Store(events)
}

// final reports whether trying again is of no use.
func final(err error) bool {
	if _, differ := errors.AsType[*DifferenceError](err); differ {
		return true
	}
	if _, hole := errors.AsType[*holeError](err); hole || errors.Is(err, ErrSame) {
		return true
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.code == codes.InvalidArgument || r.code == codes.PermissionDenied || r.code == codes.NotFound
	}
	s, ok := status.FromError(err)
	if !ok {
		// A wrong setting or a malformed answer, unless nobody answered.
		return !errors.Is(err, domain.ErrStoreUnavailable) && !errors.Is(err, wire.ErrUnreachable) && !errors.Is(err, io.ErrUnexpectedEOF)
	}
	switch s.Code() {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented, codes.DataLoss, codes.FailedPrecondition:
		return true
	default:
		return false
	}
}

func (c *copier) report() Report {
	r := Report{
		Source: Tally{c.have.events, c.have.sum()}, Target: Tally{c.got.events, c.got.sum()},
		Streams: len(c.survey.next), System: c.survey.system, Undated: c.survey.undated, End: c.survey.end,
		Appending: c.appending,
	}
	if c.first >= 0 {
		r.Appended = c.have.events - uint64(c.first)
	}
	r.Metadata, r.Tombstones = c.survey.states.count()
	return r
}
