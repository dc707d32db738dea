package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// The page of the API works as a developer opens it, in a browser that reaches nothing
// but this server: they enter a key, read, write, and see the real answers.
func TestTryItOut(t *testing.T) {
	t.Parallel()
	b := openBrowser(t)
	p := runUp(t, filepath.Join(t.TempDir(), "data"))
	b.open(p.url + "/docs/")
	b.click(".auth-wrapper .authorize")
	b.enter(".auth-container input", p.key)
	b.click(".auth-btn-wrapper .authorize")
	b.click(".auth-btn-wrapper .btn-done")

	write := `[id^="operations-customers-customer"][id$="register"] `
	b.click(write + ".opblock-summary-control")
	b.enter(write+"textarea.body-param__text", `{"kind": "person", "name": "Ada from the page"}`)
	b.click(write + ".execute")
	answer := b.until(`document.querySelector('` + write + `.live-responses-table')?.innerText`)
	if !strings.Contains(answer, "201") || !strings.Contains(answer, "Crm-Position") && !strings.Contains(answer, "crm-position") {
		t.Errorf("the page shows of a command that was carried out\n%s", answer)
	}

	read := `[id^="operations-customers-customer"][id$="list"] `
	b.click(read + ".opblock-summary-control")
	b.enter(read+`[data-param-name="filter"] textarea`, `{"name": {"prefix": "Ada"}}`)
	b.click(read + ".execute")
	if answer := b.until(`document.querySelector('` + read + `.live-responses-table')?.innerText`); !strings.Contains(answer, "200") || !strings.Contains(answer, "Ada from the page") {
		t.Errorf("the page shows of a list\n%s", answer)
	}
	var found struct{ Data []struct{ Name string } }
	p.must(http.MethodGet, "/v1/customers", "", &found)
	if len(found.Data) != 1 || found.Data[0].Name != "Ada from the page" {
		t.Errorf("what the page has written: %+v", found)
	}
	for _, slug := range []string{"stale-revision", "deal-not-open", "rate-limited", "read-model-behind", "idempotency-key-reused"} {
		b.open(p.url + "/problems/" + slug)
		b.until(`document.readyState === "complete" && location.pathname === "/problems/` + slug + `" && document.querySelector("h1")`)
		if page := b.until("document.body.innerText"); !strings.Contains(page, "What happened") || !strings.Contains(page, "What to do") {
			t.Errorf("the page of %s shows\n%s", slug, page)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, url := range b.asked {
		if !strings.HasPrefix(url, p.url+"/") && !strings.HasPrefix(url, "data:") && url != "about:blank" {
			t.Errorf("the page asks for %s", url)
		}
	}
	for _, problem := range b.problems {
		t.Errorf("the page complains: %s", problem)
	}
}
