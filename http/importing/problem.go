package importing

import (
	"encoding/json"
	"path"
	"strconv"
	"strings"
)

// Problem is a refusal of the server (RFC 9457).
type Problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Detail string  `json:"detail"`
	Errors []Fault `json:"errors"`
}

// Fault is one place that is wrong.
type Fault struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// slug is the stable name of the kind of problem.
func (p Problem) slug() string { return path.Base(p.Type) }

func (p Problem) String() string {
	switch {
	case p.Detail != "":
		return p.Detail
	case p.Title != "":
		return p.Title
	}
	return p.slug()
}

// about is the problem with the places in the command's body that are wrong, and
// what stands there: of a card with five numbers one wants to know which.
func (p Problem) about(body []byte) string {
	var text strings.Builder
	text.WriteString(p.String())
	for _, f := range p.Errors {
		pointer := strings.TrimPrefix(f.Pointer, "/body")
		text.WriteString(" (" + pointer)
		if value := at(body, pointer); value != "" {
			text.WriteString(": " + value)
		}
		text.WriteString(")")
		if f.Detail != p.Detail {
			text.WriteString(" " + f.Detail)
		}
	}
	return text.String()
}

// at is the JSON that a pointer (RFC 6901) leads to, and "" where there is none.
func at(body []byte, pointer string) string {
	here := json.RawMessage(body)
	if pointer == "" {
		return ""
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		var object map[string]json.RawMessage
		var list []json.RawMessage
		if json.Unmarshal(here, &object) == nil {
			here = object[name]
		} else if i, err := strconv.Atoi(name); err == nil && json.Unmarshal(here, &list) == nil && i >= 0 && i < len(list) {
			here = list[i]
		} else {
			return ""
		}
	}
	return string(here)
}
