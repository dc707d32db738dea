package importing

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inFiles are what files hold. Keys, webhooks, read models and imports are no data.
var inFiles = []string{"consent", "customer", "deal", "employee", "interaction", "pipeline", "product"}

// The commands and members that mappings are checked against are those of the
// published API.
func TestVocabularyIsTheAPIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			RequestBody struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					} `json:"schema"`
				} `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	published := map[string][]string{}
	for _, operations := range api.Paths {
		for method, operation := range operations {
			aggregate, _, isCommand := strings.Cut(operation.OperationID, ".")
			if method == "get" || !isCommand || !slices.Contains(inFiles, aggregate) || strings.HasSuffix(operation.OperationID, ".search") {
				continue
			}
			names := []string{}
			for _, body := range operation.RequestBody.Content {
				names = sortedNames(api.Components.Schemas[strings.TrimPrefix(body.Schema.Ref, "#/components/schemas/")].Properties)
			}
			published[operation.OperationID] = slices.DeleteFunc(names, func(name string) bool {
				return name == "source" || name == "based_on" || name == "$schema" // a file knows no revision
			})
		}
	}
	ours := map[string][]string{}
	for name, list := range members {
		ours[name] = slices.Sorted(slices.Values(strings.Fields(list + everywhere)))
	}
	if diff := cmp.Diff(published, ours); diff != "" {
		t.Error(diff)
	}
}
