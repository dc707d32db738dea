package http_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/domaintest"
	crmhttp "crm/http"
	"crm/http/access"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.UTC)

const key = "test-key-of-at-least-thirty-two-characters"

// world is the real surface and commands on a log in memory.
type world struct {
	t       testing.TB
	log     *domaintest.Memory
	handler http.Handler
	server  *crmhttp.Server
	lines   *lines
}

// lines is where the server's log goes.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	log := domaintest.NewMemory(func() time.Time { return noon })
	return worldOn(tb, log, log, nil)
}

func worldOn(tb testing.TB, memory *domaintest.Memory, log commands.Log, change func(*crmhttp.Config)) *world {
	tb.Helper()
	w := &world{t: tb, log: memory, lines: &lines{}}
	cfg := crmhttp.Config{
		Commands: commands.New(log, commands.Config{}),
		Keys: map[string]crmhttp.Key{
			"tester": {Hash: crmhttp.HashKey(key), Role: access.Admin}, "other": {Hash: crmhttp.HashKey(key + "2"), Role: access.Admin},
		},
		Now: func() time.Time { return noon },
		Log: slog.New(slog.NewJSONHandler(w.lines, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	server, err := crmhttp.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	w.server, w.handler = server, server.Handler()
	return w
}

// on is the same world as a test of its own sees it.
func (w *world) on(tb testing.TB) *world {
	tb.Helper()
	same := *w
	same.t = tb
	return &same
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (r reply) text(path ...string) string {
	var at any = r.json
	for _, name := range path {
		object, ok := at.(map[string]any)
		if !ok {
			return ""
		}
		at = object[name]
	}
	text, _ := at.(string)
	return text
}

// problem is the slug of the problem's type.
func (r reply) problem() string { return strings.TrimPrefix(r.text("type"), "/problems/") }

// pointer is the first place that the problem points at.
func (r reply) pointer() string {
	list, _ := r.json["errors"].([]any)
	if len(list) == 0 {
		return ""
	}
	fault, _ := list[0].(map[string]any)
	for _, name := range []string{"pointer", "parameter", "header"} {
		if at, ok := fault[name].(string); ok {
			return at
		}
	}
	return ""
}

// send makes a request with the key; headers are name, value, name, value, …
func (w *world) send(method, path, body string, headers ...string) reply {
	w.t.Helper()
	request := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	if body == "" {
		request.Body = http.NoBody
	} else {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer "+key)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return w.do(request)
}

func (w *world) do(request *http.Request) reply {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, request)
	body, _ := io.ReadAll(recorder.Result().Body)
	r := reply{status: recorder.Code, header: recorder.Result().Header, body: string(body)}
	if kind := r.header.Get("Content-Type"); kind == "application/json" || strings.HasSuffix(kind, "+json") {
		if err := json.Unmarshal(body, &r.json); err != nil {
			w.t.Errorf("%s %s: answer %q: %v", request.Method, request.URL.Path, body, err)
		}
	}
	if r.status >= 400 && !strings.HasPrefix(r.header.Get("Content-Type"), "application/problem+json") && !strings.HasPrefix(request.URL.Path, "/health") {
		w.t.Errorf("%s %s: %d as %s", request.Method, request.URL.Path, r.status, r.header.Get("Content-Type"))
	}
	w.declares(request, r)
	return r
}

// must expects the status and gives the answer.
func (w *world) must(status int, method, path, body string, headers ...string) reply {
	w.t.Helper()
	r := w.send(method, path, body, headers...)
	if r.status != status {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, path, r.status, status, r.body)
	}
	return r
}

// events are all stored events.
func (w *world) events() []domain.Recorded { return w.log.All(domain.Position{}) }

// id is the same for the same name.
func id(name string) string { return uuid.NewSHA1(domain.Namespace, []byte(name)).String() }

// company is what commands refer to: a pipeline, a person, an organisation, an
// employee, a product and a deal, under the ids of their names.
func (w *world) company() {
	w.t.Helper()
	for _, r := range [][2]string{
		{"/v1/pipelines", `{"id":"` + domain.DefaultPipeline.String() + `","name":"Sales","stages":[
			{"id":"new","name":"New","probability":10,"category":"pipeline"},
			{"id":"offer","name":"Offer","probability":60,"category":"best_case"}]}`},
		{"/v1/pipelines", `{"id":"` + id("other") + `","name":"Other","stages":[{"id":"pilot","name":"Pilot","probability":1,"category":"commit"}]}`},
		{"/v1/customers", `{"id":"` + id("ada") + `","kind":"person","name":"Ada","contact_points":[
			{"id":"` + id("ada-mail") + `","kind":"email","value":"Ada@Example.org"}]}`},
		{"/v1/customers", `{"id":"` + id("acme") + `","kind":"organization","name":"Acme"}`},
		{"/v1/employees", `{"id":"` + id("eve") + `","name":"Eve"}`},
		{"/v1/products", `{"id":"` + id("lamp") + `","name":"Lamp","list_price":{"minor":4900,"currency":"EUR"}}`},
		{"/v1/deals", `{"id":"` + id("deal") + `","title":"Lamps","line_items":[{"id":"` + id("line") + `","product":"` + id("lamp") + `"}]}`},
		{"/v1/deals", `{"id":"` + id("won") + `","title":"Won","amount":{"minor":1,"currency":"EUR"}}`},
	} {
		w.must(http.StatusCreated, http.MethodPost, r[0], r[1])
	}
	w.must(http.StatusOK, http.MethodPost, "/v1/deals/"+id("won")+"/win", "")
	w.must(http.StatusOK, http.MethodPost, "/v1/customers/"+id("ada")+"/interactions", `{"id":"`+id("call")+`","channel":"call"}`)
	w.must(http.StatusOK, http.MethodPost, "/v1/customers/"+id("ada")+"/consents/survey:phone/request", `{}`)
	w.must(http.StatusOK, http.MethodPost, "/v1/customers/"+id("ada")+"/links", `{"organization":"`+id("acme")+`","relation":"partner_of"}`)
}
