package http_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	crmhttp "crm/http"
)

func TestCompanyIsRead(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	w.company()
	w.must(200, "POST", "/v1/customers/"+id("ada")+"/owner", `{"owner":"`+id("eve")+`"}`)
	w.must(200, "POST", "/v1/deals/"+id("deal")+"/customer", `{"customer":"`+id("ada")+`"}`)
	w.refresh()

	card := w.get("/v1/customers/" + id("ada"))
	if card.text("name") != "Ada" || card.text("owner", "name") != "Eve" || card.text("owner", "id") != id("eve") {
		t.Errorf("the card: %s", card.body)
	}
	points, _ := card.json["contact_points"].([]any)
	if len(points) != 1 || points[0].(map[string]any)["value"] != "Ada@Example.org" || points[0].(map[string]any)["normalized"] == "" {
		t.Errorf("contact points: %v", points)
	}
	links, _ := card.json["links"].([]any)
	if len(links) != 1 || links[0].(map[string]any)["organization"].(map[string]any)["name"] != "Acme" {
		t.Errorf("links: %v", links)
	}
	deal := w.get("/v1/deals/" + id("deal"))
	if deal.text("customer", "name") != "Ada" || deal.text("stage", "name") != "New" || deal.text("pipeline", "name") != "Sales" ||
		deal.json["worth"].(map[string]any)["minor"] != 4900.0 {
		t.Errorf("the deal: %s", deal.body)
	}
	// What a card calls its revision is what If-Match takes.
	if r := w.send("POST", "/v1/deals/"+id("deal")+"/amount", `{"amount":{"minor":1,"currency":"EUR"}}`, "If-Match", deal.header.Get("ETag")); r.status != 200 {
		t.Errorf("If-Match with the card's ETag: %d %s", r.status, r.body)
	}
	for path, want := range map[string][]string{
		"/v1/customers":                                  {"Ada", "Acme"},
		"/v1/customers?kind=organization":                {"Acme"},
		"/v1/customers?q=ADA%40ex":                       {"Ada"},
		"/v1/customers?owner=" + id("eve"):               {"Ada"},
		"/v1/customers?archived=true":                    {},
		"/v1/deals":                                      {"Lamps", "Won"},
		"/v1/deals?status=won":                           {"Won"},
		"/v1/customers/" + id("ada") + "/deals":          {"Lamps"},
		"/v1/employees":                                  {"Eve"},
		"/v1/products":                                   {"Lamp"},
		"/v1/pipelines":                                  {"Other", "Sales"},
		"/v1/customers/" + id("ada") + "/consents":       {"survey"},
		"/v1/customers/" + id("acme") + "/consents":      {},
		"/v1/customers?source=nowhere&stage=lead&q=none": {},
	} {
		got := []string{}
		for _, row := range w.get(path).rows() {
			for _, name := range []string{"name", "title", "purpose"} {
				if text, ok := row[name].(string); ok {
					got = append(got, text)
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(want, got) {
			t.Errorf("GET %s: %q, want %q", path, got, want)
		}
	}
	timeline := w.get("/v1/customers/" + id("ada") + "/timeline").rows()
	kinds := map[string]int{}
	for _, entry := range timeline {
		kinds[entry["entity"].(map[string]any)["kind"].(string)]++
		if entry["summary"] == "" || entry["actor"] != "tester" {
			t.Errorf("a poor entry: %v", entry)
		}
	}
	for _, kind := range []string{"customer", "consent", "interaction", "deal"} {
		if kinds[kind] == 0 {
			t.Errorf("nothing of a %s is on the timeline: %v", kind, kinds)
		}
	}
	board := w.get("/v1/pipelines/" + id("other") + "/board")
	if columns := board.json["columns"].([]any); len(columns) != 3 {
		t.Errorf("an empty board has the stage, won and lost, not %s", board.body)
	}
	report := w.get("/v1/reports/sales?group_by=year&from=2026-11-22&to=2026-11-22").rows()
	if len(report) != 1 || report[0]["key"] != "2026" || report[0]["won_count"] != 1.0 || report[0]["win_rate"] != 1.0 {
		t.Errorf("the sales report: %v", report)
	}
	if report := w.get("/v1/reports/sales?to=2026-11-21").rows(); len(report) != 0 {
		t.Errorf("a day before the close: %v", report)
	}
	if rows := w.get("/v1/reports/sources").rows(); len(rows) != 1 || rows[0]["source"] != "" || rows[0]["count"] != 2.0 {
		t.Errorf("sources: %v", rows)
	}
	if rows := w.get("/v1/reports/consent-coverage").rows(); len(rows) != 1 || rows[0]["status"] != "requested" {
		t.Errorf("consent coverage: %v", rows)
	}
	for _, path := range []string{"/v1/employees/" + id("eve"), "/v1/products/" + id("lamp"), "/v1/pipelines/" + id("other"), "/v1/customers/" + id("acme")} {
		if r := w.get(path); r.header.Get("ETag") == "" || r.text("id") != path[strings.LastIndex(path, "/")+1:] {
			t.Errorf("GET %s: ETag %q, %s", path, r.header.Get("ETag"), r.body)
		}
	}
}

func TestReadsRefuse(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	w.company()
	w.refresh()
	nobody := id("nobody")
	for path, want := range map[string]struct {
		status  int
		problem string
		at      string
	}{
		"/v1/customers/" + nobody:                     {404, "customer-unknown", ""},
		"/v1/customers/" + nobody + "/timeline":       {404, "customer-unknown", ""},
		"/v1/customers/" + nobody + "/deals":          {404, "customer-unknown", ""},
		"/v1/customers/" + nobody + "/consents":       {404, "customer-unknown", ""},
		"/v1/deals/" + nobody:                         {404, "deal-unknown", ""},
		"/v1/pipelines/" + nobody:                     {404, "pipeline-unknown", ""},
		"/v1/pipelines/" + nobody + "/board":          {404, "pipeline-unknown", ""},
		"/v1/employees/" + nobody:                     {404, "employee-unknown", ""},
		"/v1/products/" + nobody:                      {404, "product-unknown", ""},
		"/v1/customers/ada":                           {400, "invalid-parameter", "id"},
		"/v1/customers?nonsense=1":                    {400, "invalid-parameter", "nonsense"},
		"/v1/customers?q=a&q=b":                       {400, "invalid-parameter", "q"},
		"/v1/customers?kind=person&a;b":               {400, "invalid-parameter", ""},
		"/v1/customers?q=100%":                        {400, "invalid-parameter", ""},
		"/v1/reports/sources?group_by=year":           {400, "invalid-parameter", "group_by"},
		"/v1/customers?kind=dog":                      {400, "invalid-parameter", "kind"},
		"/v1/customers?stage=none":                    {400, "invalid-parameter", "stage"},
		"/v1/customers?owner=eve":                     {400, "invalid-parameter", "owner"},
		"/v1/customers?q=%00":                         {400, "invalid-parameter", "q"},
		"/v1/customers?q=%ff":                         {400, "invalid-parameter", "q"},
		"/v1/customers?source=a%00":                   {400, "invalid-parameter", "source"},
		"/v1/customers?q=" + strings.Repeat("x", 201): {400, "invalid-parameter", "q"},
		"/v1/deals?stage=No%20Slug":                   {400, "invalid-parameter", "stage"},
		"/v1/deals?limit=0":                           {400, "invalid-parameter", "limit"},
		"/v1/deals?limit=201":                         {400, "invalid-parameter", "limit"},
		"/v1/deals?limit=many":                        {400, "invalid-parameter", "limit"},
		"/v1/deals?min_position=yesterday":            {400, "invalid-parameter", "min_position"},
		"/v1/deals?cursor=!":                          {400, "invalid-cursor", ""},
		"/v1/reports/sales?group_by=moon":             {400, "invalid-parameter", "group_by"},
		"/v1/reports/sales?from=2026-02-30":           {400, "invalid-parameter", "from"},
		"/v1/consents/check?customer=" + nobody:       {400, "invalid-parameter", "purpose"},
		"/v1/pipelines/" + nobody + "/board?first=51": {400, "invalid-parameter", "first"},
	} {
		r := w.send("GET", path, "")
		if r.status != want.status || r.problem() != want.problem || want.at != "" && r.pointer() != want.at {
			t.Errorf("GET %s: %d %s at %q, want %+v: %s", path, r.status, r.problem(), r.pointer(), want, r.body)
		}
	}
}

func TestCursors(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	for i := range 23 {
		w.must(201, "POST", "/v1/customers", fmt.Sprintf(`{"kind":"person","name":"C %d","stage":"%s","occurred_at":"2026-01-%02dT00:00:00Z"}`,
			i, []string{"lead", "customer"}[i%2], 1+i%7))
		w.must(201, "POST", "/v1/employees", fmt.Sprintf(`{"name":"E %d"}`, i%5)) // names may be the same
	}
	w.refresh()
	for path, want := range map[string]int{"/v1/customers": 23, "/v1/customers?stage=lead": 12, "/v1/employees": 23} {
		for _, limit := range []int{1, 5, 23, 200} {
			seen := map[any]bool{}
			rows := w.pages(path, limit)
			for _, row := range rows {
				seen[row["id"]] = true
			}
			if len(rows) != want || len(seen) != want {
				t.Errorf("%s by %d: %d rows, %d different, want %d", path, limit, len(rows), len(seen), want)
			}
		}
	}

	cursor := w.get("/v1/customers?limit=5").text("page", "next_cursor")
	if cursor == "" {
		t.Fatal("no cursor")
	}
	bytes, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name, path string) {
		t.Helper()
		if r := w.send("GET", path, ""); r.status != 400 || r.problem() != "invalid-cursor" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	for i := range bytes {
		changed := slices.Clone(bytes)
		changed[i] ^= 1
		refused(fmt.Sprint("byte ", i), "/v1/customers?cursor="+base64.RawURLEncoding.EncodeToString(changed))
	}
	refused("cut", "/v1/customers?cursor="+cursor[:len(cursor)-4])
	refused("short", "/v1/customers?cursor=AAAA")
	refused("other filters", "/v1/customers?stage=lead&cursor="+cursor)
	refused("another list", "/v1/deals?cursor="+cursor)
	refused("with padding", "/v1/customers?cursor="+cursor+"=")
	if r := w.get("/v1/customers?limit=7&cursor=" + cursor); len(r.rows()) != 7 {
		t.Errorf("another limit goes on with 7 rows, not %d", len(r.rows()))
	}
}

func TestReadsWaitForTheirModels(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, func(cfg *crmhttp.Config) { cfg.MaxWait = 50 * time.Millisecond })
	made := w.must(201, "POST", "/v1/customers", `{"kind":"person","name":"Ada"}`)
	path := "/v1/customers/" + made.text("id")
	position := url.QueryEscape(made.header.Get("Crm-Position"))
	if r := w.send("GET", path, ""); r.status != http.StatusNotFound {
		t.Fatalf("nobody waited, and still: %d", r.status)
	}
	if r := w.send("GET", path+"?min_position="+position, ""); r.status != 200 {
		t.Errorf("own write not seen: %d %s", r.status, r.body)
	}
	if !slices.Contains(w.asked, "customers") || !slices.Contains(w.asked, "catalog") {
		t.Errorf("waited for %v", w.asked)
	}
	for _, path := range []string{"/v1/customers", "/v1/deals", "/v1/reports/sales", path + "/timeline", path + "/consents"} {
		r := w.send("GET", path+"?min_position=999999999", "")
		if r.status != 503 || r.problem() != "read-model-behind" || r.header.Get("Retry-After") == "" {
			t.Errorf("GET %s of the future: %d %s, Retry-After %q", path, r.status, r.problem(), r.header.Get("Retry-After"))
		}
	}
	if lines := w.lines.String(); strings.Contains(lines, `"level":"ERROR"`) || !strings.Contains(lines, `"level":"WARN"`) {
		t.Error("a position that is ahead is worth a warning, and no error of ours")
	}
}

func TestReadsWithoutPostgres(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	w.pool.Close()
	r := w.send("GET", "/v1/customers", "")
	if r.status != 503 || r.problem() != "read-models-unavailable" || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestConsentCheckOverHTTP(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	w.company()
	consents := "/v1/customers/" + id("ada") + "/consents"
	check := "/v1/consents/check?customer=" + id("ada") + "&purpose=news&channel=email"
	answer := func() reply {
		w.refresh()
		return w.get(check)
	}
	if r := answer(); r.json["allowed"] != false || r.text("status") != "none" || r.json["consent"] != nil {
		t.Errorf("never asked: %s", r.body)
	}
	granted := w.must(200, "POST", consents, `{"purpose":"news","channel":"email","wording_version":"3","expires_at":"2026-11-22T12:00:00.123457Z"}`)
	r := answer()
	if r.json["allowed"] != true || r.text("status") != "granted" || r.text("consent", "position") != granted.text("position") || r.text("consent", "wording_version") != "3" {
		t.Errorf("granted until a moment from now: %s", r.body)
	}
	events := w.events()
	if last := events[len(events)-1]; r.text("consent", "event_id") != last.ID.String() {
		t.Errorf("it rests on %s, not on %s", last.ID, r.text("consent", "event_id"))
	}
	w.must(200, "POST", consents, `{"purpose":"news","channel":"email","expires_at":"2026-11-22T12:00:00Z"}`)
	if r := answer(); r.json["allowed"] != false || r.text("status") != "expired" {
		t.Errorf("granted until now: %s", r.body)
	}
	w.must(200, "POST", consents+"/news:email/withdraw", "")
	if r := answer(); r.json["allowed"] != false || r.text("status") != "withdrawn" {
		t.Errorf("withdrawn: %s", r.body)
	}
}
