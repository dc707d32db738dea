package http

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// nullable says in the document where null may stand, which huma cannot say of what
// is an object of its own: in answers, where a pointer is always there, and in merge
// patches (RFC 7396), where null clears any field.
func (s *Server) nullable() {
	schemas := s.api.OpenAPI().Components.Schemas
	for name, schema := range schemas.Map() {
		of := schemas.TypeFromRef("#/components/schemas/" + name)
		if of == nil || of.Kind() != reflect.Struct {
			continue
		}
		for _, field := range jsonFields(of) {
			if field.Type.Kind() != reflect.Pointer || strings.Contains(field.Tag.Get("json"), ",omit") {
				continue
			}
			orNull(schema, nameOf(field))
		}
	}
	for _, c := range s.commands {
		if c.method != http.MethodPatch && !strings.HasSuffix(c.path, "/corrections") {
			continue
		}
		patch := schemas.SchemaFromRef(schemas.Schema(c.body, true, "").Ref)
		for _, field := range jsonFields(c.body) {
			if _, of := reflect.TypeFor[Envelope]().FieldByName(field.Name); !of {
				orNull(patch, nameOf(field))
			}
		}
	}
}

// jsonFields are a struct's fields, with those of what it embeds in their place.
func jsonFields(of reflect.Type) (fields []reflect.StructField) {
	for field := range of.Fields() {
		if field.Anonymous && field.Type.Kind() == reflect.Struct {
			fields = append(fields, jsonFields(field.Type)...)
			continue
		}
		fields = append(fields, field)
	}
	return fields
}

// nameOf is a field's name in JSON.
func nameOf(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// orNull lets a property be null as well.
func orNull(of *huma.Schema, name string) {
	property := of.Properties[name]
	switch {
	case property == nil, slices.ContainsFunc(property.OneOf, func(s *huma.Schema) bool { return s.Type == "null" }):
	case property.Type == "": // a reference, or a choice
		of.Properties[name] = &huma.Schema{
			OneOf:       []*huma.Schema{property, {Type: "null"}},
			Description: property.Description,
		}
	case property.Nullable:
	default:
		property.Nullable = true
		if len(property.Enum) > 0 {
			property.Enum = append(property.Enum, nil)
		}
	}
}
