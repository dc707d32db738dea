package http_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/domaintest"
	crmhttp "crm/http"
	"crm/http/answers"
	"crm/projections"
	"crm/projections/projectionstest"
)

// server is one of several on the same log and table; its own memory is fresh. It
// gives the function that stops it.
func (w *world) another(tb testing.TB, log commands.Log, table answers.Table) (*world, func()) {
	tb.Helper()
	book, err := answers.Open(table, answers.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(book.Close)
	return worldOn(tb, w.log, log, func(cfg *crmhttp.Config) { cfg.Answers = book }), book.Close
}

// kept is the real table of answers.
func kept(tb testing.TB) answers.Postgres {
	tb.Helper()
	pool := projectionstest.Pool(tb)
	if err := projections.Migrate(tb.Context(), pool); err != nil {
		tb.Fatal(err)
	}
	return answers.Postgres{Pool: pool}
}

// same expects that a retry is answered as the first time, and says so.
func (w *world) same(first reply, method, path, body string, headers ...string) {
	w.t.Helper()
	again := w.send(method, path, body, headers...)
	if again.status != first.status || again.body != first.body {
		w.t.Errorf("%s %s: %d %s\nat first %d %s", method, path, again.status, again.body, first.status, first.body)
	}
	for _, name := range []string{"Etag", "Crm-Position", "Location", "Content-Type"} {
		if again.header.Get(name) != first.header.Get(name) {
			w.t.Errorf("%s: %q, at first %q", name, again.header.Get(name), first.header.Get(name))
		}
	}
	if again.header.Get("Idempotent-Replayed") != "true" {
		w.t.Errorf("%s %s does not say that it is replayed", method, path)
	}
}

// What was answered once is answered again, word for word, whatever has happened
// since: a receipt, one of nothing, and refusals; by this server, after a restart and
// by another; and a key is for one request only.
func TestARetryIsAnsweredAsTheFirstTime(t *testing.T) {
	t.Parallel()
	table := kept(t)
	w := newWorld(t)
	w.company()
	w, stop := w.another(t, w.log, table)
	deal, won := "/v1/deals/"+id("deal"), "/v1/deals/"+id("won")
	requests := map[string][2]string{ // key → path, body
		"receipt":   {deal + "/amount", `{"amount":{"minor":1,"currency":"EUR"}}`},
		"already":   {deal + "/stage", `{"stage":"new"}`},
		"created":   {"/v1/customers", `{"kind":"person","name":"Grace"}`},
		"rule":      {won + "/lose", `{}`},
		"missing":   {"/v1/deals/" + id("later") + "/win", `{}`},
		"reference": {deal + "/owner", `{"owner":"` + id("nobody") + `"}`},
		"value":     {deal + "/stage", `{"stage":"Canary-4711"}`},
	}
	first := map[string]reply{}
	for key, request := range requests {
		first[key] = w.send("POST", request[0], request[1], "Idempotency-Key", key)
		if first[key].header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s is replayed at once", key)
		}
	}
	if first["already"].json["events"] != 0.0 || first["rule"].status != 409 || first["missing"].status != 404 || first["reference"].status != 422 || first["value"].problem() != "stage-unknown" {
		t.Fatalf("got %v", first)
	}
	// Now each would be answered otherwise.
	w.must(200, "POST", deal+"/stage", `{"stage":"offer"}`)
	w.must(200, "POST", deal+"/amount", `{"amount":{"minor":2,"currency":"EUR"}}`)
	w.must(200, "POST", won+"/reopen", ``)
	w.must(201, "POST", "/v1/deals", `{"id":"`+id("later")+`","title":"Later"}`)
	w.must(201, "POST", "/v1/employees", `{"id":"`+id("nobody")+`","name":"Now somebody"}`)
	stored := len(w.events())
	holds := func(w *world) {
		t.Helper()
		for key, request := range requests {
			w.same(first[key], "POST", request[0], request[1], "Idempotency-Key", key)
			// White space is no other body; another body, resource and route are other requests.
			w.same(first[key], "POST", request[0], " "+request[1], "Idempotency-Key", key)
			for _, other := range [][2]string{{request[0], `{"reason":"another"}`}, {"/v1/products", `{"name":"Lamp"}`}, {deal + "/reopen", request[1]}} {
				if r := w.send("POST", other[0], other[1], "Idempotency-Key", key); r.status != 422 && r.status != 400 {
					t.Errorf("%s as %s %s: %d %s", key, other[0], other[1], r.status, r.body)
				}
			}
			if r := w.send("POST", "/v1/products", `{"name":"Lamp"}`, "Idempotency-Key", key); r.problem() != "idempotency-key-reused" {
				t.Errorf("%s for a product: %s", key, r.body)
			}
		}
		if len(w.events()) != stored {
			t.Errorf("%d events, there were %d", len(w.events()), stored)
		}
	}
	holds(w)
	stop() // writes what is queued
	restarted, _ := w.another(t, w.log, table)
	holds(restarted)
	elsewhere, _ := w.another(t, w.log, table)
	holds(elsewhere)

	// Nothing that was typed is in the table.
	var text string
	if err := table.Pool.QueryRow(t.Context(), `SELECT string_agg(a::text || encode(coalesce(words, ''), 'escape'), ' ') FROM crm.answers a`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "Canary") || strings.Contains(text, "Grace") || !strings.Contains(text, "deal-not-open") {
		t.Errorf("the table says %s", text)
	}
}

// A batch's entries are remembered as requests of their own are, and either way.
func TestAnEntryOfABatchIsAnsweredAsTheFirstTime(t *testing.T) {
	t.Parallel()
	table := kept(t)
	w := newWorld(t)
	w.company()
	w, stop := w.another(t, w.log, table)
	batch := `{"commands":[
		{"command":"deal.lose","target":"` + id("won") + `","idempotency_key":"rule","body":{}},
		{"command":"deal.change_stage","target":"` + id("deal") + `","idempotency_key":"value","body":{"stage":"none"}},
		{"command":"deal.reopen","target":"` + id("won") + `","idempotency_key":"done"},
		{"command":"deal.lose","target":"` + id("won") + `","idempotency_key":"rule","body":{}},
		{"command":"deal.win","target":"` + id("deal") + `","idempotency_key":"rule"}]}`
	first := w.must(200, "POST", "/v1/commands", batch)
	results := first.json["results"].([]any)
	if refused, twin := results[0].(map[string]any), results[3].(map[string]any); refused["status"] != 409.0 || twin["status"] != 409.0 || twin["replayed"] != true {
		t.Errorf("got %v and %v", refused, twin)
	}
	if reused := results[4].(map[string]any); reused["status"] != 422.0 {
		t.Errorf("got %v", reused)
	}
	stop()
	w, _ = w.another(t, w.log, table)
	stored := len(w.events())
	again := w.must(200, "POST", "/v1/commands", batch)
	for i, result := range again.json["results"].([]any) {
		got, want := result.(map[string]any), results[i].(map[string]any)
		if replayed := got["replayed"] == true; replayed != (i != 4) {
			t.Errorf("entry %d: replayed %t", i, replayed)
		}
		delete(got, "replayed")
		delete(want, "replayed")
		if i == 4 { // the only one that is decided anew, by this request
			delete(got["problem"].(map[string]any), "request_id")
			delete(want["problem"].(map[string]any), "request_id")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("entry %d: %s", i, diff)
		}
	}
	alone := w.must(422, "POST", "/v1/deals/"+id("deal")+"/stage", `{"stage":"none"}`, "Idempotency-Key", "value")
	if alone.header.Get("Idempotent-Replayed") != "true" || alone.pointer() != "/stage" {
		t.Errorf("got %v %s", alone.header, alone.body)
	}
	if len(w.events()) != stored {
		t.Error("a retry was stored")
	}
}

// What says nothing about the command leaves its key free.
func TestWhatIsNotRemembered(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var away error
	w := brokenWorld(t, nil, func(context.Context) error { mu.Lock(); defer mu.Unlock(); return away })
	w.company()
	fail := func(err error) { mu.Lock(); defer mu.Unlock(); away = err }
	path, body := "/v1/deals/"+id("deal")+"/amount", `{"amount":{"minor":1,"currency":"EUR"}}`
	for name, refused := range map[string]func(key string) reply{
		"400": func(key string) reply { return w.send("POST", path, `{"amount":`, "Idempotency-Key", key) },
		"401": func(key string) reply {
			return w.send("POST", path, body, "Idempotency-Key", key, "Authorization", "Bearer x")
		},
		"412": func(key string) reply { return w.send("POST", path, body, "Idempotency-Key", key, "If-Match", `"77"`) },
		"415": func(key string) reply {
			return w.send("POST", path, body, "Idempotency-Key", key, "Content-Type", "text/plain")
		},
		"503": func(key string) reply {
			fail(domain.ErrStoreUnavailable)
			defer fail(nil)
			return w.send("POST", path, body, "Idempotency-Key", key)
		},
		"500": func(key string) reply {
			fail(errors.New("ours"))
			defer fail(nil)
			return w.send("POST", path, body, "Idempotency-Key", key)
		},
	} {
		if r := refused(name); fmt.Sprint(r.status) != name {
			t.Errorf("got %d %s, want %s", r.status, r.body, name)
		}
		other := `{"amount":{"minor":` + name + `,"currency":"EUR"}}`
		if r := w.must(200, "POST", path, other, "Idempotency-Key", name); r.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("after %s: %v", name, r.header)
		}
	}
}

// A thousand of the same at once, at two servers, have one effect, and one answer for
// all who are not told to come back.
func TestTheSameRequestFromManyAtOnce(t *testing.T) {
	t.Parallel()
	table := kept(t)
	here := newWorld(t)
	here.company()
	one, _ := here.another(t, here.log, table)
	two, _ := here.another(t, here.log, table)
	stored := len(here.events())
	for name, request := range map[string][2]string{
		"created": {"/v1/customers", `{"kind":"person","name":"A"}`},
		"changed": {"/v1/deals/" + id("deal") + "/amount", `{"amount":{"minor":5,"currency":"EUR"}}`},
	} {
		var mu sync.Mutex
		answers, inProgress := map[string]int{}, 0
		var running sync.WaitGroup
		for i := range 20 {
			w := []*world{one, two}[i%2]
			running.Go(func() {
				for range 50 {
					r := w.send("POST", request[0], request[1], "Idempotency-Key", name)
					mu.Lock()
					switch {
					case r.problem() == "in-progress" && r.status == 409 && r.header.Get("Retry-After") != "":
						inProgress++
					default:
						answers[r.body]++
					}
					mu.Unlock()
				}
			})
		}
		running.Wait()
		if stored++; len(answers) != 1 || len(here.events()) != stored {
			t.Errorf("%s: %d events, want %d; answers %v", name, len(here.events()), stored, answers)
		}
		t.Logf("%s: %d were told that it is in progress", name, inProgress)
	}
}

// While a command is carried out, the same key waits for nobody.
func TestInProgress(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	w := brokenWorld(t, nil, func(context.Context) error {
		if held.CompareAndSwap(false, true) {
			close(entered)
			<-leave
		}
		return nil
	})
	body := `{"kind":"person","name":"A"}`
	first := make(chan reply)
	go func() { first <- w.send("POST", "/v1/customers", body, "Idempotency-Key", "k") }()
	<-entered
	if r := w.must(409, "POST", "/v1/customers", body, "Idempotency-Key", "k"); r.problem() != "in-progress" || r.header.Get("Retry-After") == "" {
		t.Errorf("got %v %s", r.header, r.body)
	}
	if r := w.must(422, "POST", "/v1/customers", `{"kind":"person","name":"B"}`, "Idempotency-Key", "k"); r.problem() != "idempotency-key-reused" {
		t.Errorf("got %s", r.body)
	}
	w.must(201, "POST", "/v1/customers", body, "Idempotency-Key", "other")
	close(leave)
	w.same(<-first, "POST", "/v1/customers", body, "Idempotency-Key", "k")
}

// unsure is a log that stores and does not say so.
type unsure struct {
	*domaintest.Memory
	mu   sync.Mutex
	lose bool
}

func (u *unsure) Append(ctx context.Context, stream domain.Stream, expected domain.Revision, events []domain.Proposed) (domain.Receipt, error) {
	receipt, err := u.Memory.Append(ctx, stream, expected, events)
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil && u.lose {
		return domain.Receipt{}, domain.ErrStoreUnavailable
	}
	return receipt, err
}

// A command whose answer was lost after its events were stored has one effect when
// it is sent again: to the same server, after a restart, and where the table of
// answers was emptied, is missing or fails.
func TestALostAnswerIsNoSecondEffect(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, table answers.Postgres) answers.Table{
		"whole": func(_ *testing.T, table answers.Postgres) answers.Table { return table },
		"emptied": func(t *testing.T, table answers.Postgres) answers.Table {
			t.Helper()
			if _, err := table.Pool.Exec(t.Context(), "TRUNCATE crm.answers"); err != nil {
				t.Error(err)
			}
			return table
		},
		"dropped": func(t *testing.T, table answers.Postgres) answers.Table {
			t.Helper()
			if _, err := table.Pool.Exec(t.Context(), "DROP TABLE crm.answers"); err != nil {
				t.Error(err)
			}
			return table
		},
		"none": func(*testing.T, answers.Postgres) answers.Table { return nil },
		"hung": func(*testing.T, answers.Postgres) answers.Table { return hung{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := kept(t)
			w := newWorld(t)
			w.company()
			log := &unsure{Memory: w.log}
			w, stop := w.another(t, log, table)
			requests := map[string][2]string{
				"created": {"/v1/customers", `{"kind":"person","name":"Grace"}`},
				"changed": {"/v1/deals/" + id("deal") + "/amount", `{"amount":{"minor":5,"currency":"EUR"}}`},
				"part":    {"/v1/customers/" + id("ada") + "/contact-points", `{"kind":"web","value":"example.org/ada"}`},
			}
			before := len(w.events())
			answered := w.must(201, "POST", "/v1/customers", `{"kind":"person","name":"Hopper"}`, "Idempotency-Key", "answered")
			log.mu.Lock()
			log.lose = true
			log.mu.Unlock()
			for key, request := range requests {
				w.must(503, "POST", request[0], request[1], "Idempotency-Key", key)
			}
			log.mu.Lock()
			log.lose = false
			log.mu.Unlock()
			if got := len(w.events()) - before; got != 4 {
				t.Fatalf("%d events", got)
			}
			stop()
			restarted, _ := w.another(t, log, spoil(t, table))
			first := map[string]reply{}
			for _, server := range []*world{w, restarted} {
				for key, request := range requests {
					r := server.send("POST", request[0], request[1], "Idempotency-Key", key)
					if r.status/100 != 2 || r.json["events"] != 1.0 {
						t.Errorf("%s: %d %s", key, r.status, r.body)
					}
					if known, ok := first[key]; ok && known.body != r.body {
						t.Errorf("%s: %s and then %s", key, known.body, r.body)
					}
					first[key] = r
				}
				if r := server.must(201, "POST", "/v1/customers", `{"kind":"person","name":"Hopper"}`, "Idempotency-Key", "answered"); r.body != answered.body {
					t.Errorf("got %s, first %s", r.body, answered.body)
				}
				server.must(422, "POST", requests["changed"][0], `{"amount":{"minor":6,"currency":"EUR"}}`, "Idempotency-Key", "changed")
			}
			if got := len(w.events()) - before; got != 4 {
				t.Errorf("%d events after all retries", got)
			}
		})
	}
}

// hung is a table that never answers.
type hung struct{}

func (hung) Find(ctx context.Context, _ []uuid.UUID, _ time.Duration) ([]answers.Answer, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hung) Add(ctx context.Context, _ []answers.Answer, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

func (hung) Follow(ctx context.Context, _ time.Duration, _ func(answers.Heard), _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

func (hung) Prune(ctx context.Context, _ time.Duration, _ int) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}
