package projections

import (
	"testing"
	"time"

	"crm/domain"
)

// A model is behind since the first end of the log that it has not reached; while
// it moves, it is not stalled.
func TestLag(t *testing.T) {
	t.Parallel()
	var l lag
	now := time.Now()
	at := func(n uint64) domain.Position { return domain.Position{Commit: n, Prepare: n} }
	second := 0
	for _, step := range []struct {
		what           string
		head, position uint64
		unknown, busy  bool
		passed         int // seconds, of one look each
		behind         time.Duration
		ahead          uint64
		stalled        bool
	}{
		{what: "at the end", head: 10, position: 10, passed: 30},
		{what: "behind a log that grows", head: 500, position: 10, passed: 3, behind: 2 * time.Second, ahead: 490},
		{what: "on its way", head: 500, position: 400, passed: 1, behind: 3 * time.Second, ahead: 100},
		{what: "nineteen seconds later", head: 500, position: 400, passed: 19, behind: 22 * time.Second, ahead: 100},
		{what: "twenty", head: 500, position: 400, passed: 1, behind: 23 * time.Second, ahead: 100, stalled: true},
		{what: "while it makes indexes", head: 500, position: 400, busy: true, passed: 60, behind: 83 * time.Second, ahead: 100},
		{what: "while the log does not answer", head: 0, unknown: true, position: 400, passed: 21, behind: 104 * time.Second, ahead: 100, stalled: true},
		{what: "there", head: 500, position: 500, passed: 1},
		{what: "a log that went back", head: 300, position: 500, passed: 30},
	} {
		for range step.passed {
			second++
			c := Checkpoint{build: 1, Position: at(step.position)}
			l.see(at(step.head), !step.unknown, c, step.busy, now.Add(time.Duration(second)*time.Second))
		}
		s := Status{Position: at(step.position)}
		l.tell(&s, 20*time.Second, now.Add(time.Duration(second)*time.Second))
		if s.Lag != step.behind || s.LagPositions != step.ahead || s.Stalled != step.stalled {
			t.Errorf("%s: behind for %v by %d, stalled: %v; want %v, %d, %v",
				step.what, s.Lag, s.LagPositions, s.Stalled, step.behind, step.ahead, step.stalled)
		}
	}
}

// Marks are few, however long a model is behind, and the oldest stays.
func TestLagOfALongImport(t *testing.T) {
	t.Parallel()
	var l lag
	now := time.Now()
	for i := range 10_000 {
		l.see(domain.Position{Commit: uint64(i + 10)}, true, Checkpoint{build: 1, Position: domain.Position{Commit: uint64(i / 2)}},
			false, now.Add(time.Duration(i)*time.Second))
	}
	if len(l.ahead) > manyMarks {
		t.Errorf("%d marks", len(l.ahead))
	}
	s := Status{Position: domain.Position{Commit: 4999}}
	l.tell(&s, 20*time.Second, now.Add(10_000*time.Second))
	if s.Lag < 4900*time.Second || s.Lag > 5200*time.Second || s.Stalled {
		t.Errorf("behind for %v, stalled: %v", s.Lag, s.Stalled)
	}
}

// A server that was paused does not take the pause for a model's.
func TestAPauseOfTheServerIsNoStall(t *testing.T) {
	t.Parallel()
	var l lag
	now := time.Now()
	see := func(position uint64) Status {
		l.see(domain.Position{Commit: 100}, true, Checkpoint{build: 1, Position: domain.Position{Commit: position}}, false, now)
		s := Status{Position: domain.Position{Commit: position}}
		l.tell(&s, 20*time.Second, now)
		return s
	}
	see(50)
	if now = now.Add(time.Hour); see(50).Stalled {
		t.Error("stalled after the pause")
	}
	if now = now.Add(time.Second); see(51).Stalled {
		t.Error("stalled on its way")
	}
}
