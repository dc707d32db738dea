package http_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"crm/http/access"
)

// names are the rows' names.
func (r reply) names() []string {
	all := []string{}
	for _, row := range r.rows() {
		name, _ := row["name"].(string)
		all = append(all, name)
	}
	return all
}

func (s *seeing) people(names ...string) {
	s.t.Helper()
	for i, name := range names {
		s.must(201, "POST", "/v1/customers", fmt.Sprintf(`{"kind":"person","name":%q,"stage":%q,"touchpoint":{"source":"s %d"},"occurred_at":"2026-01-%02dT00:00:00Z"}`,
			name, []string{"lead", "customer"}[i%2], i%3, 1+i))
	}
	s.refresh()
}

func TestListsAreFilteredSortedAndCut(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	w.people("Dora", "Änne", "anton", "Berta", "Cäsar")
	for path, want := range map[string][]string{
		"/v1/customers?sort=name":                                                                        {"Änne", "anton", "Berta", "Cäsar", "Dora"},
		"/v1/customers?sort=-name&filter[stage][eq]=customer":                                            {"Berta", "Änne"},
		"/v1/customers?filter[source][in]=s+0,s+2&sort=registered_at":                                    {"Dora", "anton", "Berta"},
		"/v1/customers?filter[registered_at][gte]=2026-01-02&filter[registered_at][lt]=2026-01-04":       {"anton", "Änne"},
		"/v1/customers?filter[name][prefix]=a&sort=name":                                                 {"Änne", "anton"},
		"/v1/customers?stage=lead&filter[name][contains]=caes":                                           {"Cäsar"},
		"/v1/customers?filter[owner][null]=false":                                                        {},
		"/v1/customers?q=a&sort=name":                                                                    {"Änne", "anton"},
		"/v1/customers?filter%5Bstage%5D%5Beq%5D=customer&sort=registered_at&as_of=2026-01-03T12:00:00Z": {"Änne"},
	} {
		if got := w.get(path).names(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	body := `{"where":[{"field":"stage","op":"in","value":["lead","customer"]},{"field":"registered_at","op":"gte","value":"2026-01-02"}],
		"any":[[{"field":"name","op":"eq","value":"Berta"},{"field":"source","op":"eq","value":"s 1"}]],"sort":"-name","limit":2,"fields":["name"]%s}`
	first := w.must(200, "POST", "/v1/customers/search", fmt.Sprintf(body, ""))
	if got := first.names(); !slices.Equal(got, []string{"Cäsar", "Berta"}) || len(first.rows()[0]) != 2 {
		t.Errorf("by a question as JSON: %s", first.body)
	}
	rest := w.must(200, "POST", "/v1/customers/search", fmt.Sprintf(body, `,"cursor":"`+first.text("page", "next_cursor")+`"`))
	if got := rest.names(); !slices.Equal(got, []string{"Änne"}) || rest.text("page", "next_cursor") != "" {
		t.Errorf("and the next page: %s", rest.body)
	}
	if r := w.get("/v1/customers?fields=stage,owner&limit=1"); len(r.rows()[0]) != 3 || r.rows()[0]["stage"] != "lead" || r.rows()[0]["id"] == nil {
		t.Errorf("id, stage and owner: %s", r.body)
	}
	if r := w.get("/v1/deals?sort=-worth,closed_at,-opened_at"); r.status != 200 {
		t.Error(r.body)
	}
}

func TestListsRefuse(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	w.people("Ada")
	long := strings.Repeat("x", 501)
	for path, at := range map[string]string{
		"/v1/customers?filter[shoe][eq]=1":                                   "filter[shoe][eq]",
		"/v1/customers?filter[stage][like]=l":                                "filter[stage][like]",
		"/v1/customers?filter[stage][gt]=lead":                               "filter[stage][gt]",
		"/v1/customers?filter[stage][eq]=pirate":                             "filter[stage][eq]",
		"/v1/customers?filter[owner][eq]=eve":                                "filter[owner][eq]",
		"/v1/customers?filter[employees][gt]=many":                           "filter[employees][gt]",
		"/v1/customers?filter[archived][eq]=maybe":                           "filter[archived][eq]",
		"/v1/customers?filter[registered_at][lt]=soon":                       "filter[registered_at][lt]",
		"/v1/customers?filter[source][eq]=" + long:                           "filter[source][eq]",
		"/v1/customers?filter[source][eq]=%00":                               "filter[source][eq]",
		"/v1/customers?filter[source][in]=" + strings.Repeat("a,", 201):      "filter[source][in]",
		"/v1/customers?filter[source]=a":                                     "filter[source]",
		"/v1/customers?filter=a":                                             "filter",
		"/v1/customers?filter[]=a":                                           "filter[]",
		"/v1/customers?filter[a][b][c]=a":                                    "filter[a][b][c]",
		"/v1/customers?filters[stage][eq]=lead":                              "filters[stage][eq]",
		"/v1/customers?sort=shoe":                                            "sort",
		"/v1/customers?sort=stage":                                           "sort",
		"/v1/customers?sort=name,-name":                                      "sort",
		"/v1/customers?sort=,":                                               "sort",
		"/v1/customers?fields=shoe":                                          "fields",
		"/v1/customers?filter[stage][eq]=lead&filter[stage][eq]=customer":    "filter[stage][eq]",
		"/v1/products?q=lamp":                                                "q",
		"/v1/employees?as_of=2026-01-01":                                     "as_of",
		"/v1/customers/" + id("ada") + "/timeline?filter[type][gt]=deal.won": "filter[type][gt]",
	} {
		if r := w.send("GET", path, ""); r.status != 400 || r.problem() != "invalid-parameter" || r.pointer() != at {
			t.Errorf("GET %.80s: %d %s at %q, want 400 at %q: %.300s", path, r.status, r.problem(), r.pointer(), at, r.body)
		}
	}
	conditions := strings.TrimSuffix(strings.Repeat(`{"field":"kind","op":"eq","value":"person"},`, 21), ",")
	for body, at := range map[string]string{
		`{"where":[{"field":"shoe","op":"eq","value":"1"}]}`:                            "/where/0",
		`{"where":[{"field":"stage","op":"eq","value":["lead","lead"]}]}`:               "/where/0",
		`{"any":[[{"field":"kind","op":"eq","value":"person"},{"field":"a","op":""}]]}`: "/any/0/1",
		`{"any":[[]]}`:                             "/any/0",
		`{"where":[` + conditions + `]}`:           "/where/20",
		`{"sort":"shoe"}`:                          "/sort",
		`{"fields":["shoe"]}`:                      "/fields",
		`{"limit":201}`:                            "/limit",
		`{"as_of":"soon"}`:                         "/as_of",
		`{"q":"` + strings.Repeat("x", 201) + `"}`: "/q",
		`{"sorts":"name"}`:                         "/sorts",
	} {
		if r := w.send("POST", "/v1/customers/search", body); r.status != 400 || r.pointer() != at {
			t.Errorf("POST %.80s: %d at %q, want 400 at %q: %s", body, r.status, r.pointer(), at, r.body)
		}
	}
	if r := w.send("POST", "/v1/deals/search", `{"q":"lamp"}`); r.status != 400 || r.pointer() != "/q" {
		t.Errorf("a search of deals: %d %s", r.status, r.body)
	}
	cursor := w.get("/v1/customers?limit=1&sort=name").text("page", "next_cursor")
	if cursor != "" {
		t.Errorf("one customer, and a next page")
	}
}

// Nothing that a request says gets into a statement: whatever stands where, the answer is
// a refusal or a list, the tables stay, and no statement fails.
func TestListsAreNotInjected(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	w.company()
	w.people("Ada", "Bob")
	corpus := []string{
		`'`, `''`, `"`, `\`, `\'`, `;`, `--`, `/*`, `*/`, `%`, `_`, `$1`, `@limit`, `@list_0`, `:x`, `?`, `()`, `{}`, `[`, `]`, `][`, "\n", "\t", "\u00a0", "ʼ", "＇", "💥",
		`' OR 1=1 --`, `x'; DROP TABLE customers.customers; --`, `1; SELECT pg_sleep(10)`, `name) FROM customers.customers; --`, `row.name`, `customers.customers`,
		`1 UNION SELECT version()`, `' || pg_sleep(10) || '`, `$$x$$`, `E'\x27'`, `U&"\0027"`, `NULL`, `null`, `true`, `-1`, `9223372036854775808`, `1e9`, `NaN`, `infinity`, `now()`,
		`{a,b}`, `a:*`, `a & !b`, `(a | b`, `<->`, `'a':1A`, `~` + id("acme"), `&acme`, `#123456`, strings.Repeat("'", 200), strings.Repeat("a ", 100),
	}
	try := func(path string) {
		r := w.send("GET", path, "")
		if r.status != http.StatusOK && r.status != http.StatusBadRequest {
			t.Errorf("GET %s: %d %s", path, r.status, r.body)
		}
	}
	for _, text := range corpus {
		e := url.QueryEscape(text)
		for _, path := range []string{
			"/v1/customers?q=" + e, "/v1/customers?sort=name&q=" + e, "/v1/customers?sort=" + e, "/v1/customers?sort=-" + e, "/v1/customers?fields=" + e, "/v1/customers?cursor=" + e,
			"/v1/customers?filter[" + e + "][eq]=1", "/v1/customers?filter[name][" + e + "]=1", "/v1/deals?sort=" + e, "/v1/products?filter[name][contains]=" + e,
			"/v1/employees?filter[office][prefix]=" + e, "/v1/customers/" + id("ada") + "/timeline?filter[type][prefix]=" + e, "/v1/customers/" + id("ada") + "/consents?filter[purpose][eq]=" + e,
		} {
			try(path)
		}
		for _, op := range []string{"eq", "in", "prefix", "null"} {
			for _, field := range []string{"name", "email", "stage", "organization", "registered_at"} {
				try("/v1/customers?filter[" + field + "][" + op + "]=" + e)
			}
		}
		if r := w.send("POST", "/v1/customers/search", fmt.Sprintf(`{"where":[{"field":%q,"op":"eq","value":"1"}],"q":%q}`, "x"+text, "x")); r.status != 400 {
			t.Errorf("a field %q: %d %s", text, r.status, r.body)
		}
	}
	if rows := w.get("/v1/customers?archived=all").rows(); len(rows) != 4 {
		t.Errorf("%d customers are left", len(rows))
	}
}

// Who may not see personal data cannot ask by it either, nor learn it from an order.
func TestListsDoNotTellWhatIsMasked(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, withRoles)
	w.people("Zoe", "Ada", "Max")
	for _, name := range []string{"Zora", "Ann", "Mia"} {
		w.must(201, "POST", "/v1/employees", `{"name":"`+name+`"}`)
	}
	w.refresh()
	for _, path := range []string{
		"/v1/customers?q=ada", "/v1/customers?sort=name", "/v1/customers?filter[name][prefix]=a", "/v1/customers?filter[email][null]=true",
		"/v1/customers?sort=registered_at,-name", "/v1/deals?filter[title][contains]=x", "/v1/employees?sort=email", "/v1/employees?filter[name][eq]=Ann",
	} {
		if r := w.as(access.Analyst, "GET", path, ""); r.status != http.StatusForbidden || r.problem() != "not-allowed" {
			t.Errorf("GET %s: %d %s", path, r.status, r.body)
		}
	}
	if r := w.as(access.Analyst, "POST", "/v1/customers/search", `{"any":[[{"field":"stage","op":"eq","value":"lead"},{"field":"phone","op":"eq","value":"+491"}]]}`); r.status != http.StatusForbidden {
		t.Errorf("a search by phone: %d %s", r.status, r.body)
	}
	for _, r := range []reply{w.as(access.Analyst, "GET", "/v1/customers?filter[stage][eq]=lead&fields=name,stage", ""), w.as(access.Analyst, "POST", "/v1/customers/search", `{"sort":"-registered_at","fields":["name"]}`)} {
		if r.status != 200 || len(r.rows()) == 0 || strings.Contains(r.body, "Zoe") || strings.Contains(r.body, "Ada") {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	r := w.as(access.Analyst, "GET", "/v1/employees?limit=3", "")
	var ids []string
	for _, row := range r.rows() {
		id, _ := row["id"].(string)
		ids = append(ids, id)
	}
	if len(ids) < 3 || !slices.IsSorted(ids) {
		t.Errorf("employees come by id, not by name: %s", r.body)
	}
}
