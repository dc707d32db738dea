package http

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	// useNoted is how often at most the use of one key is noted.
	useNoted = time.Minute
	// usesWritten is how often what was noted is written.
	usesWritten = 5 * time.Second
)

// keyUses notes when API keys were last used, without making a request wait for it.
type keyUses struct {
	noted sync.Map // uuid.UUID → *atomic.Int64, when the use was last noted, in Unix seconds

	mu  sync.Mutex
	due map[uuid.UUID]time.Time
}

// note notes a use unless one was within the last minute.
func (u *keyUses) note(key uuid.UUID, now time.Time) {
	place, ok := u.noted.Load(key)
	if !ok {
		place, _ = u.noted.LoadOrStore(key, new(atomic.Int64))
	}
	last := place.(*atomic.Int64)
	before := last.Load()
	if now.Unix()-before < int64(useNoted/time.Second) || !last.CompareAndSwap(before, now.Unix()) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.due == nil {
		u.due = map[uuid.UUID]time.Time{}
	}
	u.due[key] = now.UTC()
}

// flush writes what is due. What cannot be written is due again, unless it was used
// later.
func (u *keyUses) flush(ctx context.Context, write func(context.Context, map[uuid.UUID]time.Time) error) error {
	u.mu.Lock()
	due := u.due
	u.due = nil
	u.mu.Unlock()
	if len(due) == 0 {
		return nil
	}
	err := write(ctx, due)
	if err != nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		maps.Copy(due, u.due)
		u.due = due
	}
	return err
}

// NoteUses writes now and then which API keys were used, until ctx ends, and then a
// last time. Where Postgres is away it is written later.
func (s *Server) NoteUses(ctx context.Context) {
	tick := time.NewTicker(usesWritten)
	defer tick.Stop()
	for {
		ended := false
		select {
		case <-tick.C:
		case <-ctx.Done():
			ended = true
		}
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), usesWritten)
		if err := s.uses.flush(within, s.cfg.Models.Access.Used); err != nil {
			s.cfg.Log.DebugContext(ctx, "uses of keys were not noted", slog.Any("error", err))
		}
		cancel()
		if ended {
			return
		}
	}
}
