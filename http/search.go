package http

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json/jsontext"

	"crm/domain"
	"crm/projections/lists"
)

// searchBody is a list's question as JSON, for filters that are too long for a URL.
type searchBody struct {
	Where       []searchCondition   `json:"where,omitempty" maxItems:"20" nullable:"false" doc:"All of them hold."`
	Any         [][]searchCondition `json:"any,omitempty" maxItems:"20" nullable:"false" doc:"Groups: of each at least one condition holds."`
	Text        string              `json:"q,omitempty" maxLength:"200" doc:"What to search for, as q of the list; customers only."`
	Sort        string              `json:"sort,omitempty" maxLength:"200" doc:"As sort of the list."`
	Fields      []string            `json:"fields,omitempty" maxItems:"50" nullable:"false" doc:"As fields of the list." example:"[\"name\", \"stage\"]"`
	Limit       int                 `json:"limit,omitempty" minimum:"1" maximum:"200" doc:"Rows of a page. Default 50."`
	Cursor      string              `json:"cursor,omitempty" maxLength:"4000" doc:"next_cursor of the page before, with the same question."`
	AsOf        string              `json:"as_of,omitempty" doc:"As as_of of the list." example:"2026-03-31T22:00:00Z"`
	KnownAt     string              `json:"known_at,omitempty" doc:"As known_at of the list." example:"2026-04-01"`
	MinPosition string              `json:"min_position,omitempty" doc:"As min_position of the list."`
}

// searchCondition is a condition.
type searchCondition struct {
	Field string      `json:"field" example:"stage"`
	Op    string      `json:"op" enum:"eq,ne,lt,lte,gt,gte,in,prefix,contains,null"`
	Value searchValue `json:"value"`
}

// searchValue is a text, a number or a boolean, or a list of such: as texts.
type searchValue []string

// UnmarshalJSON reads it.
func (v *searchValue) UnmarshalJSON(data []byte) error {
	value := jsontext.Value(data)
	if value.Kind() != '[' {
		text, err := plainValue(value)
		*v = searchValue{text}
		return err
	}
	var values []jsontext.Value
	if err := decode(value, &values); err != nil {
		return err
	}
	*v = searchValue{}
	for _, value := range values {
		text, err := plainValue(value)
		if err != nil {
			return err
		}
		*v = append(*v, text)
	}
	return nil
}

var errNoValue = errors.New("a text, a number, true or false is expected, or a list of such")

func plainValue(value jsontext.Value) (string, error) {
	switch value.Kind() {
	case '"':
		var text string
		err := decode(value, &text)
		return text, err
	case '0', 't', 'f':
		return value.String(), nil
	default:
		return "", errNoValue
	}
}

// Schema is what the document says of it.
func (searchValue) Schema(huma.Registry) *huma.Schema {
	one := func() []*huma.Schema {
		return []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeInteger}, {Type: huma.TypeBoolean}}
	}
	most := lists.MaxValues
	return &huma.Schema{
		Description: "Of the field's type; a list of up to 200 for in, a boolean for null.",
		OneOf:       append(one(), &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{OneOf: one()}, MaxItems: &most}),
	}
}

// ask is the question that the body asks.
func (b *searchBody) ask() (listAsk, error) {
	a := listAsk{text: b.Text, fields: b.Fields, limit: b.Limit, cursor: b.Cursor, at: inBody}
	a.Sort, a.SortAt = b.Sort, "/sort"
	a.All = conditionsAt("/where/", b.Where)
	for i, group := range b.Any {
		a.Any = append(a.Any, conditionsAt("/any/"+strconv.Itoa(i)+"/", group))
	}
	if b.Limit == 0 {
		a.limit = defaultLimit
	}
	if b.Limit < 0 || b.Limit > maxLimit {
		return a, inBody("/limit", ErrParameter, "A page has 1 to 200 rows.")
	}
	if len([]rune(b.Text)) > maxText {
		return a, inBody("/q", ErrParameter, "A text to search for has at most 200 characters.")
	}
	if err := checkText("q", b.Text); err != nil {
		return a, inBody("/q", ErrParameter, "The text is not UTF-8, or holds a NUL.")
	}
	for _, instant := range []struct {
		name, text string
		to         *time.Time
	}{{"as_of", b.AsOf, &a.asOf.At}, {"known_at", b.KnownAt, &a.asOf.KnownAt}} {
		at, err := instantIn(instant.name, instant.text)
		if err != nil {
			return a, inBody("/"+instant.name, ErrParameter, "An instant looks like 2026-11-22T09:30:00Z, a day like 2026-11-22.")
		}
		*instant.to = at
	}
	return a, nil
}

// The limits that the parameters of a list name in their tags.
const (
	defaultLimit = 50
	maxLimit     = 200
	maxText      = 200
)

func inBody(pointer string, of *domain.Error, detail string) error {
	if pointer != "" && pointer[0] != '/' {
		pointer = "/" + pointer
	}
	return of.At(pointer, "%s", detail)
}

func conditionsAt(pointer string, asked []searchCondition) []lists.Condition {
	conditions := make([]lists.Condition, len(asked))
	for i, c := range asked {
		conditions[i] = lists.Condition{Field: c.Field, Op: c.Op, Values: c.Value, At: pointer + strconv.Itoa(i)}
	}
	return conditions
}

// searches registers the lists that take their question as JSON, too.
func (s *Server) searches(r chi.Router) {
	serveSearch(s, r, customerList, "customer.search", s.findCustomers)
	serveSearch(s, r, dealList, "deal.search", s.findDeals)
}

// serveSearch registers POST …/search, which answers as the list of that query does.
func serveSearch[T any](s *Server, r chi.Router, list query, id string, find func(context.Context, listAsk) (*listed[T], error)) {
	path := "/v1" + list.path + "/search"
	schemas := s.api.OpenAPI().Components.Schemas
	s.takes(http.MethodPost, path, list.needs)
	s.narrows(http.MethodPost, path)
	op := &huma.Operation{
		OperationID: id, Method: http.MethodPost, Path: path, Tags: []string{list.tag}, Security: security(list.needs),
		Summary: list.summary + ", by a question as JSON",
		RequestBody: &huma.RequestBody{Content: map[string]*huma.MediaType{
			"application/json": {Schema: schemas.Schema(reflect.TypeFor[searchBody](), true, "")},
		}},
	}
	listed := s.api.OpenAPI().Paths["/v1"+list.path].Get.Responses["200"].Content["application/json"].Schema
	op.Responses = map[string]*huma.Response{"200": {
		Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: listed}},
	}}
	s.api.OpenAPI().AddOperation(op)
	r.Post(path, func(w http.ResponseWriter, r *http.Request) {
		answered, fields, err := s.search(w, r, list.models, func(ctx context.Context, a listAsk) (any, error) {
			list, err := find(ctx, a)
			if err != nil {
				return nil, err
			}
			return list.Body, nil
		})
		if err != nil {
			fail(w, r, err)
			return
		}
		seen, err := shown(r.Context(), only(answered, fields))
		if err != nil {
			fail(w, r, err)
			return
		}
		answer(w, http.StatusOK, seen)
	})
}

func (s *Server) search(w http.ResponseWriter, r *http.Request, models []string, find func(context.Context, listAsk) (any, error)) (found any, fields []string, err error) {
	for name := range r.URL.Query() {
		return nil, nil, &parameterFault{name, "The question stands in the body. There are no query parameters."}
	}
	data, err := readBody(w, r, maxBody)
	if err != nil {
		return nil, nil, err
	}
	var body searchBody
	if err := decode(data, &body); err != nil {
		return nil, nil, err
	}
	asked, err := body.ask()
	if err != nil {
		return nil, nil, err
	}
	if err := s.await(r.Context(), models, body.MinPosition); err != nil {
		return nil, nil, err
	}
	leave, err := s.reading.enter(r.Context(), len(data))
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	found, err = find(r.Context(), asked)
	return found, body.Fields, err
}
