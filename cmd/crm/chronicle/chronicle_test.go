package chronicle_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/cmd/crm/chronicle"
	"crm/domain"
)

func TestChronicleIsAlwaysTheSameAndAsLargeAsAskedFor(t *testing.T) {
	t.Parallel()
	cfg := chronicle.Config{Customers: 500, Deals: 1000, Events: 6000}
	var first, second []chronicle.Commit
	for c := range chronicle.Commits(cfg) {
		first = append(first, c)
	}
	for c := range chronicle.Commits(cfg) {
		second = append(second, c)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Fatalf("a second telling differs (-first +second)\n%s", diff)
	}
	revisions, categories, types, events := map[domain.Stream]domain.Revision{}, map[string]int{}, map[string]bool{}, 0
	for _, c := range first {
		at, known := revisions[c.Stream]
		if !known {
			at = domain.NoStream
			categories[c.Stream.Category()]++
		}
		if c.Expected != at {
			t.Fatalf("%s: a commit after revision %d, want %d", c.Stream, c.Expected, at)
		}
		revisions[c.Stream] = at + domain.Revision(len(c.Events))
		events += len(c.Events)
		for _, e := range c.Events {
			types[e.Event.EventType()] = true
		}
	}
	if categories["customer"] != 500 || categories["deal"] != 1000 {
		t.Errorf("%d customers and %d deals, want 500 and 1000", categories["customer"], categories["deal"])
	}
	if events < 5700 || events > 6300 {
		t.Errorf("%d events, want about 6000", events)
	}
	for _, want := range []string{"deal.won", "deal.lost", "deal.reopened", "consent.withdrawn", "interaction.logged", "customer.attributes_changed"} {
		if !types[want] {
			t.Errorf("no %s in it", want)
		}
	}
}

func TestChronicleStopsWhenNobodyListens(t *testing.T) {
	t.Parallel()
	n := 0
	for range chronicle.Commits(chronicle.Config{Customers: 100}) {
		if n++; n == 50 {
			break
		}
	}
	if n != 50 {
		t.Errorf("%d commits", n)
	}
}
