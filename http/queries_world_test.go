package http_test

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/domain/domaintest"
	crmhttp "crm/http"
	"crm/http/imports"
	"crm/http/webhooks"
	"crm/projections"
	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// seeing is a world whose reads answer from read models in a real Postgres. A model
// catches up with the log when a read waits for it, and not before.
type seeing struct {
	*world
	pool *pgxpool.Pool

	mu       sync.Mutex
	builders map[string]*projections.Builder
	asked    []string // models that were waited for
}

func newSeeingWorld(t *testing.T, change func(*crmhttp.Config)) *seeing {
	t.Helper()
	return newSeeingWorldAt(t, func() time.Time { return noon }, change)
}

// newSeeingWorldAt is one whose events are recorded when the clock says.
func newSeeingWorldAt(t *testing.T, clock func() time.Time, change func(*crmhttp.Config)) *seeing {
	t.Helper()
	pool := projectionstest.Pool(t)
	models := readmodels.NewModels(pool)
	s := &seeing{pool: pool, builders: map[string]*projections.Builder{}}
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	for _, p := range models.Projections() {
		b, err := projections.OpenBuilder(t.Context(), pool, p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		if err := b.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.builders[p.Name()] = b
	}
	log := domaintest.NewMemory(clock)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.lines.String())
		}
	})
	s.world = worldOn(t, log, log, func(cfg *crmhttp.Config) {
		cfg.Models, cfg.WaitFor, cfg.Events = models, s.catchUp, &eventLog{Memory: log}
		cfg.Imports = imports.Config{Pool: pool, Load: log.Load}
		cfg.Webhooks = webhooks.NewSender(webhooks.NewBook(pool, clock), webhooks.Config{Private: true})
		if change != nil {
			change(cfg)
		}
	})
	return s
}

// catchUp is a WaitFor that does the waiting's work itself.
func (s *seeing) catchUp(ctx context.Context, model string, position domain.Position) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if model == "webhooks" { // a reactor, which no test of this room runs
		return nil
	}
	b, known := s.builders[model]
	if !known {
		return fmt.Errorf("there is no model %q", model)
	}
	s.asked = append(s.asked, model)
	if events := s.log.All(b.Checkpoint().Position); len(events) > 0 {
		batch := domain.Batch{Events: events, After: b.Checkpoint().Position, Through: events[len(events)-1].Position}
		if err := b.Apply(context.WithoutCancel(ctx), batch); err != nil {
			return err
		}
	}
	if b.Checkpoint().Position.Before(position) {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// refresh has every model catch up.
func (s *seeing) refresh() {
	s.t.Helper()
	for name := range s.builders {
		if err := s.catchUp(s.t.Context(), name, domain.Position{}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// get expects 200 and gives the answer.
func (s *seeing) get(path string) reply {
	s.t.Helper()
	return s.must(200, "GET", path, "")
}

// rows are the data of a list.
func (r reply) rows() []map[string]any {
	list, _ := r.json["data"].([]any)
	rows := make([]map[string]any, len(list))
	for i, row := range list {
		rows[i], _ = row.(map[string]any)
	}
	return rows
}

// pages reads a list to its end, some rows at a time.
func (s *seeing) pages(path string, limit int) []map[string]any {
	s.t.Helper()
	separator := "?"
	if u, err := url.Parse(path); err == nil && u.RawQuery != "" {
		separator = "&"
	}
	var rows []map[string]any
	for cursor := ""; ; {
		next := fmt.Sprintf("%s%slimit=%d", path, separator, limit)
		if cursor != "" {
			next += "&cursor=" + cursor
		}
		page := s.get(next)
		rows = append(rows, page.rows()...)
		if cursor = page.text("page", "next_cursor"); cursor == "" {
			return rows
		}
		if len(rows) > 10_000 {
			s.t.Fatalf("%s does not end", path)
		}
	}
}
