package domain_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"crm/domain"
)

func TestStream(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21")
	for stream, want := range map[domain.Stream]string{
		domain.CustomerStream(domain.CustomerID{UUID: id}):    "customer",
		domain.DealStream(domain.DealID{UUID: id}):            "deal",
		domain.PipelineStream(domain.PipelineID{UUID: id}):    "pipeline",
		domain.ConsentStream(domain.CustomerID{UUID: id}):     "consent",
		domain.InteractionStream(domain.CustomerID{UUID: id}): "interaction",
		domain.EmployeeStream(domain.EmployeeID{UUID: id}):    "employee",
		domain.ProductStream(domain.ProductID{UUID: id}):      "product",
	} {
		got, ok := stream.ID()
		if stream != domain.Stream(want+"-"+id.String()) || stream.Category() != want || !ok || got != id {
			t.Errorf("%s is category %q, id %v, %v, want %q and %v", stream, stream.Category(), got, ok, want, id)
		}
	}
	for _, stream := range []domain.Stream{
		"", "deal", "deal-", "$ce-deal", "deal-1", "deal-0B3F5C1E-7D2A-4C68-9A41-5E0D8F7B6C21",
		"deal-{0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21}", "deal-0b3f5c1e7d2a4c689a415e0d8f7b6c21", "$$deal-0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21x",
	} {
		if id, ok := stream.ID(); ok {
			t.Errorf("%s is the stream of %v", stream, id)
		}
	}
}

func TestPosition(t *testing.T) {
	t.Parallel()
	position := rapid.Custom(func(t *rapid.T) domain.Position {
		part := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 2))
		return domain.Position{Commit: part.Draw(t, "commit"), Prepare: part.Draw(t, "prepare")}
	})
	rapid.Check(t, func(t *rapid.T) {
		p, q := position.Draw(t, "p"), position.Draw(t, "q")
		if again, err := domain.ParsePosition(p.String()); err != nil || again != p {
			t.Fatalf("%v is read as %v, %v", p, again, err)
		}
		ways := 0
		for _, holds := range []bool{p.Before(q), q.Before(p), p == q} {
			if holds {
				ways++
			}
		}
		if ways != 1 {
			t.Fatalf("%v and %v stand in %d orders", p, q, ways)
		}
		if start := (domain.Position{}); p.IsZero() == start.Before(p) {
			t.Fatalf("%v is the start: %v, and after it: %v", p, p.IsZero(), start.Before(p))
		}
	})
}

func FuzzParsePosition(f *testing.F) {
	for _, text := range []string{"0", "1234", "1234/1230", "/", "1/", "1/2/3", "-1", "18446744073709551616"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		position, err := domain.ParsePosition(text)
		if err != nil {
			if !position.IsZero() {
				t.Fatalf("%q is refused, and read as %v", text, position)
			}
			return
		}
		if again, err := domain.ParsePosition(position.String()); err != nil || again != position {
			t.Fatalf("%q is read as %v, which is read as %v, %v", text, position, again, err)
		}
	})
}

func TestPositionIsStrict(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "/", "1/", "/1", "1/2/3", "-1", "+1", " 1", "1.0", "0x1", "1_0", "18446744073709551616"} {
		if got, err := domain.ParsePosition(text); err == nil {
			t.Errorf("%q is read as %v, want an error", text, got)
		}
	}
	if got := (domain.Position{Commit: math.MaxUint64, Prepare: 1}).String(); got != "18446744073709551615/1" {
		t.Errorf("the largest position prints as %q", got)
	}
}

// An event's id is for ever: a retry after an upgrade must still find it.
func TestEventID(t *testing.T) {
	t.Parallel()
	command := domain.CommandRef{Name: "deal.win", ID: uuid.MustParse("0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21"), Fingerprint: "c0ffee"}
	if got, want := command.EventID(0).String(), "14c42110-8182-5424-852a-70a228b29a88"; got != want {
		t.Errorf("the first event is %s, want %s", got, want)
	}
	seen := map[uuid.UUID]domain.CommandRef{}
	for _, other := range []domain.CommandRef{
		command, {ID: command.ID, Fingerprint: "decaf"}, {ID: command.ID}, {ID: uuid.UUID{1}, Fingerprint: "c0ffee"}, {ID: command.ID, Fingerprint: "c0ffee/1"},
	} {
		for i := range 3 {
			id := other.EventID(i)
			if first, known := seen[id]; known {
				t.Errorf("event %d of %+v is one of %+v", i, other, first)
			}
			seen[id] = other
		}
	}
}

func TestMetaCheck(t *testing.T) {
	t.Parallel()
	good := domain.Meta{OccurredAt: time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC), Actor: "key-1", Reason: "weil", Source: domain.Source{Row: "12"}}
	if err := good.Check(); err != nil {
		t.Errorf("good metadata is refused: %v", err)
	}
	for pointer, change := range map[string]func(*domain.Meta){
		"/occurred_at":        func(m *domain.Meta) { m.OccurredAt = time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200)) },
		"/reason":             func(m *domain.Meta) { m.Reason = "\x00" },
		"/on_behalf_of":       func(m *domain.Meta) { m.OnBehalfOf = "\x00" },
		"/source/application": func(m *domain.Meta) { m.Source.Application = "\x00" },
		"/source/import":      func(m *domain.Meta) { m.Source.Import = "\x00" },
		"/source/row":         func(m *domain.Meta) { m.Source.Row = "\x00" },
	} {
		meta := good
		change(&meta)
		refusal, ok := errors.AsType[*domain.Refusal](meta.Check())
		if !ok || !errors.Is(refusal, domain.ErrInvalid) || refusal.Pointer != pointer {
			t.Errorf("what is wrong at %s is answered with %v", pointer, refusal)
		}
	}
}
