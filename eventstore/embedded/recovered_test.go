package embedded

import (
	"bytes"
	"context"
	"testing"

	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
)

// A logged is one event of a store as it lies there.
type logged struct {
	record
	stream string
	value  []byte // the stored form
}

// check holds a store against the journal and against itself.
func (j *journal) check(tb testing.TB, n *Node) {
	tb.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	log := checkWhole(tb, n)
	if end := uint64(len(log)); end < j.end {
		tb.Errorf("the log ends at %d, readers had seen %d", end, j.end)
	}
	for _, a := range j.told {
		a.check(tb, n, log)
	}
	read := map[uint64][]byte{}
	for _, message := range shownLog(n) {
		if position, ok := eventIn(tb, message); ok {
			read[position] = message
		}
	}
	if len(read) != len(log) {
		tb.Errorf("a reader of the log sees %d of %d events", len(read), len(log))
	}
	for _, message := range j.shown {
		if position, ok := eventIn(tb, message); ok && !bytes.Equal(message, read[position]) {
			tb.Errorf("a reader was shown another event at %d, or it is gone", position)
		}
	}
}

// check holds a store against what an op was answered.
func (a answer) check(tb testing.TB, n *Node, log []logged) {
	tb.Helper()
	h, err := loadHead(n.db, a.op.stream, everything)
	if err != nil {
		tb.Fatal(err)
	}
	switch {
	case a.verdict == deleted || a.verdict == wrong:
		if h.last < a.current {
			tb.Errorf("%v was refused, for the stream ended at %d; now it ends at %d", a.op, a.current, h.last)
		}
		return
	case a.op.operation != appendEvents:
		if a.position == 0 || a.position > uint64(len(log)) {
			tb.Errorf("%v was acknowledged at %d and is lost", a.op, a.position)
		} else if got := string(log[a.position-1].kind); got != a.op.events[0].kind {
			tb.Errorf("%v was acknowledged at %d, where a %s is", a.op, a.position, got)
		}
		return
	case len(a.op.events) == 0:
		return
	case h.last < a.current || a.position > uint64(len(log)):
		tb.Errorf("%v was acknowledged as %d at %d and is lost: the stream ends at %d, the log at %d",
			a.op, a.current, a.position, h.last, len(log))
		return
	}
	first := int64(len(a.op.events)) - 1
	for i := range a.op.events {
		p, back := &a.op.events[i], first-int64(i)
		position := a.position - uint64(back)
		got := log[position-1]
		want := appendRecord(nil, a.op.stream, a.current-back, position, got.created, p)
		if !bytes.Equal(got.value, want) {
			tb.Errorf("event %d of %v was acknowledged as %d at %d, where %s@%d is", i, a.op, a.current-back, position, got.stream, got.revision)
		}
	}
}

// checkWhole checks a store as Check does, only that a node has it open, and returns
// its log.
func checkWhole(tb testing.TB, n *Node) []logged {
	tb.Helper()
	v := &verifier{ctx: context.Background(), db: n.db}
	for _, pass := range v.passes() {
		if err := pass(); err != nil {
			tb.Fatal(err)
		}
	}
	for _, f := range v.report.Findings {
		tb.Error(f)
	}
	var log []logged
	err := v.scan(eventPrefix, "", func(_, value []byte) error {
		r, err := parseRecord(bytes.Clone(value), true)
		log = append(log, logged{record: r, stream: string(r.stream), value: bytes.Clone(value)})
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	if got := n.horizon.position.Load(); got != uint64(len(log)) {
		tb.Errorf("horizon %d, the log ends at %d", got, len(log))
	}
	return log
}

// checkAllOrNothing finds every append whole or not at all, answered or not.
func checkAllOrNothing(tb testing.TB, ops []*op, log []logged) {
	tb.Helper()
	type place struct {
		stream string
		id     uuid.UUID
	}
	stored := map[place]int{}
	for _, l := range log {
		stored[place{l.stream, l.id}]++
	}
	for _, o := range ops {
		if o.operation != appendEvents || o.overlapping {
			continue
		}
		for i := range o.events {
			if got, first := stored[place{o.stream, o.events[i].id}], stored[place{o.stream, o.events[0].id}]; got != first || got > 1 && o.expected != expectNoStream {
				tb.Errorf("%v: event %d is stored %d times, the first %d", o, i, got, first)
			}
		}
	}
}

// again sends an op that was acknowledged a second time: it is answered as at first.
//
// One op is not known again, nor is it in EventStoreDB: an append that expects no
// stream and went into a deleted one. It is refused, or, if the stream has been
// deleted once more, written anew.
func (a answer) again(tb testing.TB, n *Node) {
	tb.Helper()
	if a.op.operation != appendEvents || len(a.op.events) == 0 || a.verdict != accepted && a.verdict != repeated || a.anew() {
		return
	}
	h, err := loadHead(n.db, a.op.stream, everything)
	if err != nil {
		tb.Fatal(err)
	}
	want := outcome{verdict: repeated, current: a.current, position: a.position}
	if h.tombstoned() || a.op.expected == expectStreamExists && h.retention.softDeleted() {
		want = outcome{verdict: deleted, current: h.last}
	}
	if got, err := n.submit(tb.Context(), a.op.request()); err != nil || got != want {
		tb.Errorf("%v was answered %+v, sent again %+v, %v; want %+v", a.op, a.outcome, got, err, want)
	}
}

// anew reports whether the op went into a deleted stream although it expects none.
func (a answer) anew() bool {
	return a.op.expected == expectNoStream && a.current >= int64(len(a.op.events))
}

// eventIn returns the position of the event in a message to a reader, false if it
// holds none.
func eventIn(tb testing.TB, message []byte) (uint64, bool) {
	tb.Helper()
	var m streamspb.ReadResp
	if err := proto.Unmarshal(message, &m); err != nil {
		tb.Fatal(err)
	}
	e := m.GetEvent().GetEvent()
	return e.GetCommitPosition(), e != nil
}
