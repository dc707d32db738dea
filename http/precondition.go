package http

import (
	"net/http"
	"strconv"
	"strings"

	"crm/domain"
)

// precondition is what If-Match asks for.
type precondition struct {
	revision *domain.Revision
	exists   bool // *: the resource is there, whatever its revision
}

// ifMatch reads If-Match: one revision in quotes, or *.
func ifMatch(r *http.Request) (precondition, error) {
	values := r.Header.Values("If-Match")
	if len(values) == 0 {
		return precondition{}, nil
	}
	text := strings.TrimSpace(values[0])
	if len(values) == 1 && text == "*" {
		return precondition{exists: true}, nil
	}
	inner, quoted := strings.CutPrefix(text, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	n, err := strconv.ParseUint(inner, 10, 63)
	if len(values) > 1 || !quoted || !closed || err != nil {
		return precondition{}, &headerFault{"If-Match", `If-Match is one revision in quotes, as ETag gave it ("3"), or *.`}
	}
	revision := domain.Revision(n)
	return precondition{revision: &revision}, nil
}

// etag is a revision as ETag gives it.
func etag(revision domain.Revision) string {
	return `"` + strconv.FormatInt(int64(revision), 10) + `"`
}
