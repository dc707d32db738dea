package http_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/domain/domaintest"
	crmhttp "crm/http"
)

// limitedWorld grants every key ten requests a second.
func limitedWorld(t *testing.T) (*world, *clock) {
	t.Helper()
	at := &clock{}
	at.set(noon)
	log := domaintest.NewMemory(at.now)
	return worldOn(t, log, log, func(cfg *crmhttp.Config) {
		cfg.Now = at.now
		cfg.Limiting = crmhttp.Limiting{Rate: 10, FailedLogIns: 3, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	}), at
}

// TestABurstOfOneKey asks ten times as often as a key may; a neighbour is answered
// as often as it may all the same.
func TestABurstOfOneKey(t *testing.T) {
	t.Parallel()
	w, at := limitedWorld(t)
	answered := map[string]map[int]int{key: {}, key + "2": {}}
	for i := range 100 {
		answered[key][w.status(key).status]++
		if i%10 == 0 {
			answered[key+"2"][w.status(key+"2").status]++
		}
	}
	want := map[string]map[int]int{key: {422: 10, 429: 90}, key + "2": {422: 10}}
	if diff := cmp.Diff(want, answered); diff != "" {
		t.Error(diff)
	}
	late := w.status(key)
	if late.problem() != "rate-limited" || late.header.Get("Retry-After") != "1" || late.header.Get("RateLimit-Remaining") != "0" ||
		late.header.Get("RateLimit-Limit") != "10" || late.header.Get("RateLimit-Reset") != "1" {
		t.Errorf("%v %s", late.header, late.body)
	}
	if strings.Contains(w.lines.String(), `"level":"ERROR"`) {
		t.Error("a caller who asks too often is no error of ours")
	}
	at.set(noon.Add(time.Second))
	if r := w.status(key); r.status != 422 || r.header.Get("RateLimit-Remaining") != "9" {
		t.Errorf("a second later: %d %v", r.status, r.header)
	}
	// A key's own terms go before what the installation grants.
	slow, path := w.issue(`{"name":"slow","role":"sales","rate_limit":1,"reason":"r"}`)
	if a, b := w.status(slow).status, w.status(slow).status; a != 422 || b != 429 {
		t.Errorf("one a second: %d, then %d", a, b)
	}
	w.must(http.StatusOK, "PATCH", path, `{"rate_limit":null,"reason":"r"}`)
	if r := w.status(slow); r.header.Get("RateLimit-Limit") != "10" {
		t.Errorf("without terms of its own: %v", r.header)
	}
}

// TestWrongCredentials are tried a few times from one address; who was let in before
// goes on, from there and from elsewhere.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	w, at := limitedWorld(t)
	from := func(address, shown string, forwarded ...string) reply {
		t.Helper()
		request := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/commands", strings.NewReader("{}"))
		request.RemoteAddr = address + ":1"
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+shown)
		for _, hop := range forwarded {
			request.Header.Add("X-Forwarded-For", hop)
		}
		return w.do(request)
	}
	if r := from("192.0.2.1", key); r.status != 422 {
		t.Fatal(r.status, r.body)
	}
	for i := range 5 {
		r, want := from("192.0.2.1", fmt.Sprint("wrong-", i), "203.0.113.9"), 401 // nobody trusts that header there
		if i >= 3 {
			want = 429
		}
		if r.status != want || want == 429 && (r.problem() != "too-many-failed-log-ins" || r.header.Get("Retry-After") != "6") {
			t.Errorf("try %d: %d %v %s", i, r.status, r.header, r.body)
		}
	}
	for _, c := range []struct {
		name                   string
		want                   int
		address, shown, beyond string
	}{
		{"a key that was let in before", 422, "192.0.2.1", key, ""},
		{"a key that is new", 429, "192.0.2.1", key + "2", ""},
		{"the same from elsewhere", 422, "192.0.2.2", key + "2", ""},
		{"that key here, then", 422, "192.0.2.1", key + "2", ""},
		{"behind a proxy, another address", 401, "10.0.0.1", "wrong", "203.0.113.9"},
		{"behind a proxy, the same", 429, "10.0.0.1", "wrong", "192.0.2.1"},
		{"behind a proxy, with an address made up", 429, "10.0.0.1", "wrong", "203.0.113.77, 192.0.2.1"},
	} {
		if got := from(c.address, c.shown, c.beyond).status; got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	at.set(noon.Add(6 * time.Second))
	if r := from("192.0.2.1", "wrong"); r.status != 401 {
		t.Error("six seconds later:", r.status)
	}
}
