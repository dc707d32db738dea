package embedded

import (
	"fmt"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestMaxAgeGoesByTheClock: to the second, with the clock that made created.
func TestMaxAgeGoesByTheClock(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	s := start(t, Config{now: func() time.Time { return clock }})
	s.append(t, "a", esdb.Any{}, eventsOf("x", 2)...)
	clock = clock.Add(2 * time.Hour)
	s.append(t, "a", esdb.Any{}, eventsOf("x", 2)...)
	clock = clock.Add(30 * time.Minute)
	for _, tt := range []struct {
		maxAge int
		want   []string
	}{
		{9001, []string{"a@0", "a@1", "a@2", "a@3"}},
		{9000, []string{"a@0", "a@1", "a@2", "a@3"}},
		{8999, []string{"a@2", "a@3"}},
		{1800, []string{"a@2", "a@3"}},
		{1799, []string{}},
	} {
		s.append(t, "$$a", esdb.Any{}, esdb.EventData{
			EventID: uuid.New(), EventType: "$metadata", ContentType: esdb.ContentTypeJson,
			Data: fmt.Appendf(nil, `{"$maxAge":%d}`, tt.maxAge),
		})
		got, err := s.readStream(t.Context(), "a", esdb.Start{}, esdb.Forwards)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, names(got)); diff != "" {
			t.Errorf("$maxAge %d:\n%s", tt.maxAge, diff)
		}
	}
}

func TestCreatedNeverGoesBackwards(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cfg := Config{Dir: dir, now: func() time.Time { return clock }}
	s := start(t, cfg)
	s.append(t, "a", esdb.Any{}, event("x"))
	clock = clock.Add(-time.Hour)
	s.append(t, "a", esdb.Any{}, event("x"))
	s.stop(t)
	s = start(t, cfg)
	s.append(t, "a", esdb.Any{}, event("x"))
	for _, e := range s.readAll(t, esdb.Start{}, esdb.Forwards) {
		if want := clock.Add(time.Hour); !e.CreatedDate.Equal(want) {
			t.Errorf("revision %d created %v, want %v", e.EventNumber, e.CreatedDate, want)
		}
	}
}
