package embedded

import (
	"errors"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/go-cmp/cmp"
)

func TestAnEventIsStoredAsItWasSent(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	sent := event("thing.done")
	r := s.append(t, "thing-1", esdb.NoStream{}, sent)
	if r.NextExpectedVersion != 0 || r.CommitPosition == 0 || r.PreparePosition == 0 {
		t.Errorf("answer %+v, want revision 0 and a position", r)
	}
	got, err := s.readStream(t.Context(), "thing-1", esdb.Start{}, esdb.Forwards)
	if err != nil || len(got) != 1 {
		t.Fatalf("read %d events, %v", len(got), err)
	}
	e := got[0]
	if e.EventID != sent.EventID || e.EventType != "thing.done" || e.ContentType != "application/json" ||
		string(e.Data) != string(sent.Data) || string(e.UserMetadata) != string(sent.Metadata) ||
		e.Position.Commit != r.CommitPosition || e.CreatedDate.IsZero() {
		t.Errorf("read %+v", e)
	}
	all := s.readAll(t, esdb.Start{}, esdb.Forwards)
	if diff := cmp.Diff(got, all); diff != "" {
		t.Error(diff)
	}
}

func TestADirectoryHasOneNode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("second Open: %v, want ErrInUse", err)
	}
	s.stop(t)
	n, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestARestartKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	batch := eventsOf("x", 3)
	s.append(t, "a", esdb.NoStream{}, batch...)
	s.append(t, "b", esdb.Any{}, event("x"))
	before := s.readAll(t, esdb.Start{}, esdb.Forwards)
	s.stop(t)

	s = start(t, Config{Dir: dir})
	if diff := cmp.Diff(before, s.readAll(t, esdb.Start{}, esdb.Forwards)); diff != "" {
		t.Error(diff)
	}
	// Sent again after the restart, both by revision and by id alone, it is the
	// same append.
	for _, expected := range []esdb.ExpectedRevision{esdb.NoStream{}, esdb.Any{}} {
		r := s.append(t, "a", expected, batch...)
		if r.NextExpectedVersion != 2 || r.CommitPosition != before[2].Position.Commit {
			t.Errorf("repeated with %T: %+v", expected, r)
		}
	}
	r := s.append(t, "a", esdb.Revision(2), event("x"))
	if want := before[len(before)-1].Position.Commit; r.CommitPosition <= want {
		t.Errorf("position %d after %d", r.CommitPosition, want)
	}
}

func TestASubscriptionGoesLive(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	s.append(t, "a", esdb.Any{}, eventsOf("x", 3)...)
	sub, err := s.client.SubscribeToAll(t.Context(), esdb.SubscribeToAllOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Close() })
	seen, live := 0, false
	for seen < 5 {
		switch e := sub.Recv(); {
		case e.EventAppeared != nil:
			seen++
		case e.CaughtUp != nil:
			if seen != 3 {
				t.Errorf("caught up after %d events, want 3", seen)
			}
			live = true
			s.append(t, "b", esdb.Any{}, eventsOf("x", 2)...)
		case e.SubscriptionDropped != nil:
			t.Fatal(e.SubscriptionDropped.Error)
		}
	}
	if !live {
		t.Error("never caught up")
	}
}
