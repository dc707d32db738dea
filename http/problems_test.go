package http_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	crmhttp "crm/http"
)

// declares holds every problem that any test of this room is answered with against
// what the operation's document says it may answer.
func (w *world) declares(request *http.Request, r reply) {
	w.t.Helper()
	slug := r.problem()
	if slug == "" || !strings.HasPrefix(r.header.Get("Content-Type"), "application/problem+json") {
		return
	}
	operation, slugs := w.server.MayAnswer(request)
	if operation != "" && !slices.Contains(slugs, slug) {
		w.t.Errorf("%s answers %s, which is not among its problems: add it to http/operations/%s.json, or to problemsOf", operation, slug, operation)
	}
}

// A slug means the same for ever: none goes away, none changes its status, and what
// is said of one changes only on purpose.
func TestProblemsMeanTheSameForEver(t *testing.T) {
	t.Parallel()
	const golden = "testdata/problems.json"
	text, err := os.ReadFile(golden)
	if err != nil && !*update {
		t.Fatal(err)
	}
	want := map[string]crmhttp.KnownProblem{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
	}
	got := crmhttp.KnownProblems()
	for slug, known := range want {
		if now, ok := got[slug]; !ok || now.Status != known.Status {
			t.Fatalf("%s was %d and is %+v: a slug keeps its meaning for ever; make a new one", slug, known.Status, now)
		}
	}
	for slug, known := range got {
		if len(known.WhatToDo) < 20 || !strings.HasSuffix(known.WhatToDo, ".") || len(known.WhatHappened) < 10 {
			t.Errorf("%s must say what happened and what to do: %+v", slug, known)
		}
	}
	if *update {
		written, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, append(written, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the problems have changed; if that is meant: go test ./http -run Problems -update (-want +got)\n%s", diff)
	}
}

// A problem's page has what happened, what to do, who answers it and an example.
func TestAProblemPage(t *testing.T) {
	t.Parallel()
	page := newWorld(t).must(200, "GET", "/problems/deal-not-open", "").body
	for _, part := range []string{"The deal is closed.", "Reopen the deal", "deal.change_amount", "&#34;status&#34;: 409", "for ever"} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is not on the page\n%s", part, page)
		}
	}
	if strings.Contains(page, "<code>deal.reopen</code>") {
		t.Error("reopening a deal is said to answer what it does not")
	}
}
