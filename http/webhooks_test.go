package http_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/commands"
	"crm/domain"
	"crm/domain/domaintest"
	crmhttp "crm/http"
	"crm/http/webhooks"
	"crm/projections"
	"crm/projections/projectionstest"
)

// webhookWorld is a world whose server has a book of webhooks, and what is met of the
// log. Its sender does not run.
func webhookWorld(t *testing.T) (w *world, pool *pgxpool.Pool, meet func()) {
	t.Helper()
	pool = projectionstest.Pool(t)
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return noon }
	book := webhooks.NewBook(pool, now)
	log := domaintest.NewMemory(now)
	if _, err := pool.Exec(t.Context(), "INSERT INTO crm.webhook_history (position_commit) VALUES (0)"); err != nil {
		t.Fatal(err) // the log is empty
	}
	w = worldOn(t, log, log, func(cfg *crmhttp.Config) {
		cfg.Webhooks = webhooks.NewSender(book, webhooks.Config{
			Do: func(context.Context, commands.Ask) (domain.Receipt, error) { return domain.Receipt{}, nil },
		})
		cfg.WaitFor = func(context.Context, string, domain.Position) error { return nil }
	})
	reactor := webhooks.NewReactor(book, webhooks.Log{Load: log.Load}, "", func() {}, nil)
	var at domain.Position
	return w, pool, func() {
		t.Helper()
		events := log.All(at)
		if err := reactor.ReactAll(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		at = events[len(events)-1].Position
	}
}

// The pages of the list hold every webhook once, also of those that were registered in
// the same instant, and a cursor is good for this list alone.
func TestThePagesOfWebhooks(t *testing.T) {
	t.Parallel()
	w, _, meet := webhookWorld(t)
	left := map[string]bool{}
	for i := range 5 {
		left[w.must(http.StatusCreated, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":"https://hooks.example.com/%d"}`, i)).text("id")] = true
	}
	meet()
	pages, cursor := 0, ""
	for again := true; again; again = cursor != "" {
		page := w.must(http.StatusOK, "GET", "/v1/webhooks?limit=2&cursor="+cursor, "")
		for _, row := range page.json["data"].([]any) {
			id, _ := row.(map[string]any)["id"].(string)
			if !left[id] {
				t.Errorf("%s is there twice, or was never registered", id)
			}
			delete(left, id)
		}
		pages++
		if cursor = page.text("page", "next_cursor"); pages == 1 {
			w.must(http.StatusBadRequest, "GET", "/v1/webhooks/"+uuid.NewString()+"/deliveries?cursor="+cursor, "")
		}
	}
	if len(left) != 0 || pages != 3 {
		t.Errorf("%d pages leave out %d webhooks", pages, len(left))
	}
}

func TestAWebhooksLife(t *testing.T) {
	t.Parallel()
	w, pool, meet := webhookWorld(t)
	const body = `{"url":"https://hooks.example.com/crm","categories":["product"],"reason":"the shop"}`
	first := w.must(http.StatusCreated, "POST", "/v1/webhooks", body, "Idempotency-Key", "r")
	path, secret := "/v1/webhooks/"+first.text("id"), first.text("secret")
	again := w.must(http.StatusCreated, "POST", "/v1/webhooks", body, "Idempotency-Key", "r")
	if !strings.HasPrefix(secret, "whsec_") || again.text("secret") != "" || again.text("note") == "" || again.text("id") != first.text("id") {
		t.Errorf("first %s, again %s", first.body, again.body)
	}
	rotated := w.must(http.StatusOK, "POST", path+"/rotate", `{}`, "If-Match", first.header.Get("ETag"))
	if next := rotated.text("secret"); !strings.HasPrefix(next, "whsec_") || next == secret {
		t.Error(rotated.body)
	}
	var kept int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM crm.webhook_secrets").Scan(&kept); err != nil || kept != 2 {
		t.Errorf("%d secrets are kept, want 2; %v", kept, err)
	}
	w.must(http.StatusOK, "PATCH", path, `{"categories":null,"types":["product.defined"]}`)
	meet()
	w.must(http.StatusCreated, "POST", "/v1/products", `{"name":"Lamp"}`)
	w.must(http.StatusOK, "POST", path+"/ping", `{}`)
	meet()
	card := w.must(http.StatusOK, "GET", path, "")
	if card.text("status") != "active" || card.header.Get("ETag") != `"3"` || strings.Contains(card.body, "whsec_") {
		t.Errorf("%s %s", card.header.Get("ETag"), card.body)
	}
	page := w.must(http.StatusOK, "GET", path+"/deliveries?limit=1&state=due", "")
	next := w.must(http.StatusOK, "GET", path+"/deliveries?limit=1&state=due&cursor="+page.text("page", "next_cursor"), "")
	both := page.body + next.body
	for _, want := range []string{`"cause":"event"`, `"cause":"ping"`, `"event_type":"product.defined"`} {
		if !strings.Contains(both, want) {
			t.Errorf("the deliveries lack %s: %s", want, both)
		}
	}
	if next.text("page", "next_cursor") != "" {
		t.Error("there is a third delivery:", next.body)
	}
	rows, _ := page.json["data"].([]any)
	delivery, _ := rows[0].(map[string]any)["id"].(string)
	w.must(http.StatusOK, "POST", path+"/deliveries/"+delivery+"/redeliver", `{}`)
	w.must(http.StatusOK, "GET", path+"/deliveries/"+delivery, "")
	w.must(http.StatusOK, "POST", path+"/replay", `{"after":"0"}`)
	w.must(http.StatusOK, "POST", path+"/pause", ``)
	for what, refused := range map[string]reply{
		"webhook-not-active":         w.send("POST", path+"/ping", `{}`),
		"delivery-unknown":           w.send("POST", path+"/deliveries/"+uuid.NewString()+"/redeliver", `{}`),
		"webhook-unknown":            w.send("GET", "/v1/webhooks/"+uuid.NewString(), ""),
		"webhook-address-forbidden":  w.send("PATCH", path, `{"url":"http://169.254.169.254/"}`),
		"invalid-value":              w.send("POST", path+"/rotate", `{"previous_until":"2027-11-22T00:00:00Z"}`),
		"stale-revision":             w.send("POST", path+"/resume", `{}`, "If-Match", `"0"`),
		"webhook-already-registered": w.send("POST", "/v1/webhooks", `{"id":"`+first.text("id")+`","url":"https://example.com"}`),
	} {
		if refused.problem() != what {
			t.Errorf("%d %s, want %s", refused.status, refused.body, what)
		}
	}
	w.must(http.StatusOK, "POST", path+"/remove", `{}`)
	meet()
	if r := w.must(http.StatusOK, "GET", "/v1/webhooks", ""); strings.Contains(r.body, first.text("id")) {
		t.Error("a removed one is listed:", r.body)
	}
	for _, e := range w.log.All(domain.Position{}) {
		if strings.Contains(string(e.Data), strings.TrimPrefix(secret, "whsec_")) {
			t.Errorf("%s holds the secret", e.Event.EventType())
		}
		if e.Meta.Actor != "tester" {
			t.Errorf("%s by %q", e.Event.EventType(), e.Meta.Actor)
		}
	}
	if strings.Contains(w.lines.String(), strings.TrimPrefix(secret, "whsec_")) {
		t.Error("the server's log holds the secret")
	}
}
