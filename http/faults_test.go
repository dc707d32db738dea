package http_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"crm/commands"
	"crm/domain"
	"crm/domain/domaintest"
	crmhttp "crm/http"
)

// broken is a log whose appends end as told.
type broken struct {
	*domaintest.Memory
	append func(ctx context.Context) error
}

func (b broken) Append(ctx context.Context, stream domain.Stream, expected domain.Revision, events []domain.Proposed) (domain.Receipt, error) {
	if err := b.append(ctx); err != nil {
		return domain.Receipt{}, err
	}
	return b.Memory.Append(ctx, stream, expected, events)
}

func brokenWorld(t *testing.T, change func(*crmhttp.Config), end func(ctx context.Context) error) *world {
	t.Helper()
	memory := domaintest.NewMemory(func() time.Time { return noon })
	return worldOn(t, memory, broken{memory, end}, change)
}

const secret = "postgres://crm:hunter2@db.internal/crm"

func TestTheStoreIsAway(t *testing.T) {
	t.Parallel()
	w := brokenWorld(t, nil, func(context.Context) error { return errors.Join(domain.ErrStoreUnavailable, errors.New(secret)) })
	r := w.must(503, "POST", "/v1/customers", `{"kind":"person","name":"A"}`)
	if r.problem() != "event-store-unavailable" || r.header.Get("Retry-After") == "" || strings.Contains(r.body, secret) {
		t.Errorf("got %v %s", r.header, r.body)
	}
	if !strings.Contains(w.lines.String(), secret) {
		t.Error("the log does not say why")
	}
	full := brokenWorld(t, nil, func(context.Context) error { return errors.Join(domain.ErrStorageUnavailable, errors.New(secret)) })
	if r := full.must(503, "POST", "/v1/customers", `{"kind":"person","name":"A"}`); r.problem() != "storage-unavailable" || r.header.Get("Retry-After") == "" {
		t.Errorf("of a full disk: %v %s", r.header, r.body)
	}
	batch := w.must(200, "POST", "/v1/commands", `{"commands":[{"command":"customer.register","body":{"kind":"person","name":"A"}}]}`)
	if !strings.Contains(batch.body, "event-store-unavailable") || strings.Contains(batch.body, secret) {
		t.Errorf("got %s", batch.body)
	}
}

func TestAMistakeOfOursTellsTheCallerNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(context.Context) error{
		"error": func(context.Context) error { return errors.New(secret) },
		"panic": func(context.Context) error { panic(secret) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := brokenWorld(t, nil, end)
			r := w.must(500, "POST", "/v1/customers", `{"kind":"person","name":"A"}`, "X-Request-Id", "r-7")
			if r.problem() != "internal" || strings.Contains(r.body, secret) {
				t.Errorf("got %s", r.body)
			}
			if lines := w.lines.String(); strings.Count(lines, "\n") != 1 || !strings.Contains(lines, secret) || !strings.Contains(lines, `"request_id":"r-7"`) {
				t.Errorf("logged %s", lines)
			}
			w.must(200, "POST", "/v1/commands", `{"commands":[{"command":"customer.register","body":{"kind":"person","name":"A"}}]}`)
		})
	}
}

func TestARequestHasADeadline(t *testing.T) {
	t.Parallel()
	w := brokenWorld(t, func(cfg *crmhttp.Config) { cfg.Timeout = 20 * time.Millisecond }, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if r := w.must(503, "POST", "/v1/customers", `{"kind":"person","name":"A"}`); r.problem() != "timed-out" || r.header.Get("Retry-After") == "" {
		t.Errorf("got %s", r.body)
	}
}

// What people type is in no log line, whatever becomes of the request.
func TestNothingPersonalIsLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const canary = "Canary-4711"
	w.must(201, "POST", "/v1/customers", `{"kind":"person","name":"`+canary+`","reason":"`+canary+`"}`)
	w.must(422, "POST", "/v1/customers", `{"kind":"person","name":"A","contact_points":[{"kind":"email","value":"`+canary+`"}]}`)
	w.must(400, "POST", "/v1/customers?q="+canary, `{}`)
	w.must(400, "POST", "/v1/customers/"+canary+"/archive", ``)
	w.must(404, "GET", "/"+canary, ``)
	w.must(400, "POST", "/v1/customers", `{"`+canary+`":1}`)
	if lines := w.lines.String(); strings.Contains(lines, canary) || strings.Contains(lines, key) || strings.Count(lines, "\n") != 6 {
		t.Errorf("logged %s", lines)
	}
	if lines := w.lines.String(); !strings.Contains(lines, `"route":"/v1/customers/{id}/archive"`) || !strings.Contains(lines, `"actor_id":"tester"`) {
		t.Errorf("logged %s", lines)
	}
}

// What is told of in /health/ready and is away does not take the server out of service.
func TestHealthOfWhatIsNotNeeded(t *testing.T) {
	t.Parallel()
	w := brokenWorld(t, func(cfg *crmhttp.Config) {
		cfg.Details = map[string]func(context.Context) error{"relay": func(context.Context) error { return errors.New(secret) }}
	}, nil)
	if r := w.must(200, "GET", "/health/ready", ""); r.text("parts", "relay") != "away" || r.text("status") != "ready" {
		t.Errorf("got %s", r.body)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var away error
	w := brokenWorld(t, func(cfg *crmhttp.Config) {
		cfg.Ready = map[string]func(context.Context) error{
			"event store":  func(context.Context) error { return nil },
			"read models":  func(context.Context) error { mu.Lock(); defer mu.Unlock(); return away },
			"other models": func(context.Context) error { mu.Lock(); defer mu.Unlock(); return away },
		}
	}, func(context.Context) error { return nil })
	w.must(200, "GET", "/health/live", "")
	w.must(200, "HEAD", "/health/ready", "")
	if r := w.must(200, "GET", "/health/ready", ""); r.text("parts", "read models") != "ready" {
		t.Errorf("got %s", r.body)
	}
	mu.Lock()
	away = errors.New(secret)
	mu.Unlock()
	r := w.must(503, "GET", "/health/ready", "")
	if r.text("parts", "read models") != "away" || r.text("parts", "event store") != "ready" || r.header.Get("Retry-After") == "" || strings.Contains(r.body, secret) {
		t.Errorf("got %s", r.body)
	}
	w.must(200, "GET", "/health/live", "")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	w.must(404, "GET", "/v1/none", "")
	w.must(405, "BREW", "/v1/commands", "")
	body := w.must(200, "GET", "/metrics", "").body
	for _, want := range []string{
		`crm_http_request_duration_seconds_count{method="POST",route="/v1/customers",status="201"} 2`,
		`crm_http_request_duration_seconds_count{method="POST",route="/v1/deals/{id}/win",status="200"} 1`,
		`method="other"`, `crm_http_requests_running 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing in\n%s", want, body)
		}
	}
}

func TestEveryAnswerIsSecured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/health/live", "/v1/none", "/docs/", "/problems/internal", "/openapi.json"} {
		header := w.send("GET", path, "").header
		if header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %v", path, header)
		}
	}
	if got := w.send("GET", "/health/live", "", "X-Request-Id", "a b\n").header.Get("X-Request-Id"); got == "a b\n" || got == "" {
		t.Errorf("request id %q", got)
	}
}

func TestTheListenerHasLimits(t *testing.T) {
	t.Parallel()
	listener := newWorld(t).server.Listener()
	if listener.ReadHeaderTimeout <= 0 || listener.ReadTimeout <= 0 || listener.WriteTimeout <= 30*time.Second || listener.IdleTimeout <= 0 || listener.MaxHeaderBytes != 32<<10 {
		t.Errorf("got %+v", listener)
	}
}

func TestHeadersHaveALimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewUnstartedServer(nil)
	server.Config = w.server.Listener()
	server.Start()
	t.Cleanup(server.Close)
	for size, want := range map[int]int{1 << 10: http.StatusOK, 64 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/health/live", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Filler", strings.Repeat("x", size))
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%d bytes: %s", size, response.Status)
		}
	}
}

func TestAServerNeedsCommands(t *testing.T) {
	t.Parallel()
	if _, err := crmhttp.New(crmhttp.Config{}); err == nil {
		t.Error("made a server that can answer no command")
	}
	cfg := crmhttp.Config{Commands: commands.New(domaintest.NewMemory(time.Now), commands.Config{})}
	first, err := crmhttp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, server: first, handler: first.Handler(), lines: &lines{}}
	w.must(http.StatusUnauthorized, "POST", "/v1/customers", `{}`) // no key is configured: nobody gets in
}
