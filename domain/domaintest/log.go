package domaintest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
)

// Log is what the suite tests; the rooms that need one declare the same.
type Log interface {
	Load(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error)
	Append(ctx context.Context, stream domain.Stream, expected domain.Revision, events []domain.Proposed) (domain.Receipt, error)
}

// TestLog is the suite that every log must pass. It calls open for each subtest,
// which may answer with a log that already holds events; stream names are new in
// every run. The function event makes an event of a kind that the log can store,
// with the text somewhere in its payload.
func TestLog(t *testing.T, open func(t *testing.T) Log, event func(text string) domain.Event) {
	t.Helper()
	for name, test := range map[string]func(subject){
		"a missing stream is empty":                      testMissing,
		"what is appended is loaded":                     testRoundTrip,
		"a load starts after a revision":                 testLoadAfter,
		"streams are apart":                              testApart,
		"an expected revision that is not refuses":       testStale,
		"a stream begins once":                           testBeginsOnce,
		"a repeated append answers as the first time":    testRepeated,
		"an append that overlaps another is refused":     testOverlap,
		"an append is stored whole or not at all":        testAtomic,
		"positions grow over all streams":                testPositions,
		"what is too large is refused":                   testTooLarge,
		"of concurrent writers one wins each revision":   testConcurrent,
		"a repeated append among concurrent ones is one": testConcurrentRepeats,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(subject{t: t, Log: open(t), event: event})
		})
	}
}

// subject is the log under test and how to make events for it.
type subject struct {
	t *testing.T
	Log
	event func(text string) domain.Event
}

// stream is a stream that no other test uses, nor an earlier run of this one: a
// server's log outlives it.
func (subject) stream() domain.Stream {
	return domain.CustomerStream(domain.CustomerID{UUID: uuid.New()})
}

// proposed makes one event for each text. OccurredAt has microseconds and lies
// before the log existed, because imports bring the past.
func (s subject) proposed(texts ...string) []domain.Proposed {
	command := domain.CommandRef{Name: "test.say", ID: uuid.New(), Fingerprint: "00ff"}
	events := make([]domain.Proposed, len(texts))
	for i, text := range texts {
		events[i] = domain.Proposed{
			ID:    command.EventID(i),
			Event: s.event(text),
			Meta: domain.Meta{
				OccurredAt:    time.Date(1999, 12, 31, 23, 59, 59, 123456000, time.UTC),
				Actor:         "key-1",
				OnBehalfOf:    "key-2",
				Reason:        "weil – 因為 – لأن",
				Source:        domain.Source{Application: "test", Import: "run-7", Row: "12"},
				Command:       command,
				CorrelationID: "conversation",
				CausationID:   "cause",
				TraceParent:   "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
			},
		}
	}
	return events
}

func (s subject) append(stream domain.Stream, expected domain.Revision, events []domain.Proposed) domain.Receipt {
	s.t.Helper()
	receipt, err := s.Append(s.t.Context(), stream, expected, events)
	if err != nil {
		s.t.Fatalf("append %d events to %s after %d: %v", len(events), stream, expected, err)
	}
	if want := expected + domain.Revision(len(events)); receipt.Revision != want || receipt.Events != len(events) {
		s.t.Fatalf("the receipt is %+v, want revision %d and %d events", receipt, want, len(events))
	}
	return receipt
}

func (s subject) refuse(stream domain.Stream, expected domain.Revision, events []domain.Proposed, want error) {
	s.t.Helper()
	receipt, err := s.Append(s.t.Context(), stream, expected, events)
	if !errors.Is(err, want) {
		s.t.Fatalf("append to %s after %d: receipt %+v and error %v, want %v", stream, expected, receipt, err, want)
	}
}

func (s subject) load(stream domain.Stream, after domain.Revision) []domain.Recorded {
	s.t.Helper()
	events, err := s.Load(s.t.Context(), stream, after)
	if err != nil {
		s.t.Fatalf("load %s after %d: %v", stream, after, err)
	}
	return events
}

// holds compares a stream with the events that should be all of it.
func (s subject) holds(stream domain.Stream, want []domain.Proposed) {
	s.t.Helper()
	loaded := s.load(stream, domain.NoStream)
	got := make([]domain.Proposed, len(loaded))
	for i, recorded := range loaded {
		got[i] = domain.Proposed{ID: recorded.ID, Event: recorded.Event, Meta: recorded.Meta}
		if recorded.Stream != stream || recorded.Revision != domain.Revision(i) {
			s.t.Errorf("event %d says it is %s revision %d", i, recorded.Stream, recorded.Revision)
		}
	}
	if diff := cmp.Diff(want, got, plain); diff != "" {
		s.t.Errorf("%s holds other events (-want +got):\n%s", stream, diff)
	}
}

func testMissing(s subject) {
	for _, after := range []domain.Revision{domain.NoStream, 0, 41} {
		if events := s.load(s.stream(), after); len(events) != 0 {
			s.t.Errorf("a missing stream holds %+v after %d", events, after)
		}
	}
}

func testRoundTrip(s subject) {
	stream := s.stream()
	events := s.proposed("plain", "Ελένη Παπαδοπούλου", "李小龍 🐉", "quote \" and \\ and \n and <&>", "")
	receipt := s.append(stream, domain.NoStream, events)
	s.holds(stream, events)

	loaded := s.load(stream, domain.NoStream)
	for i, recorded := range loaded {
		switch {
		case recorded.RecordedAt.IsZero() || recorded.RecordedAt.Location() != time.UTC:
			s.t.Errorf("event %d was recorded at %v, want an instant in UTC", i, recorded.RecordedAt)
		case recorded.Meta.OccurredAt.Location() != time.UTC:
			s.t.Errorf("event %d occurred at %v, want an instant in UTC", i, recorded.Meta.OccurredAt)
		case len(recorded.Data) == 0:
			s.t.Errorf("event %d has no payload", i)
		}
	}
	if last := loaded[len(loaded)-1]; last.Position != receipt.Position {
		s.t.Errorf("the last event is at %v, its receipt says %v", last.Position, receipt.Position)
	}
}

func testLoadAfter(s subject) {
	stream := s.stream()
	events := s.proposed("0", "1", "2", "3")
	s.append(stream, domain.NoStream, events)
	for after := domain.NoStream; after <= 5; after++ {
		want := max(0, 3-int(after))
		loaded := s.load(stream, after)
		if len(loaded) != want {
			s.t.Fatalf("%d events after %d, want %d", len(loaded), after, want)
		}
		if want > 0 && (loaded[0].Revision != after+1 || loaded[0].ID != events[after+1].ID) {
			s.t.Errorf("after %d comes revision %d", after, loaded[0].Revision)
		}
	}
}

func testApart(s subject) {
	one, other := s.stream(), s.stream()
	first, second := s.proposed("one"), s.proposed("other")
	s.append(one, domain.NoStream, first)
	s.append(other, domain.NoStream, second)
	s.holds(one, first)
	s.holds(other, second)
}

func testStale(s subject) {
	stream := s.stream()
	events := s.proposed("0", "1", "2")
	s.refuse(stream, 0, s.proposed("x"), domain.ErrStale) // nothing is there yet
	s.append(stream, domain.NoStream, events)
	for _, expected := range []domain.Revision{domain.NoStream, 0, 1, 3, 100} {
		s.refuse(stream, expected, s.proposed("x"), domain.ErrStale)
	}
	s.holds(stream, events)
	s.append(stream, 2, s.proposed("3"))
}

func testBeginsOnce(s subject) {
	stream := s.stream()
	first := s.proposed("first")
	s.append(stream, domain.NoStream, first)
	s.refuse(stream, domain.NoStream, s.proposed("second"), domain.ErrStale)
	s.holds(stream, first)
}

func testRepeated(s subject) {
	stream := s.stream()
	events, more := s.proposed("0", "1"), s.proposed("2", "3", "4")
	first := s.append(stream, domain.NoStream, events)
	again := func(when string) {
		s.t.Helper()
		if receipt := s.append(stream, domain.NoStream, events); receipt != first {
			s.t.Errorf("%s the repeated append has receipt %+v, the first had %+v", when, receipt, first)
		}
	}
	again("At once")
	second := s.append(stream, 1, more)
	again("After more events")
	if receipt := s.append(stream, 1, more); receipt != second {
		s.t.Errorf("the repeated append has receipt %+v, the first had %+v", receipt, second)
	}
	s.holds(stream, append(events, more...))
}

func testOverlap(s subject) {
	stream := s.stream()
	events := s.proposed("0", "1")
	s.append(stream, domain.NoStream, events)
	longer := append(events[:2:2], s.proposed("2")...)
	s.refuse(stream, domain.NoStream, longer, domain.ErrStale)
	s.refuse(stream, domain.NoStream, append(events[:1:1], s.proposed("other")...), domain.ErrStale)
	s.refuse(stream, 0, events, domain.ErrStale) // known, but not there
	s.holds(stream, events)
}

func testAtomic(s subject) {
	stream := s.stream()
	s.append(stream, domain.NoStream, s.proposed("0"))
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range 20 {
			expected := domain.Revision(5 * i)
			if _, err := s.Append(s.t.Context(), stream, expected, s.proposed("1", "2", "3", "4", "5")); err != nil {
				s.t.Errorf("append after %d: %v", expected, err)
				return
			}
		}
	})
	defer writing.Wait()
	for seen := 0; seen < 1+5*20 && !s.t.Failed(); {
		if seen = len(s.load(stream, domain.NoStream)); seen%5 != 1 {
			s.t.Errorf("a reader saw %d events: part of an append", seen)
		}
	}
}

func testPositions(s subject) {
	one, other := s.stream(), s.stream()
	first := s.append(one, domain.NoStream, s.proposed("0", "1"))
	second := s.append(other, domain.NoStream, s.proposed("0"))
	third := s.append(one, 1, s.proposed("2"))
	if !first.Position.Before(second.Position) || !second.Position.Before(third.Position) {
		s.t.Errorf("positions %v, %v, %v do not grow", first.Position, second.Position, third.Position)
	}
	var last domain.Position
	for _, recorded := range s.load(one, domain.NoStream) {
		if !last.Before(recorded.Position) {
			s.t.Errorf("revision %d is at %v, the one before it at %v", recorded.Revision, recorded.Position, last)
		}
		last = recorded.Position
	}
}

func testTooLarge(s subject) {
	stream := s.stream()
	s.refuse(stream, domain.NoStream, s.proposed("small", strings.Repeat("large", largestAppend/5)), domain.ErrTooLarge)
	s.holds(stream, []domain.Proposed{})
	s.append(stream, domain.NoStream, s.proposed(strings.Repeat("large", largestAppend/10)))
}

func testConcurrent(s subject) {
	const writers, each = 8, 10
	stream := s.stream()
	var mu sync.Mutex
	winners := map[domain.Revision]uuid.UUID{}
	var working sync.WaitGroup
	for range writers {
		working.Go(func() {
			for won := 0; won < each && !s.t.Failed(); {
				known, err := s.Load(s.t.Context(), stream, domain.NoStream)
				if err != nil {
					s.t.Errorf("load: %v", err)
					return
				}
				expected, events := domain.Revision(len(known))-1, s.proposed("mine")
				receipt, err := s.Append(s.t.Context(), stream, expected, events)
				switch {
				case errors.Is(err, domain.ErrStale):
					continue
				case err != nil:
					s.t.Errorf("append after %d: %v", expected, err)
					return
				}
				won++
				mu.Lock()
				if _, taken := winners[receipt.Revision]; taken {
					s.t.Errorf("two writers won revision %d", receipt.Revision)
				}
				winners[receipt.Revision] = events[0].ID
				mu.Unlock()
			}
		})
	}
	working.Wait()
	loaded := s.load(stream, domain.NoStream)
	if len(loaded) != writers*each {
		s.t.Fatalf("the stream holds %d events, %d were appended", len(loaded), writers*each)
	}
	for i, recorded := range loaded {
		if recorded.ID != winners[domain.Revision(i)] {
			s.t.Errorf("revision %d holds event %v, its winner wrote %v", i, recorded.ID, winners[domain.Revision(i)])
		}
	}
}

func testConcurrentRepeats(s subject) {
	stream := s.stream()
	events := s.proposed("0", "1")
	receipts := make([]domain.Receipt, 8)
	var working sync.WaitGroup
	for i := range receipts {
		working.Go(func() {
			receipt, err := s.Append(s.t.Context(), stream, domain.NoStream, events)
			if err != nil {
				s.t.Errorf("a repeated append was refused: %v", err)
			}
			receipts[i] = receipt
		})
	}
	working.Wait()
	for i, receipt := range receipts {
		if receipt != receipts[0] {
			s.t.Errorf("repeat %d has receipt %+v, repeat 0 has %+v", i, receipt, receipts[0])
		}
	}
	s.holds(stream, events)
}
