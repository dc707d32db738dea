package witness

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"crm/eventstore/embedded"
)

// TestALogThatCannotBe takes logs with one fault each.
func TestALogThatCannotBe(t *testing.T) {
	t.Parallel()
	log := func() (events []*esdb.RecordedEvent) {
		next := map[string]uint64{}
		for number, stream := range []string{"a", "b", "a", "c", "b"} {
			for _, e := range eventsOf(uint64(number+1), 1+number%3, 100) {
				position := uint64(len(events)) + 1
				content := "application/octet-stream"
				if e.ContentType == esdb.ContentTypeJson {
					content = "application/json"
				}
				events = append(events, &esdb.RecordedEvent{
					StreamID: stream, EventNumber: next[stream], EventID: e.EventID, EventType: e.EventType,
					ContentType: content, Data: e.Data, UserMetadata: e.Metadata,
					Position: esdb.Position{Commit: position, Prepare: position},
				})
				next[stream]++
			}
		}
		return events
	}
	renumber := func(events []*esdb.RecordedEvent) []*esdb.RecordedEvent {
		next := map[string]uint64{}
		for i, e := range events {
			e.EventNumber, e.Position = next[e.StreamID], esdb.Position{Commit: uint64(i) + 1, Prepare: uint64(i) + 1}
			next[e.StreamID]++
		}
		return events
	}
	for _, c := range []struct {
		name  string
		spoil func(events []*esdb.RecordedEvent) []*esdb.RecordedEvent
		want  string
	}{
		{"nothing", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent { return e }, ""},
		{"a byte of data", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent { e[3].Data[7] ^= 1; return e }, "not what was written"},
		{"the type", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent { e[3].EventType = "other"; return e }, "not what was written"},
		{"metadata", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent { e[3].UserMetadata = nil; return e }, "not what was written"},
		{"an event is missing", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent { return slices.Delete(e, 3, 4) }, "the event before at 3"},
		{"an append is missing", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent { return renumber(slices.Delete(e, 3, 6)) }, "stands"},
		{"the end is missing", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent { return slices.Delete(e, 7, 9) }, "lost"},
		{"half an append at the end", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent { return slices.Delete(e, 8, 9) }, "half an append"},
		{"half an append", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent { return renumber(slices.Delete(e, 4, 5)) }, "half an append"},
		{"one is there twice", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent {
			twice := *e[0]
			return renumber(append(e, &twice))
		}, "is at 1 and at 10"},
		{"a revision is missing", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent { e[7].EventNumber++; return e }, "next revision"},
		{"two changed places", func(e []*esdb.RecordedEvent) []*esdb.RecordedEvent {
			e[0], e[6] = e[6], e[0]
			return renumber(e)
		}, "stands"},
	} {
		j, errs := &Journal{}, faults{}
		for _, e := range log() {
			if err := j.Heard(e.Position.Commit, factOf(e)); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range c.spoil(log()) {
			errs.add(j.log.take(e))
		}
		errs.add(j.settle())
		if err := errs.err(); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
}

// TestTwoWereToldDifferentThings also of what was read and settled before.
func TestTwoWereToldDifferentThings(t *testing.T) {
	t.Parallel()
	j := &Journal{}
	one, other := Fact{Stream: "a", ID: uuid.UUID{1}}, Fact{Stream: "a", ID: uuid.UUID{2}}
	if err := j.Heard(1, one); err != nil {
		t.Error(err)
	}
	if err := j.Heard(1, one); err != nil {
		t.Error(err)
	}
	if err := j.Heard(1, other); err == nil {
		t.Error("nobody minds")
	}
	j = &Journal{log: Log{facts: []Fact{one}}}
	if err := j.Heard(1, other); err == nil {
		t.Error("nobody minds, once it is settled")
	}
}

// TestWritersAreHeldToTheirWord has writers work, and holds the node to what they
// were told: it passes. Then it holds another node to it.
func TestWritersAreHeldToTheirWord(t *testing.T) {
	t.Parallel()
	client := start(t, embedded.Config{})()
	j := &Journal{}
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	told := make(chan int)
	go func() {
		defer enough()
		for sum := 0; sum < 500; {
			sum += <-told
		}
	}()
	w := NewWriters(j, 4, 1, Load{Batch: 4, Bytes: 100, After: func(events int) {
		select {
		case told <- events:
		case <-ctx.Done():
		}
	}})
	if err := w.Run(ctx, client); err != nil {
		t.Error(err)
	}
	if err := j.Hold(t.Context(), client); err != nil {
		t.Error(err)
	}
	if err := w.Finish(t.Context(), client); err != nil || w.InDoubt() > 0 {
		t.Errorf("%d in doubt, %v", w.InDoubt(), err)
	}
	if err := j.HoldWhole(t.Context(), client); err != nil {
		t.Error(err)
	}
	if end, err := j.HoldPrefix(t.Context(), client); err != nil || end != uint64(j.Log().Len()) || end < 500 {
		t.Errorf("a store is a prefix of itself up to %d, %v", end, err)
	}
	empty := start(t, embedded.Config{})()
	if err := j.HoldWhole(t.Context(), empty); err == nil {
		t.Error("an empty store has it all")
	}
	if end, err := j.HoldPrefix(t.Context(), empty); err != nil || end != 0 {
		t.Errorf("nothing is a prefix up to %d, %v", end, err)
	}
	if err := w.Finish(t.Context(), empty); err != nil {
		t.Error(err)
	}
}
