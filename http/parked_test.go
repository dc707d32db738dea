package http_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/domain/readmodel"
)

// What operators ask of a read model is a command as any other: with a key, a reason
// and a receipt, alone and in a batch; and it is met in the log.
func TestRetryAndSkip(t *testing.T) {
	t.Parallel()
	stream := "deal-" + id("deal")
	skip := `{"stream":"` + stream + `","revision":2,"reason":"imported twice"}`
	w := newWorld(t)
	retried := w.must(http.StatusOK, "POST", "/v1/projections/deals/retry", "", "Idempotency-Key", "r")
	w.must(http.StatusOK, "POST", "/v1/projections/deals/retry", `{"stream":"`+stream+`"}`)
	skipped := w.must(http.StatusOK, "POST", "/v1/projections/deals/skip", skip, "Idempotency-Key", "s")
	again := w.must(http.StatusOK, "POST", "/v1/projections/deals/skip", skip, "Idempotency-Key", "s")
	if diff := cmp.Diff(skipped.json, again.json); diff != "" || retried.json["part"] != "deals" {
		t.Errorf("the answers are %v and, asked again, %s", retried.json, diff)
	}
	together := w.must(http.StatusOK, "POST", "/v1/commands", `{"commands":[
		{"command":"readmodel.skip_event","part":"deals","idempotency_key":"s","body":`+skip+`},
		{"command":"readmodel.retry","part":"none","body":{}},
		{"command":"readmodel.retry","part":"deals","target":"`+id("deal")+`","body":{}},
		{"command":"readmodel.retry","body":{}}]}`)
	results := together.json["results"].([]any)
	for i, status := range []float64{200, 404, 422, 422} {
		if got := results[i].(map[string]any)["status"]; got != status {
			t.Errorf("command %d of the batch is answered with %v, want %v", i, got, status)
		}
	}
	if events := results[0].(map[string]any); events["revision"] != skipped.json["revision"] {
		t.Errorf("in the batch it is answered %v, alone %v", events, skipped.json)
	}
	recorded, err := w.log.Load(context.WithoutCancel(t.Context()), domain.ReadModelStream(domain.ReadModelNamed("deals")), domain.NoStream)
	if err != nil {
		t.Fatal(err)
	}
	var got []domain.Event
	for _, e := range recorded {
		got = append(got, e.Event)
	}
	want := []domain.Event{
		readmodel.RetryRequested{Name: "deals"},
		readmodel.RetryRequested{Name: "deals", Stream: domain.Stream(stream)},
		readmodel.EventSkipped{Name: "deals", Stream: domain.Stream(stream), Revision: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	if reason := recorded[2].Meta.Reason; reason != "imported twice" {
		t.Errorf("the reason is %q", reason.Plain())
	}
	w.must(http.StatusUnprocessableEntity, "POST", "/v1/projections/deals/skip", `{"stream":"`+stream+`","revision":2}`)
	w.must(http.StatusUnprocessableEntity, "POST", "/v1/projections/deals/skip", `{"revision":2,"reason":"x"}`)
	w.must(http.StatusNotFound, "POST", "/v1/projections/none/retry", "")
}

// What is parked is told, where it is seen and on a page of its own; nobody may be
// written to on the strength of consents that are.
func TestParkedIsTold(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	w.company()
	last := w.must(http.StatusOK, "POST", "/v1/customers/"+id("ada")+"/consents", `{"purpose":"news","channel":"email"}`)
	since := "min_position=" + last.text("position")
	check := "/v1/consents/check?customer=" + id("ada") + "&purpose=news&channel=email&" + since
	paths := map[string]string{
		"customer-" + id("ada"): "/v1/customers/" + id("ada") + "?" + since,
		"deal-" + id("deal"):    "/v1/deals/" + id("deal") + "?" + since,
		"consent-" + id("ada"):  check,
	}
	degraded := func() (told []string) {
		for stream, path := range paths {
			if w.must(http.StatusOK, "GET", path, "").json["degraded"] == true {
				told = append(told, stream)
			}
		}
		return told
	}
	if told := degraded(); len(told) > 0 || w.must(http.StatusOK, "GET", check, "").json["allowed"] != true {
		t.Errorf("nothing is parked, but told of are %v", told)
	}
	absent := map[string]string{ // whose first event is parked
		"customer-" + id("grace"): "/v1/customers/" + id("grace"),
		"deal-" + id("lost"):      "/v1/deals/" + id("lost"),
		"employee-" + id("joe"):   "/v1/employees/" + id("joe"),
		"product-" + id("chair"):  "/v1/products/" + id("chair"),
		"pipeline-" + id("third"): "/v1/pipelines/" + id("third"),
	}
	for _, path := range absent {
		w.must(http.StatusNotFound, "GET", path, "")
	}
	for _, stream := range slices.Concat(slices.Collect(maps.Keys(paths)), slices.Collect(maps.Keys(absent))) {
		if _, err := w.pool.Exec(t.Context(), `
			INSERT INTO crm.parked (build, stream, revision, position_commit, position_prepare, event_id, event_type, class, in_table, detail, attempts, waiting)
			SELECT build, $1, 1, 7, 7, gen_random_uuid(), 'deal.won', 'rejected', 'deals', '22003', 2, 5 FROM crm.projections
			WHERE name = CASE split_part($1, '-', 1) WHEN 'customer' THEN 'customers' WHEN 'consent' THEN 'consents'
				WHEN 'employee' THEN 'catalog' WHEN 'product' THEN 'catalog' ELSE 'deals' END`, stream); err != nil {
			t.Fatal(err)
		}
	}
	absent["customer-"+id("grace")+", its timeline"] = "/v1/customers/" + id("grace") + "/timeline"
	for stream, path := range absent {
		if r := w.must(http.StatusServiceUnavailable, "GET", path, ""); r.problem() != "read-model-parked" {
			t.Errorf("%s is parked, but told is %q", stream, r.problem())
		}
	}
	w.must(http.StatusNotFound, "GET", "/v1/customers/"+id("ada")+"?as_of=2001-01-01", "") // before she was registered
	if told := degraded(); len(told) != len(paths) {
		t.Errorf("all are parked, but told of are %v", told)
	}
	if w.must(http.StatusOK, "GET", check, "").json["allowed"] != false {
		t.Error("a consent allows while its stream is parked")
	}
	parked := w.must(http.StatusOK, "GET", "/v1/projections/deals/parked", "").json["data"].([]any)
	if len(parked) != 3 {
		t.Fatalf("parked is %v", parked)
	}
	card := parked[slices.IndexFunc(parked, func(p any) bool { return p.(map[string]any)["stream"] == "deal-"+id("deal") })].(map[string]any)
	delete(card, "event_id")
	delete(card, "parked_at")
	want := map[string]any{
		"stream": "deal-" + id("deal"), "revision": 1., "position": "7", "event_type": "deal.won", "class": "rejected",
		"table": "deals", "detail": "22003", "attempts": 2., "waiting": 5.,
	}
	if diff := cmp.Diff(want, card); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
	w.must(http.StatusNotFound, "GET", "/v1/projections/none/parked", "")
}
