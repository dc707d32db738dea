package http

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"crm/domain"
	"crm/http/access"
)

// CommandNames are the names of all described commands.
func CommandNames() []string {
	var names []string
	for _, c := range slices.Concat(
		customerCommands, interactionCommands, consentCommands,
		dealCommands, pipelineCommands, employeeCommands, productCommands,
	) {
		names = append(names, c.name)
	}
	return names
}

// PersonalFields point at what is personal in the body of a command (RFC 6901; 0 for each
// element); nothing for an operation that is none.
func (s *Server) PersonalFields(operation string) []string {
	c := s.commands[operation]
	if c == nil {
		return nil
	}
	return personalFields(c.body, "", 0)
}

func personalFields(t reflect.Type, at string, depth int) (all []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[domain.Personal]():
		return []string{at}
	case depth > 6:
	case t.Kind() == reflect.Slice:
		return personalFields(t.Elem(), at+"/0", depth+1)
	case t.Kind() == reflect.Struct:
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case !field.IsExported() && !field.Anonymous || name == "-":
			case name == "":
				all = append(all, personalFields(field.Type, at, depth+1)...)
			default:
				all = append(all, personalFields(field.Type, at+"/"+name, depth+1)...)
			}
		}
	}
	return all
}

// KnownProblem is what is said of a kind of problem.
type KnownProblem struct {
	Status       int    `json:"status"`
	WhatHappened string `json:"what_happened"`
	WhatToDo     string `json:"what_to_do"`
}

// KnownProblems are all kinds of problem, by slug.
func KnownProblems() map[string]KnownProblem {
	all := map[string]KnownProblem{}
	for slug, k := range kinds {
		all[slug] = KnownProblem{Status: statusOf(k.Error), WhatHappened: k.Detail, WhatToDo: k.remedy}
	}
	return all
}

// MayAnswer are the problems that a request's operation declares; no operation where
// the document has none for the request.
func (s *Server) MayAnswer(r *http.Request) (operation string, slugs []string) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	route := chi.NewRouteContext()
	if !s.router.Match(route, method, r.URL.EscapedPath()) {
		return "", nil
	}
	at := s.api.OpenAPI().Paths[route.RoutePattern()]
	if at == nil {
		return "", nil
	}
	for _, op := range operationsOf(at) {
		if op.Method == method {
			return op.OperationID, s.answers[op.OperationID]
		}
	}
	return "", nil
}

// Needs is what a route takes, nothing for one that is open to anybody, and whether it
// is declared to narrow itself to one owner's rows.
func (s *Server) Needs(method, pattern string) (needs access.Action, narrowed bool) {
	at := route{method, pattern}
	return s.needs[at], s.narrowed[at]
}

// AnsweredTypes are the types that answers are made of.
func (s *Server) AnsweredTypes() []reflect.Type {
	var types []reflect.Type
	for ref := range s.answered() {
		types = append(types, s.api.OpenAPI().Components.Schemas.TypeFromRef(ref))
	}
	for _, event := range told {
		types = append(types, event)
	}
	return types
}

// HoldReads takes every place of the gate for reads, and gives them back.
func (s *Server) HoldReads(ctx context.Context) (release func(), err error) {
	var leaves []func()
	for range s.cfg.ReadsAtOnce {
		leave, err := s.reading.enter(ctx, 0)
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, leave)
	}
	return func() {
		for _, leave := range leaves {
			leave()
		}
	}, nil
}
