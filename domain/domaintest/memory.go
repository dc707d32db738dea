package domaintest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"time"

	"crm/domain"
)

// Memory is a log in memory, safe for concurrent use. It keeps events as JSON
// and hands out what it reads from that, so nobody shares memory with it.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	log     []entry
	streams map[domain.Stream][]int // places in log, by revision
	end     uint64                  // position of the last event
	grown   chan struct{}           // closed and replaced when the log grows
}

// entry is an event as it is kept.
type entry struct {
	recorded  domain.Recorded // without Event and Data
	eventType reflect.Type
	data      []byte
}

// largestAppend is what EventStoreDB takes in one append unless told otherwise.
const largestAppend = 1 << 20

// NewMemory is an empty log whose events are recorded at the instant that now
// tells.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, streams: map[domain.Stream][]int{}, grown: make(chan struct{})}
}

// Load gives the stream's events after a revision, in order.
func (m *Memory) Load(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	places := m.streams[stream]
	first := max(int(after)+1, 0)
	if first >= len(places) {
		return nil, nil
	}
	var events []domain.Recorded
	for _, place := range places[first:] {
		recorded, err := m.log[place].read()
		if err != nil {
			return nil, err
		}
		events = append(events, recorded)
	}
	return events, nil
}

// Append stores events as the next ones after expected, or answers as it did
// when just these events were stored there before. It refuses with
// [domain.ErrStale] when the stream is elsewhere, and with [domain.ErrTooLarge]
// what a server would not take in one append.
func (m *Memory) Append(ctx context.Context, stream domain.Stream, expected domain.Revision, events []domain.Proposed) (domain.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return domain.Receipt{}, err
	}
	entries, err := encode(events)
	if err != nil {
		return domain.Receipt{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	head := domain.Revision(len(m.streams[stream])) - 1
	switch {
	case len(events) == 0 || expected > head || expected < domain.NoStream:
		return domain.Receipt{}, fmt.Errorf("append to %s after %d, which stands at %d: %w", stream, expected, head, domain.ErrStale)
	case expected < head:
		return m.repeated(stream, expected, events)
	}
	m.store(stream, expected, entries)
	return m.receipt(stream, expected, len(events)), nil
}

// repeated is the receipt of an append that was made before.
func (m *Memory) repeated(stream domain.Stream, expected domain.Revision, events []domain.Proposed) (domain.Receipt, error) {
	places := m.streams[stream][expected+1:]
	for i, event := range events {
		if i >= len(places) || m.log[places[i]].recorded.ID != event.ID {
			return domain.Receipt{}, fmt.Errorf("append to %s after %d, where other events follow: %w", stream, expected, domain.ErrStale)
		}
	}
	return m.receipt(stream, expected, len(events)), nil
}

func (m *Memory) receipt(stream domain.Stream, expected domain.Revision, count int) domain.Receipt {
	last := m.log[m.streams[stream][int(expected)+count]].recorded
	return domain.Receipt{Revision: last.Revision, Position: last.Position, Events: count}
}

func (m *Memory) store(stream domain.Stream, expected domain.Revision, entries []entry) {
	recordedAt := m.now().UTC()
	for i, e := range entries {
		m.end += uint64(len(e.data)) + 1 // like a place in a file: growing, not contiguous
		e.recorded.Stream = stream
		e.recorded.Revision = expected + 1 + domain.Revision(i)
		e.recorded.Position = domain.Position{Commit: m.end, Prepare: m.end}
		e.recorded.RecordedAt = recordedAt
		m.streams[stream] = append(m.streams[stream], len(m.log))
		m.log = append(m.log, e)
	}
	close(m.grown)
	m.grown = make(chan struct{})
}

// All gives every event after a position, in the order they were stored.
func (m *Memory) All(after domain.Position) []domain.Recorded {
	events, _ := m.all(after)
	return events
}

// Next is [Memory.All], but waits for at least one event. It returns the
// context's error when that ends first.
func (m *Memory) Next(ctx context.Context, after domain.Position) ([]domain.Recorded, error) {
	for {
		events, grown := m.all(after)
		if len(events) > 0 {
			return events, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (m *Memory) all(after domain.Position) ([]domain.Recorded, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var events []domain.Recorded
	for _, e := range m.log {
		if !after.Before(e.recorded.Position) {
			continue
		}
		recorded, err := e.read()
		if err != nil { // as a store does: the log goes on
			recorded = e.recorded
			recorded.Event = domain.Unreadable{Type: e.eventType.String(), Why: err.Error()}
		}
		events = append(events, recorded)
	}
	return events, m.grown
}

func encode(events []domain.Proposed) ([]entry, error) {
	entries, size := make([]entry, len(events)), 0
	for i, event := range events {
		data, err := json.Marshal(event.Event)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", event.Event.EventType(), err)
		}
		size += len(data)
		entries[i] = entry{
			recorded:  domain.Recorded{ID: event.ID, Meta: event.Meta},
			eventType: reflect.TypeOf(event.Event),
			data:      data,
		}
	}
	if size > largestAppend {
		return nil, domain.ErrTooLarge
	}
	return entries, nil
}

func (e entry) read() (domain.Recorded, error) {
	event, err := decode(e.eventType, e.data)
	if err != nil {
		return domain.Recorded{}, fmt.Errorf("decode %s revision %d: %w", e.recorded.Stream, e.recorded.Revision, err)
	}
	recorded := e.recorded
	recorded.Event, recorded.Data = event, append([]byte(nil), e.data...)
	return recorded, nil
}

func decode(eventType reflect.Type, data []byte) (domain.Event, error) {
	value := reflect.New(eventType)
	if err := json.Unmarshal(data, value.Interface()); err != nil {
		return nil, err
	}
	return value.Elem().Interface().(domain.Event), nil
}
