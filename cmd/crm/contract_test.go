package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"crm/domain"
	"crm/http/contracttest"
)

var update = flag.Bool("update", false, "write the answers of http/operations that have changed their shape")

// operations is where the contract has a page for each operation: what it does, the
// problems of its own, and a request with its answer (http/contract.go reads them).
//
// The requests are asked in a company of their own (contracttest.Company), and after what
// "given" names: other operations, whose requests are asked first, and which ids of
// their answers stand for ids of this page. A page that is written by hand may say
// ${name} for an id, and needs no answer: with -update this test writes both.
const operations = "../../http/operations"

// contractPage is one of them. The order is the file's.
type contractPage struct {
	Description string          `json:"description"`
	Problems    []string        `json:"problems,omitempty"`
	Given       []given         `json:"given,omitempty"`
	Request     contractRequest `json:"request"`
	Answer      contractAnswer  `json:"answer,omitzero"`
}

type given struct {
	Operation string            `json:"operation"`
	IDs       map[string]string `json:"ids,omitempty"` // name of an id → pointer into the answer
}

type contractRequest struct {
	Path    map[string]string `json:"path,omitempty"`
	Query   map[string]string `json:"query,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

type contractAnswer struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body,omitempty"`
}

// Every operation of the document has a page whose request works against a real
// server and is answered in the shape that the page and the document's schemas say.
func TestExamples(t *testing.T) {
	t.Parallel()
	p, hooks := runUpWithHooks(t)
	var text json.RawMessage
	p.must(http.MethodGet, "/openapi.json", "", &text)
	c := &contract{t: t, p: p, hooks: hooks.URL, schemas: schemasOf(t, text), pages: map[string]*contractPage{}, at: map[string]operationAt{}}
	if err := json.Unmarshal(text, &c.document); err != nil {
		t.Fatal(err)
	}
	for path, methods := range c.document.Paths {
		for method, op := range methods {
			c.at[op.OperationID] = operationAt{method: method, path: path, operationShape: op}
			c.pages[op.OperationID] = readPage(t, op.OperationID)
		}
	}
	files, err := filepath.Glob(operations + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".json"); c.pages[name] == nil {
			t.Errorf("%s is the page of no operation", file)
		}
	}
	for _, name := range sorted(c.pages) {
		t.Run(name, func(t *testing.T) { c.on(t).check(name) })
	}
	hooks.onlyHere(p)
	p.stop(syscall.SIGTERM)
}

// contract is the document with its pages, and the server that is asked.
type contract struct {
	t        *testing.T
	p        *program
	hooks    string // where webhooks go, instead of contracttest.Hooks
	document struct {
		Paths map[string]map[string]operationShape
	}
	schemas *jsonschema.Compiler
	pages   map[string]*contractPage
	at      map[string]operationAt
}

type operationShape struct {
	OperationID string
	Summary     string
	Description string
	Tags        []string
	Parameters  []struct{ Name, Ref string }
	RequestBody *struct{ Content map[string]any }
	Responses   map[string]struct{ Content map[string]any }
}

type operationAt struct {
	method, path string
	operationShape
}

func (c *contract) on(t *testing.T) *contract {
	t.Helper()
	same := *c
	same.t = t
	return &same
}

func readPage(t *testing.T, operation string) *contractPage {
	t.Helper()
	file := filepath.Join(operations, operation+".json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Errorf("%s has no page: write %s with a description, the problems of its own and a request, then go test ./cmd/crm -run TestExamples -update", operation, file)
		return nil
	}
	text = placeholder.ReplaceAllFunc(text, func(name []byte) []byte {
		return []byte(exampleID(string(name[2 : len(name)-1])))
	})
	page := &contractPage{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(page); err != nil {
		t.Errorf("%s: %v", file, err)
		return nil
	}
	return page
}

var placeholder = regexp.MustCompile(`\$\{[a-z0-9/-]+\}`)

// check asks the page's request and looks at the answer.
func (c *contract) check(name string) {
	page, at := c.pages[name], c.at[name]
	if page == nil {
		c.t.Fatal("there is no page to be read")
	}
	if page.Description == "" || at.Summary == "" || len(at.Tags) == 0 || strings.TrimSuffix(page.Description, ".") == at.Summary {
		c.t.Errorf("the operation needs a summary, a tag, and a description that says more: %q, %q", at.Summary, page.Description)
	}
	if (at.RequestBody != nil) != (page.Request.Body != nil) {
		c.t.Errorf("the example must have a body exactly where the operation takes one")
	}
	w := newExampleCompany(c, name)
	for _, before := range page.Given {
		w.ask(before.Operation, before.IDs)
	}
	if page.Request.Body != nil {
		c.conforms(at, "requestBody", page.Request.Body)
	}
	got := w.ask(name, nil)
	if got.Body != nil {
		c.conforms(at, "responses/"+fmt.Sprint(got.Status), got.Body)
	}
	if difference := differs("", shapeOf(page.Answer.Body), shapeOf(got.Body)); difference != "" || page.Answer.Status != got.Status {
		if !*update || got.Status/100 != 2 {
			c.t.Fatalf("answered %d %s\nwant as in its page, with status %d%s; if that is meant: go test ./cmd/crm -run TestExamples -update", got.Status, got.Body, page.Answer.Status, difference)
		}
		page.Answer = got
		writePage(c.t, name, page)
	}
}

func writePage(t *testing.T, name string, page *contractPage) {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(page); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(operations, name+".json"), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// conforms holds a body against the document's schema.
func (c *contract) conforms(at operationAt, part string, body []byte) {
	c.t.Helper()
	content := at.Responses[strings.TrimPrefix(part, "responses/")].Content
	if part == "requestBody" {
		content = at.RequestBody.Content
	}
	if content["application/json"] == nil {
		return
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	schema, err := c.schemas.Compile(documentURL + "#/paths/" + escape.Replace(at.path) + "/" + at.method + "/" + part + "/content/application~1json/schema")
	if err != nil {
		c.t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		c.t.Errorf("%s is not as the document says: %v\n%s", part, err, body)
	}
}

const documentURL = "https://crm.test/openapi.json"

func schemasOf(t *testing.T, document []byte) *jsonschema.Compiler {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource(documentURL, value); err != nil {
		t.Fatal(err)
	}
	return compiler
}

// exampleID is the id that a name has in the pages.
func exampleID(name string) string { return uuid.NewSHA1(domain.Namespace, []byte(name)).String() }

// exampleCompany is what an example is asked in: the same for all, under ids of its
// own for each, so that they do not meet.
type exampleCompany struct {
	*contract
	example  string
	real     map[string]string // id in the pages → id on the server
	position string
}

var idPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// onlyOnce is what pages call things whose name an installation takes only once.
const onlyOnce = "web-shop"

// onServer gives every id of the pages, and the name that is taken once, its own
// meaning for this example, and has webhooks go to the test.
func (w *exampleCompany) onServer(text string) string {
	text = strings.ReplaceAll(text, onlyOnce, onlyOnce+"-"+exampleID(w.example)[:8])
	text = strings.ReplaceAll(text, contracttest.Hooks, w.hooks)
	return idPattern.ReplaceAllStringFunc(text, func(id string) string {
		if id == domain.DefaultPipeline.String() {
			return id
		}
		if w.real[id] == "" {
			w.real[id] = uuid.NewSHA1(domain.Namespace, []byte(w.example+"/"+id)).String()
		}
		return w.real[id]
	})
}

// secrets are what no page shows.
var secrets = regexp.MustCompile(`(crm|whsec)_[0-9A-Za-z+/=]{20,}`)

// inPage is the way back. It keeps secrets to itself.
func (w *exampleCompany) inPage(text string) string {
	text = strings.ReplaceAll(text, onlyOnce+"-"+exampleID(w.example)[:8], onlyOnce)
	text = strings.ReplaceAll(text, w.hooks, contracttest.Hooks)
	text = secrets.ReplaceAllString(text, "${1}_…")
	back := map[string]string{}
	for page, real := range w.real {
		back[real] = page
	}
	return idPattern.ReplaceAllStringFunc(text, func(id string) string {
		if page := back[id]; page != "" {
			return page
		}
		return id
	})
}

func newExampleCompany(c *contract, example string) *exampleCompany {
	c.t.Helper()
	w := &exampleCompany{contract: c, example: example, real: map[string]string{}}
	text := contracttest.Company()
	var answer struct {
		Results []struct {
			Status   int
			Position string
			Problem  json.RawMessage
		}
	}
	c.p.must(http.MethodPost, "/v1/commands", w.onServer(text), &answer)
	for i, result := range answer.Results {
		if result.Status/100 != 2 {
			c.t.Fatalf("command %d of the company is answered %d %s", i, result.Status, result.Problem)
		}
		w.position = result.Position
	}
	return w
}

// ask sends the request of an operation's page, and waits until what it starts has
// ended. Ids of the answer are given the names that the caller has for them.
func (w *exampleCompany) ask(name string, ids map[string]string) contractAnswer {
	w.t.Helper()
	page, at := w.pages[name], w.at[name]
	if page == nil {
		w.t.Fatalf("there is no page of %s", name)
	}
	path := at.path
	for parameter, value := range page.Request.Path {
		path = strings.ReplaceAll(path, "{"+parameter+"}", url.PathEscape(w.onServer(value)))
	}
	query := url.Values{}
	for parameter, value := range page.Request.Query {
		query.Set(parameter, w.onServer(value))
	}
	for _, parameter := range at.Parameters {
		if parameter.Name == "min_position" {
			query.Set("min_position", w.position)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	text := string(page.Request.Body)
	var file string
	isFile := at.RequestBody != nil && at.RequestBody.Content["application/json"] == nil
	if isFile { // the page has it as a text
		if err := json.Unmarshal(page.Request.Body, &file); err != nil {
			w.t.Fatal(err)
		}
		text = file
	}
	request, err := http.NewRequestWithContext(w.t.Context(), strings.ToUpper(at.method), w.p.url+path, strings.NewReader(w.onServer(text)))
	if err != nil {
		w.t.Fatal(err)
	}
	if page.Request.Body != nil && !isFile {
		request.Header.Set("Content-Type", "application/json")
	}
	for header, value := range page.Request.Headers {
		request.Header.Set(header, w.onServer(value))
	}
	status, header, body := w.p.send(request)
	if position := header.Get("Crm-Position"); position != "" {
		w.position = position
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		value = string(body)
	}
	for name, pointer := range ids {
		id, _ := pointed(value, pointer).(string)
		if id == "" {
			w.t.Fatalf("%s: there is no id at %s of %s", name, pointer, body)
		}
		w.real[exampleID(name)] = id
	}
	if job := header.Get("Location"); status == http.StatusAccepted && job != "" {
		eventually(w.t, "the job ends", func() bool {
			var running struct{ State string }
			w.p.must(http.MethodGet, job, "", &running)
			return running.State != "running" && running.State != "queued"
		})
	}
	if id := page.Request.Path["id"]; strings.HasPrefix(name, "import.") && id != "" {
		eventually(w.t, "the import ends", func() bool {
			var working struct{ Status string }
			w.p.must(http.MethodGet, "/v1/imports/"+w.onServer(id), "", &working)
			return working.Status != "running" && working.Status != "undoing"
		})
	}
	answer := contractAnswer{Status: status}
	if len(body) > 0 {
		text, err := json.Marshal(shortened(value))
		if err != nil {
			w.t.Fatal(err)
		}
		answer.Body = json.RawMessage(w.inPage(string(text)))
	}
	return answer
}

// pointed is what a JSON pointer without escapes points at; nil where there is nothing.
func pointed(value any, pointer string) any {
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			if at, err := strconv.Atoi(name); err != nil || at >= len(v) {
				return nil
			} else {
				value = v[at]
			}
		default:
			return nil
		}
	}
	return value
}

// shortened is a value with no more than two elements in any list.
func shortened(value any) any {
	switch v := value.(type) {
	case []any:
		v = v[:min(len(v), 2)]
		for i := range v {
			v[i] = shortened(v[i])
		}
		return v
	case map[string]any:
		for name := range v {
			v[name] = shortened(v[name])
		}
	}
	return value
}

// shapeOf is a body as it decodes; nil where there is none.
func shapeOf(body []byte) any {
	var value any
	_ = json.Unmarshal(body, &value) // no body has no shape
	return value
}

// differs says where two values differ in their names and types. Of lists only what
// both have is looked at: how long they are, and which of the fields that may be
// absent their rows have, is not of the contract.
func differs(at string, want, got any) string {
	if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
		return fmt.Sprintf("; at %s it is %T, want %T", at, got, want)
	}
	switch want := want.(type) {
	case map[string]any:
		got := got.(map[string]any)
		if !slices.Equal(sorted(want), sorted(got)) && !strings.Contains(at, "/0") {
			return fmt.Sprintf("; at %s there are %v, want %v", at, sorted(got), sorted(want))
		}
		for _, name := range sorted(want) {
			if _, ok := got[name]; !ok || want[name] == nil || got[name] == nil {
				continue
			}
			if difference := differs(at+"/"+name, want[name], got[name]); difference != "" {
				return difference
			}
		}
	case []any:
		if got := got.([]any); len(want) > 0 && len(got) > 0 {
			return differs(at+"/0", want[0], got[0])
		}
	}
	return ""
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// send is a request with the key.
func (p *program) send(request *http.Request) (int, http.Header, []byte) {
	p.t.Helper()
	request.Header.Set("Authorization", "Bearer "+p.key)
	client := http.Client{Timeout: time.Minute}
	response, err := client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, response.Header, body.Bytes()
}
