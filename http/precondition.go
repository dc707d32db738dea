package http

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"crm/domain"
)

// precondition is what If-Match asks for.
type precondition struct {
	revision *domain.Revision
	exists   bool // *: the resource is there, whatever its revision
}

// ErrConditionMissing is a change that does not say what it rests on, where this
// installation asks for that.
var ErrConditionMissing = &domain.Error{
	Code: domain.Invalid, Slug: "condition-missing",
	Detail: "Here a change of what exists says what it rests on: send If-Match, or based_on in the body.",
}

// unconditional reports whether a command that sets fields of something that exists
// says nothing about what it rests on. What only adds to a history rests on nothing.
func (s *Server) unconditional(c *command, e entry, about *Envelope) bool {
	return s.cfg.RequireIfMatch && !c.creates() && !c.named() && !slices.Contains(additions, c.name) &&
		e.match.revision == nil && !e.match.exists && about.BasedOn == nil
}

// additions are commands that only add to a history of which no read gives an ETag.
var additions = []string{
	"interaction.log", "interaction.amend",
	"consent.request", "consent.confirm", "consent.grant", "consent.withdraw", "consent.object", "consent.expire",
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
	if len(values) > 1 || !quoted || !closed || err != nil || etag(domain.Revision(n)) != text { // "01" is no tag of ours
		return precondition{}, &headerFault{"If-Match", `If-Match is one revision in quotes, as ETag gave it ("3"), or *.`}
	}
	revision := domain.Revision(n)
	return precondition{revision: &revision}, nil
}

// etag is a revision as ETag gives it.
func etag(revision domain.Revision) string {
	return `"` + strconv.FormatInt(int64(revision), 10) + `"`
}
