package http

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"crm/http/access"
)

// routes is the whole route table. The commands' paths stand with the commands.
func (s *Server) routes() error {
	r := chi.NewRouter()
	r.Use(s.identify, s.traced, s.observe, s.recoverPanics, s.limitTime, unambiguous, secure, middleware.GetHead)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { fail(w, r, ErrNoRoute) })
	r.MethodNotAllowed(s.notAllowed)

	// Open to anybody.
	r.Get("/health/live", live)
	r.Get("/health/ready", s.ready)
	r.Get("/openapi.json", s.serveOpenAPI)
	r.Get("/openapi-3.0.json", s.serveOpenAPI30)
	r.Get("/docs", http.RedirectHandler("/docs/", http.StatusMovedPermanently).ServeHTTP)
	r.Get("/docs/*", docs().ServeHTTP)
	r.Get("/problems/{slug}", s.serveProblem)

	var err error
	r.Group(func(r chi.Router) {
		r.Use(s.authenticate, s.authorize, plainQuery)
		s.takes(http.MethodGet, "/metrics", access.MetricsRead)
		r.Method(http.MethodGet, "/metrics", s.measures.handler)
		s.api = humachi.New(r, s.openAPI())
		for _, c := range slices.Concat(
			customerCommands, interactionCommands, consentCommands,
			dealCommands, pipelineCommands, employeeCommands, productCommands, parkedCommands, keyCommands, importCommands, webhookCommands,
		) {
			if s.commands[c.name] != nil {
				err = fmt.Errorf("http: two commands are named %s", c.name)
				return
			}
			s.commands[c.name] = c
			s.api.OpenAPI().AddOperation(s.operation(c))
			s.takes(c.method, c.path, c.needs)
			if c.needs.Owned() {
				s.narrows(c.method, c.path)
			}
			r.Method(c.method, c.path, s.serve(c))
		}
		s.api.OpenAPI().AddOperation(s.batchOperation())
		s.takes(http.MethodPost, "/v1/commands", access.CommandsSend)
		r.Post("/v1/commands", s.serveBatch)
		s.queries()
		s.importQueries(r)
		s.searches(r)
	})
	s.router = r
	if err := cmp.Or(err, s.checkRoutes()); err != nil {
		return err
	}
	if err := s.finishContract(); err != nil {
		return err
	}
	s.document30 = sync.OnceValues(func() ([]byte, error) { return forGenerators(s.api.OpenAPI()) })
	s.document, err = json.Marshal(s.api.OpenAPI())
	return err
}

// notAllowed refuses a method and says which ones the path takes.
func (s *Server) notAllowed(w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch} {
		if s.router.Match(chi.NewRouteContext(), method, r.URL.Path) {
			w.Header().Add("Allow", method)
		}
	}
	fail(w, r, ErrMethod)
}
