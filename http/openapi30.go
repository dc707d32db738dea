package http

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// forGenerators is the document as generators of clients take it: OpenAPI 3.0.3, and
// one answer for all problems of an operation, so that a client has one place to look
// for them and not one for each status. Examples are for people and left out.
func forGenerators(document *huma.OpenAPI) ([]byte, error) {
	text, err := document.Downgrade()
	if err != nil {
		return nil, err
	}
	var whole map[string]any
	if err := json.Unmarshal(text, &whole); err != nil {
		return nil, err
	}
	components := whole["components"].(map[string]any)
	delete(components, "examples")
	components["responses"] = map[string]any{"problem": map[string]any{
		"description": "A problem.",
		"content":     map[string]any{"application/problem+json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Problem"}}},
	}}
	for _, at := range whole["paths"].(map[string]any) {
		for _, op := range at.(map[string]any) {
			responses := op.(map[string]any)["responses"].(map[string]any)
			maps.DeleteFunc(responses, func(status string, _ any) bool { return !strings.HasPrefix(status, "2") })
			responses["default"] = map[string]any{"$ref": "#/components/responses/problem"}
		}
	}
	plainer(whole)
	return json.Marshal(whole)
}

// plainer takes examples out, and says of what may be null what 3.0 has for it.
func plainer(value any) {
	switch v := value.(type) {
	case map[string]any:
		if _, media := v["schema"]; media {
			delete(v, "example")
			delete(v, "examples")
		}
		if choice, ok := v["oneOf"].([]any); ok && len(choice) == 2 {
			if null, ok := choice[1].(map[string]any); ok && null["type"] == "null" {
				delete(v, "oneOf")
				v["allOf"], v["nullable"] = choice[:1], true
			}
		}
		for _, inner := range v {
			plainer(inner)
		}
	case []any:
		for _, inner := range v {
			plainer(inner)
		}
	}
}

func (s *Server) serveOpenAPI30(w http.ResponseWriter, r *http.Request) {
	text, err := s.document30()
	if err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the caller has gone
}
