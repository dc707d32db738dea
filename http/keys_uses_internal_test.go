package http

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestUsesAreNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	var u keyUses
	a, b := uuid.UUID{1}, uuid.UUID{2}
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var written []map[uuid.UUID]time.Time
	write := func(_ context.Context, uses map[uuid.UUID]time.Time) error {
		written = append(written, uses)
		return nil
	}
	away := errors.New("away")
	u.note(a, noon)
	u.note(a, noon.Add(59*time.Second))
	if err := u.flush(t.Context(), func(context.Context, map[uuid.UUID]time.Time) error { return away }); !errors.Is(err, away) {
		t.Fatal(err)
	}
	u.note(b, noon)
	for range 2 { // the second has nothing to write
		if err := u.flush(t.Context(), write); err != nil {
			t.Fatal(err)
		}
	}
	u.note(a, noon.Add(time.Minute))
	if err := u.flush(t.Context(), write); err != nil {
		t.Fatal(err)
	}
	want := []map[uuid.UUID]time.Time{{a: noon, b: noon}, {a: noon.Add(time.Minute)}}
	if diff := cmp.Diff(want, written); diff != "" {
		t.Error(diff)
	}
}
