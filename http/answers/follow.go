package answers

import (
	"log/slog"
	"time"

	"github.com/google/uuid"
)

const (
	heartbeat = time.Second     // of who follows the table
	trust     = 2 * heartbeat   // how long after a heartbeat nothing is missing
	overlap   = time.Minute     // read again when following begins anew; no write takes as long
	again     = 2 * time.Second // after following failed
)

// Heard is some commands that were answered, so long ago. They are the hearer's until it
// returns.
type Heard struct {
	Commands []uuid.UUID
	Ago      time.Duration
}

// follow keeps what is seen up to date with what all servers answer. While it does not,
// every command is looked up.
func (b *Book) follow() {
	back, last := b.cfg.Keep, time.Time{}
	for b.stop.Err() == nil {
		if !last.IsZero() {
			back = min(b.cfg.Keep, time.Since(last)+overlap)
		}
		err := b.table.Follow(b.stop, back, b.hear, func() {
			last = time.Now()
			b.current.Store(last.Add(trust).UnixNano())
		})
		if b.stop.Err() != nil {
			return
		}
		b.cfg.Log.Debug("keys are looked up until the table of answers can be followed again", slog.Any("error", err))
		select {
		case <-time.After(again):
		case <-b.stop.Done():
		}
	}
}

func (b *Book) hear(heard Heard) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, command := range heard.Commands {
		b.seen.note(command, heard.Ago, now)
	}
}

// fresh reports whether it is sure that no server has answered the command, but for what
// one did in the last moments. The lock is held.
func (b *Book) fresh(command uuid.UUID, now time.Time) bool {
	return now.UnixNano() < b.current.Load() && !b.seen.has(command, now)
}
