package domain_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm/domain"
)

// card is something with fields of every sort.
type card struct {
	Name  string
	Note  domain.Personal
	Count int
	Tags  []string
}

var cardFields = domain.Fields[card]{
	domain.FieldOf("name", func(c *card) *string { return &c.Name }),
	domain.LongTextField("note", func(c *card) *domain.Personal { return &c.Note }),
	domain.FieldOf("count", func(c *card) *int { return &c.Count }),
	domain.ListField("tags", func(c *card) *[]string { return &c.Tags }),
}

func anyCard() *rapid.Generator[card] {
	return rapid.Custom(func(t *rapid.T) card {
		return card{
			Name:  rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "name"),
			Note:  rapid.SampledFrom([]domain.Personal{"", "x", "y"}).Draw(t, "note"),
			Count: rapid.IntRange(0, 2).Draw(t, "count"),
			Tags:  rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}}).Draw(t, "tags"),
		}
	})
}

func anyPatch() *rapid.Generator[domain.Patch[card]] {
	return rapid.Custom(func(t *rapid.T) domain.Patch[card] {
		names := rapid.SampledFrom([]string{"name", "note", "count", "tags", "unknown", ""})
		return domain.Patch[card]{Set: anyCard().Draw(t, "set"), Clear: rapid.SliceOfN(names, 0, 3).Draw(t, "clear")}
	})
}

func TestNeededIsIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before, patch := anyCard().Draw(t, "before"), anyPatch().Draw(t, "patch")
		needed, changed, err := cardFields.Needed(before, patch)
		if err != nil {
			if !errors.Is(err, domain.ErrInvalid) {
				t.Fatalf("%+v is refused with %v", patch, err)
			}
			return
		}
		after := cardFields.Apply(before, needed)
		if changed == cmp.Equal(before, after) {
			t.Fatalf("%+v changes %+v: %v, and it becomes %+v", patch, before, changed, after)
		}
		if diff := cmp.Diff(cardFields.Apply(before, patch), after); diff != "" {
			t.Fatalf("what was needed does not do what was asked (-asked +needed):\n%s", diff)
		}
		if again, changed, err := cardFields.Needed(after, patch); changed || err != nil {
			t.Fatalf("asked again, %+v is needed, %v", again, err)
		}
		if again := cardFields.Apply(after, needed); !cmp.Equal(after, again) {
			t.Fatalf("applied again, %+v becomes %+v", after, again)
		}
	})
}

func TestNeeded(t *testing.T) {
	t.Parallel()
	type patch = domain.Patch[card]
	known := card{Name: "a", Note: "x", Tags: []string{"a"}}
	for name, test := range map[string]struct {
		patch   patch
		needed  patch
		pointer string // of the refusal
	}{
		"sets and clears":               {patch: patch{Set: card{Name: "b"}, Clear: []string{"note"}}, needed: patch{Set: card{Name: "b"}, Clear: []string{"note"}}},
		"leaves out what is so":         {patch: patch{Set: card{Name: "a", Count: 1, Tags: []string{"a"}}, Clear: []string{"count"}}, pointer: "/count"},
		"leaves out what is the same":   {patch: patch{Set: card{Name: "a", Tags: []string{"b"}}}, needed: patch{Set: card{Tags: []string{"b"}}}},
		"clears a field once":           {patch: patch{Clear: []string{"note", "note"}}, needed: patch{Clear: []string{"note"}}},
		"clears what is clear":          {patch: patch{Clear: []string{"count"}}},
		"refuses an unknown field":      {patch: patch{Clear: []string{"a~/b"}}, pointer: "/a~0~1b"},
		"refuses to set and to clear":   {patch: patch{Set: card{Note: "x"}, Clear: []string{"note"}}, pointer: "/note"},
		"refuses it for lists likewise": {patch: patch{Set: card{Tags: []string{"x"}}, Clear: []string{"tags"}}, pointer: "/tags"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needed, changed, err := cardFields.Needed(known, test.patch)
			if test.pointer != "" {
				if refusal, ok := errors.AsType[*domain.Refusal](err); !ok || refusal.Pointer != test.pointer || changed {
					t.Errorf("answered with %v, changed %v, want a refusal at %s", err, changed, test.pointer)
				}
				return
			}
			if err != nil || changed == cmp.Equal(patch{}, test.needed) {
				t.Errorf("changed: %v, %v", changed, err)
			}
			if diff := cmp.Diff(test.needed, needed); diff != "" {
				t.Errorf("something else is needed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTouches(t *testing.T) {
	t.Parallel()
	patch := domain.Patch[card]{Set: card{Name: "b"}, Clear: []string{"note"}}
	for name, want := range map[string]bool{"name": true, "note": true, "count": false, "tags": false, "unknown": false} {
		if got := cardFields.Touches(patch, name); got != want {
			t.Errorf("the patch touches %s: %v, want %v", name, got, want)
		}
		if got := cardFields.Has(name); got != (name != "unknown") {
			t.Errorf("there is a field %s: %v", name, got)
		}
	}
}
