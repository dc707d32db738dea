package http_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	crmhttp "crm/http"
)

// day is an instant in 2026, which began on day 0.
func day(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }

// at asks for a path as of a day, as known on a day; a negative one is no bound.
func at(path string, asOf, knownAt int) string {
	query := url.Values{}
	if asOf >= 0 {
		query.Set("as_of", day(asOf).Format(time.RFC3339))
	}
	if knownAt >= 0 {
		query.Set("known_at", day(knownAt).Format(time.RFC3339))
	}
	if len(query) == 0 {
		return path
	}
	if strings.Contains(path, "?") {
		return path + "&" + query.Encode()
	}
	return path + "?" + query.Encode()
}

// dated is a seeing world whose clock stands where it is put.
type dated struct {
	*seeing
	today time.Time
}

func newDatedWorld(t *testing.T) *dated {
	t.Helper()
	w := &dated{}
	w.seeing = newSeeingWorldAt(t, func() time.Time { return w.today }, func(cfg *crmhttp.Config) {
		cfg.Now = func() time.Time { return w.today }
	})
	return w
}

// do sends a command on a day about something that occurred on a day.
func (w *dated) do(recorded, occurred int, method, path, body string) reply {
	w.t.Helper()
	w.today = day(recorded)
	body = strings.TrimSuffix(strings.TrimSpace(body), "}")
	if body == "" {
		body = "{"
	} else if body != "{" {
		body += ","
	}
	return w.send(method, path, body+`"occurred_at":"`+day(occurred).Format(time.RFC3339)+`"}`)
}

func (w *dated) did(recorded, occurred int, method, path, body string) {
	w.t.Helper()
	if r := w.do(recorded, occurred, method, path, body); r.status/100 != 2 {
		w.t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
	}
}

// A life with two surprises: on day 40 it is learnt that the phone number changed on
// day 20, and that consent had been withdrawn on day 25.
func TestThePastAsItWasAndAsItWasKnown(t *testing.T) {
	t.Parallel()
	w := newDatedWorld(t)
	ada, acme, deal := "/v1/customers/"+id("ada"), id("acme"), "/v1/deals/"+id("deal")
	w.did(0, 0, "POST", "/v1/pipelines", `{"id":"`+domain.DefaultPipeline.String()+`","name":"Sales","stages":[
		{"id":"new","name":"New","probability":10,"category":"pipeline"},
		{"id":"offer","name":"Offer","probability":50,"category":"best_case"}]}`)
	w.did(5, 2, "POST", "/v1/customers", `{"id":"`+acme+`","kind":"organization","name":"Acme"}`)
	w.did(10, 10, "POST", "/v1/customers", `{"id":"`+id("ada")+`","kind":"person","name":"Ada"}`)
	w.did(11, 11, "POST", "/v1/deals", `{"id":"`+id("deal")+`","title":"Lamps","amount":{"minor":1000,"currency":"EUR"}}`)
	w.did(15, 15, "POST", ada+"/consents", `{"purpose":"news","channel":"email","expires_at":"`+day(60).Format(time.RFC3339)+`"}`)
	w.did(18, 18, "POST", ada+"/links", `{"organization":"`+acme+`","relation":"works_at"}`)
	w.did(30, 30, "POST", deal+"/stage", `{"stage":"offer"}`)
	w.did(31, 31, "PATCH", ada, `{"name":"Ada King"}`)
	w.did(32, 32, "POST", deal+"/customer", `{"customer":"`+id("ada")+`"}`)
	w.did(35, 35, "PATCH", "/v1/customers/"+acme, `{"name":"Acme AG"}`)
	w.did(40, 20, "PATCH", ada, `{"job_title":"Countess"}`)
	w.did(40, 25, "POST", ada+"/consents/news:email/withdraw", ``)
	w.did(50, 50, "POST", deal+"/win", ``)
	w.did(55, 55, "POST", "/v1/pipelines/"+domain.DefaultPipeline.String()+"/stages/new/retire", ``)
	w.refresh()

	check := "/v1/consents/check?customer=" + id("ada") + "&purpose=news&channel=email"
	board := "/v1/pipelines/" + domain.DefaultPipeline.String() + "/board"
	for _, story := range []struct {
		path           string
		asOf, knownAt  int
		member, wanted string // a path into the answer, and what stands there
	}{
		{ada, -1, -1, "name", "Ada King"},
		{ada, 30, -1, "name", "Ada"},
		{ada, 31, -1, "name", "Ada King"}, // the instant itself counts
		{ada, 9, -1, "type", "/problems/customer-unknown"},
		{ada, -1, 9, "type", "/problems/customer-unknown"},
		{ada, 25, -1, "job_title", "Countess"},
		{ada, 25, 39, "job_title", ""}, // what we knew then about then
		{ada, 19, -1, "job_title", ""},
		{ada, 31, 40, "job_title", "Countess"}, // told late, it holds from then on
		{ada, 31, 40, "name", "Ada King"},
		{ada, 17, -1, "links.0.organization.name", ""},
		{ada, 20, -1, "links.0.organization.name", "Acme"}, // as it was called then
		{ada, 35, -1, "links.0.organization.name", "Acme AG"},
		{"/v1/customers/" + acme, 3, -1, "name", "Acme"},
		{"/v1/customers/" + acme, 3, 4, "type", "/problems/customer-unknown"},
		{"/v1/customers?limit=1", 20, -1, "data.0.name", "Ada"},
		{"/v1/customers?limit=1", 9, -1, "data.0.name", "Acme"},
		{"/v1/customers?q=king", 30, -1, "data.0.name", ""},
		{"/v1/customers?q=king", 32, -1, "data.0.name", "Ada King"},
		{deal, 29, -1, "stage.name", "New"},
		{deal, 30, -1, "stage.name", "Offer"},
		{deal, 31, -1, "customer.name", ""},
		{deal, 33, -1, "customer.name", "Ada King"},
		{deal, 49, -1, "status", "open"},
		{deal, 50, -1, "status", "won"},
		{"/v1/deals?status=open", 49, -1, "data.0.title", "Lamps"},
		{"/v1/deals?status=open", 51, -1, "data.0.title", ""},
		{ada + "/deals", 31, -1, "data.0.title", ""},
		{ada + "/deals", 32, -1, "data.0.title", "Lamps"},
		{board, 12, -1, "columns.0.deals.0.title", "Lamps"},
		{board, 12, -1, "columns.0.totals.0.weighted.minor", "100"},
		{board, 30, -1, "columns.0.count", "0"},
		{board, 30, -1, "columns.1.totals.0.weighted.minor", "500"},
		{board, 50, -1, "columns.2.totals.0.worth.minor", "1000"},
		{board, -1, -1, "columns.0.stage.id", "offer"}, // the other one was retired
		{"/v1/pipelines", 54, -1, "data.0.stages.0.retired", "false"},
		{"/v1/pipelines/" + domain.DefaultPipeline.String(), 55, -1, "stages.0.retired", "true"},
		{check, 14, -1, "status", "none"},
		{check, 20, -1, "allowed", "true"},
		{check, 25, -1, "allowed", "false"},
		{check, 25, -1, "status", "withdrawn"},
		{check, 30, 39, "allowed", "true"}, // we had no reason to think otherwise
		{check, 60, 39, "status", "expired"},
		{check, 30, 39, "at", day(30).Format(time.RFC3339)},
		{ada + "/consents", 24, -1, "data.0.status", "granted"},
		{ada + "/consents", 26, -1, "data.0.status", "withdrawn"},
		{ada + "/consents", 26, 39, "data.0.status", "granted"},
		{ada + "/timeline", 20, -1, "data.0.summary", "Details changed: job title"},
		{ada + "/timeline", 20, 39, "data.0.type", "customer.linked_to_organization"},
		{ada + "/timeline", 31, -1, "data.0.type", "customer.details_changed"}, // the deal was nobody's
		{ada + "/timeline", 32, -1, "data.0.type", "deal.customer_linked"},
		{ada + "/timeline", 9, -1, "type", "/problems/customer-unknown"},
	} {
		path := at(story.path, story.asOf, story.knownAt)
		if got := member(w.send("GET", path, "").json, story.member); got != story.wanted {
			t.Errorf("GET %s: %s is %q, want %q", path, story.member, got, story.wanted)
		}
	}
	if r := w.get(at(ada, -1, -1)); r.header.Get("ETag") == "" {
		t.Error("today's card has no ETag")
	}
	if r := w.get(at(ada, 50, -1)); r.header.Get("ETag") != "" {
		t.Errorf("a card of the past has the ETag %s", r.header.Get("ETag"))
	}
}

// member follows a path of names and places into an answer; "" where it ends early.
func member(in any, path string) string {
	for step := range strings.SplitSeq(path, ".") {
		switch inner := in.(type) {
		case map[string]any:
			in = inner[step]
		case []any:
			var place int
			if _, err := fmt.Sscan(step, &place); err != nil || place >= len(inner) {
				return ""
			}
			in = inner[place]
		default:
			return ""
		}
	}
	if in == nil {
		return ""
	}
	return fmt.Sprint(in)
}

// The past is the present of a log that ends there: every read as of T, known at K,
// answers as the read models of the events that had occurred by T and were recorded
// by K alone. Only revisions are others, as those have no gaps.
func TestThePastIsThePresentOfALogThatEndsThere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 4))
			w := newDatedWorld(t)
			reads := w.live(random)
			w.refresh()
			for range 3 {
				asOf, knownAt := random.IntN(101)-1, random.IntN(101)-1
				then := w.ending(asOf, knownAt)
				for _, path := range reads {
					got, want := w.send("GET", at(path, asOf, knownAt), ""), then.send("GET", path, "")
					if diff := cmp.Diff(bare(want.json), bare(got.json)); diff != "" {
						t.Errorf("GET %s: -the log until then +asked today\n%s", at(path, asOf, knownAt), diff)
					}
				}
				path := at("/v1/customers", asOf, knownAt)
				if paged, whole := w.pages(path, 1), w.get(path).rows(); !reflect.DeepEqual(paged, whole) && len(whole) > 0 {
					t.Errorf("GET %s one by one: %v, at once: %v", path, paged, whole)
				}
			}
		})
	}
}

// live has things happen, often told late, and gives the reads that show them.
func (w *dated) live(random *rand.Rand) []string {
	w.t.Helper()
	pipeline := domain.DefaultPipeline.String()
	w.did(0, 0, "POST", "/v1/pipelines", `{"id":"`+pipeline+`","name":"Sales","stages":[
		{"id":"new","name":"New","probability":10,"category":"pipeline"},
		{"id":"offer","name":"Offer","probability":60,"category":"best_case"}]}`)
	w.did(0, 0, "POST", "/v1/employees", `{"id":"`+id("eve")+`","name":"Eve"}`)
	reads := []string{"/v1/customers?archived=all", "/v1/deals", "/v1/deals?status=open", "/v1/pipelines", "/v1/pipelines/" + pipeline + "/board"}
	var people, deals []string
	for i := range 3 {
		person, deal := id(fmt.Sprint("person", i)), id(fmt.Sprint("deal", i))
		people, deals = append(people, person), append(deals, deal)
		w.did(i, i, "POST", "/v1/customers", fmt.Sprintf(`{"id":"%s","kind":"%s","name":"C %d"}`, person, []string{"person", "organization"}[i%2], i))
		w.did(i, i, "POST", "/v1/deals", fmt.Sprintf(`{"id":"%s","title":"D %d"}`, deal, i))
		w.did(i, i, "POST", "/v1/customers/"+person+"/consents", `{"purpose":"news","channel":"email"}`)
		reads = append(reads, "/v1/customers/"+person, "/v1/customers/"+person+"/timeline", "/v1/customers/"+person+"/consents",
			"/v1/customers/"+person+"/deals", "/v1/deals/"+deal, "/v1/consents/check?purpose=news&channel=email&customer="+person)
	}
	taken := 0
	for recorded := 3; recorded < 100; recorded++ {
		person, other, deal := people[random.IntN(3)], people[random.IntN(3)], deals[random.IntN(3)]
		number := fmt.Sprint(random.IntN(90) + 10)
		command := [][3]string{
			{"PATCH", "/v1/customers/" + person, `{"name":"C ` + number + `"}`},
			{"POST", "/v1/customers/" + person + "/owner", `{"owner":"` + id("eve") + `"}`},
			{"POST", "/v1/customers/" + person + "/lifecycle", `{"stage":"` + []string{"lead", "customer", "former"}[random.IntN(3)] + `"}`},
			{"POST", "/v1/customers/" + person + "/contact-points", `{"kind":"email","value":"a` + number + `@example.org"}`},
			{"POST", "/v1/customers/" + person + "/attributes", `{"set":[{"key":"size","kind":"number","value":"` + number + `"}]}`},
			{"POST", "/v1/customers/" + person + "/links", `{"organization":"` + other + `","relation":"partner_of"}`},
			{"POST", "/v1/customers/" + person + "/links/end", `{"organization":"` + other + `","relation":"partner_of"}`},
			{"POST", "/v1/customers/" + person + "/archive", ``},
			{"POST", "/v1/customers/" + person + "/restore", ``},
			{"POST", "/v1/customers/" + person + "/interactions", `{"channel":"call","subject":"S ` + number + `"}`},
			{"POST", "/v1/customers/" + person + "/consents", `{"purpose":"news","channel":"email"}`},
			{"POST", "/v1/customers/" + person + "/consents/news:email/withdraw", ``},
			{"POST", "/v1/deals/" + deal + "/amount", `{"amount":{"minor":` + number + `,"currency":"EUR"}}`},
			{"POST", "/v1/deals/" + deal + "/customer", `{"customer":"` + person + `"}`},
			{"POST", "/v1/deals/" + deal + "/stage", `{"stage":"` + []string{"new", "offer"}[random.IntN(2)] + `"}`},
			{"POST", "/v1/deals/" + deal + "/line-items", `{"name":"I ` + number + `","unit_price":{"minor":5,"currency":"EUR"}}`},
			{"POST", "/v1/deals/" + deal + "/win", ``},
			{"POST", "/v1/deals/" + deal + "/lose", ``},
			{"POST", "/v1/deals/" + deal + "/reopen", ``},
		}[random.IntN(19)]
		occurred := recorded
		if random.IntN(2) == 0 { // told late, but not of what was not there yet: nothing is before its first event
			occurred = 3 + random.IntN(recorded-2)
		}
		if w.do(recorded, occurred, command[0], command[1], command[2]).status/100 == 2 {
			taken++ // others are refused where things stand
		}
	}
	if taken < 50 {
		w.t.Fatalf("only %d commands were taken", taken)
	}
	return reads
}

// ending is a world whose read models know the log as it was known on a day, and of
// it what had occurred by a day. The catalogue has no history.
func (w *dated) ending(asOf, knownAt int) *dated {
	w.t.Helper()
	then := newDatedWorld(w.t.(*testing.T))
	if then.today = w.today; asOf >= 0 {
		then.today = day(asOf)
	}
	revisions := map[domain.Stream]domain.Revision{}
	var events []domain.Recorded
	for _, e := range w.events() {
		past := (asOf < 0 || !e.Meta.OccurredAt.After(day(asOf))) && (knownAt < 0 || !e.RecordedAt.After(day(knownAt)))
		if !past && e.Stream.Category() != "employee" {
			continue
		}
		e.Revision = revisions[e.Stream]
		revisions[e.Stream]++
		events = append(events, e)
	}
	if len(events) == 0 {
		return then
	}
	for _, b := range then.builders {
		if err := b.Apply(w.t.Context(), domain.Batch{Events: events, Through: events[len(events)-1].Position}); err != nil {
			w.t.Fatal(err)
		}
	}
	return then
}

// bare is an answer without what no two worlds agree on.
func bare(answer any) any {
	switch value := answer.(type) {
	case map[string]any:
		without := map[string]any{}
		for name, inner := range value {
			if name != "revision" && name != "request_id" {
				without[name] = bare(inner)
			}
		}
		return without
	case []any:
		all := make([]any, len(value))
		for i, inner := range value {
			all[i] = bare(inner)
		}
		return all
	}
	return answer
}

func TestMomentsAreRefused(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	w.company()
	w.refresh()
	for path, at := range map[string]string{
		"/v1/customers?as_of=yesterday":                                            "as_of",
		"/v1/customers?as_of=2026-02-30":                                           "as_of",
		"/v1/customers?as_of=2026-01-01T00:00:00":                                  "as_of", // of no zone
		"/v1/customers?as_of=2026-01-01T00:00:00+01:00":                            "as_of", // a space
		"/v1/customers?as_of=0001-01-01":                                           "as_of",
		"/v1/customers?as_of=9999-12-31T23:59:59-12:00":                            "as_of", // the year 10000 in UTC
		"/v1/customers?as_of=":                                                     "as_of",
		"/v1/customers?known_at=":                                                  "known_at",
		"/v1/customers?as_of=2026-01-01&as_of=2026-01-02":                          "as_of",
		"/v1/customers?known_at=1767225600":                                        "known_at",
		"/v1/customers/" + id("ada") + "?known_at=now":                             "known_at",
		"/v1/employees?as_of=2026-01-01":                                           "as_of", // they have no history
		"/v1/products/" + id("lamp") + "?known_at=2026-01-01":                      "known_at",
		"/v1/projections?as_of=2026-01-01":                                         "as_of",
		"/v1/customers/" + id("ada") + "?as_of=2026-01-01T00:00:00Z&known_at=soon": "known_at",
	} {
		if r := w.send("GET", path, ""); r.status != 400 || r.problem() != "invalid-parameter" || r.pointer() != at {
			t.Errorf("GET %s: %d %s at %q, want 400 at %s", path, r.status, r.problem(), r.pointer(), at)
		}
	}
	for _, path := range []string{
		"/v1/customers?as_of=2026-11-23", "/v1/customers?as_of=2026-11-23T01:00:00%2B01:00&known_at=2026-11-22T12:00:00.123456Z",
		"/v1/customers?as_of=9999-12-31T23:59:59.999999999Z",
	} {
		if rows := w.get(path).rows(); len(rows) != 2 {
			t.Errorf("GET %s: %d rows", path, len(rows))
		}
	}
	// A cursor goes on in the past that it came from.
	cursor := w.get("/v1/customers?limit=1&as_of=2026-11-23").text("page", "next_cursor")
	if r := w.send("GET", "/v1/customers?limit=1&cursor="+cursor, ""); r.problem() != "invalid-cursor" {
		t.Errorf("a cursor of the past in the present: %d %s", r.status, r.body)
	}
	if rows := w.get("/v1/customers?as_of=2026-11-23T00:00:00Z&cursor=" + cursor).rows(); len(rows) != 1 { // the same instant
		t.Errorf("a cursor of the past in the past: %d rows", len(rows))
	}
}
