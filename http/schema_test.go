package http

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/commands"
	"crm/domain/domaintest"
)

// What the document says of a body is what the decoder takes, name for name.
func TestTheDocumentKnowsEveryField(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Commands: commands.New(domaintest.NewMemory(nil), commands.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	registry := s.api.OpenAPI().Components.Schemas
	for _, c := range s.commands {
		schema := registry.Schema(c.body, false, "")
		if ref := registry.Schema(c.body, true, ""); ref.Ref != "" {
			schema = registry.SchemaFromRef(ref.Ref)
		}
		var documented []string
		for name := range schema.Properties {
			documented = append(documented, name)
		}
		slices.Sort(documented)
		if diff := cmp.Diff(jsonNames(c.body), documented); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		required := slices.Clone(schema.Required)
		slices.Sort(required)
		slices.Sort(c.required)
		if !slices.Equal(required, c.required) {
			t.Errorf("%s: documented as required %v, required %v", c.name, required, c.required)
		}
	}
}

func jsonNames(t reflect.Type) []string {
	var names []string
	for field := range t.Fields() {
		if field.Anonymous {
			names = append(names, jsonNames(field.Type)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// A documented enumeration is the whole of what the domain takes, and no more:
// every value but one that is not in it gets past the check of its field.
func TestDocumentedEnumerationsAreWhatTheDomainTakes(t *testing.T) {
	t.Parallel()
	seen := 0
	var walk func(reflect.Type)
	walk = func(of reflect.Type) {
		for field := range of.Fields() {
			inner := field.Type
			for inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct && inner.PkgPath() == of.PkgPath() {
				walk(inner)
			}
			values := field.Tag.Get("enum")
			if values == "" {
				continue
			}
			method := reflect.New(field.Type).MethodByName("Valid")
			if !method.IsValid() {
				continue // decided elsewhere; the happy paths and refusals cover it
			}
			seen++
			for value := range strings.SplitSeq(values, ",") {
				v := reflect.New(field.Type).Elem()
				v.SetString(value)
				if !v.MethodByName("Valid").Call(nil)[0].Bool() {
					t.Errorf("%s.%s: %q is documented, but not valid", of.Name(), field.Name, value)
				}
			}
		}
	}
	for _, list := range [][]*command{customerCommands, dealCommands, pipelineCommands} {
		for _, c := range list {
			walk(c.body)
		}
	}
	if seen == 0 {
		t.Error("no enumeration was checked")
	}
}
