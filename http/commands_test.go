package http_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	crmhttp "crm/http"
)

// happy is every command once, with what it leaves.
var happy = []struct {
	command, method, path, body string
	target, part                string // of the batch entry
	leaves                      []string
}{
	{
		"customer.register", "POST", "/v1/customers", `{"kind":"person","name":"Grace","birth_date":"1906-12-09","stage":"customer",
		"touchpoint":{"source":"Google"},"owner":"` + id("eve") + `","contact_points":[{"kind":"phone","value":"01 234567","region":"AT","primary":true}],
		"attributes":[{"key":"vip","kind":"boolean","value":"true"}],"links":[{"organization":"` + id("acme") + `","relation":"works_at","title":"CTO"}],
		"occurred_at":"2020-01-01T00:00:00.123456789+01:00","reason":"fair","on_behalf_of":"Bob","source":{"application":"test","import":"1","row":"7"}}`, "", "",
		[]string{"customer.registered", "customer.contact_point_added", "customer.attributes_changed", "customer.linked_to_organization", "customer.owner_assigned"},
	},
	{"customer.change_details", "PATCH", "/v1/customers/" + id("ada"), `{"job_title":"Countess"}`, id("ada"), "", []string{"customer.details_changed"}},
	{"customer.correct", "POST", "/v1/customers/" + id("ada") + "/corrections", `{"name":"Ada L."}`, id("ada"), "", []string{"customer.corrected"}},
	{"customer.add_contact_point", "POST", "/v1/customers/" + id("ada") + "/contact-points", `{"kind":"web","value":"Example.org/Ada"}`, id("ada"), "", []string{"customer.contact_point_added"}},
	{"customer.verify_contact_point", "POST", "/v1/customers/" + id("ada") + "/contact-points/" + id("ada-mail") + "/verify", `{"method":"call"}`, id("ada"), id("ada-mail"), []string{"customer.contact_point_verified"}},
	{"customer.remove_contact_point", "POST", "/v1/customers/" + id("ada") + "/contact-points/" + id("ada-mail") + "/remove", ``, id("ada"), id("ada-mail"), []string{"customer.contact_point_removed"}},
	{"customer.assign_owner", "POST", "/v1/customers/" + id("ada") + "/owner", `{"owner":"` + id("eve") + `"}`, id("ada"), "", []string{"customer.owner_assigned"}},
	{"customer.change_lifecycle_stage", "POST", "/v1/customers/" + id("ada") + "/lifecycle", `{"stage":"customer"}`, id("ada"), "", []string{"customer.lifecycle_stage_changed"}},
	{"customer.change_attributes", "POST", "/v1/customers/" + id("ada") + "/attributes", `{"set":[{"key":"score","kind":"number","value":"1.5"}],"clear":["none"]}`, id("ada"), "", []string{"customer.attributes_changed"}},
	{"customer.link_to_organization", "POST", "/v1/customers/" + id("ada") + "/links", `{"organization":"` + id("acme") + `","relation":"works_at"}`, id("ada"), "", []string{"customer.linked_to_organization"}},
	{"customer.unlink_from_organization", "POST", "/v1/customers/" + id("ada") + "/links/end", `{"organization":"` + id("acme") + `","relation":"partner_of"}`, id("ada"), "", []string{"customer.unlinked_from_organization"}},
	{"customer.archive", "POST", "/v1/customers/" + id("ada") + "/archive", `{"reason":"asked"}`, id("ada"), "", []string{"customer.archived"}},
	{"customer.restore", "POST", "/v1/customers/" + id("ada") + "/restore", ``, id("ada"), "", nil},
	{"interaction.log", "POST", "/v1/customers/" + id("ada") + "/interactions", `{"channel":"meeting","direction":"inbound","participants":["Ada","Eve"],"note":"Tea.","mood":"delighted","deal":"` + id("deal") + `","employee":"` + id("eve") + `"}`, id("ada"), "", []string{"interaction.logged"}},
	{"interaction.amend", "PATCH", "/v1/customers/" + id("ada") + "/interactions/" + id("call"), `{"subject":"Lamps","duration_seconds":60}`, id("ada"), id("call"), []string{"interaction.amended"}},
	{"consent.grant", "POST", "/v1/customers/" + id("ada") + "/consents", `{"purpose":"newsletter","channel":"email","wording_version":"3","expires_at":"2030-01-01T00:00:00Z"}`, id("ada"), "", []string{"consent.granted"}},
	{"consent.request", "POST", "/v1/customers/" + id("ada") + "/consents/newsletter:email/request", `{"capture_source":"form"}`, id("ada"), "newsletter:email", []string{"consent.requested"}},
	{"consent.confirm", "POST", "/v1/customers/" + id("ada") + "/consents/survey:phone/confirm", `{"proof":"click"}`, id("ada"), "survey:phone", []string{"consent.confirmed"}},
	{"consent.withdraw", "POST", "/v1/customers/" + id("ada") + "/consents/survey:phone/withdraw", ``, id("ada"), "survey:phone", []string{"consent.withdrawn"}},
	{"consent.object", "POST", "/v1/customers/" + id("ada") + "/consents/profiling:web/object", ``, id("ada"), "profiling:web", []string{"consent.objected"}},
	{"consent.expire", "POST", "/v1/customers/" + id("ada") + "/consents/survey:phone/expire", ``, id("ada"), "survey:phone", []string{"consent.expired"}},
	{
		"deal.open", "POST", "/v1/deals", `{"title":"Two","stage":"offer","customer":"` + id("acme") + `","owner":"` + id("eve") + `","amount":{"minor":105400,"currency":"USD"},
		"expected_close":"2026-12-24","line_items":[{"product":"` + id("lamp") + `","quantity":"1.5"},{"name":"Work","unit_price":{"minor":1,"currency":"USD"},"discount_basis_points":10}]}`, "", "",
		[]string{"deal.opened", "deal.line_item_added", "deal.line_item_added"},
	},
	{"deal.change_stage", "POST", "/v1/deals/" + id("deal") + "/stage", `{"stage":"offer"}`, id("deal"), "", []string{"deal.stage_changed"}},
	{"deal.change_amount", "POST", "/v1/deals/" + id("deal") + "/amount", `{"amount":{"minor":5,"currency":"EUR"}}`, id("deal"), "", []string{"deal.amount_changed"}},
	{"deal.change_close_date", "POST", "/v1/deals/" + id("deal") + "/close-date", `{"expected_close":"2027-01-01"}`, id("deal"), "", []string{"deal.close_date_changed"}},
	{"deal.assign_owner", "POST", "/v1/deals/" + id("deal") + "/owner", `{"owner":"` + id("eve") + `"}`, id("deal"), "", []string{"deal.owner_assigned"}},
	{"deal.link_customer", "POST", "/v1/deals/" + id("deal") + "/customer", `{"customer":"` + id("ada") + `"}`, id("deal"), "", []string{"deal.customer_linked"}},
	{"deal.change_forecast_category", "POST", "/v1/deals/" + id("deal") + "/forecast-category", `{"category":"commit"}`, id("deal"), "", []string{"deal.forecast_category_changed"}},
	{"deal.add_line_item", "POST", "/v1/deals/" + id("deal") + "/line-items", `{"product":"` + id("lamp") + `"}`, id("deal"), "", []string{"deal.line_item_added"}},
	{"deal.change_line_item", "POST", "/v1/deals/" + id("deal") + "/line-items/" + id("line"), `{"product":"` + id("lamp") + `","quantity":"7"}`, id("deal"), id("line"), []string{"deal.line_item_changed"}},
	{"deal.remove_line_item", "POST", "/v1/deals/" + id("deal") + "/line-items/" + id("line") + "/remove", ``, id("deal"), id("line"), []string{"deal.line_item_removed"}},
	{"deal.win", "POST", "/v1/deals/" + id("deal") + "/win", ``, id("deal"), "", []string{"deal.won"}},
	{"deal.lose", "POST", "/v1/deals/" + id("deal") + "/lose", `{"loss_reason":"price","competitor":"Candles"}`, id("deal"), "", []string{"deal.lost"}},
	{"deal.reopen", "POST", "/v1/deals/" + id("won") + "/reopen", ``, id("won"), "", []string{"deal.reopened"}},
	{"deal.void", "POST", "/v1/deals/" + id("won") + "/void", ``, id("won"), "", []string{"deal.voided"}},
	{"pipeline.define", "POST", "/v1/pipelines", `{"name":"P","stages":[{"id":"a","name":"A","probability":0,"category":"omitted"}]}`, "", "", []string{"pipeline.defined"}},
	{"pipeline.add_stage", "POST", "/v1/pipelines/" + id("other") + "/stages", `{"id":"b","name":"B","probability":5,"category":"pipeline","before":"pilot"}`, id("other"), "", []string{"pipeline.stage_added"}},
	{"pipeline.reorder_stages", "POST", "/v1/pipelines/" + domain.DefaultPipeline.String() + "/stage-order", `{"order":["offer","new"]}`, domain.DefaultPipeline.String(), "", []string{"pipeline.stages_reordered"}},
	{"pipeline.retire_stage", "POST", "/v1/pipelines/" + domain.DefaultPipeline.String() + "/stages/offer/retire", ``, domain.DefaultPipeline.String(), "offer", []string{"pipeline.stage_retired"}},
	{"pipeline.set_stage_probability", "POST", "/v1/pipelines/" + id("other") + "/stages/pilot/probability", `{"probability":0}`, id("other"), "pilot", []string{"pipeline.stage_probability_set"}},
	{"employee.register", "POST", "/v1/employees", `{"name":"Mallory","email":"M@Example.ORG","office":"Vienna","manager":"` + id("eve") + `"}`, "", "", []string{"employee.registered"}},
	{"employee.change_details", "PATCH", "/v1/employees/" + id("eve"), `{"office":"Graz","manager":null}`, id("eve"), "", []string{"employee.details_changed"}},
	{"product.define", "POST", "/v1/products", `{"name":"Chair","sku":"C-1","family":"Seats"}`, "", "", []string{"product.defined"}},
	{"product.change_details", "PATCH", "/v1/products/" + id("lamp"), `{"family":"Light"}`, id("lamp"), "", []string{"product.details_changed"}},
	{"product.set_list_price", "POST", "/v1/products/" + id("lamp") + "/list-price", `{"list_price":{"minor":5900,"currency":"EUR"}}`, id("lamp"), "", []string{"product.list_price_set"}},
	{"product.retire", "POST", "/v1/products/" + id("lamp") + "/retire", ``, id("lamp"), "", []string{"product.retired"}},
	{"product.reinstate", "POST", "/v1/products/" + id("lamp") + "/reinstate", ``, id("lamp"), "", nil},
}

// Each command leaves the same events whether it comes alone or in a batch, and
// a second time it is answered as the first, whichever way it came.
func TestEveryCommandAloneAndInABatch(t *testing.T) {
	t.Parallel()
	for _, test := range happy {
		t.Run(test.command, func(t *testing.T) {
			t.Parallel()
			alone, batch := newWorld(t), newWorld(t)
			alone.company()
			batch.company()
			before := len(alone.events())

			single := alone.send(test.method, test.path, test.body, "Idempotency-Key", "k", "X-Correlation-Id", "c")
			wantStatus := http.StatusOK
			if test.target == "" {
				wantStatus = http.StatusCreated
			}
			if single.status != wantStatus {
				t.Fatalf("alone: %d %s", single.status, single.body)
			}
			body := test.body
			if body == "" {
				body = "{}"
			}
			entry := `{"command":"` + test.command + `","idempotency_key":"k","body":` + body
			if test.target != "" {
				entry += `,"target":"` + test.target + `"`
			}
			if test.part != "" {
				entry += `,"part":"` + test.part + `"`
			}
			commands := `{"commands":[` + entry + `}]}`
			together := batch.must(http.StatusOK, "POST", "/v1/commands", commands, "X-Correlation-Id", "c")
			result := together.json["results"].([]any)[0].(map[string]any)
			if int(result["status"].(float64)) != wantStatus {
				t.Fatalf("in a batch: %v", result)
			}
			delete(result, "status")
			if diff := cmp.Diff(single.json, result); diff != "" {
				t.Error("answers differ:", diff)
			}
			if diff := cmp.Diff(alone.events()[before:], batch.events()[before:]); diff != "" {
				t.Error("events differ:", diff)
			}
			var left []string
			for _, e := range alone.events()[before:] {
				left = append(left, e.Event.EventType())
				if e.Meta.Command.Name != test.command || e.Meta.Actor != "tester" {
					t.Errorf("%s: left by %s of %s", e.Event.EventType(), e.Meta.Command.Name, e.Meta.Actor)
				}
			}
			if diff := cmp.Diff(test.leaves, left); diff != "" {
				t.Error(diff)
			}
			if single.header.Get("ETag") == "" || single.header.Get("Crm-Position") != single.text("position") || together.header.Get("Crm-Position") != single.text("position") {
				t.Errorf("headers %v and %v", single.header, together.header)
			}
			if test.target == "" && single.header.Get("Location") != test.path+"/"+single.text("id") {
				t.Errorf("Location %q", single.header.Get("Location"))
			}

			stored := len(alone.events())
			again := alone.must(wantStatus, test.method, test.path, test.body, "Idempotency-Key", "k")
			crossed := alone.must(http.StatusOK, "POST", "/v1/commands", commands)
			second := crossed.json["results"].([]any)[0].(map[string]any)
			if again.header.Get("Idempotent-Replayed") != "true" || second["replayed"] != true {
				t.Errorf("a retry does not say so: %v, %v", again.header, second)
			}
			delete(second, "status")
			delete(second, "replayed")
			if diff := cmp.Diff(single.body, again.body); diff != "" {
				t.Error("a retry differs:", diff)
			}
			if diff := cmp.Diff(single.json, second); diff != "" {
				t.Error("a retry in a batch differs:", diff)
			}
			if len(alone.events()) != stored {
				t.Error("a retry was stored")
			}
		})
	}
}

func TestHappyIsComplete(t *testing.T) {
	t.Parallel()
	described := map[string]bool{}
	for _, test := range happy {
		described[test.command] = true
	}
	for _, name := range crmhttp.CommandNames() {
		if !described[name] {
			t.Errorf("no test for %s", name)
		}
		delete(described, name)
	}
	if len(described) > 0 {
		t.Errorf("there are no commands %v", described)
	}
}

func TestWhatACommandSaysAboutItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	trace := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	w.must(http.StatusCreated, "POST", "/v1/customers", `{"kind":"person","name":"Ada","occurred_at":"2020-01-01T00:00:00.123456789+01:00",
		"reason":"fair","on_behalf_of":"Bob","source":{"application":"test","import":"1","row":"7"}}`,
		"X-Correlation-Id", "talk-1", "Traceparent", trace, "Idempotency-Key", "k")
	meta := w.events()[0].Meta
	meta.Command.Fingerprint = ""
	want := domain.Meta{
		OccurredAt: meta.OccurredAt, Actor: "tester", OnBehalfOf: "Bob", Reason: "fair",
		Source:        domain.Source{Application: "test", Import: "1", Row: "7"},
		Command:       domain.CommandRef{Name: "customer.register", ID: uuid.NewSHA1(domain.Namespace, []byte("tester\x00k"))},
		CorrelationID: "talk-1", TraceParent: trace,
	}
	if diff := cmp.Diff(want, meta); diff != "" {
		t.Error(diff)
	}
	if got := meta.OccurredAt.Format("2006-01-02T15:04:05.999999999Z07:00"); got != "2019-12-31T23:00:00.123456Z" {
		t.Errorf("occurred at %s", got)
	}
	w.must(http.StatusCreated, "POST", "/v1/customers", `{"kind":"person","name":"Ada"}`, "X-Request-Id", "r-1", "Traceparent", "garbled")
	meta = w.events()[1].Meta
	if meta.CorrelationID != "r-1" || meta.TraceParent != "" || meta.OccurredAt.Nanosecond() != 123456000 {
		t.Errorf("got %+v", meta)
	}
}

func TestMergePatchClearsWithNull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(http.StatusCreated, "POST", "/v1/customers", `{"id":"`+id("x")+`","kind":"organization","name":"X","industry":"steel","employees":7,
		"annual_revenue":{"minor":1,"currency":"EUR"},"description":"d"}`)
	w.must(http.StatusOK, "PATCH", "/v1/customers/"+id("x"), `{"industry":null,"employees":0,"description":"","annual_revenue":null,"legal_name":"X AG","language":null}`)
	data := w.events()[1].Data
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"set":   map[string]any{"legal_name": "X AG"},
		"clear": []any{"description", "industry", "employees", "annual_revenue"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r := w.must(http.StatusUnprocessableEntity, "PATCH", "/v1/customers/"+id("x"), `{"name":null}`)
	if r.pointer() != "/name" {
		t.Errorf("got %s", r.body)
	}
	w.company()
	for _, body := range []string{`{"owner":"` + id("eve") + `"}`, `{"owner":null}`, `{"owner":"` + id("eve") + `"}`, `{"owner":""}`} {
		if r := w.must(http.StatusOK, "POST", "/v1/customers/"+id("x")+"/owner", body); r.json["events"] != 1.0 {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	w.must(http.StatusUnprocessableEntity, "POST", "/v1/customers/"+id("x")+"/owner", `{}`)
	w.must(http.StatusOK, "POST", "/v1/deals/"+id("deal")+"/close-date", `{"expected_close":"2027-01-01"}`)
	w.must(http.StatusOK, "POST", "/v1/deals/"+id("deal")+"/close-date", `{"expected_close":null}`)
}

// A contact point that is there already is not there under the id that the
// command would have given it.
func TestWhatIsThereAlreadyIsNoNewPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	path, body := "/v1/customers/"+id("ada")+"/contact-points", `{"kind":"email","value":"part@example.org"}`
	first := w.must(http.StatusOK, "POST", path, body, "Idempotency-Key", "k")
	if first.text("part") == "" {
		t.Errorf("got %s", first.body)
	}
	if again := w.must(http.StatusOK, "POST", path, body); again.text("part") != "" {
		t.Errorf("got %s", again.body)
	}
	if retry := w.must(http.StatusOK, "POST", path, body, "Idempotency-Key", "k"); retry.body != first.body {
		t.Errorf("got %s after %s", retry.body, first.body)
	}
	consent := `{"purpose":"parts","channel":"email"}`
	for range 2 { // a consent's part is its name
		if r := w.must(http.StatusOK, "POST", "/v1/customers/"+id("ada")+"/consents", consent); r.text("part") != "parts:email" {
			t.Errorf("got %s", r.body)
		}
	}
}

func TestAPartMayBePercentEncoded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	path := "/v1/customers/" + id("ada") + "/consents/"
	first := w.must(http.StatusOK, "POST", path+"survey:phone/confirm", "", "Idempotency-Key", "k")
	second := w.must(http.StatusOK, "POST", path+"survey%3Aphone/confirm", "", "Idempotency-Key", "k")
	if first.body != second.body {
		t.Errorf("got %s and %s", first.body, second.body)
	}
	w.must(http.StatusBadRequest, "POST", path+"survey%2Fx%3Aphone/confirm", "")
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	path := "/v1/deals/" + id("deal") + "/amount"
	amount := func(n int) string { return fmt.Sprintf(`{"amount":{"minor":%d,"currency":"EUR"}}`, n) }
	first := w.must(http.StatusOK, "POST", path, amount(1))
	tag := first.header.Get("ETag")
	if second := w.must(http.StatusOK, "POST", path, amount(2), "If-Match", tag); second.header.Get("ETag") == tag {
		t.Error("the ETag has not changed")
	}
	if r := w.must(http.StatusPreconditionFailed, "POST", path, amount(3), "If-Match", tag); r.problem() != "stale-revision" {
		t.Errorf("got %s", r.body)
	}
	w.must(http.StatusOK, "POST", path, amount(4), "If-Match", "*")
	w.must(http.StatusNotFound, "POST", "/v1/deals/"+id("none")+"/amount", amount(4), "If-Match", "*")
	w.must(http.StatusPreconditionFailed, "POST", "/v1/customers", `{"kind":"person","name":"A"}`, "If-Match", "*")
	w.must(http.StatusPreconditionFailed, "POST", "/v1/customers", `{"kind":"person","name":"A"}`, "If-Match", `"0"`)
	for _, garbled := range []string{`W/"3"`, `3`, `"3`, `"x"`, `"-1"`, `"3", "4"`, `"99999999999999999999"`, ``, `"+1"`} {
		if r := w.must(http.StatusBadRequest, "POST", path, amount(5), "If-Match", garbled); r.problem() != "invalid-header" || r.pointer() != "If-Match" {
			t.Errorf("%s: %s", garbled, r.body)
		}
	}
}

func TestAKeyForAnotherRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	register := `{"kind":"person","name":"Grace"}`
	first := w.must(http.StatusCreated, "POST", "/v1/customers", register, "Idempotency-Key", "k")
	for name, request := range map[string][2]string{
		"another body":     {"/v1/customers", `{"kind":"person","name":"Hopper"}`},
		"another resource": {"/v1/employees", `{"name":"Grace"}`},
		"another target":   {"/v1/customers/" + id("ada") + "/archive", ""},
	} {
		if r := w.must(http.StatusUnprocessableEntity, "POST", request[0], request[1], "Idempotency-Key", "k"); r.problem() != "idempotency-key-reused" {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	w.must(http.StatusCreated, "POST", "/v1/customers", `{ "kind" : "person", "name" : "Grace" }`, "Idempotency-Key", "k") // white space is no other body
	// Another holder's key is another key, and a restarted server still knows.
	if r := w.must(http.StatusCreated, "POST", "/v1/customers", register, "Idempotency-Key", "k", "Authorization", "Bearer "+key+"2"); r.text("id") == first.text("id") {
		t.Error("two holders share a key")
	}
	restarted := worldOn(t, w.log, w.log, nil)
	if r := restarted.must(http.StatusCreated, "POST", "/v1/customers", register, "Idempotency-Key", "k"); r.body != first.body {
		t.Errorf("got %s, first %s", r.body, first.body)
	}
	restarted.must(http.StatusUnprocessableEntity, "POST", "/v1/customers", `{"kind":"person","name":"Hopper"}`, "Idempotency-Key", "k")
	// A refused command has used its key; what could not be read has not.
	w.must(http.StatusUnprocessableEntity, "POST", "/v1/customers", `{"kind":"person"}`, "Idempotency-Key", "refused")
	if r := w.must(http.StatusUnprocessableEntity, "POST", "/v1/customers", register, "Idempotency-Key", "refused"); r.problem() != "idempotency-key-reused" {
		t.Errorf("got %s", r.body)
	}
	w.must(http.StatusBadRequest, "POST", "/v1/customers", `{"kind":"person","nam":"Grace"}`, "Idempotency-Key", "mended")
	w.must(http.StatusCreated, "POST", "/v1/customers", register, "Idempotency-Key", "mended")
	for _, bad := range []string{"", " ", "a b", "ü", strings.Repeat("k", 256)} {
		if r := w.must(http.StatusBadRequest, "POST", "/v1/customers", register, "Idempotency-Key", bad); r.pointer() != "Idempotency-Key" {
			t.Errorf("%q: %s", bad, r.body)
		}
	}
	w.must(http.StatusCreated, "POST", "/v1/customers", register, "Idempotency-Key", strings.Repeat("k", 255))
}
