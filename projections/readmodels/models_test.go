package readmodels_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/domain/apikey"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/pipeline"
	"crm/domain/product"
	"crm/projections"
	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// Whatever happened, the read models say what the deciders fold.
func TestModelsAgreeWithTheDeciders(t *testing.T) {
	t.Parallel()
	w := randomWorld(6000, 1)
	models, _ := w.build(t)
	empty := cmpopts.EquateEmpty()
	for stream, state := range w.states {
		id, _ := stream.ID()
		var got any
		checked := state
		var err error
		var revision domain.Revision
		switch state := state.(type) {
		case customer.State:
			var card readmodels.Customer
			card, err = models.Customers.Card(t.Context(), domain.CustomerID{UUID: id}, readmodels.AsOf{})
			got, revision = card.State, card.Revision
		case deal.State:
			var card readmodels.Deal
			card, err = models.Deals.Card(t.Context(), domain.DealID{UUID: id}, readmodels.AsOf{})
			got, revision = card.State, card.Revision
			if card.Worth != state.Worth() || (card.ClosedAt == nil) != (state.Status == deal.Running || state.Status == deal.IsVoid) {
				t.Errorf("%s is worth %v, want %v; closed at %v", stream, card.Worth, state.Worth(), card.ClosedAt)
			}
		case pipeline.State:
			var card readmodels.Pipeline
			card, err = models.Deals.Pipeline(t.Context(), domain.PipelineID{UUID: id}, readmodels.AsOf{})
			got, revision = card.State, card.Revision
		case employee.State:
			var card readmodels.Employee
			card, err = models.Catalog.Employee(t.Context(), domain.EmployeeID{UUID: id})
			got, revision = card.State, card.Revision
		case product.State:
			var card readmodels.Product
			card, err = models.Catalog.Product(t.Context(), domain.ProductID{UUID: id})
			got, revision = card.State, card.Revision
		case apikey.State:
			var key readmodels.APIKey
			key, err = models.Access.Key(t.Context(), domain.APIKeyID{UUID: id})
			state.Secret, state.Former = "", "" // which no read model knows
			checked, got, revision = state, key.State, key.Revision
			if key.Revoked != !key.RevokedAt.IsZero() || key.IssuedBy != "tester" {
				t.Errorf("%s: %+v", stream, key)
			}
		case consent.State:
			answers := map[consent.Key]consent.Answer{}
			page, e := models.Consents.Of(t.Context(), domain.CustomerID{UUID: id}, asked(t, readmodels.ConsentList, "", "", 100), w.now)
			for _, c := range page.Items {
				answers[c.Key] = c.Answer
				revision = max(revision, c.Revision)
			}
			got, err = consent.State{Answers: answers}, e
		default:
			continue // interactions have no card
		}
		if err != nil {
			t.Fatalf("%s: %v", stream, err)
		}
		if diff := cmp.Diff(checked, got, empty); diff != "" {
			t.Errorf("%s (-fold +read model)\n%s", stream, diff)
		}
		if want := w.next[stream] - 1; revision != want {
			t.Errorf("%s stands at revision %d, the read model at %d", stream, want, revision)
		}
	}
}

// The same history gives the same rows, however it is cut into batches.
func TestModelsDoNotDependOnBatches(t *testing.T) {
	t.Parallel()
	w := randomWorld(1500, 9)
	for _, p := range (readmodels.Models{}).Projections() {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			var want map[string][]string
			for name, batches := range map[string][][]domain.Recorded{
				"1": projectionstest.Batches(w.events, 1), "7": projectionstest.Batches(w.events, 7),
				"1000": projectionstest.Batches(w.events, 1000), "any": projectionstest.Shuffled(w.events, 3),
				"all": {w.events},
			} {
				pool := projectionstest.Pool(t)
				if err := projectionstest.Replay(t.Context(), pool, p, batches...); err != nil {
					t.Fatalf("batches of %s: %v", name, err)
				}
				got, err := projectionstest.Tables(t.Context(), pool, p.Name())
				if err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = got
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("batches of %s differ from others\n%s", name, diff)
				}
			}
			for table, rows := range want {
				if len(rows) == 0 {
					t.Errorf("%s is empty, so nothing was compared", table)
				}
			}
		})
	}
}

// A history that comes twice, each batch together with the one before it, is applied
// once.
func TestModelsApplyAHistoryOnce(t *testing.T) {
	t.Parallel()
	w := randomWorld(1500, 9)
	for _, p := range (readmodels.Models{}).Projections() {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			once, twice := projectionstest.Pool(t), projectionstest.Pool(t)
			if err := projectionstest.Replay(t.Context(), once, p, w.events); err != nil {
				t.Fatal(err)
			}
			b := projectionstest.Open(t, twice, p)
			defer b.Close()
			var before, last domain.Position // where the batch before this one began, and this one begins
			start := 0
			for _, part := range projectionstest.Shuffled(w.events, 9) {
				for range 2 {
					again := slices.IndexFunc(w.events, func(e domain.Recorded) bool { return before.Before(e.Position) })
					events := w.events[again : start+len(part)]
					if err := b.Apply(t.Context(), domain.Batch{Events: events, After: before, Through: events[len(events)-1].Position}); err != nil {
						t.Fatal(err)
					}
				}
				before, last = last, part[len(part)-1].Position
				start += len(part)
			}
			if diff := cmp.Diff(tables(t, once, p.Name()), tables(t, twice, p.Name())); diff != "" {
				t.Errorf("(-once +twice)\n%s", diff)
			}
		})
	}
}

// Tables that follow the log event by event, with their indexes and what Postgres
// derives, hold what a rebuild of the same history holds.
func TestModelsAreTheSameLiveAndRebuilt(t *testing.T) {
	t.Parallel()
	w := randomWorld(1500, 9)
	for _, p := range (readmodels.Models{}).Projections() {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			rebuilt, live := projectionstest.Pool(t), projectionstest.Pool(t)
			if err := projectionstest.Replay(t.Context(), rebuilt, p, w.events); err != nil {
				t.Fatal(err)
			}
			builder := projectionstest.Open(t, live, p)
			for i, events := range projectionstest.Shuffled(w.events, 5) {
				batch := domain.Batch{Events: events, After: builder.Checkpoint().Position, Through: events[len(events)-1].Position}
				if err := builder.Apply(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
				if i == 2 { // the rest is live
					if err := builder.Finish(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if diff := cmp.Diff(tables(t, rebuilt, p.Name()), tables(t, live, p.Name())); diff != "" {
				t.Errorf("(-rebuilt +live)\n%s", diff)
			}
		})
	}
}

// A rebuild fills tables in windows, in which what comes in several batches is written
// once; the tables are the same, also when memory holds but a part of their rows.
func TestModelsAreTheSameInBulk(t *testing.T) {
	t.Parallel()
	events := randomWorld(800, 2).events
	for _, p := range (readmodels.Models{}).Projections() {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			if err := projectionstest.Replay(t.Context(), pool, p, projectionstest.Batches(events, 100)...); err != nil {
				t.Fatal(err)
			}
			want := tables(t, pool, p.Name())
			for name, limits := range map[string]projections.BulkLimits{
				"one window": {}, "of some events": {Events: 150}, "of little memory": {Bytes: 20_000}, "of each batch": {Events: 1, Bytes: 1},
			} {
				if diff := cmp.Diff(want, inBulk(t, p, limits, projectionstest.Shuffled(events, 3))); diff != "" {
					t.Errorf("windows: %s (-batches +bulk)\n%s", name, diff)
				}
			}
		})
	}
}

// inBulk are the tables of p as a rebuild in such windows leaves them.
func inBulk(t *testing.T, p projections.Projection, limits projections.BulkLimits, batches [][]domain.Recorded) map[string][]string {
	t.Helper()
	pool := projectionstest.Pool(t)
	b := projectionstest.Open(t, pool, p)
	b.Limits = limits
	if err := b.Bulk(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, events := range batches {
		if err := b.Apply(t.Context(), domain.Batch{Events: events, After: b.Checkpoint().Position, Through: events[len(events)-1].Position}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tables(t, pool, p.Name())
}

// tables are all rows of a read model, by table.
func tables(t *testing.T, pool *pgxpool.Pool, schema string) map[string][]string {
	t.Helper()
	found, err := projectionstest.Tables(t.Context(), pool, schema)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A model sees every event of the aggregates it folds.
func TestModelsHandleEveryEvent(t *testing.T) {
	t.Parallel()
	seen := map[string][]string{}
	for _, e := range randomWorld(30_000, 1).events {
		category, eventType := e.Stream.Category(), e.Event.EventType()
		if !slices.Contains(seen[category], eventType) {
			seen[category] = append(seen[category], eventType)
		}
	}
	models := readmodels.Models{}
	for model, categories := range map[projections.Projection][]string{
		models.Catalog: {"employee", "product"}, models.Customers: {"customer"}, models.Consents: {"consent"},
		models.Deals: {"deal", "pipeline"}, models.Timeline: {"customer", "consent", "interaction", "deal"},
	} {
		for _, category := range categories {
			if len(seen[category]) < 2 {
				t.Errorf("only %v happened to a %s", seen[category], category)
			}
			for _, eventType := range seen[category] {
				if !slices.Contains(model.Handles(), eventType) {
					t.Errorf("%s does not handle %s", model.Name(), eventType)
				}
			}
		}
		for _, eventType := range model.Handles() {
			category, _, _ := strings.Cut(eventType, ".")
			if !slices.Contains(seen[category], eventType) {
				t.Errorf("%s never happened, so %s is not tested with it", eventType, model.Name())
			}
		}
	}
}
