package http

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"crm/domain"
	"crm/http/access"
	"crm/projections/lists"
	"crm/projections/readmodels"
)

// Filtering is what a list takes that can be filtered. Its grammar is package lists'.
type Filtering struct {
	Paging
	Filter map[string]string `query:"filter,deepObject" doc:"filter[field][op]=value: all of them hold."`
	Fields string            `query:"fields" maxLength:"1000" doc:"Names of what to show of each row, a comma between; id is always there, and what is not named is left out, also where a whole row has it without fail. Default: all." example:"name,stage"`

	conditions []lists.Condition
	given      func(name string) bool
}

// Listing is what a list takes that can be sorted too.
type Listing struct {
	Filtering
	Sort string `query:"sort" maxLength:"200" doc:"Fields to sort by, a comma between, - before one that descends; the id decides last."`
}

// Resolve reads the conditions, whose names huma cannot know.
func (f *Filtering) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	query := u.Query()
	f.given, f.conditions = query.Has, nil
	for name, values := range query {
		rest, is := strings.CutPrefix(name, "filter")
		if !is {
			continue
		}
		field, op, found := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]"), "][")
		if !found || rest != "["+field+"]["+op+"]" || strings.ContainsAny(field+op, "[]") {
			return []error{&huma.ErrorDetail{Location: "query." + name, Message: "A filter looks like filter[stage][eq]=lead."}}
		}
		c := lists.Condition{Field: field, Op: op, Values: values, At: name}
		if op == string(lists.In) {
			c.Values = strings.Split(values[0], ",")
		}
		f.conditions = append(f.conditions, c)
	}
	slices.SortFunc(f.conditions, func(a, b lists.Condition) int { return strings.Compare(a.At, b.At) })
	return nil
}

// also adds a short form's condition; no value is none.
func (f *Filtering) also(name, value string) {
	if value != "" {
		f.conditions = append(f.conditions, lists.Condition{Field: name, Op: string(lists.Eq), Values: []string{value}, At: name})
	}
}

// listAsk is what a list is asked, whichever way it came.
type listAsk struct {
	lists.Question
	text     string // to search for
	archived bool   // of customers also the archived, though no condition names them
	fields   []string
	asOf     readmodels.AsOf
	limit    int
	cursor   string
	at       func(place string, of *domain.Error, detail string) error // what is wrong with a place
}

func (f *Filtering) ask(asOf readmodels.AsOf) listAsk {
	a := listAsk{asOf: asOf, limit: f.Limit, cursor: f.Cursor, at: inParameter}
	a.All = f.conditions
	if f.Fields != "" {
		a.fields = strings.Split(f.Fields, ",")
	}
	return a
}

func (l *Listing) ask(asOf readmodels.AsOf) listAsk {
	a := l.Filtering.ask(asOf)
	a.Sort, a.SortAt = l.Sort, "sort"
	return a
}

func inParameter(name string, of *domain.Error, detail string) error {
	if of == ErrParameter {
		return &parameterFault{name, detail}
	}
	return of.At("", "%s", detail)
}

// read reads the question for who asks.
func (a listAsk) read(ctx context.Context, list *lists.List) (lists.Query, error) {
	asks := principalOf(ctx)
	if err := asks.CheckPersonal(); a.text != "" && err != nil {
		return lists.Query{}, err
	}
	query, err := list.Read(a.Question, asks.Personal)
	if fault, ok := errors.AsType[*lists.Fault](err); ok {
		of := ErrParameter
		if fault.Forbidden {
			of = access.ErrNotAllowed
		}
		return query, a.at(fault.At, of, fault.Detail)
	}
	return query, err
}

// names reports whether a condition is about the field.
func (a listAsk) names(field string) bool {
	return slices.ContainsFunc(slices.Concat(append(slices.Clip(a.Any), a.All)...), func(c lists.Condition) bool { return c.Field == field })
}

// question names the list and all that its rows depend on.
func (a listAsk) question(ctx context.Context, list string, about ...any) string {
	p := principalOf(ctx)
	return question(list, a.All, a.Any, a.Sort, a.text, a.archived, a.asOf, p.Scope, p.Personal, about)
}

// checkFields refuses names that a row of type T does not have.
func checkFields[T any](a listAsk) error {
	var names []string
	for _, field := range jsonFields(reflect.TypeFor[T]()) {
		names = append(names, nameOf(field))
	}
	for _, name := range a.fields {
		if !slices.Contains(names, name) {
			return a.at("fields", ErrParameter, "A row has no "+fmt.Sprintf("%.50q", name)+". It has "+strings.Join(names, ", ")+".")
		}
	}
	return nil
}

// listFrom answers a list.
func listFrom[Row, T any](ctx context.Context, list *lists.List, a listAsk, read func(readmodels.Asked) (readmodels.Listed[Row], error), shown func(Row) T, about ...any) (*listed[T], error) {
	query, err := a.read(ctx, list)
	if err != nil {
		return nil, err
	}
	if err := checkFields[T](a); err != nil {
		return nil, err
	}
	asked := a.question(ctx, list.Name, about...)
	after, err := markOf[lists.Mark](asked, a.cursor)
	if err != nil {
		return nil, err
	}
	question := readmodels.Asked{Query: query, AsOf: a.asOf, Limit: a.limit}
	if after != nil {
		question.After = *after
	}
	found, err := read(question)
	if err != nil {
		return nil, err
	}
	return listOf(found.Items, pageAfter(asked, found.Next), shown), nil
}

// sparse leaves of the rows of a list only the fields that were asked for. It is a
// transformer of huma's: mask, which comes after, goes by the types of what is left.
func sparse(ctx huma.Context, _ string, body any) (any, error) {
	fields := ctx.Query("fields")
	if fields == "" {
		return body, nil
	}
	return only(body, strings.Split(fields, ",")), nil
}

// only is the body of a list with some fields of each row; any other body is as it was.
func only(body any, fields []string) any {
	of := reflect.ValueOf(body)
	if of.Kind() != reflect.Struct || len(fields) == 0 {
		return body
	}
	data, next := of.FieldByName("Data"), of.FieldByName("Page")
	if !data.IsValid() || data.Kind() != reflect.Slice || !next.IsValid() {
		return body
	}
	rows := make([]map[string]any, data.Len())
	for i := range rows {
		rows[i] = picked(data.Index(i), fields)
	}
	return struct {
		Data []map[string]any `json:"data"`
		Page any              `json:"page"`
	}{rows, next.Interface()}
}

// picked are the named fields of a row, and its id. What is left out of a whole row where
// it is not known is left out here too.
func picked(row reflect.Value, fields []string) map[string]any {
	values := map[string]any{}
	for _, field := range jsonFields(row.Type()) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "id" && !slices.Contains(fields, name) {
			continue
		}
		value := row.FieldByName(field.Name)
		if strings.Contains(options, "omit") && (value.IsZero() || value.Kind() == reflect.Slice && value.Len() == 0) {
			continue
		}
		values[name] = value.Interface()
	}
	return values
}

// describeList says in the document what a list may be filtered and sorted by, out of the
// allow-list that also answers.
func (s *Server) describeList(path string, list *lists.List) {
	for _, parameter := range s.api.OpenAPI().Paths["/v1"+path].Get.Parameters {
		switch parameter.Name {
		case "filter":
			parameter.Schema = filterSchema(list)
			parameter.Description = fmt.Sprintf("filter[field][op]=value: all of them hold, at most %d. A value has at most %d characters; in takes up to %d, a comma between; null takes true or false.",
				lists.MaxConditions, lists.MaxValue, lists.MaxValues)
		case "sort":
			parameter.Description = fmt.Sprintf("Fields to sort by, a comma between, - before one that descends; at most %d, and the id decides last. There are: %s. Default: %s.",
				lists.MaxSorts, strings.Join(list.Sortable(), ", "), list.Default)
			parameter.Example = list.Default
		}
	}
}

// filterSchema is the object filter, with a property for each field, which has one for
// each operator.
func filterSchema(list *lists.List) *huma.Schema {
	fields := map[string]*huma.Schema{}
	for i := range list.Fields {
		f := &list.Fields[i]
		ops := map[string]*huma.Schema{}
		for _, op := range f.Ops() {
			switch op {
			case lists.Null:
				ops[string(op)] = &huma.Schema{Type: huma.TypeBoolean}
			case lists.In:
				ops[string(op)] = &huma.Schema{Type: huma.TypeString, Description: "Values, a comma between."}
			default:
				ops[string(op)] = valueSchema(f)
			}
		}
		about := f.About
		if f.Personal {
			about = strings.TrimPrefix(about+"; personal: for roles that see such", "; ")
		}
		fields[f.Name] = &huma.Schema{Type: huma.TypeObject, Description: about, Properties: ops, AdditionalProperties: false}
	}
	return &huma.Schema{Type: huma.TypeObject, Properties: fields, AdditionalProperties: false}
}

func valueSchema(f *lists.Field) *huma.Schema {
	switch f.Type {
	case lists.Choice:
		words := make([]any, len(f.Choices))
		for i, word := range f.Choices {
			words[i] = word
		}
		return &huma.Schema{Type: huma.TypeString, Enum: words}
	case lists.ID:
		return &huma.Schema{Type: huma.TypeString, Format: "uuid"}
	case lists.Truth:
		return &huma.Schema{Type: huma.TypeBoolean}
	case lists.Whole:
		return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
	case lists.Day:
		return &huma.Schema{Type: huma.TypeString, Format: "date"}
	case lists.Instant:
		return &huma.Schema{Type: huma.TypeString, Description: "An instant (RFC 3339; + is written %2B), or a day, which is its first instant in UTC."}
	default:
		return &huma.Schema{Type: huma.TypeString, MaxLength: new(lists.MaxValue)}
	}
}
