package http

import (
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

var problemPage = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
<h2>What happened</h2>
<p>{{.Detail}}</p>
<h2>What to do</h2>
<p>{{.Remedy}}</p>
<h2>How it looks</h2>
<p>HTTP status {{.Status}}, type <code>/problems/{{.Slug}}</code>, which means this for ever.</p>
<pre>{{.Example}}</pre>
{{with .Operations}}<h2>Who answers it</h2>
<ul>{{range .}}
<li><code>{{.}}</code></li>{{end}}
</ul>{{end}}
<p>See <a href="/docs/">the documentation</a>.</p>
{{with .Others}}<p>Other problems:</p>
<ul>{{range .}}
<li><a href="/problems/{{.}}">{{.}}</a></li>{{end}}
</ul>{{end}}
</html>
`))

// serveProblem explains a kind of problem.
func (s *Server) serveProblem(w http.ResponseWriter, r *http.Request) {
	k, ok := kinds[chi.URLParam(r, "slug")]
	if !ok {
		fail(w, r, ErrNoRoute)
		return
	}
	example, err := json.MarshalIndent(exampleOf(k), "", "  ")
	if err != nil {
		fail(w, r, err)
		return
	}
	var operations []string
	for _, operation := range slices.Sorted(maps.Keys(s.answers)) {
		if slices.Contains(s.answers[operation], k.Slug) {
			operations = append(operations, operation)
		}
	}
	var page strings.Builder
	err = problemPage.Execute(&page, map[string]any{
		"Title": titleOf(k.Slug), "Slug": k.Slug, "Detail": k.Detail, "Remedy": k.remedy, "Status": statusOf(k.Error),
		"Example": string(example), "Operations": operations, "Others": slices.Sorted(maps.Keys(kinds)),
	})
	if err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write([]byte(page.String())) // the caller has gone
}
