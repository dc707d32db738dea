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
	for name, test := range map[string]func(*testing.T, subject){
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
			test(t, subject{Log: open(t), event: event})
		})
	}
}

// subject is the log under test and how to make events for it.
type subject struct {
	Log
	event func(text string) domain.Event
}

// stream is a stream that no other test uses.
func (subject) stream() domain.Stream {
	return domain.CustomerStream(domain.CustomerID{UUID: uuid.New()}) //nolint:forbidigo // a server's log outlives the test
}

// proposed makes one event for each text. OccurredAt has microseconds and lies
// before the log existed, because imports bring the past.
func (s subject) proposed(texts ...string) []domain.Proposed {
	command := domain.CommandRef{Name: "test.say", ID: uuid.New(), Fingerprint: "00ff"} //nolint:forbidigo // as above
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

func (s subject) append(t *testing.T, stream domain.Stream, expected domain.Revision, events []domain.Proposed) domain.Receipt {
	t.Helper()
	receipt, err := s.Append(t.Context(), stream, expected, events)
	if err != nil {
		t.Fatalf("append %d events to %s after %d: %v", len(events), stream, expected, err)
	}
	if want := expected + domain.Revision(len(events)); receipt.Revision != want || receipt.Events != len(events) {
		t.Fatalf("the receipt is %+v, want revision %d and %d events", receipt, want, len(events))
	}
	return receipt
}

func (s subject) refuse(t *testing.T, stream domain.Stream, expected domain.Revision, events []domain.Proposed, want error) {
	t.Helper()
	receipt, err := s.Append(t.Context(), stream, expected, events)
	if !errors.Is(err, want) {
		t.Fatalf("append to %s after %d: receipt %+v and error %v, want %v", stream, expected, receipt, err, want)
	}
}

func (s subject) load(t *testing.T, stream domain.Stream, after domain.Revision) []domain.Recorded {
	t.Helper()
	events, err := s.Load(t.Context(), stream, after)
	if err != nil {
		t.Fatalf("load %s after %d: %v", stream, after, err)
	}
	return events
}

// holds compares a stream with the events that should be all of it.
func (s subject) holds(t *testing.T, stream domain.Stream, want []domain.Proposed) {
	t.Helper()
	loaded := s.load(t, stream, domain.NoStream)
	got := make([]domain.Proposed, len(loaded))
	for i, recorded := range loaded {
		got[i] = domain.Proposed{ID: recorded.ID, Event: recorded.Event, Meta: recorded.Meta}
		if recorded.Stream != stream || recorded.Revision != domain.Revision(i) {
			t.Errorf("event %d says it is %s revision %d", i, recorded.Stream, recorded.Revision)
		}
	}
	if diff := cmp.Diff(want, got, plain); diff != "" {
		t.Errorf("%s holds other events (-want +got):\n%s", stream, diff)
	}
}

func testMissing(t *testing.T, s subject) {
	for _, after := range []domain.Revision{domain.NoStream, 0, 41} {
		if events := s.load(t, s.stream(), after); len(events) != 0 {
			t.Errorf("a missing stream holds %+v after %d", events, after)
		}
	}
}

func testRoundTrip(t *testing.T, s subject) {
	stream := s.stream()
	events := s.proposed("plain", "Ελένη Παπαδοπούλου", "李小龍 🐉", "quote \" and \\ and \n and <&>", "")
	receipt := s.append(t, stream, domain.NoStream, events)
	s.holds(t, stream, events)

	loaded := s.load(t, stream, domain.NoStream)
	for i, recorded := range loaded {
		switch {
		case recorded.RecordedAt.IsZero() || recorded.RecordedAt.Location() != time.UTC:
			t.Errorf("event %d was recorded at %v, want an instant in UTC", i, recorded.RecordedAt)
		case recorded.Meta.OccurredAt.Location() != time.UTC:
			t.Errorf("event %d occurred at %v, want an instant in UTC", i, recorded.Meta.OccurredAt)
		case len(recorded.Data) == 0:
			t.Errorf("event %d has no payload", i)
		}
	}
	if last := loaded[len(loaded)-1]; last.Position != receipt.Position {
		t.Errorf("the last event is at %v, its receipt says %v", last.Position, receipt.Position)
	}
}

func testLoadAfter(t *testing.T, s subject) {
	stream := s.stream()
	events := s.proposed("0", "1", "2", "3")
	s.append(t, stream, domain.NoStream, events)
	for after := domain.NoStream; after <= 5; after++ {
		want := max(0, 3-int(after))
		loaded := s.load(t, stream, after)
		if len(loaded) != want {
			t.Fatalf("%d events after %d, want %d", len(loaded), after, want)
		}
		if want > 0 && (loaded[0].Revision != after+1 || loaded[0].ID != events[after+1].ID) {
			t.Errorf("after %d comes revision %d", after, loaded[0].Revision)
		}
	}
}

func testApart(t *testing.T, s subject) {
	one, other := s.stream(), s.stream()
	first, second := s.proposed("one"), s.proposed("other")
	s.append(t, one, domain.NoStream, first)
	s.append(t, other, domain.NoStream, second)
	s.holds(t, one, first)
	s.holds(t, other, second)
}

func testStale(t *testing.T, s subject) {
	stream := s.stream()
	events := s.proposed("0", "1", "2")
	s.refuse(t, stream, 0, s.proposed("x"), domain.ErrStale) // nothing is there yet
	s.append(t, stream, domain.NoStream, events)
	for _, expected := range []domain.Revision{domain.NoStream, 0, 1, 3, 100} {
		s.refuse(t, stream, expected, s.proposed("x"), domain.ErrStale)
	}
	s.holds(t, stream, events)
	s.append(t, stream, 2, s.proposed("3"))
}

func testBeginsOnce(t *testing.T, s subject) {
	stream := s.stream()
	first := s.proposed("first")
	s.append(t, stream, domain.NoStream, first)
	s.refuse(t, stream, domain.NoStream, s.proposed("second"), domain.ErrStale)
	s.holds(t, stream, first)
}

func testRepeated(t *testing.T, s subject) {
	stream := s.stream()
	events, more := s.proposed("0", "1"), s.proposed("2", "3", "4")
	first := s.append(t, stream, domain.NoStream, events)
	again := func(when string) {
		t.Helper()
		if receipt := s.append(t, stream, domain.NoStream, events); receipt != first {
			t.Errorf("%s the repeated append has receipt %+v, the first had %+v", when, receipt, first)
		}
	}
	again("At once")
	second := s.append(t, stream, 1, more)
	again("After more events")
	if receipt := s.append(t, stream, 1, more); receipt != second {
		t.Errorf("the repeated append has receipt %+v, the first had %+v", receipt, second)
	}
	s.holds(t, stream, append(events, more...))
}

func testOverlap(t *testing.T, s subject) {
	stream := s.stream()
	events := s.proposed("0", "1")
	s.append(t, stream, domain.NoStream, events)
	longer := append(events[:2:2], s.proposed("2")...)
	s.refuse(t, stream, domain.NoStream, longer, domain.ErrStale)
	s.refuse(t, stream, domain.NoStream, append(events[:1:1], s.proposed("other")...), domain.ErrStale)
	s.refuse(t, stream, 0, events, domain.ErrStale) // known, but not there
	s.holds(t, stream, events)
}

func testAtomic(t *testing.T, s subject) {
	stream := s.stream()
	s.append(t, stream, domain.NoStream, s.proposed("0"))
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range 20 {
			expected := domain.Revision(5 * i)
			if _, err := s.Append(t.Context(), stream, expected, s.proposed("1", "2", "3", "4", "5")); err != nil {
				t.Errorf("append after %d: %v", expected, err)
				return
			}
		}
	})
	defer writing.Wait()
	for seen := 0; seen < 1+5*20 && !t.Failed(); {
		if seen = len(s.load(t, stream, domain.NoStream)); seen%5 != 1 {
			t.Errorf("a reader saw %d events: part of an append", seen)
		}
	}
}

func testPositions(t *testing.T, s subject) {
	one, other := s.stream(), s.stream()
	first := s.append(t, one, domain.NoStream, s.proposed("0", "1"))
	second := s.append(t, other, domain.NoStream, s.proposed("0"))
	third := s.append(t, one, 1, s.proposed("2"))
	if !first.Position.Before(second.Position) || !second.Position.Before(third.Position) {
		t.Errorf("positions %v, %v, %v do not grow", first.Position, second.Position, third.Position)
	}
	var last domain.Position
	for _, recorded := range s.load(t, one, domain.NoStream) {
		if !last.Before(recorded.Position) {
			t.Errorf("revision %d is at %v, the one before it at %v", recorded.Revision, recorded.Position, last)
		}
		last = recorded.Position
	}
}

func testTooLarge(t *testing.T, s subject) {
	stream := s.stream()
	s.refuse(t, stream, domain.NoStream, s.proposed("small", strings.Repeat("large", largestAppend/5)), domain.ErrTooLarge)
	s.holds(t, stream, []domain.Proposed{})
	s.append(t, stream, domain.NoStream, s.proposed(strings.Repeat("large", largestAppend/10)))
}

func testConcurrent(t *testing.T, s subject) {
	const writers, each = 8, 10
	stream := s.stream()
	var mu sync.Mutex
	winners := map[domain.Revision]uuid.UUID{}
	var working sync.WaitGroup
	for range writers {
		working.Go(func() {
			for won := 0; won < each && !t.Failed(); {
				known, err := s.Load(t.Context(), stream, domain.NoStream)
				if err != nil {
					t.Errorf("load: %v", err)
					return
				}
				expected, events := domain.Revision(len(known))-1, s.proposed("mine")
				receipt, err := s.Append(t.Context(), stream, expected, events)
				switch {
				case errors.Is(err, domain.ErrStale):
					continue
				case err != nil:
					t.Errorf("append after %d: %v", expected, err)
					return
				}
				won++
				mu.Lock()
				if _, taken := winners[receipt.Revision]; taken {
					t.Errorf("two writers won revision %d", receipt.Revision)
				}
				winners[receipt.Revision] = events[0].ID
				mu.Unlock()
			}
		})
	}
	working.Wait()
	loaded := s.load(t, stream, domain.NoStream)
	if len(loaded) != writers*each {
		t.Fatalf("the stream holds %d events, %d were appended", len(loaded), writers*each)
	}
	for i, recorded := range loaded {
		if recorded.ID != winners[domain.Revision(i)] {
			t.Errorf("revision %d holds event %v, its winner wrote %v", i, recorded.ID, winners[domain.Revision(i)])
		}
	}
}

func testConcurrentRepeats(t *testing.T, s subject) {
	stream := s.stream()
	events := s.proposed("0", "1")
	receipts := make([]domain.Receipt, 8)
	var working sync.WaitGroup
	for i := range receipts {
		working.Go(func() {
			receipt, err := s.Append(t.Context(), stream, domain.NoStream, events)
			if err != nil {
				t.Errorf("a repeated append was refused: %v", err)
			}
			receipts[i] = receipt
		})
	}
	working.Wait()
	for i, receipt := range receipts {
		if receipt != receipts[0] {
			t.Errorf("repeat %d has receipt %+v, repeat 0 has %+v", i, receipt, receipts[0])
		}
	}
	s.holds(t, stream, events)
}
