package http

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"crm/domain"
	"crm/http/access"
	"crm/http/answers"
	"crm/http/oidc"
	"crm/projections"
	"crm/projections/lists"
	"crm/projections/readmodels"
)

// operationPages have what the document says of each operation beside its shape:
// a page for each, named for it. They are run as tests (cmd/crm, TestExamples).
//
//go:embed operations/*.json
var operationPages embed.FS

// operationPage is one of them.
type operationPage struct {
	// Description is what it does, and what a caller should know of it.
	Description string `json:"description"`
	// Problems are the slugs of its own; those that all of its like may answer are
	// added (see problemsOf).
	Problems []string `json:"problems"`
	// Request is one that works in the example company, and Answer what it gets.
	Request struct {
		Path    map[string]string `json:"path"`
		Query   map[string]string `json:"query"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Answer struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"answer"`
}

// pageOf reads an operation's page; an empty one where it has none, which a test
// finds.
func pageOf(operation string) (page operationPage, err error) {
	text, err := operationPages.ReadFile("operations/" + operation + ".json")
	if err != nil {
		return page, nil //nolint:nilerr // the only error is that there is none
	}
	if err := json.Unmarshal(text, &page); err != nil {
		return page, fmt.Errorf("http: operations/%s.json: %w", operation, err)
	}
	return page, nil
}

// finishContract adds to every operation of the document what its page says, its
// problems and its limits.
func (s *Server) finishContract() error {
	document := s.api.OpenAPI()
	document.Components.Examples, document.Components.Responses = map[string]*huma.Example{}, map[string]*huma.Response{}
	s.nullable()
	s.maskable()
	s.answers = map[string][]string{}
	for _, at := range document.Paths {
		for _, op := range operationsOf(at) {
			page, err := pageOf(op.OperationID)
			if err != nil {
				return err
			}
			slugs, err := s.problemsOf(op, page)
			if err != nil {
				return err
			}
			s.answers[op.OperationID] = slugs
			if page.Description != "" {
				op.Description = page.Description
			}
			s.limit(op)
			exemplify(op, page)
			refuse(op, slugs, document.Components)
		}
	}
	return nil
}

// operationsOf are a path's operations.
func operationsOf(at *huma.PathItem) []*huma.Operation {
	all := []*huma.Operation{at.Get, at.Head, at.Post, at.Put, at.Patch, at.Delete}
	return slices.DeleteFunc(all, func(op *huma.Operation) bool { return op == nil })
}

// problemsOf are the slugs that an operation may answer, sorted: its own, and those
// that follow from what it takes.
func (s *Server) problemsOf(op *huma.Operation, page operationPage) ([]string, error) {
	follow := []*domain.Error{ErrKeyMissing, ErrTooManyFailures, ErrRateLimited, oidc.ErrNoRole, oidc.ErrAway, access.ErrNotAllowed, ErrParameter, ErrHeader, ErrOverloaded, ErrTimedOut, ErrInternal}
	if op.RequestBody != nil {
		follow = append(follow, ErrMalformed, ErrUnknownField, domain.ErrInvalid, ErrMediaType, ErrBodyTooLarge, ErrBodyTooSlow)
	}
	command, isCommand := s.commands[op.OperationID]
	switch {
	case op.OperationID == batchName: // what its commands answer is told for each
		follow = append(follow, domain.ErrStoreUnavailable)
	case isCommand:
		follow = append(follow, domain.ErrKeyReused, answers.ErrInProgress, domain.ErrStale, domain.ErrFieldConflict, ErrConditionMissing, domain.ErrContended, domain.ErrTooLarge,
			domain.ErrStoreUnavailable, domain.ErrStorageUnavailable, errStreamDeleted)
		if command.named() {
			follow = append(follow, projections.ErrUnknownModel)
		}
	default:
		follow = append(follow, ErrNotAccepted)
	}
	for _, parameter := range op.Parameters {
		switch parameter.Name {
		case "min_position":
			follow = append(follow, ErrBehind, lists.ErrTooCostly, projections.ErrUnavailable, projections.ErrStopped, readmodels.ErrParked)
		case "cursor":
			follow = append(follow, ErrCursor)
		case "filter":
			follow = append(follow, lists.ErrTooCostly)
		}
	}
	slugs := map[string]bool{}
	for _, refusal := range follow {
		slugs[refusal.Slug] = true
	}
	for _, slug := range page.Problems {
		if _, known := kinds[slug]; !known {
			return nil, fmt.Errorf("http: operations/%s.json: there is no problem %q", op.OperationID, slug)
		}
		slugs[slug] = true
	}
	return slices.Sorted(maps.Keys(slugs)), nil
}

// refuse documents the problems as responses, by status. Operations that answer the
// same ones share the response, which is named for them.
func refuse(op *huma.Operation, slugs []string, shared *huma.Components) {
	delete(op.Responses, "default")
	byStatus := map[int][]string{}
	for _, slug := range slugs {
		status := statusOf(kinds[slug].Error)
		byStatus[status] = append(byStatus[status], slug)
	}
	for status, slugs := range byStatus {
		name := strconv.Itoa(status) + "." + strings.Join(slugs, ".")
		if shared.Responses[name] == nil {
			examples := map[string]*huma.Example{}
			for _, slug := range slugs {
				k := kinds[slug]
				shared.Examples[slug] = &huma.Example{Summary: titleOf(slug), Description: k.remedy, Value: exampleOf(k)}
				examples[slug] = &huma.Example{Ref: "#/components/examples/" + slug}
			}
			shared.Responses[name] = &huma.Response{
				Description: http.StatusText(status) + ": " + strings.Join(slugs, ", ") + ".",
				Content: map[string]*huma.MediaType{"application/problem+json": {
					Schema: shared.Schemas.Schema(reflect.TypeFor[Problem](), true, ""), Examples: examples,
				}},
			}
		}
		if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
			shared.Responses[name].Headers = map[string]*huma.Param{"Retry-After": {Ref: "#/components/headers/retry"}}
		}
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + name}
	}
}

// limit documents what an operation takes at most.
func (s *Server) limit(op *huma.Operation) {
	limits := map[string]any{"seconds": s.cfg.Timeout.Seconds(), "header_bytes": maxHeaderBytes}
	if op.RequestBody != nil {
		limits["body_bytes"], limits["json_depth"] = maxBody, maxDepth
	}
	if op.OperationID == batchName {
		limits["body_bytes"], limits["commands"] = maxBatchBody, maxCommands
	}
	for _, parameter := range op.Parameters {
		switch parameter.Name {
		case "limit":
			if parameter.Schema.Maximum != nil {
				limits["rows"] = *parameter.Schema.Maximum
			}
		case "min_position":
			limits["wait_seconds"] = s.cfg.MaxWait.Seconds()
		}
	}
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	op.Extensions["x-limits"] = limits
}

// exemplify puts the page's request and answer where documentation shows them.
func exemplify(op *huma.Operation, page operationPage) {
	if body := op.RequestBody; body != nil && len(page.Request.Body) > 0 {
		if body.Description == "" {
			body.Description = "What is asked. An unknown field is refused."
		}
		for _, media := range body.Content {
			media.Example = page.Request.Body
		}
	}
	for _, parameter := range op.Parameters {
		values := page.Request.Query
		if parameter.In == "path" {
			values = page.Request.Path
		}
		if value, given := values[parameter.Name]; given && parameter.Ref == "" {
			parameter.Example = valueOf(parameter.Schema, value)
		}
		if parameter.Ref == "" && parameter.Description == "" {
			parameter.Description = parameterWords[parameter.Name]
		}
	}
	if response := op.Responses[strconv.Itoa(page.Answer.Status)]; response != nil && len(page.Answer.Body) > 0 {
		for kind, media := range response.Content {
			if strings.Contains(kind, "json") { // of a stream the schema is that of its parts
				media.Example = page.Answer.Body
			}
		}
	}
}

// parameterWords describe parameters that say nothing of themselves.
var parameterWords = map[string]string{
	"id":       "The id of what is asked about.",
	"delivery": "The id of a delivery, as the list of them has it.",
	"channel":  "The way that the customer would be contacted, such as email.",
	"customer": "A customer's id.",
	"group_by": "What makes a line of the report.",
	"kind":     "Only customers of this kind.",
	"owner":    "Only what this employee is responsible for.",
	"pipeline": "Only deals in this pipeline.",
	"purpose":  "What the customer would be contacted for, such as newsletter.",
	"stage":    "Only those in this stage.",
	"status":   "Only deals of this status.",
}

// valueOf is a parameter's text as the value that its schema says it stands for.
func valueOf(schema *huma.Schema, text string) any {
	switch schema.Type {
	case huma.TypeInteger, huma.TypeNumber, huma.TypeBoolean:
		return json.RawMessage(text)
	}
	return text
}

// exampleOf is a problem of the kind as an answer has it.
func exampleOf(k kind) *Problem {
	return &Problem{
		Type: "/problems/" + k.Slug, Title: titleOf(k.Slug), Status: statusOf(k.Error), Detail: k.Detail,
		RequestID: "0c7c3a5e-6f0e-4f0e-9b61-2f4c8a8d9f10",
	}
}
