package answers

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
)

// question is a look-up that somebody waits for.
type question struct {
	commands []uuid.UUID
	found    map[uuid.UUID]*Answer // before done
	done     chan struct{}
}

// silence is how long a table that failed is not asked.
const silence = time.Second

// most is how many commands one look-up asks for.
const most = 4096

// ask gives what the table knows of commands. When it does not answer, nothing is
// known of them.
func (b *Book) ask(ctx context.Context, commands []uuid.UUID) map[uuid.UUID]*Answer {
	if b.table == nil || len(commands) == 0 || b.mute() {
		return nil
	}
	q := &question{commands: commands, done: make(chan struct{})}
	select {
	case b.questions <- q:
	default:
		b.counts.unasked.Add(float64(len(commands)))
		return nil
	}
	select {
	case <-q.done:
		return q.found
	case <-ctx.Done():
	case <-b.stop.Done():
	}
	return nil
}

func (b *Book) mute() bool { return time.Now().UnixNano() < b.silent.Load() }

// lookUp answers questions, all that wait at once.
func (b *Book) lookUp() {
	for {
		select {
		case first := <-b.questions:
			waiting, commands := []*question{first}, slices.Clone(first.commands)
			for len(commands) < most && len(b.questions) > 0 {
				next := <-b.questions // this goroutine alone takes them
				waiting, commands = append(waiting, next), append(commands, next.commands...)
			}
			b.answer(waiting, commands)
		case <-b.stop.Done():
			return
		}
	}
}

func (b *Book) answer(waiting []*question, commands []uuid.UUID) {
	var found map[uuid.UUID]*Answer
	if !b.mute() {
		found = b.find(commands)
	}
	for _, q := range waiting {
		q.found = found
		close(q.done)
	}
}

func (b *Book) find(commands []uuid.UUID) map[uuid.UUID]*Answer {
	ctx, cancel := context.WithTimeout(b.stop, b.cfg.Wait)
	defer cancel()
	list, err := b.table.Find(ctx, commands, b.cfg.Keep)
	b.counts.asked.Inc()
	if b.heard(err) != nil {
		b.counts.unasked.Add(float64(len(commands)))
		return nil
	}
	if len(list) == 0 {
		return nil
	}
	now := time.Now()
	found := make(map[uuid.UUID]*Answer, len(list))
	for _, answer := range list {
		answer.at = now
		found[answer.Command] = &answer
	}
	return found
}

// heard notes whether the table answers, and tells the log when that changes.
func (b *Book) heard(err error) error {
	if b.stop.Err() != nil {
		return err
	}
	if err != nil {
		if b.silent.Swap(time.Now().Add(silence).UnixNano()) == 0 {
			b.cfg.Log.Warn("answers to idempotency keys are not kept for now", slog.Any("error", err))
		}
	} else if b.silent.Swap(0) != 0 {
		b.cfg.Log.Info("answers to idempotency keys are kept again")
	}
	return err
}
