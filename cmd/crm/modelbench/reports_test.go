package modelbench

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"crm/cmd/crm/chronicle"
	"crm/domain"
	"crm/projections"
	"crm/projections/postgres"
	"crm/projections/readmodels"
)

// BenchmarkReports asks the board and each report, today's and as of a day a year before, over all
// years. CRM_BENCH_DEALS is of how many deals and customers (20,000 if it is not set),
// and CRM_BENCH_DATABASE a database to keep their read models in: it is filled where
// it is empty, and else asked as it is.
func BenchmarkReports(b *testing.B) {
	models := readmodels.NewModels(reported(b))
	last := time.Date(2026, 10, 30, 0, 0, 0, 0, time.UTC) // about when a chronicle ends
	then := last.AddDate(-1, 0, 0)
	quarter := readmodels.Period{From: then.AddDate(0, -1, 3), Until: then.AddDate(0, 2, 3)}
	for _, moment := range []struct {
		name string
		asOf readmodels.AsOf
	}{
		{"today", readmodels.AsOf{}},
		{"as of", readmodels.AsOf{At: then}},
		{"as of an hour", readmodels.AsOf{At: then.Add(9*time.Hour + time.Minute)}},
		{"known at", readmodels.AsOf{KnownAt: then}},
		{"as of known at", readmodels.AsOf{At: then, KnownAt: then.AddDate(0, 1, 0)}},
	} {
		b.Run(moment.name, func(b *testing.B) {
			asked(b, models, readmodels.Period{}, moment.asOf, then)
			b.Run("quarter", func(b *testing.B) { asked(b, models, quarter, moment.asOf, then) })
		})
	}
}

func asked(b *testing.B, m readmodels.Models, period readmodels.Period, asOf readmodels.AsOf, then time.Time) {
	b.Helper()
	latency(b, "board", func(ctx context.Context) error {
		_, err := m.Deals.Board(ctx, domain.DefaultPipeline, asOf, 10)
		return err
	})
	for _, by := range []readmodels.SalesGrouping{readmodels.ByMonth, readmodels.ByOwner, readmodels.ByProduct, readmodels.ByFamily} {
		latency(b, "sales by "+string(by), func(ctx context.Context) error {
			_, err := m.Sales.Report(ctx, readmodels.SalesQuestion{By: by, Period: period, AsOf: asOf})
			return err
		})
	}
	latency(b, "funnel", func(ctx context.Context) error {
		_, err := m.Deals.Funnel(ctx, readmodels.FunnelQuestion{Pipeline: domain.DefaultPipeline, Period: period, AsOf: asOf})
		return err
	})
	latency(b, "durations", func(ctx context.Context) error {
		_, err := m.Deals.Durations(ctx, readmodels.DurationsQuestion{Pipeline: domain.DefaultPipeline, Period: period, AsOf: asOf}, then)
		return err
	})
	forecast := readmodels.ForecastQuestion{By: readmodels.ForecastByMonth, Period: period, AsOf: asOf}
	latency(b, "forecast", func(ctx context.Context) error {
		_, err := m.Deals.Forecast(ctx, forecast)
		return err
	})
	latency(b, "accuracy", func(ctx context.Context) error {
		_, err := m.Deals.ForecastAccuracy(ctx, readmodels.AccuracyQuestion{
			On: readmodels.AsOf{At: then.AddDate(0, -1, 0)}, ForecastQuestion: forecast,
		})
		return err
	})
	latency(b, "owners", func(ctx context.Context) error {
		_, err := m.Activity.Owners(ctx, readmodels.OwnersQuestion{Period: period, AsOf: asOf})
		return err
	})
	latency(b, "churn", func(ctx context.Context) error {
		_, err := m.Customers.Churn(ctx, readmodels.ChurnQuestion{By: readmodels.ChurnByMonth, Period: period, AsOf: asOf})
		return err
	})
}

// latency asks again and again, and tells how long it takes.
func latency(b *testing.B, what string, ask func(context.Context) error) {
	b.Helper()
	b.Run(what, func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			if err := ask(b.Context()); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		b.ReportMetric(0, "ns/op") // not told
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[(len(took)*99+99)/100-1].Microseconds())/1000, "p99-ms")
	})
}

// reported is a database with the read models of a chronicle.
func reported(b *testing.B) *pgxpool.Pool {
	b.Helper()
	ctx := context.WithoutCancel(b.Context())
	if dsn := os.Getenv("CRM_BENCH_DATABASE"); dsn != "" {
		pool, err := pgxpool.New(ctx, dsn)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(pool.Close)
		var filled bool
		if err := pool.QueryRow(ctx, "SELECT to_regnamespace('crm') IS NOT NULL").Scan(&filled); err != nil {
			b.Fatal(err)
		}
		if !filled {
			if err := projections.Migrate(ctx, pool); err != nil {
				b.Fatal(err)
			}
			fillReported(b, pool)
		}
		return pool
	}
	c, err := startCluster(ctx, postgres.Config{Dir: b.TempDir(), Durable: true})
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() {
		if err := c.stop(ctx); err != nil {
			b.Error(err)
		}
	})
	pool, drop, err := c.fresh(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(drop)
	fillReported(b, pool)
	return pool
}

func fillReported(b *testing.B, pool *pgxpool.Pool) {
	b.Helper()
	ctx := context.WithoutCancel(b.Context())
	deals, err := strconv.Atoi(cmp.Or(os.Getenv("CRM_BENCH_DEALS"), "20000"))
	if err != nil {
		b.Fatal(err)
	}
	m := readmodels.NewModels(pool)
	work := &bench{Options: Options{Batch: 10_000}}
	// Most of the deals have closed by the end.
	cfg := chronicle.Config{Customers: deals, Deals: deals, Events: 10 * deals}
	if err := work.furnish(ctx, pool, cfg, m.Catalog, m.Customers, m.Deals, m.Sales, m.Activity); err != nil {
		b.Fatal(err)
	}
	if _, err := pool.Exec(ctx, "VACUUM"); err != nil {
		b.Fatal(err)
	}
}
