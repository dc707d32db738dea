package http_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite openapi.json")

// The document is part of the repository, so that a change of the surface shows.
func TestTheOpenAPIDocumentIsTheGolden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"openapi.json", "openapi-3.0.json"} {
		var got bytes.Buffer
		if err := json.Indent(&got, []byte(w.must(200, "GET", "/"+name, "").body), "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		if *update {
			if err := os.WriteFile(name, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("the surface has changed; if that is meant: go test ./http -run OpenAPI -update\n%s", diff)
		}
	}
}

// Every route of the API is in the document, and nothing else is.
func TestEveryRouteIsDocumented(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var document struct {
		Paths      map[string]map[string]json.RawMessage
		Components map[string]map[string]json.RawMessage
	}
	text := w.must(200, "GET", "/openapi.json", "").body
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for path, methods := range document.Paths {
		for method := range methods {
			documented[strings.ToUpper(method)+" "+path] = true
		}
	}
	err := chi.Walk(w.handler.(chi.Router), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if strings.HasPrefix(route, "/v1/") && !documented[method+" "+route] {
			t.Errorf("%s %s is not documented", method, route)
		}
		delete(documented, method+" "+route)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for route := range documented {
		t.Errorf("%s is documented, but does not exist", route)
	}
	// References lead somewhere.
	for _, rest := range strings.Split(text, `"$ref":"#/components/`)[1:] {
		kind, name, _ := strings.Cut(rest[:strings.IndexByte(rest, '"')], "/")
		if _, ok := document.Components[kind][name]; !ok {
			t.Errorf("there is no component %s/%s", kind, name)
		}
	}
}

// Every refusal that any room declares has a page.
func TestEveryProblemHasAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slugs := 0
	for _, room := range []string{"../domain", "../commands", "../projections", "../eventstore", "."} {
		err := filepath.WalkDir(room, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				slug, ok := slugIn(node)
				if !ok {
					return true
				}
				slugs++
				if r := w.send("GET", "/problems/"+slug, ""); r.status != 200 || !strings.Contains(r.body, slug) {
					t.Errorf("%s: %s has no page", path, slug)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if slugs < 40 {
		t.Errorf("only %d refusals were found", slugs)
	}
	w.must(404, "GET", "/problems/none", "")
}

// slugIn is the slug of a domain.Error literal.
func slugIn(node ast.Node) (string, bool) {
	literal, ok := node.(*ast.CompositeLit)
	if !ok {
		return "", false
	}
	switch name := literal.Type.(type) {
	case *ast.Ident:
		ok = name.Name == "Error"
	case *ast.SelectorExpr:
		ok = name.Sel.Name == "Error"
	default:
		ok = false
	}
	if !ok || len(literal.Elts) < 2 {
		return "", false
	}
	for i, element := range literal.Elts {
		if pair, keyed := element.(*ast.KeyValueExpr); keyed {
			if name, ok := pair.Key.(*ast.Ident); !ok || name.Name != "Slug" {
				continue
			}
			element = pair.Value
		} else if i != 1 {
			continue
		}
		if text, ok := element.(*ast.BasicLit); ok && text.Kind == token.STRING {
			slug, err := strconv.Unquote(text.Value)
			return slug, err == nil
		}
	}
	return "", false
}

// The documentation works without a network: what its page loads is here.
func TestTheDocumentationIsServedFromHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.must(200, "GET", "/docs/", "")
	loaded := 0
	for _, attribute := range []string{`src="`, `href="`} {
		for _, rest := range strings.Split(page.body, attribute)[1:] {
			path := rest[:strings.IndexByte(rest, '"')]
			if strings.Contains(path, "//") {
				t.Errorf("the page loads %s", path)
				continue
			}
			if strings.HasPrefix(path, "/docs/") || !strings.HasPrefix(path, "/") {
				loaded++
				w.must(200, "GET", "/docs/"+strings.TrimPrefix(path, "/docs/"), "")
			}
		}
	}
	if loaded < 3 || !strings.Contains(page.body, "/openapi.json") {
		t.Errorf("%d files loaded by %s", loaded, page.body)
	}
	if w.send("GET", "/docs", "").header.Get("Location") != "/docs/" {
		t.Error("/docs leads nowhere")
	}
}
