package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crm/domain"
)

// How long a build may be led by someone else: when we begin, for its last leader
// may just be going, and when we led it ourselves, for Postgres may have to notice
// that our connection is lost.
const (
	firstPatience = time.Second
	leadPatience  = 15 * time.Second
)

// failed notes that a shadow cannot go on now, and reports whether that passes.
func (f *feed) failed(s *shadow, err error) (passes bool) {
	led := s.builder != nil
	if led && s.builder.InBulk() {
		err = s.beCareful(err)
	}
	s.course.release()
	if led && !errors.Is(err, ErrMissing) { // which the builder counts
		f.letGo(s)
		s.until = time.Now().Add(leadPatience)
	}
	class, passes := passing(err)
	switch {
	case errors.Is(err, context.Canceled):
		return true // the loop ends
	case errors.Is(err, ErrLed):
		passes = time.Now().Before(s.until)
		err = ErrRebuilding
	case isRefusal(err):
		passes = false
	}
	if passes {
		f.trouble(s, class)
		return true
	}
	s.err = err // for who has asked for it, to tell
	f.phase(s, Failed)
	return false
}

// beCareful has what may be lost with the window be done again out of bulk: who loses
// every connection gets on batch by batch, and an event that cannot be applied is dealt
// with where it is. Where the first window was lost, which is long, it is done again in
// bulk first, once, in windows of the length of others.
func (s *shadow) beCareful(err error) error {
	failure, ok := errors.AsType[*Failure](err)
	if ok {
		err = ErrOutOfStep
	}
	if s.builder.window.first && !s.short {
		s.short = true
		return err
	}
	s.careful = s.at()
	if ok && s.careful.Before(failure.Position) {
		s.careful = failure.Position
	}
	return err
}

func isRefusal(err error) bool {
	refusal, ok := errors.AsType[*domain.Error](err)
	return ok && refusal.Code != domain.Unavailable
}

// bear is nil for an error that passes while the build can go on, such as a
// row that someone else has locked for long.
func (f *feed) bear(ctx context.Context, s *shadow, err error) error {
	if err == nil || ctx.Err() != nil || isRefusal(err) {
		return err
	}
	class, passes := passing(err)
	if !passes {
		return lasting(err, domain.Position{}, "")
	}
	f.trouble(s, class)
	return nil
}

// askEvery is how often the log is asked how far it reaches.
const askEvery = 250 * time.Millisecond

// near reports whether the build has come to the end of the log as it was a moment
// ago. While the log does not answer it has not.
func (f *feed) near(ctx context.Context, s *shadow) (bool, error) {
	head, err := f.headSince(ctx, time.Now().Add(-askEvery))
	if err != nil {
		return false, ctx.Err()
	}
	return !s.at().Before(head), nil
}

// covers reports whether the build has all events up to a position that a
// checkpoint had at some time. A checkpoint may have gone on where no event of
// ours is, so that it is never met: a build that has come to the end of the log
// as it was later than that has them all the same.
func (f *feed) covers(ctx context.Context, s *shadow, position domain.Position, since time.Time) (bool, error) {
	if !s.at().Before(position) {
		return true, nil
	}
	head, err := f.headSince(ctx, since)
	return err == nil && !s.at().Before(head), err
}

// headSince is the end of the log as it was at an instant, or later. Courses of
// several shadows may ask at once.
func (f *feed) headSince(ctx context.Context, since time.Time) (domain.Position, error) {
	d := &f.display
	d.mu.Lock()
	head, asked := d.head, d.asked
	d.mu.Unlock()
	if asked.After(since) {
		return head, nil
	}
	asked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	head, _, err := f.rebuilder.cfg.Head(ctx)
	if err != nil {
		return head, fmt.Errorf("ask how far the log reaches: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.head, d.asked = head, asked
	return head, nil
}
