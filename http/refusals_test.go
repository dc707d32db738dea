package http_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// bad is what callers get wrong, and how they are told.
var bad = map[string]struct {
	method, path, body string
	status             int
	problem, pointer   string
}{
	"not JSON":                      {"POST", "/v1/customers", `{"kind":`, 400, "malformed-body", "/kind"},
	"not an object":                 {"POST", "/v1/customers", `[]`, 422, "invalid-value", ""},
	"a null":                        {"POST", "/v1/customers", `null`, 422, "invalid-value", "/kind"},
	"two values":                    {"POST", "/v1/customers", `{"kind":"person","name":"A"} {}`, 400, "malformed-body", ""},
	"nested too deep":               {"POST", "/v1/customers", `{"name":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, 400, "malformed-body", ""},
	"a name twice":                  {"POST", "/v1/customers", `{"kind":"person","name":"A","name":"B"}`, 400, "malformed-body", "/name"},
	"not UTF-8":                     {"POST", "/v1/customers", "{\"kind\":\"person\",\"name\":\"\xff\"}", 400, "malformed-body", "/name"},
	"half a surrogate":              {"POST", "/v1/customers", `{"kind":"person","name":"\ud800"}`, 400, "malformed-body", "/name"},
	"a NUL":                         {"POST", "/v1/customers", `{"kind":"person","name":"A\u0000"}`, 422, "invalid-value", "/name"},
	"an unknown field":              {"POST", "/v1/customers", `{"kind":"person","name":"A","color":"red"}`, 400, "unknown-field", "/color"},
	"an unknown field inside":       {"POST", "/v1/customers", `{"kind":"person","name":"A","contact_points":[{"kind":"web","x":1}]}`, 400, "unknown-field", "/contact_points/0/x"},
	"a field in capitals":           {"POST", "/v1/customers", `{"kind":"person","Name":"A"}`, 400, "unknown-field", "/Name"},
	"a number for a text":           {"POST", "/v1/customers", `{"kind":"person","name":7}`, 422, "invalid-value", "/name"},
	"a text for a number":           {"POST", "/v1/customers", `{"kind":"organization","name":"A","employees":"7"}`, 422, "invalid-value", "/employees"},
	"a fraction for a count":        {"POST", "/v1/customers", `{"kind":"organization","name":"A","employees":7.5}`, 422, "invalid-value", "/employees"},
	"an object for a list":          {"POST", "/v1/customers", `{"kind":"person","name":"A","links":{}}`, 422, "invalid-value", "/links"},
	"a number too large":            {"POST", "/v1/deals", `{"title":"T","amount":{"minor":92233720368547758070,"currency":"EUR"}}`, 422, "invalid-value", "/amount/minor"},
	"no name":                       {"POST", "/v1/customers", `{"kind":"person"}`, 422, "invalid-value", "/name"},
	"no kind":                       {"POST", "/v1/customers", `{"name":"A"}`, 422, "invalid-value", "/kind"},
	"an unknown kind":               {"POST", "/v1/customers", `{"kind":"robot","name":"A"}`, 422, "invalid-value", "/kind"},
	"an id that is none":            {"POST", "/v1/customers", `{"id":"7","kind":"person","name":"A"}`, 422, "invalid-value", "/id"},
	"an id of zeros":                {"POST", "/v1/customers", `{"id":"` + uuid.Nil.String() + `","kind":"person","name":"A"}`, 422, "invalid-value", "/id"},
	"an id in the path":             {"POST", "/v1/customers/7/archive", ``, 400, "invalid-parameter", "id"},
	"a part in the path":            {"POST", "/v1/customers/" + id("ada") + "/contact-points/7/verify", `{}`, 400, "invalid-parameter", "part"},
	"a consent in the path":         {"POST", "/v1/customers/" + id("ada") + "/consents/newsletter/withdraw", `{}`, 400, "invalid-parameter", "part"},
	"an escaped consent":            {"POST", "/v1/customers/" + id("ada") + "/consents/%00%ff:email/withdraw", `{}`, 400, "invalid-parameter", "part"},
	"a query parameter":             {"POST", "/v1/customers?x=1", `{"kind":"person","name":"A"}`, 400, "invalid-parameter", "x"},
	"an e-mail":                     {"POST", "/v1/customers/" + id("ada") + "/contact-points", `{"kind":"email","value":"ada at example.org"}`, 422, "invalid-value", "/value"},
	"an e-mail while registering":   {"POST", "/v1/customers", `{"kind":"person","name":"A","contact_points":[{"kind":"web","value":"a.org"},{"kind":"email","value":"a@b"}]}`, 422, "invalid-value", "/contact_points/1/value"},
	"a phone number":                {"POST", "/v1/customers/" + id("ada") + "/contact-points", `{"kind":"phone","value":"12","region":"AT"}`, 422, "invalid-value", "/value"},
	"a phone number of nowhere":     {"POST", "/v1/customers/" + id("ada") + "/contact-points", `{"kind":"phone","value":"01 234567"}`, 422, "invalid-value", "/value"},
	"a region":                      {"POST", "/v1/customers/" + id("ada") + "/contact-points", `{"kind":"phone","value":"01 234567","region":"XX"}`, 422, "invalid-value", "/region"},
	"a web address":                 {"POST", "/v1/customers/" + id("ada") + "/contact-points", `{"kind":"web","value":"javascript:alert(1)"}`, 422, "invalid-value", "/value"},
	"no value":                      {"POST", "/v1/customers/" + id("ada") + "/contact-points", `{"kind":"social"}`, 422, "invalid-value", "/value"},
	"no address":                    {"POST", "/v1/customers/" + id("ada") + "/contact-points", `{"kind":"postal"}`, 422, "invalid-value", "/value"},
	"an address of a phone":         {"POST", "/v1/customers/" + id("ada") + "/contact-points", `{"kind":"phone","value":"+43 1 234567","address":{"city":"W"}}`, 422, "invalid-value", "/address"},
	"an employee's e-mail":          {"POST", "/v1/employees", `{"name":"E","email":"e"}`, 422, "invalid-value", "/email"},
	"money without an amount":       {"POST", "/v1/deals", `{"title":"T","amount":{"currency":"EUR"}}`, 422, "invalid-value", "/amount/minor"},
	"money of an unknown shape":     {"POST", "/v1/deals", `{"title":"T","amount":{"minor":1,"currency":"EUR","x":1}}`, 400, "unknown-field", "/amount/x"},
	"money that is a number":        {"POST", "/v1/deals", `{"title":"T","amount":5}`, 422, "invalid-value", "/amount"},
	"a price without an amount":     {"POST", "/v1/deals", `{"title":"T","line_items":[{"name":"X","unit_price":{"currency":"EUR"}}]}`, 422, "invalid-value", "/line_items/0/unit_price/minor"},
	"a currency":                    {"POST", "/v1/deals", `{"title":"T","amount":{"minor":5,"currency":"ZZZ"}}`, 422, "invalid-value", "/amount/currency"},
	"a day that is none":            {"POST", "/v1/deals", `{"title":"T","expected_close":"2026-02-30"}`, 422, "invalid-value", "/expected_close"},
	"an instant that is none":       {"POST", "/v1/deals", `{"title":"T","occurred_at":"yesterday"}`, 422, "invalid-value", "/occurred_at"},
	"an instant in the future":      {"POST", "/v1/deals", `{"title":"T","occurred_at":"2026-11-24T12:00:00Z"}`, 422, "invalid-value", "/occurred_at"},
	"an instant before time":        {"POST", "/v1/deals", `{"title":"T","occurred_at":"0000-12-31T23:00:00Z"}`, 422, "invalid-value", "/occurred_at"},
	"an expiry before time":         {"POST", "/v1/customers/" + id("ada") + "/consents", `{"purpose":"p","channel":"email","expires_at":"0000-01-01T00:00:00Z"}`, 422, "invalid-value", "/expires_at"},
	"a quantity":                    {"POST", "/v1/deals/" + id("deal") + "/line-items", `{"name":"X","quantity":"1,5","unit_price":{"minor":1,"currency":"EUR"}}`, 422, "invalid-value", "/quantity"},
	"a quantity as a number":        {"POST", "/v1/deals/" + id("deal") + "/line-items", `{"name":"X","quantity":1.5,"unit_price":{"minor":1,"currency":"EUR"}}`, 422, "invalid-value", "/quantity"},
	"a quantity of nothing":         {"POST", "/v1/deals/" + id("deal") + "/line-items", `{"name":"X","quantity":"0","unit_price":{"minor":1,"currency":"EUR"}}`, 422, "invalid-value", "/quantity"},
	"nothing while opening":         {"POST", "/v1/deals", `{"title":"T","line_items":[{"name":"X","quantity":"0.000","unit_price":{"minor":1,"currency":"EUR"}}]}`, 422, "invalid-value", "/line_items/0/quantity"},
	"a query that is none":          {"POST", "/v1/customers?a;b", `{"kind":"person","name":"A"}`, 400, "invalid-parameter", ""},
	"an unknown owner":              {"POST", "/v1/deals", `{"title":"T","owner":"` + id("nobody") + `"}`, 422, "unknown-reference", "/owner"},
	"a stage of no pipeline":        {"POST", "/v1/deals/" + id("deal") + "/stage", `{"stage":"pilot"}`, 422, "stage-unknown", "/stage"},
	"a stage of another pipeline":   {"POST", "/v1/deals/" + id("deal") + "/stage", `{"stage":"pilot","pipeline":"` + id("other") + `"}`, 422, "stage-of-another-pipeline", "/pipeline"},
	"an unknown deal":               {"POST", "/v1/deals/" + id("none") + "/win", ``, 404, "deal-unknown", ""},
	"an unknown customer":           {"POST", "/v1/customers/" + id("none") + "/interactions", `{"channel":"call"}`, 404, "customer-unknown", ""},
	"a wrong state":                 {"POST", "/v1/deals/" + id("won") + "/lose", ``, 409, "deal-not-open", ""},
	"a customer twice":              {"POST", "/v1/customers", `{"id":"` + id("ada") + `","kind":"person","name":"A"}`, 409, "customer-already-registered", ""},
	"a body that is too large":      {"POST", "/v1/customers", `{"kind":"person","name":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "body-too-large", ""},
	"too much for one append":       {"POST", "/v1/customers/" + id("ada") + "/attributes", manyAttributes(), 422, "too-large", ""},
	"a text that is too long":       {"POST", "/v1/customers", `{"kind":"person","name":"` + strings.Repeat("x", 501) + `"}`, 422, "invalid-value", "/name"},
	"an unknown path":               {"POST", "/v1/customer", `{}`, 404, "path-unknown", ""},
	"a wrong method":                {"DELETE", "/v1/commands", ``, 405, "method-not-allowed", ""},
	"an empty batch":                {"POST", "/v1/commands", `{"commands":[]}`, 422, "invalid-value", "/commands"},
	"no batch":                      {"POST", "/v1/commands", ``, 422, "invalid-value", "/commands"},
	"a batch with an unknown field": {"POST", "/v1/commands", `{"commands":[{"command":"deal.win","colour":1}]}`, 400, "unknown-field", "/commands/0/colour"},
}

// manyAttributes are less than 1 MiB as they are sent and more as they are stored.
func manyAttributes() string {
	var list []string
	for i := range 10 {
		list = append(list, fmt.Sprintf(`{"key":"a%d","kind":"text","value":"%s"}`, i, strings.Repeat("<", 90_000)))
	}
	return `{"set":[` + strings.Join(list, ",") + `]}`
}

func TestWhatBadInputGets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	before := len(w.events())
	for name, test := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			r := w.send(test.method, test.path, test.body, "Idempotency-Key", id(name))
			if test.path == "/v1/commands" {
				r = w.send(test.method, test.path, test.body)
			}
			if r.status != test.status || r.problem() != test.problem || r.pointer() != test.pointer {
				t.Errorf("got %d %s at %q, want %d %s at %q\n%s", r.status, r.problem(), r.pointer(), test.status, test.problem, test.pointer, r.body)
			}
			if len(w.events()) != before {
				t.Error("something was stored")
			}
			if r.json["status"] != float64(r.status) || r.text("title") == "" || r.text("detail") == "" || r.text("request_id") != r.header.Get("X-Request-Id") {
				t.Errorf("the problem is not whole: %s", r.body)
			}
			if r.status == 405 && r.header.Get("Allow") != "POST" {
				t.Errorf("Allow: %q", r.header.Get("Allow"))
			}
			if page := w.send("GET", r.text("type"), ""); page.status != 200 {
				t.Errorf("%s has no page", r.text("type"))
			}
		})
	}
}

// A batch refuses the same as the command's own path, with pointers into its entry.
func TestABatchRefusesTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	before := len(w.events())
	targets := map[string]string{} // path → command and target
	for _, test := range happy {
		targets[test.method+" "+test.path] = fmt.Sprintf(`"command":%q,"target":%q,"part":%q`, test.command, test.target, test.part)
	}
	tried := 0
	for name, test := range bad {
		entry, ok := targets[test.method+" "+test.path]
		if !ok || test.status == 413 || test.body == "" || test.problem == "malformed-body" {
			continue
		}
		entry = strings.NewReplacer(`,"target":""`, "", `,"part":""`, "").Replace(entry)
		tried++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			r := w.must(200, "POST", "/v1/commands", `{"commands":[{`+entry+`,"body":`+test.body+`}]}`)
			result := r.json["results"].([]any)[0].(map[string]any)
			encoded, _ := json.Marshal(result["problem"])
			problem := reply{}
			_ = json.Unmarshal(encoded, &problem.json)
			pointer := test.pointer
			if pointer != "" || strings.Contains(problem.pointer(), "/body") {
				pointer = "/body" + pointer
			}
			if result["status"] != float64(test.status) || problem.problem() != test.problem || problem.pointer() != pointer {
				t.Errorf("got %v", result)
			}
			if len(w.events()) != before {
				t.Error("something was stored")
			}
		})
	}
	if tried < 25 {
		t.Errorf("only %d tried", tried)
	}
}

func TestABatchWithGoodAndBad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	won := id("won")
	r := w.must(200, "POST", "/v1/commands", `{"commands":[
		{"command":"customer.register","idempotency_key":"1","body":{"id":"`+id("grace")+`","kind":"person","name":"Grace"}},
		{"command":"deal.open","idempotency_key":"2","body":{"id":"`+id("d")+`","title":"T","customer":"`+id("grace")+`"}},
		{"command":"deal.win","target":"`+id("d")+`","if_match":0,"body":{}},
		{"command":"deal.win","target":"`+id("d")+`","if_match":0},
		{"command":"deal.lose","target":"`+won+`"},
		{"command":"deal.fly","target":"`+won+`"},
		{"command":"deal.win"},
		{"command":"deal.open","target":"`+won+`","body":{"title":"T"}},
		{"command":"deal.win","target":"`+won+`","part":"x"},
		{"command":"deal.remove_line_item","target":"`+won+`"},
		{"command":"deal.win","target":"`+won+`","if_match":-1},
		{"command":"deal.win","target":"`+won+`","idempotency_key":"a b"},
		{"command":"deal.change_amount","target":"`+won+`","body":{"amount":{"minor":1,"currency":"EUR"},"x":1}},
		{"command":"deal.assign_owner","target":"`+won+`","body":{"owner":"`+id("nobody")+`"}},
		{"command":"deal.reopen","target":"`+won+`","idempotency_key":"1"},
		{"command":"deal.reopen","target":"`+won+`","idempotency_key":"3"},
		{"command":"deal.remove_line_item","target":"`+won+`","part":"x"}
	]}`)
	want := []string{
		"201", "201", "200", "412 stale-revision ", "409 deal-not-open ", "422 command-unknown /command", "422 invalid-value /target",
		"422 invalid-value /target", "422 invalid-value /part", "422 invalid-value /part", "422 invalid-value /if_match", "422 invalid-value /idempotency_key",
		"400 unknown-field /body/x", "422 unknown-reference /body/owner", "422 idempotency-key-reused ", "200", "400 invalid-parameter /part",
	}
	for i, result := range r.json["results"].([]any) {
		result := result.(map[string]any)
		got := fmt.Sprint(result["status"])
		if problem, ok := result["problem"].(map[string]any); ok {
			p := reply{json: problem}
			got += " " + p.problem() + " " + p.pointer()
		}
		if got != want[i] {
			t.Errorf("command %d: %s, want %s", i, got, want[i])
		}
	}
	if r.header.Get("Crm-Position") != w.events()[len(w.events())-1].Position.String() {
		t.Errorf("position %s", r.header.Get("Crm-Position"))
	}
	for _, name := range []string{"Idempotency-Key", "If-Match"} {
		w.must(400, "POST", "/v1/commands", `{"commands":[{"command":"deal.win"}]}`, name, `"1"`)
	}
}

func TestABatchHasALimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	batch := func(n int) string {
		entry := `{"command":"product.define","body":{"name":"P"}}`
		return `{"commands":[` + strings.Repeat(entry+",", n-1) + entry + `]}`
	}
	w.must(200, "POST", "/v1/commands", batch(500))
	if got := len(w.events()); got != 500 {
		t.Errorf("%d events", got)
	}
	if r := w.must(422, "POST", "/v1/commands", batch(501)); r.pointer() != "/commands" {
		t.Errorf("got %s", r.body)
	}
	w.must(413, "POST", "/v1/commands", `{"commands":[{"command":"`+strings.Repeat("x", 9<<20)+`"}]}`)
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"kind":"person","name":"A"}`
	for _, good := range []string{"application/json", "application/json; charset=utf-8", "application/merge-patch+json"} {
		w.must(201, "POST", "/v1/customers", body, "Content-Type", good)
	}
	for _, wrong := range []string{"text/plain", "application/x-www-form-urlencoded", "", "a/b/c"} {
		if r := w.must(415, "POST", "/v1/customers", body, "Content-Type", wrong); r.problem() != "unsupported-media-type" {
			t.Errorf("%q: %s", wrong, r.body)
		}
	}
}

func TestNobodyGetsInWithoutAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + key, key, "Bearer " + key + "x", "Bearer " + key[1:]} {
		for _, path := range []string{"/v1/customers", "/v1/commands"} {
			request := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(`{"kind":"person","name":"A"}`))
			request.Header.Set("Content-Type", "application/json")
			if authorization != "" {
				request.Header.Set("Authorization", authorization)
			}
			if r := w.do(request); r.status != 401 || r.problem() != "unauthenticated" || r.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%q: %d %s", authorization, r.status, r.body)
			}
		}
	}
	if r := w.do(httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", http.NoBody)); r.status != 401 {
		t.Errorf("metrics: %d", r.status)
	}
	for _, path := range []string{"/health/live", "/health/ready", "/openapi.json", "/docs/", "/problems/internal"} {
		if r := w.do(httptest.NewRequestWithContext(t.Context(), "GET", path, http.NoBody)); r.status != 200 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	w.must(201, "POST", "/v1/customers", `{"kind":"person","name":"A"}`, "Authorization", "bearer  "+key)
	if len(w.events()) != 1 {
		t.Errorf("%d events", len(w.events()))
	}
}

func TestOccurredAtHasBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(422, "POST", "/v1/customers", `{"kind":"person","name":"A","occurred_at":"0001-01-01T00:00:00Z"}`) // Go's word for no instant
	for _, good := range []string{"0001-01-01T00:00:00.000001Z", noon.Add(23 * time.Hour).Format(time.RFC3339)} {
		w.must(201, "POST", "/v1/customers", `{"kind":"person","name":"A","occurred_at":"`+good+`"}`)
	}
	for _, e := range w.events() {
		if e.Meta.OccurredAt.Location() != time.UTC || e.Meta.OccurredAt.IsZero() {
			t.Errorf("occurred at %v", e.Meta.OccurredAt)
		}
	}
}
