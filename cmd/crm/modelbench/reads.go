package modelbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/cmd/crm/chronicle"
	"crm/commands"
	"crm/domain"
	crmhttp "crm/http"
	"crm/http/access"
	"crm/projections/readmodels"
)

// reads are what is asked, over HTTP; {customer} is any, {pipeline} the default one,
// {then} a day a year before the log's end.
var reads = []struct{ what, path string }{
	{"card", "/v1/customers/{customer}"},
	{"card as of", "/v1/customers/{customer}?as_of={then}"},
	{"list", "/v1/customers?limit=50"},
	{"list by stage", "/v1/customers?stage=lead&limit=50"},
	{"list as of", "/v1/customers?limit=50&as_of={then}"},
	{"list by name", "/v1/customers?sort=name&limit=50"},
	{"list filtered, in three ways", "/v1/customers?filter[source][in]=Google,website&filter[stage][ne]=lead&filter[registered_at][gte]={then}&limit=50"},
	{"search: an address", "/v1/customers?q=contact-{number}&limit=50"},
	{"search: first and last name", "/v1/customers?q=Dragan+Mueller&limit=50"},
	{"search: a common word", "/v1/customers?q=Anna&limit=50"},
	{"search: with a typo", "/v1/customers?q=Francios+Lindqivst&limit=50"},
	{"search: the end of a number", "/v1/customers?q=9{number}&limit=50"},
	{"search: nothing found", "/v1/customers?q=xylophone{number}&limit=50"},
	{"deals by worth", "/v1/deals?sort=-worth&filter[status][eq]=open&limit=50"},
	{"timeline", "/v1/customers/{customer}/timeline?limit=50"},
	{"timeline as of", "/v1/customers/{customer}/timeline?limit=50&as_of={then}"},
	{"board", "/v1/pipelines/{pipeline}/board"},
	{"board as of", "/v1/pipelines/{pipeline}/board?as_of={then}"},
	{"consents of a customer", "/v1/customers/{customer}/consents"},
	{"report sales by month", "/v1/reports/sales?group_by=month"},
	{"report sales by month as of", "/v1/reports/sales?group_by=month&as_of={then}"},
	{"report sales by product", "/v1/reports/sales?group_by=product"},
	{"report funnel", "/v1/reports/funnel"},
	{"report stage durations", "/v1/reports/stage-durations"},
	{"report forecast", "/v1/reports/forecast?group_by=month"},
	{"report forecast accuracy", "/v1/reports/forecast-accuracy?on={then}"},
	{"report owners", "/v1/reports/owners"},
	{"report sources", "/v1/reports/sources"},
	{"report consent coverage", "/v1/reports/consent-coverage"},
	{"report churn", "/v1/reports/churn"},
}

// How often and how long each is asked.
const (
	mostAsked  = 200
	longAsking = 10 * time.Second
)

// measureReads asks read models of companies of several sizes.
func (b *bench) measureReads(ctx context.Context) error {
	for _, customers := range b.Customers {
		if err := b.measureReadsOf(ctx, customers); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureReadsOf(ctx context.Context, customers int) error {
	pool, drop, err := b.cluster.fresh(ctx)
	if err != nil {
		return err
	}
	defer drop()
	models := readmodels.NewModels(pool)
	b.progress("building %d customers to read", customers)
	cfg := chronicle.Config{Seed: b.Chronicle.Seed, Customers: customers, Deals: customers, Events: 6 * customers}
	if err := b.furnish(ctx, pool, cfg, models.Projections()...); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "VACUUM"); err != nil { // as autovacuum would have by and by
		return err
	}
	return b.ask(ctx, pool, models, customers)
}

func (b *bench) ask(ctx context.Context, pool *pgxpool.Pool, models readmodels.Models, customers int) (err error) {
	ids, then, err := someCustomers(ctx, pool)
	if err != nil {
		return err
	}
	const key = "bench"
	server, err := crmhttp.New(crmhttp.Config{
		Commands: commands.New(b.log.store, commands.Config{}), Models: models,
		Keys: map[string]crmhttp.Key{"bench": {Hash: crmhttp.HashKey(key), Role: access.Reader}},
	})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serving, served := server.Listener(), make(chan error, 1)
	go func() { served <- serving.Serve(listener) }()
	defer func() {
		err = errors.Join(err, serving.Close())
		if e := <-served; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}()
	rng := rand.New(rand.NewPCG(b.Chronicle.Seed, 11)) //nolint:gosec // G404: the same questions every time
	for _, r := range reads {
		var took []time.Duration
		for began := time.Now(); len(took) < mostAsked && (len(took) == 0 || time.Since(began) < longAsking); {
			path := strings.NewReplacer("{customer}", ids[rng.IntN(len(ids))].String(), "{number}", fmt.Sprint(rng.IntN(customers)),
				"{pipeline}", domain.DefaultPipeline.String(), "{then}", then.Format(time.DateOnly)).Replace(r.path)
			asked := time.Now()
			if err := get(ctx, "http://"+listener.Addr().String()+path, key); err != nil {
				return fmt.Errorf("%s: %w", r.what, err)
			}
			took = append(took, time.Since(asked))
		}
		b.print("%8d customers: %-28s %40s\n", customers, r.what, latencies(took[min(len(took)-1, 5):])) // the first ones warm up
	}
	return nil
}

// someCustomers are a thousand of them, and a day a year before the newest began.
func someCustomers(ctx context.Context, pool *pgxpool.Pool) (ids []uuid.UUID, then time.Time, err error) {
	rows, err := pool.Query(ctx, "SELECT customer_id FROM customers.customers ORDER BY customer_id LIMIT 1000")
	if err != nil {
		return nil, then, err
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
		return nil, then, err
	}
	err = pool.QueryRow(ctx, "SELECT max(registered_at) - interval '1 year' FROM customers.customers").Scan(&then)
	return ids, then.UTC(), err
}

func get(ctx context.Context, url, key string) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusNotFound {
		err = fmt.Errorf("%s answers %d: %.300s", url, answer.StatusCode, text)
	}
	return err
}
