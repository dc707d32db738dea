package http

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/interaction"
	"crm/http/access"
)

// shown is an answer as who asks may see it: whole, or without what is personal.
// Whatever leaves this room about the company passes here or is known to hold nothing
// personal, as receipts and problems do.
func shown(ctx context.Context, v any) (any, error) {
	if principalOf(ctx).Personal {
		return v, nil
	}
	return access.Masked(v)
}

// mask is shown for what huma's handlers return.
func mask(ctx huma.Context, _ string, v any) (any, error) { return shown(ctx.Context(), v) }

// payload is an event's payload as it is stored. What is personal in it only the
// event's type tells.
type payload struct {
	event string // its type
	data  json.RawMessage
}

// MarshalJSON gives the whole.
func (p payload) MarshalJSON() ([]byte, error) { return p.data, nil }

// Schema says that it is an object, or whatever an event might be.
func (payload) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// WithoutPersonal is the payload without what is personal; nothing of an event whose
// type is not known here.
func (p payload) WithoutPersonal() any {
	of, known := told[p.event]
	if !known {
		return nil
	}
	event := reflect.New(of)
	if json.Unmarshal(p.data, event.Interface()) != nil {
		return nil
	}
	masked, err := access.Masked(event.Interface())
	if err != nil {
		return nil
	}
	return jsontext.Value(masked)
}

// told are the events of a timeline, by type.
var told = byType(
	customer.Registered{}, customer.DetailsChanged{}, customer.Corrected{}, customer.ContactPointAdded{},
	customer.ContactPointVerified{}, customer.ContactPointRemoved{}, customer.OwnerAssigned{}, customer.LifecycleStageChanged{},
	customer.AttributesChanged{}, customer.LinkedToOrganization{}, customer.UnlinkedFromOrganization{}, customer.Archived{}, customer.Restored{},
	deal.Opened{}, deal.CustomerLinked{}, deal.StageChanged{}, deal.AmountChanged{}, deal.CloseDateChanged{}, deal.OwnerAssigned{},
	deal.ForecastCategoryChanged{}, deal.LineItemAdded{}, deal.LineItemChanged{}, deal.LineItemRemoved{}, deal.Won{}, deal.Lost{}, deal.Reopened{}, deal.Voided{},
	consent.Requested{}, consent.Confirmed{}, consent.Granted{}, consent.Withdrawn{}, consent.Objected{}, consent.Expired{},
	interaction.Logged{}, interaction.Amended{},
)

func byType(events ...domain.Event) map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for _, event := range events {
		types[event.EventType()] = reflect.TypeOf(event)
	}
	return types
}

// caption is what a line of a report is called: a word of the business, or a person.
type caption struct {
	text   string
	person bool
}

// MarshalJSON gives the whole.
func (c caption) MarshalJSON() ([]byte, error) { return json.Marshal(c.text) }

// Schema says that it is a text.
func (caption) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

// WithoutPersonal is the caption unless it names a person.
func (c caption) WithoutPersonal() any {
	if c.person {
		return nil
	}
	return c.text
}

var (
	personal = reflect.TypeFor[domain.Personal]()
	partly   = reflect.TypeFor[access.Partly]()
)

// isPersonal reports whether a field of that type is left out for who does not see
// what is personal.
func isPersonal(of reflect.Type) bool {
	if of == personal || of.Implements(partly) {
		return true
	}
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return isPersonal(of.Elem())
	default:
		return false
	}
}

// maskable says in the document what may be left out of answers: such a field is not
// required, and an object that has some may be masked.
func (s *Server) maskable() {
	schemas := s.api.OpenAPI().Components.Schemas
	for name := range s.answered() {
		of, schema := schemas.TypeFromRef(name), schemas.SchemaFromRef(name)
		if of == nil || of.Kind() != reflect.Struct {
			continue
		}
		for _, field := range jsonFields(of) {
			if !isPersonal(field.Type) {
				continue
			}
			name := nameOf(field)
			schema.Required = slices.DeleteFunc(schema.Required, func(required string) bool { return required == name })
			schema.Properties["masked"] = &huma.Schema{
				Type: huma.TypeBoolean, Description: "True where something personal was left out, which the key does not see.",
			}
		}
	}
}

// answered are the schemas that answers are made of, as they are referred to.
func (s *Server) answered() map[string]bool {
	found := map[string]bool{}
	var visit func(*huma.Schema)
	visit = func(schema *huma.Schema) {
		if schema == nil || found[schema.Ref] {
			return
		}
		if schema.Ref != "" {
			found[schema.Ref] = true
			schema = s.api.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
		}
		visit(schema.Items)
		if values, ok := schema.AdditionalProperties.(*huma.Schema); ok {
			visit(values)
		}
		for _, part := range slices.Concat(slices.Collect(maps.Values(schema.Properties)), schema.OneOf, schema.AnyOf, schema.AllOf) {
			visit(part)
		}
	}
	for _, at := range s.api.OpenAPI().Paths {
		for _, op := range operationsOf(at) {
			for _, response := range op.Responses {
				for _, media := range response.Content {
					visit(media.Schema)
				}
			}
		}
	}
	return found
}
