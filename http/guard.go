package http

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"crm/http/access"
	"crm/projections/readmodels"
)

// open are the routes that need no key: they hold nothing of the company's, and a
// browser must be able to open the documentation.
var open = []string{"/health/live", "/health/ready", "/openapi.json", "/openapi-3.0.json", "/docs", "/docs/*", "/problems/{slug}"}

// route is a method and a pattern of the router.
type route struct{ method, pattern string }

// takes declares what a route takes. A route of which nobody says so lets nobody in,
// and no server is made with it.
func (s *Server) takes(method, pattern string, action access.Action) {
	s.needs[route{method, pattern}] = action
}

// narrows declares that a route shows and changes one owner's rows only, for those who
// may see no others: it asks [Server.models], or passes on [access.Principal.Scope]. A
// route of which nobody says so does not let them in.
func (s *Server) narrows(method, pattern string) { s.narrowed[route{method, pattern}] = true }

// models are the read models as who asks may see them.
func (s *Server) models(ctx context.Context) readmodels.Models {
	return s.cfg.Models.Within(principalOf(ctx).Scope)
}

// authorize lets those through who may do what the route takes.
func (s *Server) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, asks := chi.RouteContext(r.Context()), principalOf(r.Context())
		at := route{found.RouteMethod, found.RoutePattern()}
		needs := s.needs[at]
		err := asks.Check(needs)
		if err == nil && !asks.Scope.IsZero() && !needs.Shared() && !s.narrowed[at] {
			err = access.NotWithin(needs)
		}
		if err != nil {
			fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// principalOf is who asks; outside of a request nobody, who may nothing.
func principalOf(ctx context.Context) access.Principal { return exchangeOf(ctx).principal }

// register registers an operation that is no query, and what it takes.
func register[I, O any](s *Server, op huma.Operation, needs access.Action, handler func(context.Context, *I) (*O, error)) {
	s.takes(op.Method, op.Path, needs)
	op.Security = security(needs)
	huma.Register(s.api, op, handler)
}

// security says in the document what an operation takes: as the role of a key, which
// OpenAPI 3.1 lets stand where a scope stands for OAuth.
func security(needs access.Action) []map[string][]string {
	return []map[string][]string{{"key": {string(needs)}}}
}

// checkRoutes refuses a route of which nobody says what it takes.
func (s *Server) checkRoutes() error {
	return chi.Walk(s.router, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if needs := s.needs[route{method, pattern}]; !slices.Contains(open, pattern) && !needs.Valid() {
			return fmt.Errorf("http: %s %s takes %q, which is no action", method, pattern, needs)
		}
		return nil
	})
}
