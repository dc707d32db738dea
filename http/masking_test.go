package http_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"crm/domain"
	crmhttp "crm/http"
	"crm/http/access"
)

// canaries fills what is personal of a company with words that are met nowhere else,
// and gives them.
func (w *world) canaries() []string {
	w.t.Helper()
	var canaries []string
	word := func(name string) string {
		canaries = append(canaries, "canary"+name)
		return "canary" + name
	}
	quoted := func(name string) string { return `"` + word(name) + `"` }
	details := func(kind string, fields ...string) string {
		var text strings.Builder
		for _, field := range fields {
			fmt.Fprintf(&text, `,%q:%s`, field, quoted(kind+strings.ReplaceAll(field, "_", "")))
		}
		return text.String()
	}
	ada := "/v1/customers/" + id("canary")
	for _, r := range [][3]string{
		{"POST", "/v1/employees", `{"id":"` + id("boss") + `","name":` + quoted("boss") + `,"email":"` + word("boss") + `@example.org"}`},
		{"POST", "/v1/employees", `{"id":"` + id("worker") + `","name":` + quoted("worker") + `,"manager":"` + id("boss") + `"}`},
		{"POST", "/v1/employees", `{"name":` + quoted("another") + `}`},
		{"POST", "/v1/customers", `{"id":"` + id("canaryorg") + `","kind":"organization","owner":"` + id("worker") + `"` + details("org", "name", "description", "legal_name", "vat_id") + `}`},
		{"POST", "/v1/customers", `{"id":"` + id("canary") + `","kind":"person","owner":"` + id("worker") + `","birth_date":"1815-12-10","reason":` + quoted("reason") +
			details("person", "name", "description", "honorific", "given_name", "family_name", "job_title") + `,
			"contact_points":[{"id":"` + id("canary-mail") + `","kind":"email","value":"` + word("mail") + `@example.org"},
				{"kind":"postal","address":{"country":"AT"` + details("address", "street", "postal_code", "city", "region") + `}}],
			"attributes":[{"key":"hobby","kind":"text","value":` + quoted("hobby") + `}],
			"links":[{"organization":"` + id("canaryorg") + `","relation":"works_at","title":` + quoted("linktitle") + `}]}`},
		{"PATCH", ada, `{"description":` + quoted("changed") + `}`},
		{"POST", ada + "/corrections", `{"job_title":` + quoted("corrected") + `}`},
		{"POST", ada + "/attributes", `{"set":[{"key":"car","kind":"text","value":` + quoted("car") + `}]}`},
		{"POST", ada + "/contact-points/" + id("canary-mail") + "/verify", `{}`},
		{"POST", ada + "/contact-points/" + id("canary-mail") + "/remove", `{}`},
		{"POST", ada + "/contact-points", `{"kind":"email","value":"` + word("second") + `@example.org"}`},
		{"POST", ada + "/owner", `{"owner":"` + id("boss") + `"}`},
		{"POST", ada + "/interactions", `{"id":"` + id("canary-call") + `","channel":"call","employee":"` + id("worker") + `","subject":` + quoted("subject") +
			`,"note":` + quoted("note") + `,"participants":[` + quoted("participant") + `]}`},
		{"PATCH", ada + "/interactions/" + id("canary-call"), `{"note":` + quoted("amended") + `}`},
		{"POST", ada + "/consents", `{"purpose":"news","channel":"email","proof":` + quoted("proof") + `}`},
		{"POST", ada + "/consents/survey:phone/request", `{"proof":` + quoted("requested") + `}`},
		{"POST", ada + "/consents/survey:phone/confirm", `{"proof":` + quoted("confirmed") + `}`},
		{"POST", "/v1/deals", `{"id":"` + id("canary-deal") + `","customer":"` + id("canary") + `","owner":"` + id("worker") + `","title":` + quoted("title") + `,
			"amount":{"minor":100,"currency":"EUR"}}`},
		{"POST", "/v1/deals/" + id("canary-deal") + "/lose", `{"reason":"price","note":` + quoted("lossnote") + `}`},
		{"POST", "/v1/deals", `{"id":"` + id("canary-won") + `","customer":"` + id("canary") + `","owner":"` + id("worker") + `","title":` + quoted("wontitle") + `,
			"amount":{"minor":100,"currency":"EUR"}}`},
		{"POST", "/v1/deals/" + id("canary-won") + "/win", `{}`},
		{"POST", "/v1/keys", `{"name":"worker","role":"sales","reason":"R","scope":"` + id("worker") + `"}`},
	} {
		if reply := w.send(r[0], r[1], r[2]); reply.status >= 300 {
			w.t.Fatalf("%s: %s", r[1], reply.body)
		}
	}
	return append(canaries, "1815-12-10")
}

// representations are every way that the company is read: each route that is read by
// GET, of whatever has an id, and with what changes its form.
func (w *world) representations() []string {
	var paths []string
	for _, r := range w.rights() {
		if r.method != http.MethodGet || r.needs == "" || strings.HasSuffix(r.pattern, "/events") && strings.Contains(r.pattern, "jobs") {
			continue
		}
		for _, of := range []string{"canary", "canaryorg", "canary-deal", "canary-won", "worker", "boss", "lamp"} {
			path := strings.NewReplacer("{id}", id(of), "{name}", "customers", "{part}", "news:email").Replace(r.pattern)
			if strings.HasPrefix(r.pattern, "/v1/pipelines/") {
				path = strings.ReplaceAll(r.pattern, "{id}", domain.DefaultPipeline.String())
			}
			switch {
			case r.pattern == "/v1/consents/check":
				path += "?customer=" + id(of) + "&purpose=news&channel=email"
			case strings.HasPrefix(r.pattern, "/v1/reports/forecast-accuracy"):
				path += "?on=2026-11-23&group_by=owner"
			case strings.HasPrefix(r.pattern, "/v1/reports/sales"), r.pattern == "/v1/reports/forecast", r.pattern == "/v1/reports/forecast/events":
				paths = append(paths, path+"?group_by=owner")
				if strings.HasPrefix(r.pattern, "/v1/reports/sales") {
					paths = append(paths, path+"?group_by=manager")
				}
			}
			paths = append(paths, path)
			if !strings.Contains(r.pattern, "{id}") && of != "lamp" {
				break
			}
		}
		if !strings.Contains(r.pattern, "{id}") {
			paths = append(paths, r.pattern+"?limit=1")
		}
	}
	return paths
}

var encoded = regexp.MustCompile(`[A-Za-z0-9_-]{24,}`)

// leaks are the canaries in an answer, in its headers and in what it holds encoded.
func leaks(r reply, canaries []string) (found []string) {
	var all strings.Builder
	fmt.Fprintln(&all, r.body, r.header)
	for _, text := range encoded.FindAllString(r.body, -1) {
		if plain, err := base64.RawURLEncoding.DecodeString(text); err == nil {
			all.Write(plain)
		}
	}
	text := strings.ToLower(all.String())
	for _, canary := range canaries {
		if strings.Contains(text, canary) {
			found = append(found, canary)
		}
	}
	return found
}

// What is personal reaches nobody who does not see it, in no representation; and all
// of it reaches who does, or this would prove nothing. An answer is masked for nobody
// else.
func TestWhatIsPersonalIsMasked(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, func(cfg *crmhttp.Config) {
		withRoles(cfg)
		cfg.Keys["masked"] = crmhttp.Key{Hash: crmhttp.HashKey(keyOf("masked")), Role: access.Admin, Masked: true}
	})
	w.company()
	canaries := w.canaries()
	w.refresh()
	met, read := map[string]bool{}, 0
	for _, path := range w.representations() {
		for _, role := range []access.Role{access.Analyst, "masked", access.Admin} { // an admin's key may be masked too
			r := w.as(role, http.MethodGet, path, "")
			if r.status == http.StatusOK {
				read++
			}
			found := leaks(r, canaries)
			if role == access.Admin {
				for _, canary := range found {
					met[canary] = true
				}
				if strings.Contains(r.body, `"masked":true`) {
					t.Errorf("%s is masked for the %s: %s", path, role, r.body)
				}
				continue
			}
			if len(found) > 0 {
				t.Errorf("the %s meets %v in %s: %s", role, found, path, r.body)
			}
		}
	}
	for _, canary := range canaries {
		if !met[canary] {
			t.Errorf("nobody meets %s", canary)
		}
	}
	if read < 100 {
		t.Errorf("only %d answers were read", read)
	}
	card := w.as(access.Analyst, http.MethodGet, "/v1/customers/"+id("canary"), "")
	if card.json["masked"] != true || card.json["stage"] != "lead" || card.json["attributes"].([]any)[0].(map[string]any)["key"] != "car" {
		t.Errorf("the analyst's card is %s", card.body)
	}
	if _, there := card.json["name"]; there {
		t.Errorf("the analyst's card has a name: %s", card.body)
	}
	// The same where a question is sent as JSON.
	for _, question := range []string{`{}`, `{"fields":["name","title","owner"]}`, `{"limit":1}`} {
		for _, path := range []string{"/v1/customers/search", "/v1/deals/search"} {
			field := map[bool]string{true: "name", false: "title"}[strings.Contains(path, "customers")]
			question := strings.NewReplacer(`"name","title"`, `"`+field+`"`).Replace(question)
			r, whole := w.as(access.Analyst, http.MethodPost, path, question), w.as(access.Admin, http.MethodPost, path, question)
			if found := leaks(r, canaries); len(found) > 0 || r.status != http.StatusOK || len(leaks(whole, canaries)) == 0 && !strings.Contains(question, "limit") {
				t.Errorf("the analyst meets %v in %s with %s: %s", found, path, question, r.body)
			}
		}
	}
	// What asks by it is refused.
	for _, query := range []string{
		"customers?q=canary", "customers?filter[name][prefix]=c", "customers?filter[email][eq]=a@b.example", "customers?sort=name",
		"deals?filter[title][contains]=canary", "deals?sort=title", "employees?sort=name", "employees?filter[name][eq]=x",
	} {
		r, whole := w.as(access.Analyst, http.MethodGet, "/v1/"+query, ""), w.as(access.Reader, http.MethodGet, "/v1/"+query, "")
		if r.problem() != "not-allowed" && (r.status != whole.status || whole.status != http.StatusBadRequest) { // no such question at all
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
}

// Who sees everything gets the very bytes that masking leaves where nothing is personal:
// masking changes nothing else.
func TestMaskingChangesNothingElse(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, withRoles)
	w.company()
	w.refresh()
	for _, path := range []string{"/v1/products", "/v1/pipelines", "/v1/products/" + id("lamp"), "/v1/reports/funnel", "/v1/reports/sources"} {
		whole, masked := w.as(access.Reader, http.MethodGet, path, ""), w.as(access.Analyst, http.MethodGet, path, "")
		if strings.TrimSpace(whole.body) != strings.TrimSpace(masked.body) {
			t.Errorf("%s: %s\nis to the analyst %s", path, whole.body, masked.body)
		}
	}
}

// Nothing personal stands where masking would not see it: no type that writes its own
// JSON holds any, unless it says what to leave out.
func TestEveryPersonalFieldIsSeen(t *testing.T) {
	t.Parallel()
	personal, marshaler, partly := reflect.TypeFor[domain.Personal](), reflect.TypeFor[json.Marshaler](), reflect.TypeFor[access.Partly]()
	visited, holding := map[reflect.Type]bool{}, 0
	var holds func(reflect.Type) bool
	holds = func(of reflect.Type) bool {
		if of == personal {
			return true
		}
		if visited[of] || of.Implements(partly) {
			return false
		}
		visited[of] = true
		found := false
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array:
			found = holds(of.Elem())
		case reflect.Struct:
			for field := range of.Fields() {
				if field.IsExported() || field.Anonymous {
					found = holds(field.Type) || found
				}
			}
		default:
		}
		if found {
			holding++
		}
		if found && (of.Implements(marshaler) || reflect.PointerTo(of).Implements(marshaler)) && of.Kind() != reflect.Pointer {
			t.Errorf("%s writes its own JSON and holds what is personal", of)
		}
		return found
	}
	for _, of := range newWorld(t).server.AnsweredTypes() {
		holds(of)
	}
	if holding < 10 {
		t.Errorf("only %d types hold what is personal", holding)
	}
}
