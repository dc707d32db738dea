package http

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"crm/domain"
	"crm/http/access"
)

// followers are those who follow the feed of this server.
type followers struct {
	closing context.Context // ends when the server begins to stop
	close   context.CancelFunc
	most    int

	mu  sync.Mutex
	now int
}

func newFollowers(most int) *followers {
	f := &followers{most: most}
	f.closing, f.close = context.WithCancel(context.Background()) //nolint:gosec // the server calls it when it stops
	return f
}

// enter makes room for one more, unless there are too many.
func (f *followers) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now >= f.most || f.closing.Err() != nil {
		return false
	}
	f.now++
	return true
}

func (f *followers) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now--
}

func (f *followers) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// follower is one reader of the feed who stays. The log is read for them when they have
// taken what was read before, so that one who is slow costs one batch, and one who has
// gone is noticed at the first that they do not take.
type follower struct {
	server    *Server
	request   *http.Request
	principal access.Principal
	to        http.ResponseWriter
	control   *http.ResponseController
	from      Following
	told      domain.Position // the last id that was sent
	buffer    []byte
}

// Lines of the stream that are for people: EventSource passes over them.
const (
	saidHello    = ": events follow\nretry: 1000\n\n"
	saidGoodbye  = ": the server stops; connect again\n\n"
	saidKeyEnded = ": the key is no longer valid\n\n"
	saidFault    = ": the log could not be read; connect again\n\n"
)

// run tells events until the reader leaves, the server stops, or the key ends.
func (f *follower) run() {
	s := f.server
	ctx, cancel := context.WithCancel(f.request.Context())
	defer cancel()
	defer context.AfterFunc(s.followers.closing, cancel)()
	_ = f.control.SetReadDeadline(time.Time{}) // of the request, which was read
	f.to.Header().Set("Content-Type", streamType)
	f.to.Header().Set("X-Accel-Buffering", "no") // nginx would wait until it has more
	f.buffer = append(f.buffer, saidHello...)

	through, checked := f.told, time.Now()
	for f.flush() == nil {
		waiting, stop := context.WithTimeout(ctx, s.cfg.Heartbeat-time.Since(checked))
		batch, err := f.from.Next(waiting)
		stop()
		switch {
		case err == nil:
			through = batch.Through
			for i := range batch.Events {
				f.tell(&batch.Events[i])
			}
			s.measures.fed.Add(float64(len(batch.Events)))
		case s.followers.closing.Err() != nil:
			f.end(saidGoodbye)
			return
		case ctx.Err() != nil: // they have left
			return
		case !errors.Is(err, context.DeadlineExceeded):
			exchangeOf(ctx).fault = err
			f.end(saidFault)
			return
		}
		if time.Since(checked) < s.cfg.Heartbeat {
			continue
		}
		checked = time.Now()
		if !s.stillAllowed(f.request, f.principal) {
			f.end(saidKeyEnded)
			return
		}
		f.beat(through)
	}
}

// tell puts an event into the buffer.
func (f *follower) tell(e *domain.Recorded) {
	f.told = e.Position
	f.buffer = append(append(f.buffer, "id: "...), e.Position.String()...)
	f.buffer = append(f.buffer, "\ndata: "...)
	event := f.server.shown(f.principal, e)
	f.buffer = append(event.AppendJSON(f.buffer), "\n\n"...)
}

// beat shows that the connection lives. An id without data is no event, but moves the
// reader's Last-Event-ID over what was not selected.
func (f *follower) beat(through domain.Position) {
	f.buffer = append(f.buffer, ": heartbeat\n"...)
	if f.told.Before(through) {
		f.told = through
		f.buffer = append(append(append(f.buffer, "id: "...), through.String()...), '\n')
	}
	f.buffer = append(f.buffer, '\n')
}

// end says why nothing more comes.
func (f *follower) end(why string) {
	f.buffer = append(f.buffer, why...)
	_ = f.flush() // they may have left
}

// flush sends what is in the buffer, and gives the reader a while to take it.
func (f *follower) flush() error {
	if len(f.buffer) == 0 {
		return nil
	}
	if err := f.control.SetWriteDeadline(time.Now().Add(f.server.cfg.StallAfter)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := f.to.Write(f.buffer); err != nil {
		return err
	}
	if f.buffer = f.buffer[:0]; cap(f.buffer) > 1<<20 {
		f.buffer = nil
	}
	return f.control.Flush()
}

// stillAllowed asks again what was asked when the reader came: keys are revoked and
// expire while they follow.
func (s *Server) stillAllowed(r *http.Request, was access.Principal) bool {
	asks, err := s.recognize(r)
	if errors.Is(err, domain.ErrStoreUnavailable) {
		return true // nobody can be asked; nor is there anything to tell
	}
	return err == nil && asks.Principal == was && asks.May(access.EventsRead)
}
