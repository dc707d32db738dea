package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestNothingIsShownBeforeItIsDurable holds the sync of the log back: Pebble
// shows the event by then, the node does not.
func TestNothingIsShownBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	var hold atomic.Bool
	held, release := make(chan struct{}), make(chan struct{})
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if sync && strings.HasSuffix(op.Path, ".log") && hold.CompareAndSwap(true, false) {
			close(held)
			<-release
		}
		return nil
	}))
	n, err := Open(Config{Dir: "db", fs: fs})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, n)
	s.append(t, "a", esdb.NoStream{}, event("x"))
	sub := s.followStream(t, "a", esdb.Start{})
	follow(t, sub, 0)

	hold.Store(true)
	late := event("x")
	acked := make(chan error, 1)
	go func() {
		_, err := s.client.AppendToStream(t.Context(), "a", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Revision(0)}, late)
		acked <- err
	}()
	<-held
	for { // Pebble syncs the log and writes to memory at the same time
		h, err := loadHead(n.db, "a", everything)
		if err != nil || t.Context().Err() != nil {
			t.Fatalf("the store has %+v, %v; the event should be there", h, err)
		}
		if h.last == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for _, from := range []esdb.StreamPosition{esdb.Start{}, esdb.Revision(1)} {
		if got, err := s.readStream(t.Context(), "a", from, esdb.Forwards); err != nil || len(got) > 1 || len(got) == 1 && got[0].EventNumber > 0 {
			t.Errorf("read from %v: %v, %v", from, names(got), err)
		}
	}
	if got, err := s.readStream(t.Context(), "a", esdb.End{}, esdb.Backwards); err != nil || !cmp.Equal(names(got), []string{"a@0"}) {
		t.Errorf("read backwards: %v, %v", names(got), err)
	}
	if got := s.readAll(t, esdb.End{}, esdb.Backwards); len(got) != 1 {
		t.Errorf("$all: %v", names(got))
	}
	// The same append sent again must not be answered by what is not durable either.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.client.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Revision(0)}, late); err == nil {
		t.Error("a repeated append was acknowledged before the first was durable")
	}
	select {
	case err := <-acked:
		t.Errorf("acknowledged before it was durable: %v", err)
		acked <- err
	default:
	}
	close(release)
	if err := <-acked; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a@1"}, follow(t, sub, 1)); diff != "" {
		t.Error(diff)
	}
}

// TestOneGroupOfManyRequests has the writer decide at one go about requests that
// build on each other.
func TestOneGroupOfManyRequests(t *testing.T) {
	t.Parallel()
	n, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	var h horizon // a writer of our own, on the same store, whose goroutines do not run
	w, err := newWriter(n.db, &h, n.cfg, n.fail, n.hasFailed)
	if err != nil {
		t.Fatal(err)
	}
	id := func(i byte) uuid.UUID { return uuid.UUID{15: i} }
	appendTo := func(stream string, expected int64, ids ...byte) *request {
		r := &request{stream: stream, expected: expected, done: make(chan struct{})}
		for _, i := range ids {
			r.events = append(r.events, proposal{id: id(i), kind: "x"})
		}
		return r
	}
	remove := func(stream string, o operation) *request {
		return &request{operation: o, stream: stream, expected: expectAny, done: make(chan struct{}), events: []proposal{
			{kind: kindMetadata, json: true, data: softDeleteMetadata},
		}}
	}
	steps := []struct {
		r    *request
		want string
	}{
		{appendTo("a", expectNoStream, 1, 2), "written to 1"},
		{appendTo("b", expectNoStream, 1), "written to 0"},
		{appendTo("a", 1, 3), "written to 2"},
		{appendTo("a", 1, 4), "conflict at 2"},
		{appendTo("a", expectNoStream, 1, 2), "repeated to 1"},
		{appendTo("a", expectAny, 3), "repeated to 2"},
		{remove("a", softDelete), "written to 2"},
		{appendTo("a", expectStreamExists, 9), "deleted"},
		{appendTo("a", expectNoStream, 5), "written to 3"},
		{appendTo("a", expectStreamExists, 6), "written to 4"},
		{remove("b", tombstone), fmt.Sprint("written to ", int64(deletedRevision))},
		{appendTo("b", expectAny, 7), "deleted"},
		{appendTo("$$b", expectAny, 8), "deleted"},
		{appendTo("$$c", expectNoStream, 9), "written to 0"},
		{appendTo("c", expectStreamExists, 10), "written to 0"},
	}
	for _, s := range steps[1:] {
		w.queue <- s.r
	}
	w.gather(steps[0].r)
	close(w.groups)
	w.finish()
	for i, s := range steps {
		<-s.r.done
		var got string
		switch o := s.r.outcome; {
		case o.err != nil:
			got = o.err.Error()
		case o.verdict == accepted:
			got = fmt.Sprint("written to ", o.current)
		case o.verdict == repeated:
			got = fmt.Sprint("repeated to ", o.current)
		case o.verdict == wrong:
			got = fmt.Sprint("conflict at ", o.current)
		default:
			got = "deleted"
		}
		if got != s.want {
			t.Errorf("step %d, %s: %s, want %s", i, s.r.stream, got, s.want)
		}
	}
	if len(w.queue) != 0 {
		t.Errorf("%d requests were left", len(w.queue))
	}
	if h.position.Load() == 0 || errors.Is(n.Err(), errBroken) {
		t.Errorf("position %d, %v", h.position.Load(), n.Err())
	}
}
