package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

// hooks is an endpoint that takes all that webhooks tell it, or refuses it with a status.
type hooks struct {
	*httptest.Server
	took, refuse atomic.Int64
}

// runUpWithHooks starts `crm up` and an endpoint on this machine, which its webhooks may
// go to. It is an address and not a name: whoever tests here asks nobody out there.
func runUpWithHooks(t *testing.T, more ...string) (*program, *hooks) {
	t.Helper()
	return runUp(t, filepath.Join(t.TempDir(), "data"), append(more, "--webhook-private")...), newHooks(t)
}

func newHooks(t *testing.T) *hooks {
	t.Helper()
	to := &hooks{}
	to.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if status := to.refuse.Load(); status != 0 {
			w.WriteHeader(int(status))
			return
		}
		to.took.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(to.Close)
	return to
}

var attempts = regexp.MustCompile(`crm_webhook_attempts_total\{outcome="(\w+)"\} ([1-9]\d*)`)

// onlyHere fails the test where webhooks were sent to, and the test has not taken them.
func (h *hooks) onlyHere(p *program) {
	p.t.Helper()
	eventually(p.t, "webhooks arrive", func() bool { return h.took.Load() > 0 })
	_, _, text, err := p.try(http.MethodGet, "/metrics", "")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, a := range attempts.FindAllStringSubmatch(string(text), -1) {
		if a[1] != "delivered" {
			p.t.Errorf("%s attempts of webhooks were %s\n%s", a[2], a[1], strings.TrimSpace(p.errs.String()))
		}
	}
}
