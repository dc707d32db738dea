package http_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"crm/domain"
	crmhttp "crm/http"
	"crm/http/access"
)

// right is what a route takes.
type right struct {
	method, pattern string
	needs           access.Action // none of a route that is open to anybody
	narrowed        bool          // it shows one owner's rows only, to who may see no others
}

// rights are those of every route that there is.
func (w *world) rights() []right {
	w.t.Helper()
	var all []right
	err := chi.Walk(w.handler.(chi.Router), func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		needs, narrowed := w.server.Needs(method, pattern)
		all = append(all, right{method, pattern, needs, narrowed})
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b right) int { return strings.Compare(a.pattern+a.method, b.pattern+b.method) })
	return all
}

// Who may call what is part of the repository, so that a change of it shows.
func TestTheRightsAreTheGolden(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, r := range newWorld(t).rights() {
		needs, rows := string(r.needs), "all"
		switch {
		case r.needs == "":
			needs, rows = "open", "none"
		case r.needs.Shared():
			rows = "any"
		case r.narrowed:
			rows = "own"
		}
		fmt.Fprintf(&got, "%-18s %-4s %-5s %s\n", needs, rows, r.method, r.pattern)
	}
	golden := filepath.Join("testdata", "rights.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("who may call what has changed; if that is meant: go test ./http -run Rights -update\n%s", diff)
	}
}

// Every route lets in who has the action and nobody else: without a key 401, with a
// role that does not have it 403, for whoever may see one owner's rows also where it
// shows others. Nothing is told of what the route is about.
func TestEveryRouteAsksWhoMay(t *testing.T) {
	t.Parallel()
	memory := newMemory()
	w := worldOn(t, memory, memory, func(cfg *crmhttp.Config) {
		withRoles(cfg)
		for _, role := range access.Roles {
			cfg.Keys["one "+string(role)] = crmhttp.Key{
				Hash: crmhttp.HashKey(keyOf(role) + "one"), Role: role, Scope: domain.EmployeeID{UUID: uuidOf("eve")},
			}
		}
	})
	left, leave := context.WithCancel(t.Context())
	leave() // nobody waits for what is let in
	ask := func(r right, key string) reply {
		path := strings.NewReplacer("{id}", id("some"), "{part}", "news:email", "{name}", "deals", "{slug}", "internal", "*", "").Replace(r.pattern)
		request := httptest.NewRequestWithContext(left, r.method, path, http.NoBody)
		if key != "" {
			request.Header.Set("Authorization", "Bearer "+key)
		}
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, request)
		return reply{status: recorder.Code, body: recorder.Body.String()}
	}
	for _, r := range w.rights() {
		name := r.method + " " + r.pattern
		if got := ask(r, "").status == http.StatusUnauthorized; got == (r.needs == "") {
			t.Errorf("%s, without a key, is let in: %t", name, !got)
		}
		if r.needs == "" {
			continue
		}
		for _, role := range access.Roles {
			for key, may := range map[string]bool{
				keyOf(role):         role.May(r.needs),
				keyOf(role) + "one": role.May(r.needs) && (r.narrowed || r.needs.Shared()),
			} {
				answer := ask(r, key)
				refused := answer.status == http.StatusForbidden
				if refused == may {
					t.Errorf("%s by %s (%s): %d %s", name, role, strings.TrimPrefix(key, keyOf(role)), answer.status, answer.body)
				}
				if refused && (!strings.Contains(answer.body, "/problems/not-allowed") || !strings.Contains(answer.body, string(r.needs)) || strings.Contains(answer.body, id("some"))) {
					t.Errorf("%s by %s is refused with %s", name, role, answer.body)
				}
			}
		}
	}
}
