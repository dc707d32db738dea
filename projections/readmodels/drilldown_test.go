package readmodels_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/projections"
	"crm/projections/readmodels"
)

// within asks in one transaction.
type within struct{ pgx.Tx }

func (w within) BeginTx(ctx context.Context, _ pgx.TxOptions) (pgx.Tx, error) { return w.Begin(ctx) }

// A page looks up the events of its own subjects, and not of all that the line counts.
func TestAPageBehindLooksUpItsOwnSubjects(t *testing.T) {
	t.Parallel()
	_, pool := twoClocks(8000, 11).build(t)
	if _, err := pool.Exec(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	m := readmodels.NewModels(within{tx})
	looked := func() (n int) {
		t.Helper()
		err := tx.QueryRow(t.Context(), "SELECT idx_scan FROM pg_stat_xact_user_tables WHERE schemaname = 'timeline' AND relname = 'entries'").Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	figure := readmodels.SourcesQuestion{}.Behind(nil)
	subjects := map[string]bool{}
	for after := (*readmodels.BehindMark)(nil); ; {
		before := looked()
		page, err := m.Timeline.Behind(t.Context(), figure, after, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			subjects[e.EntityID.String()] = true
		}
		// Each event of the page is looked up as well, and the sort takes some 32 events at a time.
		if n := looked() - before; n > 60 {
			t.Fatalf("%d look-ups for a page of 5", n)
		}
		if after = page.Next; after == nil {
			break
		}
	}
	if len(subjects) < 100 {
		t.Errorf("only %d subjects", len(subjects))
	}
}

// What a question may not group by is no part of a statement.
func TestNothingIsBehindAnUnknownGrouping(t *testing.T) {
	t.Parallel()
	_, pool := twoClocks(100, 11).build(t)
	m := readmodels.NewModels(pool)
	const by = "x') --"
	for name, f := range map[string]readmodels.Figure{
		"churn":    readmodels.ChurnQuestion{By: by}.Behind(nil),
		"sales":    readmodels.SalesQuestion{By: by}.Behind(nil),
		"forecast": readmodels.ForecastQuestion{By: by}.Behind(nil),
		"accuracy": readmodels.AccuracyQuestion{ForecastQuestion: readmodels.ForecastQuestion{By: by}}.Behind(nil),
	} {
		if _, err := m.Timeline.Behind(t.Context(), f, nil, 5); err == nil || errors.Is(err, projections.ErrUnavailable) || !strings.Contains(err.Error(), by) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
