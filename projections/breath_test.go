package projections

import "testing"

// Who begins to wait for a position ends a model's rest, and nobody who came and went.
func TestListen(t *testing.T) {
	t.Parallel()
	var p progress
	closed := func(asked <-chan struct{}) bool {
		select {
		case <-asked:
			return true
		default:
			return false
		}
	}
	asked, stop := p.listen()
	if closed(asked) {
		t.Error("nobody waits")
	}
	p.await(1)
	if !closed(asked) {
		t.Error("somebody waits")
	}
	stop()
	if asked, stop := p.listen(); !closed(asked) {
		t.Error("somebody waited before")
	} else {
		stop()
	}
	p.await(-1)
	asked, stop = p.listen()
	stop()
	p.await(1)
	if closed(asked) {
		t.Error("the rest was over")
	}
}
