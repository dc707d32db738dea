package readmodels_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections/lists"
	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// A statement that takes longer than the connections of reads let it is told as too
// costly, whatever was asked: here each waits for a lock that is never given.
func TestWhatTakesTooLongIsTooCostly(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	log := &projectionstest.Log{Events: randomWorld(20, 1).events}
	for _, p := range (readmodels.Models{}).Projections() {
		log.Build(t, p, pool, 100).Close()
	}
	hasty := pool.Config()
	hasty.ConnConfig.RuntimeParams["statement_timeout"] = "50"
	reads, err := pgxpool.NewWithConfig(t.Context(), hasty)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reads.Close)
	held, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Rollback(context.Background()) }) // the connection is closed in any case
	if _, err := held.Exec(t.Context(), "LOCK TABLE customers.customers, deals.deals, timeline.entries, consents.consents"); err != nil {
		t.Fatal(err)
	}
	m := readmodels.NewModels(reads)
	asked := func(of *lists.List) readmodels.Asked {
		query, fault := of.Read(lists.Question{}, true)
		if fault != nil {
			t.Fatal(fault)
		}
		return readmodels.Asked{Query: query, Limit: 10}
	}
	id := uuid.New()
	for name, ask := range map[string]func() error{
		"card": func() error {
			_, err := m.Customers.Card(t.Context(), domain.CustomerID{UUID: id}, readmodels.AsOf{})
			return err
		},
		"list": func() error { _, err := m.Customers.List(t.Context(), asked(readmodels.CustomerList), ""); return err },
		"search": func() error {
			_, err := m.Customers.List(t.Context(), asked(readmodels.CustomerList), "ada")
			return err
		},
		"timeline": func() error {
			_, err := m.Timeline.Of(t.Context(), domain.CustomerID{UUID: id}, asked(readmodels.TimelineList).Query, readmodels.AsOf{}, nil, 10)
			return err
		},
		"report": func() error {
			_, err := m.Consents.Coverage(t.Context(), readmodels.CoverageQuestion{Now: time.Now()})
			return err
		},
	} {
		if err := ask(); !errors.Is(err, lists.ErrTooCostly) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
