package http

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"crm/http/access"
)

// A route of which nobody says what it takes lets nobody in, and no server is made
// with it.
func TestAnUndeclaredRouteIsRefused(t *testing.T) {
	t.Parallel()
	s := &Server{needs: map[route]access.Action{}}
	r := chi.NewRouter()
	r.Get("/health/live", live)
	r.Get("/v1/secrets", live)
	s.router = r
	if err := s.checkRoutes(); err == nil || !strings.Contains(err.Error(), "/v1/secrets") {
		t.Errorf("the route is taken: %v", err)
	}
	s.takes(http.MethodGet, "/v1/secrets", "secrets.read") // which is no action
	if s.checkRoutes() == nil {
		t.Error("the action is taken")
	}
}
