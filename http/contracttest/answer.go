package contracttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Answer is what a request got.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// mostProblem is how large a problem may be: it points at places, and repeats no body.
const mostProblem = 4 << 10

// inner is what no caller should read: words of Go, of its libraries and of SQL.
var inner = regexp.MustCompile(`SQLSTATE|pgx|pgconn|goroutine |panic|\.go:\d|runtime error|` +
	`\b(domain|uuid|http|json|jsontext|time|strconv|reflect|huma|crmhttp|errors|lists|readmodels)\.[A-Za-z]|` +
	`Go (type|value|struct)|unmarshal|strconv|parsing "|\bERROR: |syntax error at|relation "|<nil>|%![a-z]\(`)

// Slug is the kind of the problem; empty where there is none.
func (a Answer) Slug() string {
	var problem struct{ Type string }
	if json.Unmarshal(a.Body, &problem) != nil {
		return ""
	}
	slug, _ := strings.CutPrefix(problem.Type, "/problems/")
	return slug
}

// Fault says what is wrong with the answer to a bad request; nothing where it is right.
func (a Answer) Fault(r Request) string {
	kind := a.Header.Get("Content-Type")
	switch {
	case a.Status == http.StatusServiceUnavailable && a.Slug() == "read-model-behind" && strings.Contains(r.Query, "min_position"):
		return "" // a position that will be
	case a.Status == http.StatusServiceUnavailable && a.Slug() == "too-many-jobs" && a.Header.Get("Retry-After") != "" && !r.Refused:
		return "" // the good requests before have begun as many as there may be
	case a.Status >= http.StatusInternalServerError:
		return fmt.Sprintf("%d", a.Status)
	case a.Status < http.StatusOK:
		return fmt.Sprintf("the status is %d", a.Status)
	case a.Status < http.StatusBadRequest && r.Refused:
		return fmt.Sprintf("taken, with %d", a.Status)
	case a.Status < http.StatusBadRequest:
		return ""
	case kind == "text/plain; charset=utf-8" && strings.HasPrefix(string(a.Body), "400 Bad Request"):
		return "" // net/http's own, before there is a request
	case kind != "application/problem+json":
		return fmt.Sprintf("%d as %s", a.Status, kind)
	}
	var problem struct {
		Type, Title, Detail string
		Status              int
		RequestID           string `json:"request_id"`
	}
	switch err := json.Unmarshal(a.Body, &problem); {
	case err != nil:
		return "the problem is no JSON: " + err.Error()
	case a.Slug() == "" || problem.Title == "" || problem.Detail == "" || problem.RequestID == "" || problem.Status != a.Status:
		return "the problem is not whole"
	case len(a.Body) > mostProblem:
		return fmt.Sprintf("the problem has %d bytes", len(a.Body))
	case !utf8.Valid(a.Body):
		return "the problem is not UTF-8"
	}
	if found := inner.FindString(strings.ReplaceAll(string(a.Body), `%!v(`+Canary, "")); found != "" {
		return fmt.Sprintf("the problem says %q", found)
	}
	return ""
}
