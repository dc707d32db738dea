package http_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	crmhttp "crm/http"
	"crm/http/access"
)

// Who changes what somebody else has changed is told, with all three values, and told
// the same again; who changes something else is not.
func TestAFieldConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	path := "/v1/customers/" + id("acme")
	w.must(200, "PATCH", path, `{"job_title":null,"industry":"steel","annual_revenue":{"minor":9007199254740993,"currency":"EUR"}}`)
	w.must(200, "PATCH", path, `{"language":"de","based_on":0}`)
	mine := `{"industry":"glass","annual_revenue":{"minor":5,"currency":"EUR"},"legal_name":"Acme AG","based_on":0}`
	refused := w.must(409, "PATCH", path, mine, "Idempotency-Key", "k")
	var want any
	_ = json.Unmarshal([]byte(`[
		{"field":"industry","theirs":"steel","yours":"glass"},
		{"field":"annual_revenue","theirs":{"minor":9007199254740993,"currency":"EUR"},"yours":{"minor":5,"currency":"EUR"}}]`), &want)
	if diff := cmp.Diff(want, refused.json["conflicts"]); diff != "" || refused.problem() != "field-conflict" {
		t.Errorf("%s %s", refused.body, diff)
	}
	w.must(200, "PATCH", path, `{"industry":null,"annual_revenue":null}`)
	w.same(refused, "PATCH", path, mine, "Idempotency-Key", "k")
	w.must(200, "PATCH", path, mine, "Idempotency-Key", "another") // set back: no conflict any more
	if r := w.must(422, "PATCH", path, `{"industry":"x","based_on":99}`); r.pointer() != "/based_on" {
		t.Errorf("got %s", r.body)
	}
	if r := w.must(422, "PATCH", path, `{"industry":"x","based_on":-1}`); r.pointer() != "/based_on" {
		t.Errorf("got %s", r.body)
	}
	batch := w.must(200, "POST", "/v1/commands", `{"commands":[{"command":"customer.change_details","target":"`+id("acme")+`","body":{"industry":"iron","based_on":1}}]}`)
	result := batch.json["results"].([]any)[0].(map[string]any)
	if result["status"] != 409.0 || result["problem"].(map[string]any)["conflicts"] == nil {
		t.Errorf("got %v", result)
	}
}

// What was told to who may see everything is not told again under the same name to who
// sees less by then; and still is, when they may see it again.
func TestARetryShowsNoMoreThanIsAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	whole := crmhttp.Key{Hash: crmhttp.HashKey(key), Role: access.Admin}
	w.server.ReplaceKeys(map[string]crmhttp.Key{"tester": whole})
	path, mine := "/v1/customers/"+id("ada"), `{"name":"Mine","based_on":0}`
	w.must(200, "PATCH", path, `{"name":"Theirs"}`)
	first := w.must(409, "PATCH", path, mine, "Idempotency-Key", "k")
	if !strings.Contains(first.body, "Theirs") {
		t.Errorf("got %s", first.body)
	}
	masked := whole
	masked.Masked = true
	w.server.ReplaceKeys(map[string]crmhttp.Key{"tester": masked})
	if r := w.must(409, "PATCH", path, mine, "Idempotency-Key", "k"); strings.Contains(r.body, "Theirs") || !strings.Contains(r.body, `"masked":true`) {
		t.Errorf("got %s", r.body)
	}
	w.server.ReplaceKeys(map[string]crmhttp.Key{"tester": whole})
	w.same(first, "PATCH", path, mine, "Idempotency-Key", "k")
}
