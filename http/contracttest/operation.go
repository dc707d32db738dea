package contracttest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"crm/domain"
)

// company is what the examples' ids stand for: a batch.
//
//go:embed company.json
var company string

var placeholder = regexp.MustCompile(`\$\{[a-z0-9/-]+\}`)

// Company is a batch that makes what the examples are about.
func Company() string {
	return placeholder.ReplaceAllStringFunc(company, func(name string) string { return ID(name[2 : len(name)-1]) })
}

// ID is the id that a name has in the examples.
func ID(name string) string { return uuid.NewSHA1(domain.Namespace, []byte(name)).String() }

var anyID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// onlyOnce is what the examples call things whose name an installation takes only once.
const onlyOnce = "web-shop"

// Apart gives the ids in a text a meaning of their own for each place, so that two
// examples do not meet. The default pipeline is everybody's.
func Apart(place, text string) string {
	text = strings.ReplaceAll(text, onlyOnce, onlyOnce+"-"+ID(place)[:8])
	return anyID.ReplaceAllStringFunc(text, func(id string) string {
		if id == domain.DefaultPipeline.String() {
			return id
		}
		return ID(place + "/" + id)
	})
}

// In is the operation with the ids of a place (see [Apart]).
func (op Operation) In(place string) Operation {
	apart := func(values map[string]string) map[string]string {
		there := map[string]string{}
		for name, value := range values {
			there[name] = Apart(place, value)
		}
		return there
	}
	op.path, op.query, op.headers = apart(op.path), apart(op.query), apart(op.headers)
	op.body = json.RawMessage(Apart(place, string(op.body)))
	return op
}

// Hooks is where webhooks go in the examples. It is somebody else's, so that who runs a
// server's sender has them go elsewhere.
const Hooks = "https://hooks.example.com"

// HooksTo is the operation with webhooks that go to another place.
func (op Operation) HooksTo(url string) Operation {
	op.body = bytes.ReplaceAll(op.body, []byte(Hooks), []byte(url))
	return op
}

// With is the operation with JSON at a place of its body (RFC 6901), whatever else must
// be made for that.
func (op Operation) With(place, text string) Operation {
	var body any
	if err := json.Unmarshal(op.body, &body); err != nil {
		body = map[string]any{} // it has none
	}
	op.body = with(body, place, text)
	return op
}

// Operation is one of the document's.
type Operation struct {
	ID, Method, Path string
	// Parameters are those of path, query and header.
	Parameters []Parameter
	// Media is the type of the body; empty where there is none.
	Media string
	// Fields point at what a JSON body may have (RFC 6901; 0 for each element).
	Fields []string
	// Given are operations whose examples come first.
	Given []string

	path, query, headers map[string]string
	body                 json.RawMessage
}

// Parameter is a parameter of an operation.
type Parameter struct{ Name, In string }

type document struct {
	Paths map[string]map[string]struct {
		OperationID string
		Parameters  []parameter
		RequestBody *struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct {
		Parameters map[string]parameter
		Schemas    map[string]schema
	}
}

type parameter struct {
	Ref      string `json:"$ref"`
	Name, In string
}

type schema struct {
	Ref        string `json:"$ref"`
	Properties map[string]schema
	Items      *schema
}

// Read reads the document and the examples, and gives the operations by their ids.
func Read(openapi []byte, examples fs.FS) (map[string]Operation, error) {
	var d document
	if err := json.Unmarshal(openapi, &d); err != nil {
		return nil, fmt.Errorf("the document: %w", err)
	}
	all := map[string]Operation{}
	for path, methods := range d.Paths {
		for method, of := range methods {
			op := Operation{ID: of.OperationID, Method: strings.ToUpper(method), Path: path}
			for _, p := range of.Parameters {
				if name, is := strings.CutPrefix(p.Ref, "#/components/parameters/"); is {
					p = d.Components.Parameters[name]
				}
				if p.Name == "" {
					return nil, fmt.Errorf("%s: a parameter has no name", op.ID)
				}
				op.Parameters = append(op.Parameters, Parameter{p.Name, p.In})
			}
			if of.RequestBody != nil {
				for media, content := range of.RequestBody.Content {
					op.Media = media
					op.Fields = d.fields(content.Schema, "", 0)
				}
			}
			if err := op.exemplify(examples); err != nil {
				return nil, err
			}
			all[op.ID] = op
		}
	}
	return all, nil
}

// fields are the pointers to what a schema names, four levels deep.
func (d *document) fields(s schema, at string, depth int) []string {
	if name, is := strings.CutPrefix(s.Ref, "#/components/schemas/"); is {
		s = d.Components.Schemas[name]
	}
	if depth > 4 {
		return nil
	}
	var all []string
	if s.Items != nil {
		all = append(all, at+"/0")
		all = append(all, d.fields(*s.Items, at+"/0", depth+1)...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		all = append(all, at+"/"+name)
		all = append(all, d.fields(s.Properties[name], at+"/"+name, depth+1)...)
	}
	return all
}

func (op *Operation) exemplify(examples fs.FS) error {
	text, err := fs.ReadFile(examples, op.ID+".json")
	if err != nil {
		return nil //nolint:nilerr // an operation without an example
	}
	var page struct {
		Given   []struct{ Operation string }
		Request struct {
			Path, Query, Headers map[string]string
			Body                 json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &page); err != nil {
		return fmt.Errorf("%s: %w", op.ID, err)
	}
	for _, given := range page.Given {
		op.Given = append(op.Given, given.Operation)
	}
	op.path, op.query, op.headers, op.body = page.Request.Path, page.Request.Query, page.Request.Headers, page.Request.Body
	if op.Media != "" && op.Media != "application/json" {
		var file string
		if err := json.Unmarshal(op.body, &file); err != nil {
			return fmt.Errorf("%s: %w", op.ID, err)
		}
		op.body = json.RawMessage(file)
	}
	return nil
}

// Good is the example, without its idempotency key.
func (op Operation) Good() Request {
	path := op.Path
	for name, value := range op.path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	values := url.Values{}
	for name, value := range op.query {
		values.Set(name, value)
	}
	r := Request{Operation: op.ID, Name: "good", Method: op.Method, Path: path, Query: values.Encode(), Body: op.body}
	r.add("Authorization", "Bearer "+Key)
	if op.Media != "" && len(op.body) > 0 {
		r.add("Content-Type", op.Media)
	}
	for _, name := range slices.Sorted(maps.Keys(op.headers)) {
		if name != "Idempotency-Key" { // of another body it would be another refusal
			r.add(name, op.headers[name])
		}
	}
	return r
}
