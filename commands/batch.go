package commands

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"crm/domain"
)

// DoAll answers commands as if they were asked one after the other, an answer
// for each. Commands of one stream that may go together are stored in one
// append; different streams are worked on at once, except that a command which
// refers to a stream waits for the commands before it that change that stream.
// A refused command does not stop the others.
func (h *Handler) DoAll(ctx context.Context, asks []Ask) []Answer {
	answers := make([]Answer, len(asks))
	segments := h.plan(asks, answers)
	slots := make(chan struct{}, h.cfg.Concurrency)
	var running sync.WaitGroup
	for _, s := range segments {
		running.Go(func() {
			defer close(s.done)
			for _, earlier := range s.after {
				<-earlier.done
			}
			slots <- struct{}{} // after waiting, so that the slots never wait for each other
			defer func() { <-slots }()
			h.executeSegment(ctx, s)
		})
	}
	running.Wait()
	for _, s := range segments {
		for i, t := range s.tasks {
			answers[s.places[i]] = t.answer
		}
	}
	return answers
}

// segment is a run of commands of one stream that need not wait for each other.
//
//	command:   0 register C1   1 open D1 for C1   2 register C2   3 link D1 to C2
//	segments:  [0] C1 ◀─────── [1] D1 ◀──────┐    [2] C2 ◀─────── [3] D1
//	                              └──────────┴── same stream, in order
//
// Command 3 is not added to [1], which began before [2]: a segment only waits
// for segments that began before it, so that no two can wait for each other.
type segment struct {
	family family
	stream domain.Stream
	begin  int // the place of its first command
	tasks  []*task
	places []int
	after  []*segment
	done   chan struct{}
}

// plan cuts the commands into segments. What no aggregate decides is answered
// at once.
func (h *Handler) plan(asks []Ask, answers []Answer) []*segment {
	var segments []*segment
	latest := map[domain.Stream]*segment{}
	for i, ask := range asks {
		of, err := check(ask)
		if err != nil {
			answers[i] = Answer{Err: err}
			continue
		}
		name := of.stream(ask.Target)
		var referred []*segment
		current := latest[name]
		fits := current != nil
		for _, stream := range of.refers(ask.Target, ask.Command) {
			if other := latest[stream]; other != nil && stream != name {
				referred = append(referred, other)
				fits = fits && other.begin < current.begin
			}
		}
		if !fits {
			next := &segment{family: of, stream: name, begin: i, done: make(chan struct{})}
			if current != nil {
				next.after = append(next.after, current)
			}
			current, latest[name] = next, next
			segments = append(segments, next)
		}
		current.after = append(current.after, referred...)
		current.tasks = append(current.tasks, newTask(ask))
		current.places = append(current.places, i)
	}
	return segments
}

// executeSegment keeps a panic from taking the process down, as it would in a
// goroutine of its own.
func (h *Handler) executeSegment(ctx context.Context, s *segment) {
	defer func() {
		if reason := recover(); reason != nil {
			refuse(s.tasks, fmt.Errorf("panic while answering %s: %v\n%s", s.stream, reason, debug.Stack()))
		}
	}()
	h.execute(ctx, s.family, s.stream, s.tasks)
}
