package http_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"crm/domain"
	crmhttp "crm/http"
	"crm/http/access"
)

// visit is how a narrowed route is called: with placeholders for what has an id, of
// which there is one's own, another owner's, and none.
type visit struct {
	query, body string
	// list says that the answer holds what is one's own, instead of being about it.
	list bool
	// creates says that it is about nothing that there is.
	creates bool
}

// visits are those of every narrowed route; one that is missing here fails.
var visits = map[string]visit{
	"GET /v1/customers":                                    {query: "limit=200", list: true},
	"GET /v1/customers/{id}":                               {},
	"GET /v1/customers/{id}/timeline":                      {},
	"GET /v1/customers/{id}/deals":                         {},
	"GET /v1/customers/{id}/consents":                      {},
	"GET /v1/consents/check":                               {query: "customer={customer}&purpose=news&channel=email"},
	"GET /v1/deals":                                        {query: "limit=200", list: true},
	"GET /v1/deals/{id}":                                   {},
	"POST /v1/customers/search":                            {body: `{"limit":200}`, list: true},
	"POST /v1/deals/search":                                {body: `{"limit":200}`, list: true},
	"GET /v1/pipelines/{id}/board":                         {query: "first=50", list: true},
	"POST /v1/customers":                                   {body: `{"kind":"person","name":"N"}`, creates: true},
	"PATCH /v1/customers/{id}":                             {body: `{"job_title":"Dr"}`},
	"POST /v1/customers/{id}/corrections":                  {body: `{"job_title":"Dr"}`},
	"POST /v1/customers/{id}/contact-points":               {body: `{"kind":"phone","value":"+43 1 234567"}`},
	"POST /v1/customers/{id}/contact-points/{part}/verify": {},
	"POST /v1/customers/{id}/contact-points/{part}/remove": {},
	"POST /v1/customers/{id}/owner":                        {body: `{"owner":"{eve}"}`},
	"POST /v1/customers/{id}/lifecycle":                    {body: `{"stage":"customer"}`},
	"POST /v1/customers/{id}/attributes":                   {body: `{"set":[{"key":"k","kind":"text","value":"v"}]}`},
	"POST /v1/customers/{id}/links":                        {body: `{"organization":"{organization}","relation":"partner_of"}`},
	"POST /v1/customers/{id}/links/end":                    {body: `{"organization":"{organization}","relation":"works_at"}`},
	"POST /v1/customers/{id}/archive":                      {},
	"POST /v1/customers/{id}/restore":                      {},
	"POST /v1/customers/{id}/interactions":                 {body: `{"channel":"call"}`},
	"PATCH /v1/customers/{id}/interactions/{part}":         {body: `{"note":"N"}`},
	"POST /v1/customers/{id}/consents":                     {body: `{"purpose":"survey","channel":"email"}`},
	"POST /v1/customers/{id}/consents/{part}/request":      {},
	"POST /v1/customers/{id}/consents/{part}/confirm":      {},
	"POST /v1/customers/{id}/consents/{part}/withdraw":     {},
	"POST /v1/customers/{id}/consents/{part}/object":       {},
	"POST /v1/customers/{id}/consents/{part}/expire":       {},
	"POST /v1/deals":                                       {body: `{"title":"T","customer":"{customer}"}`, creates: true},
	"POST /v1/deals/{id}/stage":                            {body: `{"stage":"offer"}`},
	"POST /v1/deals/{id}/amount":                           {body: `{"amount":{"minor":1,"currency":"EUR"}}`},
	"POST /v1/deals/{id}/close-date":                       {body: `{"expected_close":"2026-12-24"}`},
	"POST /v1/deals/{id}/owner":                            {body: `{"owner":"{eve}"}`},
	"POST /v1/deals/{id}/customer":                         {body: `{"customer":"{customer}"}`},
	"POST /v1/deals/{id}/forecast-category":                {body: `{"category":"commit"}`},
	"POST /v1/deals/{id}/line-items":                       {body: `{"product":"{lamp}"}`},
	"POST /v1/deals/{id}/line-items/{part}":                {body: `{"product":"{lamp}"}`},
	"POST /v1/deals/{id}/line-items/{part}/remove":         {},
	"POST /v1/deals/{id}/win":                              {},
	"POST /v1/deals/{id}/lose":                             {body: `{"reason":"price"}`},
	"POST /v1/deals/{id}/reopen":                           {},
	"POST /v1/deals/{id}/void":                             {},
}

// places are the ids of one set of things, by the placeholders that stand for them.
func places(of, pattern string) *strings.Replacer {
	target, part := of+"-customer", id(of+"-mail")
	switch {
	case strings.Contains(pattern, "/line-items/"):
		target, part = of+"-deal", id(of+"-line")
	case strings.Contains(pattern, "/deals/"):
		target = of + "-deal"
	case strings.Contains(pattern, "/interactions/"):
		part = id(of + "-call")
	case strings.Contains(pattern, "/consents/"):
		part = "news:email"
	}
	at := id(target)
	if strings.Contains(pattern, "/pipelines/") {
		at = domain.DefaultPipeline.String()
	}
	return strings.NewReplacer("{id}", at, "{part}", part, "{customer}", id(of+"-customer"),
		"{organization}", id(of+"-organization"), "{eve}", id("eve"), "{lamp}", id("lamp"))
}

// furnish makes a set of things for an owner.
func (w *world) furnish(of, owner string) {
	w.t.Helper()
	customer := "/v1/customers/" + id(of+"-customer")
	for _, r := range [][2]string{
		{"/v1/customers", `{"id":"` + id(of+"-organization") + `","kind":"organization","name":"` + of + ` Ltd","owner":"` + id(owner) + `"}`},
		{"/v1/customers", `{"id":"` + id(of+"-customer") + `","kind":"person","name":"` + of + ` Person","owner":"` + id(owner) + `",
			"links":[{"organization":"` + id(of+"-organization") + `","relation":"works_at"}],
			"contact_points":[{"id":"` + id(of+"-mail") + `","kind":"email","value":"` + of + `@example.org"}]}`},
		{"/v1/deals", `{"id":"` + id(of+"-deal") + `","title":"` + of + ` Deal","owner":"` + id(owner) + `","customer":"` + id(of+"-customer") + `",
			"amount":{"minor":100,"currency":"EUR"},"line_items":[{"id":"` + id(of+"-line") + `","product":"` + id("lamp") + `"}]}`},
		{customer + "/interactions", `{"id":"` + id(of+"-call") + `","channel":"call"}`},
		{customer + "/consents", `{"purpose":"news","channel":"email"}`},
	} {
		if reply := w.send(http.MethodPost, r[0], r[1]); reply.status >= 300 {
			w.t.Fatalf("%s: %s", r[0], reply.body)
		}
	}
}

// scopedKey sees eve's rows, and no others.
const scopedKey = key + "of eve"

func withScope(cfg *crmhttp.Config) {
	cfg.Keys["eve's"] = crmhttp.Key{Hash: crmhttp.HashKey(scopedKey), Role: access.Admin, Scope: domain.EmployeeID{UUID: uuidOf("eve")}}
}

// Whoever may see one owner's rows is answered about another's as about what does not
// exist: byte for byte, on every route, with and without conditions, and nothing is
// changed. One's own is answered as to anybody.
func TestAnotherOwnersRowsAreNotThere(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, withScope)
	w.company()
	w.must(http.StatusCreated, "POST", "/v1/employees", `{"id":"`+id("joe")+`","name":"Joe"}`)
	ask := func(r right, of string, headers ...string) reply {
		v, at := visits[r.method+" "+r.pattern], places(of, r.pattern)
		path := at.Replace(r.pattern)
		if v.query != "" {
			path += "?" + at.Replace(v.query)
		}
		body := at.Replace(v.body)
		if body == "" && r.method != http.MethodGet {
			body = "{}"
		}
		got := w.send(r.method, path, body, append([]string{"Authorization", "Bearer " + scopedKey, "X-Request-Id", "same"}, headers...)...)
		for _, what := range []string{"-customer", "-deal", "-organization", "-mail", "-line", "-call"} {
			got.body = strings.ReplaceAll(got.body, id(of+what), what)
		}
		return got
	}
	var narrowed []right
	for _, r := range w.rights() {
		if r.narrowed {
			narrowed = append(narrowed, r)
		}
	}
	w.furnish("own", "eve")
	w.furnish("other", "joe")
	for _, r := range narrowed {
		name := r.method + " " + r.pattern
		if _, known := visits[name]; !known {
			t.Errorf("%s is narrowed, but how it is called is not among the visits", name)
			continue
		}
		if v := visits[name]; r.method == http.MethodGet || v.list || v.creates {
			continue
		}
		mine, theirs := strings.ReplaceAll(name, " ", "")+"-mine", strings.ReplaceAll(name, " ", "")+"-theirs"
		w.furnish(mine, "eve")
		w.furnish(theirs, "joe")
		last := len(w.events())
		for _, headers := range [][]string{nil, {"If-Match", `"0"`}, {"If-Match", `"9"`}, {"If-Match", `*`}, {"Idempotency-Key", name}} {
			outside, missing := ask(r, theirs, headers...), ask(r, "none", headers...)
			if outside.status != missing.status || outside.body != missing.body || outside.status < 400 {
				t.Errorf("%s %v: another's is %d %s, none is %d %s", name, headers, outside.status, outside.body, missing.status, missing.body)
			}
			for header := range outside.header {
				if !slices.Equal(outside.header[header], missing.header[header]) {
					t.Errorf("%s %v: %s is %v of another's, %v of none", name, headers, header, outside.header[header], missing.header[header])
				}
			}
		}
		if got := len(w.events()); got != last {
			t.Errorf("%s: %d events about another's", name, got-last)
		}
		if own := ask(r, mine); own.status >= 300 && own.status != http.StatusConflict {
			t.Errorf("%s: one's own is %d %s", name, own.status, own.body)
		}
	}
	w.refresh()
	for _, r := range narrowed {
		name := r.method + " " + r.pattern
		if v, known := visits[name]; !known || r.method != http.MethodGet && !v.list {
			continue
		}
		outside, missing, own := ask(r, "other"), ask(r, "none"), ask(r, "own")
		if own.status != http.StatusOK || strings.Contains(own.body, "other Person") || strings.Contains(own.body, "other Deal") || strings.Contains(own.body, "other Ltd") {
			t.Errorf("%s: one's own is %d %s", name, own.status, own.body)
		}
		if visits[name].list {
			if !strings.Contains(own.body, "own ") {
				t.Errorf("%s: one's own is not in %s", name, own.body)
			}
			continue
		}
		if outside.status != missing.status || outside.body != missing.body || outside.body == own.body {
			t.Errorf("%s: another's is %d %s, none is %d %s", name, outside.status, outside.body, missing.status, missing.body)
		}
	}
	// The same in a batch, and what is created there is one's own.
	batch := w.send("POST", "/v1/commands", fmt.Sprintf(`{"commands":[
		{"command":"customer.archive","target":%q},{"command":"customer.archive","target":%q},
		{"command":"customer.register","body":{"id":%q,"kind":"person","name":"N"}},{"command":"customer.archive","target":%q},
		{"command":"product.define","body":{"name":"P"}}]}`,
		id("other-customer"), id("none-customer"), id("born"), id("born")), "Authorization", "Bearer "+scopedKey)
	var statuses []any
	for _, result := range batch.json["results"].([]any) {
		statuses = append(statuses, result.(map[string]any)["status"])
	}
	if fmt.Sprint(statuses) != "[404 404 201 200 403]" {
		t.Errorf("the batch is answered with %v: %s", statuses, batch.body)
	}
}

// A board that is narrowed adds up what is shown, and follows who owns a deal today.
func TestABoardOfOnesOwn(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, withScope)
	w.company()
	w.must(http.StatusCreated, "POST", "/v1/employees", `{"id":"`+id("joe")+`","name":"Joe"}`)
	w.furnish("own", "eve")
	w.furnish("other", "joe")
	w.furnish("handed", "eve")
	w.must(http.StatusOK, "POST", "/v1/deals/"+id("handed-deal")+"/owner", `{"owner":"`+id("joe")+`"}`)
	w.refresh()
	for _, query := range []string{"", "?as_of=2026-11-23", "?known_at=2026-11-23"} {
		board := w.send("GET", "/v1/pipelines/"+domain.DefaultPipeline.String()+"/board"+query, "", "Authorization", "Bearer "+scopedKey)
		first := board.json["columns"].([]any)[0].(map[string]any)
		totals := fmt.Sprint(first["totals"])
		if first["count"] != 1. || len(first["deals"].([]any)) != 1 || !strings.Contains(totals, "minor:100 ") && !strings.Contains(totals, "minor:100]") {
			t.Errorf("board%s: %s", query, board.body)
		}
		if strings.Contains(board.body, "handed") {
			t.Errorf("board%s shows what was handed over: %s", query, board.body)
		}
	}
}
