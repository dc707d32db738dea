package domaintest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/domaintest"
)

// said is an event of no aggregate.
type said struct {
	Text  domain.Personal `json:"text"`
	Notes []string        `json:"notes,omitempty"`
}

func (said) EventType() string { return "test.said" }

func say(text string) domain.Event { return said{Text: domain.Personal(text)} }

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func TestMemory(t *testing.T) {
	t.Parallel()
	domaintest.TestLog(t, func(*testing.T) domaintest.Log { return domaintest.NewMemory(noon) }, say)
}

func stream(n byte) domain.Stream {
	return domain.DealStream(domain.DealID{UUID: uuid.UUID{15: n}})
}

func proposed(n byte, event domain.Event) []domain.Proposed {
	return []domain.Proposed{{ID: uuid.UUID{15: n}, Event: event}}
}

func TestMemoryRecordsWhenItsClockSays(t *testing.T) {
	t.Parallel()
	log := domaintest.NewMemory(func() time.Time { return noon().In(time.FixedZone("", 3600)) })
	if _, err := log.Append(t.Context(), stream(1), domain.NoStream, proposed(1, say("x"))); err != nil {
		t.Fatal(err)
	}
	if got := log.All(domain.Position{})[0].RecordedAt; got != noon() {
		t.Errorf("recorded at %v, want %v", got, noon())
	}
}

func TestMemorySharesNothing(t *testing.T) {
	t.Parallel()
	log := domaintest.NewMemory(noon)
	notes := []string{"kept"}
	if _, err := log.Append(t.Context(), stream(1), domain.NoStream, proposed(1, said{Notes: notes})); err != nil {
		t.Fatal(err)
	}
	notes[0] = "changed by the writer"
	read := log.All(domain.Position{})[0]
	read.Event.(said).Notes[0] = "changed by a reader"
	read.Data[0] = 'x'

	again := log.All(domain.Position{})[0]
	if diff := cmp.Diff(said{Notes: []string{"kept"}}, again.Event); diff != "" {
		t.Errorf("the log changed (-want +got):\n%s", diff)
	}
	if got, want := string(again.Data), `{"text":"","notes":["kept"]}`; got != want {
		t.Errorf("the payload is %s, want %s", got, want)
	}
}

func TestMemoryGivesAllInOrder(t *testing.T) {
	t.Parallel()
	log := domaintest.NewMemory(noon)
	for n := range byte(6) {
		if _, err := log.Append(t.Context(), stream(n%2), domain.Revision(n/2)-1, proposed(n, say("x"))); err != nil {
			t.Fatal(err)
		}
	}
	all := log.All(domain.Position{})
	for i, recorded := range all {
		if recorded.ID != (uuid.UUID{15: byte(i)}) {
			t.Errorf("event %d is %v", i, recorded.ID)
		}
		if rest := log.All(recorded.Position); len(rest) != len(all)-1-i {
			t.Errorf("%d events after event %d, want %d", len(rest), i, len(all)-1-i)
		}
	}
}

func TestMemoryNextWaits(t *testing.T) {
	t.Parallel()
	log := domaintest.NewMemory(noon)
	found := make(chan []domain.Recorded)
	go func() {
		events, err := log.Next(t.Context(), domain.Position{})
		if err != nil {
			t.Errorf("next: %v", err)
		}
		found <- events
	}()
	if _, err := log.Append(t.Context(), stream(1), domain.NoStream, proposed(1, say("x"))); err != nil {
		t.Fatal(err)
	}
	if events := <-found; len(events) != 1 {
		t.Errorf("next gave %d events, want 1", len(events))
	}

	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := log.Next(ended, log.All(domain.Position{})[0].Position); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended wait gives %v, want %v", err, context.Canceled)
	}
}
