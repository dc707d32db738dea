package projections

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// keepRetired is how long a build that was replaced is kept for a rollback.
const keepRetired = 24 * time.Hour

// sweep drops the builds of p that are of no more use: those that were retired
// longer than that ago, those of a verification or of another version that nobody
// works on, those that have seen more than the log holds. What cannot be dropped
// now, because somebody still reads it or may be about to fill it, is left for the
// next time.
func (r *Rebuilder) sweep(ctx context.Context, p Projection, retired time.Duration) error {
	all, err := buildsOf(ctx, r.pool, p.Name())
	if err != nil {
		return err
	}
	for _, b := range all {
		useless, err := r.useless(ctx, p, b, retired)
		if err != nil {
			return err
		}
		if !useless {
			continue
		}
		if _, err := r.drop(ctx, b); err != nil {
			if _, passes := passing(err); !passes || ctx.Err() != nil {
				return err
			}
			r.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "an old build cannot be dropped yet",
				slog.String("read_model", p.Name()), slog.Int64("build", b.id), slog.Any("error", err))
		}
	}
	return nil
}

func (r *Rebuilder) useless(ctx context.Context, p Projection, b build, retired time.Duration) (bool, error) {
	switch {
	case b.read():
		return false, nil
	case b.state == buildRetired && time.Since(b.retiredAt) < retired:
		return false, nil
	}
	if led, err := isLed(ctx, r.pool, b.id); err != nil || led {
		return false, err
	}
	if b.state == buildRetired { // and nobody rolls back to it
		return true, nil
	}
	if b.purpose == compare || b.version != p.Version() {
		return !b.young, nil
	}
	if r.cfg.Reaches == nil || b.checkpoint.Position.IsZero() {
		return false, nil
	}
	there, err := r.cfg.Reaches(ctx, b.checkpoint.Position)
	return !there, err
}

// farBehind is how long the log must be, in units of its position, for missing
// tables to be built beside, all from one reading, and not each by its own
// subscription while they can be read already.
const farBehind = 50_000

// due reports whether p's tables are to come by a rebuild: those that are read
// are of an older version, or missing while the log is long, or somebody has begun
// to rebuild them for good and did not finish.
func (r *Rebuilder) due(ctx context.Context, p Projection) (bool, error) {
	all, err := buildsOf(ctx, r.pool, p.Name())
	if err != nil {
		return false, err
	}
	begun, read := false, build{}
	for _, b := range all {
		switch {
		case b.read():
			read = b
		case b.unfinished() && b.purpose == serve && b.version == p.Version():
			begun = true
		}
	}
	switch {
	case read.version > p.Version():
		return false, nil
	case begun || read.id != 0:
		return begun || read.version < p.Version(), nil
	case r.cfg.Head == nil:
		return false, nil
	}
	head, _, err := r.cfg.Head(ctx)
	return head.Commit >= farBehind, err
}

// Maintain does what the read models' tables need while a server runs: at its start it
// rebuilds those that are of an older version than this program's, or missing
// while the log is long, and goes on with rebuilds that did not come to their end;
// where somebody else is at it, it stands by. From then on it drops what is kept
// no longer. It returns when ctx ends. What fails is logged, and not tried again.
func (r *Rebuilder) Maintain(ctx context.Context) {
	var pending []*renewal
	for _, p := range r.projections {
		pending = append(pending, &renewal{projection: p})
	}
	for swept := (time.Time{}); ctx.Err() == nil; {
		if time.Since(swept) >= sweepEvery {
			swept = time.Now()
			r.sweepAll(ctx)
		}
		if len(pending) > 0 {
			pending = r.renew(ctx, pending)
		}
		pause := sweepEvery
		if len(pending) > 0 {
			pause = standByEvery
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// How often old builds are looked for, and how often whether somebody else's
// rebuild has come to its end.
const (
	sweepEvery   = time.Hour
	standByEvery = 500 * time.Millisecond
)

func (r *Rebuilder) sweepAll(ctx context.Context) {
	for _, p := range r.projections {
		if err := r.sweep(ctx, p, keepRetired); err != nil {
			r.warn(ctx, p, err)
		}
	}
}

// renew rebuilds what is due. It gives those for which it still has to be looked.
func (r *Rebuilder) renew(ctx context.Context, pending []*renewal) (left []*renewal) {
	f := newFeed(r, Rebuilding, nil)
	begun := map[*shadow]*renewal{}
	for _, n := range pending {
		if time.Now().Before(n.again) {
			left = append(left, n)
			continue
		}
		due, led, err := r.look(ctx, n.projection)
		var b build
		if err == nil && due && !led {
			b, err = r.adopt(ctx, n.projection, serve)
		}
		switch {
		case err != nil:
			n.putOff(ctx, r, err)
			left = append(left, n)
		case led:
			left = append(left, n)
		case due:
			s := f.add(n.projection, b, &replacing{feed: f})
			s.purpose = serve
			begun[s] = n
		}
	}
	if len(begun) == 0 {
		return left
	}
	err := f.run(ctx)
	for s, n := range begun {
		switch {
		case s.done:
		case s.err != nil && !errors.Is(s.err, ErrRebuilding): // else who was a moment faster
			r.gaveUp(ctx, n.projection, s.err)
		default:
			if err != nil {
				n.putOff(ctx, r, err)
			}
			left = append(left, n)
		}
	}
	return left
}

// renewal is a read model for which it has to be looked whether it is to be rebuilt.
type renewal struct {
	projection Projection
	pause      time.Duration
	again      time.Time // not before
	said       string    // that has been logged
}

// putOff has it looked at again later, each time a bit more.
func (n *renewal) putOff(ctx context.Context, r *Rebuilder, err error) {
	n.pause = min(max(2*n.pause, standByEvery), longestPause)
	n.again = time.Now().Add(n.pause)
	if is := err.Error(); is != n.said {
		n.said = is
		r.warn(ctx, n.projection, err)
	}
}

// gaveUp notes why a read model is not of this program's version, and will not be by
// itself.
func (r *Rebuilder) gaveUp(ctx context.Context, p Projection, err error) {
	r.cfg.Log.LogAttrs(ctx, slog.LevelError, "rebuild failed, and is not tried again",
		slog.String("read_model", p.Name()), slog.String("error", reason(err)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.givenUp[p.Name()] = err
}

// whyNot is why Maintain has given the rebuild of a read model up, nil where it has not.
func (r *Rebuilder) whyNot(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.givenUp[name]
}

// look reports whether p is to be rebuilt, and whether somebody does so.
func (r *Rebuilder) look(ctx context.Context, p Projection) (due, led bool, err error) {
	if due, err = r.due(ctx, p); err != nil || !due {
		return due, false, err
	}
	all, err := buildsOf(ctx, r.pool, p.Name())
	for _, b := range all {
		if err == nil && !led && b.unfinished() && b.purpose != compare {
			led, err = isLed(ctx, r.pool, b.id)
		}
	}
	return true, led, err
}

func (r *Rebuilder) warn(ctx context.Context, p Projection, err error) {
	if ctx.Err() == nil {
		r.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "the builds of a read model cannot be looked after",
			slog.String("read_model", p.Name()), slog.Any("error", err))
	}
}
